//! Where a parameter stands in a scenario: a path of keys, `devices.indoor.downlink.loss`.

use toml::{Table, Value};

/// Sections of a scenario that there may be several of.
const REPEATED: [&str; 2] = ["devices", "gateways"];

/// Puts a value where the path leads, and makes the sections on the way there.
///
/// A section that there may be several of is followed by the `name` of one, by its number counted from 1, or by
/// neither: then all of them get the value.
///
/// # Errors
/// What is wrong with the path.
pub(super) fn put(scenario: &mut Table, path: &[String], value: &Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return Err("an empty path".into()) };
    if rest.is_empty() {
        scenario.insert(first.clone(), value.clone());
        return Ok(());
    }
    let entry = scenario.entry(first.clone()).or_insert_with(|| {
        let table = Value::Table(Table::new());
        if REPEATED.contains(&first.as_str()) { Value::Array(vec![table]) } else { table }
    });
    match entry {
        Value::Table(table) => put(table, rest, value),
        Value::Array(sections) => put_into_some(sections, first, rest, value),
        _ => Err(format!("`{first}` is a value, nothing can stand below it")),
    }
}

fn put_into_some(sections: &mut [Value], kind: &str, path: &[String], value: &Value) -> Result<(), String> {
    let Some((one, rest)) = path.split_first() else { return Err("an empty path".into()) };
    let (found, path) = match place(sections, one) {
        Some(place) if !rest.is_empty() => (sections.get_mut(place..=place).unwrap_or_default(), rest),
        _ => (sections, path),
    };
    for section in found {
        let table = section.as_table_mut().ok_or_else(|| format!("`{kind}` has no keys"))?;
        put(table, path, value)?;
    }
    Ok(())
}

/// The section of that name, or of that number.
fn place(sections: &[Value], which: &str) -> Option<usize> {
    let name = |section: &Value| section.get("name").and_then(Value::as_str) == Some(which);
    let number = || which.parse().ok().and_then(|number: usize| number.checked_sub(1));
    sections.iter().position(name).or_else(number).filter(|place| *place < sections.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(scenario: &str, path: &str, value: impl Into<Value>) -> Result<String, String> {
        let mut table: Table = toml::from_str(scenario).map_err(|error| error.to_string())?;
        let path: Vec<_> = path.split('.').map(String::from).collect();
        put(&mut table, &path, &value.into())?;
        Ok(table.to_string())
    }

    #[test]
    fn a_value_goes_where_its_path_leads() {
        assert_eq!(after("", "radio.dr", 3).unwrap(), "[radio]\ndr = 3\n");
        assert_eq!(after("[radio]\ndr = 5", "radio.dr", 3).unwrap(), "[radio]\ndr = 3\n");
        assert_eq!(after("", "devices.count", 3).unwrap(), "[[devices]]\ncount = 3\n");
        assert_eq!(
            after("", "devices.downlink.loss", 0.5).unwrap(),
            "[[devices]]\n\n[devices.downlink]\nloss = 0.5\n"
        );
    }

    #[test]
    fn one_kind_of_device_is_named_or_numbered_and_otherwise_all_are_meant() {
        let two = "[[devices]]\nname = \"a\"\n[[devices]]\nname = \"b c\"\n";
        let counts = |path| {
            let table: Table = toml::from_str(&after(two, path, 7).unwrap()).unwrap();
            let devices = table["devices"].as_array().unwrap().clone();
            devices.iter().map(|kind| kind.get("count").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(counts("devices.b c.count"), [false, true]);
        assert_eq!(counts("devices.1.count"), [true, false]);
        assert_eq!(counts("devices.count"), [true, true]);
    }

    #[test]
    fn nothing_stands_below_a_value() {
        assert!(after("seed = 1", "seed.dr", 3).unwrap_err().contains("`seed` is a value"));
    }
}
