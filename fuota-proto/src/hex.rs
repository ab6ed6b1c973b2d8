//! Octet strings as hex, for people and for JSON.

use core::fmt;

/// Prints octets as lower-case hex in wire order.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Octets to a hex string for people, or as they are in a binary format.
#[cfg(feature = "serde")]
pub(crate) fn serialize<S: serde::Serializer, const N: usize>(
    octets: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeTuple as _;

    if serializer.is_human_readable() {
        return serializer.collect_str(&Hex(octets));
    }
    let mut tuple = serializer.serialize_tuple(N)?;
    octets.iter().try_for_each(|octet| tuple.serialize_element(octet))?;
    tuple.end()
}

/// The same for octets whose number is not known beforehand.
#[cfg(feature = "serde")]
#[allow(dead_code, reason = "only some packages have commands that borrow")]
pub(crate) fn serialize_slice<S: serde::Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(&Hex(octets))
    } else {
        serializer.serialize_bytes(octets)
    }
}

/// The way back from [`serialize_slice`], where the octets stand in the input as they are.
#[cfg(feature = "serde")]
#[allow(dead_code, reason = "only some packages have commands that borrow")]
pub(crate) fn borrow<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<&'de [u8], D::Error> {
    if deserializer.is_human_readable() {
        return Err(serde::de::Error::custom("octets in hex cannot be borrowed"));
    }
    serde::Deserialize::deserialize(deserializer)
}

/// The way back from [`serialize`].
#[cfg(feature = "serde")]
pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Octets)
    } else {
        deserializer.deserialize_tuple(N, Octets)
    }
}

#[cfg(feature = "serde")]
struct Octets<const N: usize>;

#[cfg(feature = "serde")]
impl<'de, const N: usize> serde::de::Visitor<'de> for Octets<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} octets in hex")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        if text.len() != 2 * N {
            return Err(wrong());
        }
        let mut octets = [0; N];
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let [high, low] = [pair.first(), pair.last()]
                .map(|digit| digit.and_then(|&digit| char::from(digit).to_digit(16)));
            let value =
                high.zip(low).map(|(high, low)| 16 * high + low).and_then(|value| u8::try_from(value).ok());
            *octet = value.ok_or_else(wrong)?;
        }
        Ok(octets)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut octets = [0; N];
        for (i, octet) in octets.iter_mut().enumerate() {
            *octet = seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(i, &self))?;
        }
        Ok(octets)
    }
}
