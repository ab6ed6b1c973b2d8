//! What holds for every command and for any octets.

#![allow(clippy::unwrap_used)]

use arbitrary::{Arbitrary, Unstructured};
use fuota_proto::multi_package::v1::{DownlinkItem, UplinkItem, Versions};
use fuota_proto::{
    CommandSet, Commands, EncodeError, PackageVersion, Writer, clock_sync, firmware, fragmentation,
    multi_package, multicast,
};
use proptest::prelude::*;

/// Any command that can be expressed is read back as it was written, takes the length it said, and fits where it just
/// fits.
fn written_is_read<'a, C>(seed: &'a [u8], buffer: &'a mut [u8]) -> Result<(), TestCaseError>
where
    C: CommandSet<'a> + Arbitrary<'a> + PartialEq + core::fmt::Debug,
{
    let Ok(command) = C::arbitrary(&mut Unstructured::new(seed)) else { return Ok(()) };
    let mut out = Writer::new(buffer);
    command.encode(&mut out).unwrap();
    let octets = out.into_written();
    // DataFragment with more octets than FragSize can say is expressible, but not a message.
    let mut exact = vec![0; octets.len() - 1];
    let too_small = Err(EncodeError::BufferTooSmall { needed: octets.len(), available: octets.len() - 1 });
    prop_assert_eq!(command.encode(&mut Writer::new(&mut exact)), too_small);
    let read: Vec<C> = Commands::new(octets).collect::<Result<_, _>>().unwrap();
    prop_assert_eq!(read, [command]);
    Ok(())
}

/// Any octets: every command takes at least one of them, an error is the last thing, and what was read is written
/// without growing and read again alike.
fn read_is_written<'a, C>(payload: &'a [u8], buffer: &'a mut [u8]) -> Result<(), TestCaseError>
where
    C: CommandSet<'a> + PartialEq + core::fmt::Debug,
{
    let mut commands = Commands::<C>::new(payload);
    let mut read = Vec::new();
    let mut end = 0;
    while let Some(next) = commands.next() {
        match next {
            Ok(command) => {
                prop_assert!(commands.offset() > end && commands.offset() <= payload.len());
                end = commands.offset();
                read.push(command);
            }
            Err(error) => {
                prop_assert_eq!(error.offset, end);
                prop_assert_eq!(commands.next(), None);
                break;
            }
        }
    }
    let mut out = Writer::new(buffer);
    out.extend(&read).unwrap();
    let octets = out.into_written();
    prop_assert_eq!(octets.len(), end);
    // Compared as written: error bits without a name are seen in what was received, but not written beside named ones.
    let again: Vec<C> = Commands::new(octets).collect::<Result<_, _>>().unwrap();
    let mut twice = vec![0; end];
    let mut out = Writer::new(&mut twice);
    out.extend(&again).unwrap();
    prop_assert_eq!(out.written(), octets);
    prop_assert!(again.iter().map(C::name).eq(read.iter().map(C::name)));
    Ok(())
}

macro_rules! every_package {
    ($check:ident, $octets:expr) => {{
        let octets: &[u8] = $octets;
        let buffer = &mut vec![0; octets.len() + 400];
        $check::<clock_sync::v1::Downlink>(octets, buffer)?;
        $check::<clock_sync::v1::Uplink>(octets, buffer)?;
        $check::<clock_sync::v2::Downlink>(octets, buffer)?;
        $check::<clock_sync::v2::Uplink>(octets, buffer)?;
        $check::<multicast::v1::Downlink>(octets, buffer)?;
        $check::<multicast::v1::Uplink>(octets, buffer)?;
        $check::<multicast::v2::Downlink>(octets, buffer)?;
        $check::<multicast::v2::Uplink>(octets, buffer)?;
        $check::<firmware::v1::Downlink>(octets, buffer)?;
        $check::<firmware::v1::Uplink>(octets, buffer)?;
        $check::<multi_package::v1::Downlink>(octets, buffer)?;
        $check::<fragmentation::v1::Uplink>(octets, buffer)?;
        $check::<fragmentation::v2::Uplink>(octets, buffer)?;
        // These borrow, so each needs octets of its own.
        $check::<fragmentation::v1::Downlink<'_>>(octets, &mut vec![0; octets.len() + 400])?;
        $check::<fragmentation::v2::Downlink<'_>>(octets, &mut vec![0; octets.len() + 400])?;
    }};
}

/// Payloads full of commands that exist: random octets seldom get past the first CID.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (0_u8..10, prop::collection::vec(any::<u8>(), 0..30));
    prop::collection::vec(chunk, 0..6)
        .prop_map(|chunks| chunks.into_iter().flat_map(|(cid, body)| [vec![cid], body].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16_384) })]

    #[test]
    fn any_command_comes_back(seed in prop::collection::vec(any::<u8>(), 0..300)) {
        every_package!(written_is_read, &seed);
    }

    #[test]
    fn any_octets_are_survived(octets in payload()) {
        every_package!(read_is_written, &octets);
    }

    #[test]
    fn any_message_is_survived(octets in payload(), ids in prop::collection::vec((any::<u8>(), any::<prop::sample::Index>()), 0..4), v1: bool) {
        let mut octets = octets;
        for (id, at) in ids {
            let at = at.index(octets.len() + 1);
            octets.insert(at, 0x80 | (id & 7));
        }
        let version = if v1 { PackageVersion::V1 } else { PackageVersion::V2 };
        let versions = Versions { clock_sync: version, fragmentation: version, multicast: version };
        let down: Vec<_> = DownlinkItem::items(&octets, versions).collect();
        let up: Vec<_> = UplinkItem::items(&octets, versions).collect();
        for errors in [
            down.iter().map(Result::is_err).collect::<Vec<_>>(),
            up.iter().map(Result::is_err).collect(),
        ] {
            prop_assert!(errors.iter().rev().skip(1).all(|is_error| !is_error), "an error is the last thing");
            prop_assert!(errors.len() <= octets.len().max(1));
        }
    }
}

/// The code of the standard's integrity check, by an implementation of its own.
#[cfg(feature = "crypto")]
mod integrity {
    use cmac::{Cmac, KeyInit as _, Mac as _};
    use fuota_proto::keys::DataBlockIntKey;
    use fuota_proto::{Descriptor, FragIndex};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_are_those_of_another_cmac(
            key: [u8; 16],
            session_cnt: u16,
            index in 0_u8..4,
            descriptor: [u8; 4],
            block in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let frag_index = FragIndex::new(index).unwrap();
            let len = u32::try_from(block.len()).unwrap();
            let header = [&[0x49][..], &session_cnt.to_le_bytes(), &[index], &descriptor, &[0; 4], &len.to_le_bytes()].concat();
            let wanted = Cmac::<aes::Aes128>::new(&key.into()).chain_update(&header).chain_update(&block).finalize();
            let mut mic = DataBlockIntKey::new(key).block_mic(session_cnt, frag_index, Descriptor(descriptor), len);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(block.len() + 1)).collect();
            cuts.sort_unstable();
            let mut start = 0;
            for end in cuts.into_iter().chain([block.len()]) {
                mic.update(&block[start..end]).unwrap();
                start = end;
            }
            prop_assert_eq!(&mic.finish().unwrap().0[..], &wanted.as_bytes()[..4]);
        }
    }
}
