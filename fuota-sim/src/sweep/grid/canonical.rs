//! A scenario in one form only, and a number for it: the same for the same scenario, whatever its file looks like.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

/// Keys that name a file.
const FILES: [&str; 2] = ["image", "trace"];
/// Keys that change nothing of what happens, and the seed, which stands beside.
const LEFT_OUT: [&str; 5] = ["format", "name", "about", "seed", "expect"];

/// A file that a scenario names, and that cannot be read.
pub(super) type Unreadable = (PathBuf, std::io::Error);

/// The scenario with its keys in order, without what changes nothing, with a digest of each file that it names.
///
/// # Errors
/// [`Unreadable`].
pub(super) fn canonical(scenario: &Table, folder: &Path) -> Result<String, Unreadable> {
    let kept = scenario.iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()));
    let mut kept: Table = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (_, value) in &mut kept {
        digest_files(value, folder)?;
    }
    Ok(kept.to_string())
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn digest_files(value: &mut Value, folder: &Path) -> Result<(), Unreadable> {
    match value {
        Value::Array(values) => values.iter_mut().try_for_each(|value| digest_files(value, folder)),
        Value::Table(table) => table.iter_mut().try_for_each(|(key, value)| match value {
            Value::String(name) if FILES.contains(&key.as_str()) => {
                let path = folder.join(&*name);
                let octets = fs::read(&path).map_err(|source| (path, source))?;
                *name = format!("sha256:{}", hex::encode(Sha256::digest(octets)));
                Ok(())
            }
            value => digest_files(value, folder),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        digest(&canonical(&toml::from_str(text).unwrap(), Path::new(".")).unwrap())
    }

    #[test]
    fn the_form_of_a_file_does_not_matter_and_what_happens_does() {
        let scenario = hash(
            "format = 1\nname = \"a\"\nseed = 3\n[radio]\ndr = 5\nclass = \"C\"\n[campaign]\nparity = 3",
        );
        assert_eq!(scenario, hash("campaign = { parity = 3 } # much\nradio.class = 'C'\nradio.dr = 5"));
        assert_ne!(scenario, hash("campaign = { parity = 4 }\nradio.class = 'C'\nradio.dr = 5"));
    }

    #[test]
    fn what_a_named_file_holds_counts_and_not_its_name() {
        let folder = std::env::temp_dir().join(format!("fuota-canonical-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a"), "1").unwrap();
        fs::write(folder.join("b"), "1").unwrap();
        fs::write(folder.join("c"), "2").unwrap();
        let of = |name: &str| {
            let table: Table = toml::from_str(&format!("[campaign]\nimage = \"{name}\"")).unwrap();
            canonical(&table, &folder)
        };
        assert_eq!(of("a").unwrap(), of("b").unwrap());
        assert_ne!(of("a").unwrap(), of("c").unwrap());
        assert_eq!(of("d").unwrap_err().0, folder.join("d"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
