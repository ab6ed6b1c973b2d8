//! One direction of a grid: a parameter and its values.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::column::ColumnKind;

/// Most values of one axis.
const VALUES_MAX: usize = 100_000;

/// A parameter and the values that it takes in turn.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// The parameter's path in words: what columns and pictures call it.
    pub(crate) name: String,
    /// Its keys; none for the axis of scenarios.
    pub(super) path: Vec<String>,
    /// Its values, with the places where they stand in the file.
    pub(super) values: Vec<Spanned<Value>>,
}

/// What is wrong, and where in the file.
pub(super) type Wrong = (Range<usize>, String);

impl Axis {
    /// How its values read in a table.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.values.iter().map(|value| text(value.get_ref())).collect()
    }

    /// Whether its values are the scenarios of a grid over several.
    pub(crate) fn is_of_scenarios(&self) -> bool {
        self.path.is_empty()
    }

    /// What its values have in common.
    pub(crate) fn kind(&self) -> ColumnKind {
        let all = |is: fn(&Value) -> bool| self.values.iter().all(|value| is(value.get_ref()));
        if all(Value::is_integer) {
            ColumnKind::Whole
        } else if all(|value| value.is_integer() || value.is_float()) {
            ColumnKind::Real
        } else if all(Value::is_bool) {
            ColumnKind::Truth
        } else {
            ColumnKind::Text
        }
    }
}

/// Every axis below this table of the file, in the order in which they stand there.
pub(super) fn axes(grid: &Spanned<DeTable<'_>>) -> Result<Vec<Axis>, Wrong> {
    let mut found = Vec::new();
    below(grid.get_ref(), &[], &mut found)?;
    if found.is_empty() {
        return Err((
            grid.span(),
            "an empty grid: a parameter with values is expected, such as radio.dr = [0, 5]".into(),
        ));
    }
    found.sort_by_key(|(start, _)| *start);
    Ok(found.into_iter().map(|(_, axis)| axis).collect())
}

fn below(table: &DeTable<'_>, above: &[String], found: &mut Vec<(usize, Axis)>) -> Result<(), Wrong> {
    for (key, value) in table {
        let mut path = above.to_vec();
        // What is quoted as a whole is a path too: "radio.dr".
        if above.is_empty() {
            path.extend(key.get_ref().split('.').map(String::from));
        } else {
            path.push(key.get_ref().to_string());
        }
        let values = match value.get_ref() {
            DeValue::Array(values) => {
                let read = |value: &Spanned<DeValue<'_>>| Ok(Spanned::new(value.span(), convert(value)?));
                values.iter().map(read).collect::<Result<Vec<_>, Wrong>>()?
            }
            DeValue::Table(table) if is_range(table) => range(value)?,
            DeValue::Table(table) => {
                below(table, &path, found)?;
                continue;
            }
            other => {
                let message = format!(
                    "`{}` has a {} here: a list of values is expected, or {{ from = …, to = …, step = … }}",
                    path.join("."),
                    other.type_str()
                );
                return Err((value.span(), message));
            }
        };
        let axis = Axis { name: path.join("."), path, values };
        check(&axis, value.span())?;
        found.push((key.span().start, axis));
    }
    Ok(())
}

fn check(axis: &Axis, place: Range<usize>) -> Result<(), Wrong> {
    let Axis { name, path, values } = axis;
    if values.is_empty() {
        return Err((place, format!("`{name}` has no values: at least one is expected")));
    }
    if name == "seed" {
        return Err((place, "seeds stand beside the grid: seeds = 30, or a list of them".into()));
    }
    if path.len() < 2 {
        return Err((place, format!("`{name}` is no parameter: a path such as radio.dr is expected")));
    }
    let texts = axis.texts();
    for (i, value) in values.iter().enumerate() {
        if texts.iter().take(i).any(|text| Some(text) == texts.get(i)) {
            return Err((value.span(), format!("`{name}` takes this value before: once is expected")));
        }
    }
    Ok(())
}

/// A table with these keys is a range of numbers; no section of a scenario has them.
fn is_range(table: &DeTable<'_>) -> bool {
    table.keys().any(|key| matches!(key.get_ref().as_ref(), "from" | "to" | "step"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    from: Value,
    to: Value,
    step: Value,
}

fn range(place: &Spanned<DeValue<'_>>) -> Result<Vec<Spanned<Value>>, Wrong> {
    const EXPECTED: &str = "a range is { from = …, to = …, step = … } with numbers, `to` not less than `from` and `step` above 0";
    let wrong = |message: String| (place.span(), message);
    let steps = Steps::deserialize(ValueDeserializer::from(place.clone()));
    let Steps { from, to, step } =
        steps.map_err(|error| wrong(format!("{EXPECTED}: {}", error.message())))?;
    let spanned = |value: Value| Spanned::new(place.span(), value);
    if let (Value::Integer(from), Value::Integer(to), Value::Integer(step)) = (&from, &to, &step) {
        let step = usize::try_from(*step).ok().filter(|step| *step > 0 && from <= to);
        let step = step.ok_or_else(|| wrong(EXPECTED.into()))?;
        return Ok((*from..=*to).step_by(step).take(VALUES_MAX).map(|n| spanned(n.into())).collect());
    }
    let (Some(from), Some(to), Some(step)) = (number(&from), number(&to), number(&step)) else {
        return Err(wrong(EXPECTED.into()));
    };
    if step.is_nan() || step <= 0.0 || from > to {
        return Err(wrong(EXPECTED.into()));
    }
    // 0.1 + 0.2 shall be 0.3: nine decimals are more than any parameter has.
    let rounded = |value: f64| (value * 1e9).round() / 1e9;
    let values = (0..VALUES_MAX).map(|i| rounded(from + step * i as f64)).take_while(|value| *value <= to);
    Ok(values.map(|value| spanned(value.into())).collect())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Float(n) if n.is_finite() => Some(*n),
        _ => None,
    }
}

/// The value as TOML has it, without its place.
pub(super) fn convert(value: &Spanned<DeValue<'_>>) -> Result<Value, Wrong> {
    let read = Value::deserialize(value.clone().into_deserializer());
    read.map_err(|error| (value.span(), error.message().to_owned()))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
