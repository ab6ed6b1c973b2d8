//! Commands back from text and from records: their name or number first, then their fields.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Commands that are told apart by a tag.
pub(crate) trait Tagged<'de>: Sized {
    /// Which command it is: its name for people, its place in the enum for records.
    type Tag: serde::Deserialize<'de>;
    /// Name of the enum.
    const NAME: &'static str;

    /// Reads the fields of the command that `tag` names.
    fn fields<D: Deserializer<'de>>(tag: Self::Tag, deserializer: D) -> Result<Self, D::Error>;
}

/// Reads a command as `serde::Serialize` writes it.
///
/// Without an allocator the fields cannot wait until it is known what they are of, so the tag has to come first.
pub(crate) fn deserialize<'de, T: Tagged<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_struct(T::NAME, &["command", "fields"], Pair(PhantomData))
}

struct Pair<T>(PhantomData<T>);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Command,
    Fields,
}

impl<'de, T: Tagged<'de>> Visitor<'de> for Pair<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command and then its fields")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<T, A::Error> {
        let tag = pair.next_element()?.ok_or_else(|| Error::invalid_length(0, &self))?;
        pair.next_element_seed(Fields::<T>(tag))?.ok_or_else(|| Error::invalid_length(1, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pair: A) -> Result<T, A::Error> {
        let Some(Key::Command) = pair.next_key()? else { return Err(Error::missing_field("command")) };
        let tag = pair.next_value()?;
        let Some(Key::Fields) = pair.next_key()? else { return Err(Error::missing_field("fields")) };
        let command = pair.next_value_seed(Fields::<T>(tag))?;
        match pair.next_key::<Key>()? {
            None => Ok(command),
            Some(Key::Command) => Err(Error::duplicate_field("command")),
            Some(Key::Fields) => Err(Error::duplicate_field("fields")),
        }
    }
}

struct Fields<'de, T: Tagged<'de>>(T::Tag);

impl<'de, T: Tagged<'de>> DeserializeSeed<'de> for Fields<'de, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::fields(self.0, deserializer)
    }
}
