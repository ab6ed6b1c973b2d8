//! Whether a key shows anywhere.

use std::collections::BTreeSet;

use crate::world::World;

/// A key that shows in this text or in these octets, if one does: as octets, as hexadecimal digits in either case, or as a
/// list of numbers.
pub(in crate::chaos) fn leak(world: &World, octets: &[u8], text: &str) -> Option<String> {
    let (text, keys) = (text.to_ascii_lowercase(), world.secrets());
    let among_octets = |key: &[u8; 16]| octets.windows(key.len()).any(|window| window == key);
    let begins: BTreeSet<u8> = keys.iter().map(|key| key[0]).collect();
    // One pass tells whether a closer look is worth it.
    let suspect = octets.windows(16).any(|window| {
        window.first().is_some_and(|first| begins.contains(first)) && keys.iter().any(|key| window == key)
    });
    keys.into_iter().find_map(|key| {
        let numbers = key.map(|octet| octet.to_string()).join(", ");
        let shows =
            (suspect && among_octets(&key)) || text.contains(&hex::encode(key)) || text.contains(&numbers);
        shows.then(|| format!("the key {}… shows", hex::encode(&key[..2])))
    })
}
