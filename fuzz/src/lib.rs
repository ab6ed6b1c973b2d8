//! What the codec's fuzz targets share: packages by number, and what must hold.

pub mod campaign;
pub mod device;
pub mod records;
#[cfg(feature = "scenario")]
pub mod scenario;

use std::fmt::Debug;

use arbitrary::{Arbitrary, Unstructured};
use fuota_proto::multi_package::v1::{DownlinkItem, Items, MessageItem, SetWriter, UplinkItem, Versions};
use fuota_proto::{
    CommandSet, Commands, DecodeError, PackageVersion, Writer, clock_sync, firmware, fragmentation,
    multi_package, multicast,
};

/// A package in one version and direction.
#[derive(Debug, Clone, Copy)]
pub struct Package(u8);

/// What must hold for one package, version and direction.
pub trait Check {
    /// Octets to start from.
    fn octets(&self) -> &[u8];

    /// Checks it with the commands of type `C`.
    fn commands<'a, C>(&'a self, buffer: &'a mut [u8])
    where
        C: CommandSet<'a> + Arbitrary<'a> + PartialEq + Debug;

    /// Checks it with messages of several packages.
    fn messages(&self, versions: Versions);
}

impl Package {
    /// How many there are.
    pub const COUNT: u8 = 17;

    /// One of them; every number stands for one.
    pub fn from_selector(selector: u8) -> Self {
        Self(selector % Self::COUNT)
    }

    /// Checks what must hold.
    pub fn check(self, check: &impl Check) {
        let buffer = &mut vec![0; room(check.octets())];
        match self.0 {
            0 => check.commands::<clock_sync::v1::Downlink>(buffer),
            1 => check.commands::<clock_sync::v1::Uplink>(buffer),
            2 => check.commands::<clock_sync::v2::Downlink>(buffer),
            3 => check.commands::<clock_sync::v2::Uplink>(buffer),
            4 => check.commands::<fragmentation::v1::Downlink<'_>>(buffer),
            5 => check.commands::<fragmentation::v1::Uplink>(buffer),
            6 => check.commands::<fragmentation::v2::Downlink<'_>>(buffer),
            7 => check.commands::<fragmentation::v2::Uplink>(buffer),
            8 => check.commands::<multicast::v1::Downlink>(buffer),
            9 => check.commands::<multicast::v1::Uplink>(buffer),
            10 => check.commands::<multicast::v2::Downlink>(buffer),
            11 => check.commands::<multicast::v2::Uplink>(buffer),
            12 => check.commands::<firmware::v1::Downlink>(buffer),
            13 => check.commands::<firmware::v1::Uplink>(buffer),
            14 => check.commands::<multi_package::v1::Downlink>(buffer),
            15 => check.messages(Versions::default()),
            _ => {
                let v1 = PackageVersion::V1;
                check.messages(Versions { clock_sync: v1, fragmentation: v1, multicast: v1 });
            }
        }
    }
}

/// Octets as received.
#[derive(Debug)]
pub struct Octets<'o>(pub &'o [u8]);

impl Check for Octets<'_> {
    fn octets(&self) -> &[u8] {
        self.0
    }

    /// Every command takes at least one octet, an error is the last thing, and what was read is written in the octets
    /// it took and read again alike.
    fn commands<'a, C>(&'a self, buffer: &'a mut [u8])
    where
        C: CommandSet<'a> + Arbitrary<'a> + PartialEq + Debug,
    {
        let mut commands = Commands::<C>::new(self.0);
        let (mut read, mut end) = (Vec::new(), 0);
        while let Some(next) = commands.next() {
            match next {
                Ok(command) => {
                    assert!(commands.offset() > end && commands.offset() <= self.0.len());
                    end = commands.offset();
                    read.push(command);
                }
                Err(error) => {
                    assert_eq!(error.offset, end);
                    assert_eq!(commands.next(), None);
                    break;
                }
            }
        }
        let mut out = Writer::new(buffer);
        out.extend(&read).expect("what was read fits");
        let octets = out.into_written();
        assert_eq!(octets.len(), end);
        let again: Vec<C> = Commands::new(octets).collect::<Result<_, _>>().expect("what was written reads");
        let mut twice = vec![0; end];
        let mut out = Writer::new(&mut twice);
        out.extend(&again).expect("what was read fits");
        assert_eq!(out.written(), octets);
        assert!(again.iter().map(C::name).eq(read.iter().map(C::name)));
    }

    fn messages(&self, versions: Versions) {
        let written = write(room(self.0), DownlinkItem::items(self.0, versions));
        if let Ok(message) = written {
            assert_eq!(write(message.len(), DownlinkItem::items(&message, versions)), Ok(message.clone()));
        }
        let written = write(room(self.0), UplinkItem::items(self.0, versions));
        if let Ok(message) = written {
            assert_eq!(write(message.len(), UplinkItem::items(&message, versions)), Ok(message.clone()));
        }
    }
}

/// Room for whatever comes of these octets: no command is longer than a fragment.
fn room(octets: &[u8]) -> usize {
    octets.len() + 260
}

/// The message that these items make. Whatever was read without an error can be written.
fn write<'a, I: MessageItem<'a>>(octets: usize, items: Items<'a, I>) -> Result<Vec<u8>, DecodeError> {
    let mut buffer = vec![0; octets];
    let mut message = SetWriter::new(&mut buffer);
    for item in items {
        message.push(&item?).expect("items stand where they were read");
    }
    Ok(message.finish().expect("what was read whole is whole").to_vec())
}

/// Octets that any command can be made from.
#[derive(Debug)]
pub struct Expressed<'o>(pub &'o [u8]);

impl Check for Expressed<'_> {
    fn octets(&self) -> &[u8] {
        self.0
    }

    /// The command is read back as it was written.
    fn commands<'a, C>(&'a self, buffer: &'a mut [u8])
    where
        C: CommandSet<'a> + Arbitrary<'a> + PartialEq + Debug,
    {
        let Ok(command) = C::arbitrary(&mut Unstructured::new(self.0)) else { return };
        let mut out = Writer::new(buffer);
        command.encode(&mut out).expect("the buffer is long enough");
        let octets = out.into_written();
        let mut short = vec![0; octets.len() - 1];
        command.encode(&mut Writer::new(&mut short)).expect_err("an octet is missing");
        let read: Vec<C> = Commands::new(octets).collect::<Result<_, _>>().expect("what was written reads");
        assert_eq!(read, [command]);
    }

    /// Messages are made of commands; their own rules are checked from octets.
    fn messages(&self, versions: Versions) {
        Octets(self.0).messages(versions);
    }
}
