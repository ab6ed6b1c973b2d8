//! Packages, versions and directions as they are named in requests, and the codec for each.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use fuota_proto::fragmentation::DataFragment;
use fuota_proto::multi_package::v1::{DownlinkItem, UplinkItem, Versions};
use fuota_proto::{
    Command as _, DecodeError, Package, PackageVersion, Writer, clock_sync, firmware, fragmentation,
    multi_package, multicast,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{message, octets};

/// A package, as requests name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Name {
    /// Clock synchronisation
    Ts003,
    /// Fragmentation
    Ts004,
    /// Multicast setup
    Ts005,
    /// Firmware management
    Ts006,
    /// Multi-package access
    Ts007,
}

impl Name {
    const ALL: [(Self, Package); 5] = [
        (Self::Ts003, Package::ClockSync),
        (Self::Ts004, Package::Fragmentation),
        (Self::Ts005, Package::Multicast),
        (Self::Ts006, Package::Firmware),
        (Self::Ts007, Package::MultiPackage),
    ];

    /// The package whose default FPort this is.
    pub(super) fn from_port(port: u8) -> Option<Self> {
        let package = Package::from_default_port(port)?;
        Self::ALL.into_iter().find_map(|(name, known)| (known == package).then_some(name))
    }

    /// The versions that there are.
    pub(super) fn versions(self) -> impl Iterator<Item = PackageVersion> {
        let package = Self::ALL.into_iter().find_map(|(name, package)| (name == self).then_some(package));
        let versions = [PackageVersion::V1, PackageVersion::V2].into_iter();
        versions.filter(move |&version| package.is_some_and(|package| package.supports(version)))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ts003 => "ts003",
            Self::Ts004 => "ts004",
            Self::Ts005 => "ts005",
            Self::Ts006 => "ts006",
            Self::Ts007 => "ts007",
        })
    }
}

impl FromStr for Name {
    type Err = NoSuch;

    fn from_str(text: &str) -> Result<Self, NoSuch> {
        <Self as ValueEnum>::from_str(text, true).map_err(|_| NoSuch::Package(text.to_owned()))
    }
}

/// Which way a payload goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    /// Server to device
    Downlink,
    /// Device to server
    Uplink,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Downlink => "downlink",
            Self::Uplink => "uplink",
        })
    }
}

/// What a payload is to be read or written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) package: Name,
    pub(super) version: PackageVersion,
    pub(super) direction: Direction,
    /// Versions of the packages within multi-package access.
    pub(super) with: Versions,
}

/// A request for what does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoSuch {
    Package(String),
    Version(Name, u64),
    Command(Kind),
    Within(Package, Direction),
}

impl fmt::Display for NoSuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(name) => write!(f, "no package {name}: there are ts003 to ts007"),
            Self::Version(name, version) => write!(f, "{name} has no version {version}"),
            Self::Command(Kind { package, version, direction, .. }) => {
                write!(f, "no such {direction} command in {package} version {}", version.number())
            }
            Self::Within(package, direction) => {
                write!(f, "package {} has no such {direction} command", package.identifier())
            }
        }
    }
}

impl Error for NoSuch {}

/// Evaluates an expression with the commands of one package, version and direction under one name.
macro_rules! for_commands {
    ($kind:expr, $set:ident => $body:expr) => {
        for_commands!(@all $kind, $set => $body;
            Ts003 V1 clock_sync::v1, Ts003 V2 clock_sync::v2,
            Ts004 V1 fragmentation::v1, Ts004 V2 fragmentation::v2,
            Ts005 V1 multicast::v1, Ts005 V2 multicast::v2,
            Ts006 V1 firmware::v1, Ts006 V2 firmware::v1,
            Ts007 V1 multi_package::v1, Ts007 V2 multi_package::v1)
    };
    (@all $kind:expr, $set:ident => $body:expr; $($name:ident $version:ident $package:ident::$module:ident),*) => {
        match ($kind.package, $kind.version, $kind.direction) {$(
            (Name::$name, PackageVersion::$version, Direction::Downlink) => {
                use $package::$module::Downlink as $set;
                $body
            }
            (Name::$name, PackageVersion::$version, Direction::Uplink) => {
                use $package::$module::Uplink as $set;
                $body
            }
        )*}
    };
}

impl Kind {
    pub(super) fn new(
        package: Name,
        version: u64,
        direction: Direction,
        with: Versions,
    ) -> Result<Self, NoSuch> {
        let version = package
            .versions()
            .find(|known| u64::from(known.number()) == version)
            .ok_or(NoSuch::Version(package, version))?;
        Ok(Self { package, version, direction, with })
    }

    /// The commands of `payload`, and why not all of it could be read.
    pub(super) fn decode(&self, payload: &[u8]) -> Decoded {
        match (self.package, self.direction) {
            (Name::Ts007, Direction::Downlink) => collect(DownlinkItem::items(payload, self.with)),
            (Name::Ts007, Direction::Uplink) => collect(UplinkItem::items(payload, self.with)),
            _ => for_commands!(self, Set => collect(Set::commands(payload))),
        }
    }

    /// The payload that consists of `commands`.
    pub(super) fn encode(&self, commands: &[Spelled]) -> Result<Vec<u8>, Box<dyn Error>> {
        if self.package == Name::Ts007 {
            return message::write(commands, self.direction, self.with);
        }
        let mut buffer = vec![0; room(commands)];
        let mut out = Writer::new(&mut buffer);
        for (index, command) in commands.iter().enumerate() {
            self.append(command, &mut out).map_err(|error| command.fault(index, error))?;
        }
        Ok(out.written().to_vec())
    }

    fn append(&self, command: &Spelled, out: &mut Writer<'_>) -> Result<(), Box<dyn Error>> {
        let Spelled { command: name, fields } = command;
        for_commands!(self, Set => match Set::from_fields(name, fields) {
            Some(command) => command?.encode(out)?,
            None if self.has_fragments() && name == "DataFragment" => fragment(fields, out)?,
            None => return Err(NoSuch::Command(*self).into()),
        });
        Ok(())
    }

    fn has_fragments(&self) -> bool {
        self.package == Name::Ts004 && self.direction == Direction::Downlink
    }
}

/// The commands of a payload, and why not all of it could be read.
pub(super) type Decoded = (Vec<Value>, Option<DecodeError>);

fn collect<C: Serialize>(commands: impl Iterator<Item = Result<C, DecodeError>>) -> Decoded {
    let (mut read, mut error) = (Vec::new(), None);
    for command in commands {
        // A command is text, numbers and flags: it has no form that JSON lacks.
        match command.map(|command| serde_json::to_value(&command).unwrap_or_default()) {
            Ok(command) => read.push(command),
            Err(cause) => error = Some(cause),
        }
    }
    (read, error)
}

/// A command as someone has written it.
#[derive(Debug, Deserialize)]
pub(super) struct Spelled {
    pub(super) command: String,
    #[serde(default)]
    pub(super) fields: Value,
}

impl Spelled {
    /// What is wrong with this command, the one at `index`.
    pub(super) fn fault(&self, index: usize, error: impl fmt::Display) -> String {
        format!("command {index}, {}: {error}", self.command)
    }
}

/// Enough octets for these commands: those with data spell them in hex, and no other is longer than 48.
pub(super) fn room(commands: &[Spelled]) -> usize {
    commands.iter().map(|command| 48 + command.fields["data"].as_str().map_or(0, str::len)).sum()
}

/// A field of octets that the type of the command only borrows.
pub(super) fn data(fields: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(octets(fields["data"].as_str().ok_or("data: octets in hex are expected")?)?)
}

/// A field by name.
pub(super) fn field<T: DeserializeOwned>(fields: &Value, name: &str) -> Result<T, String> {
    T::deserialize(&fields[name]).map_err(|error| format!("{name}: {error}"))
}

fn fragment(fields: &Value, out: &mut Writer<'_>) -> Result<(), Box<dyn Error>> {
    let data = data(fields)?;
    Ok(DataFragment { frag_index: field(fields, "frag_index")?, n: field(fields, "n")?, data: &data }
        .encode(out)?)
}
