//! The small campaign that most tests start from.

use fuota_engine::campaign::io::{GroupParameters, SessionClass};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, Redundancy};
use fuota_engine::config::CleanUp;
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_proto::{DataRate, McAddr, McGroupId};

use super::PERIOD;

/// The group of every small campaign.
pub fn group() -> GroupSpec {
    GroupSpec {
        parameters: GroupParameters {
            id: GroupId(0),
            mc_group_id: McGroupId::MIN,
            mc_addr: McAddr(0x01A2_B3C4),
            key_id: 1,
            class: SessionClass::C,
            frequency: Region::Eu868.rx2_frequency(),
            data_rate: DataRate::new(5).unwrap(),
        },
        redundancy: Redundancy::Fec(Percent::whole(10)),
    }
}

/// `count` devices and an image of ten fragments, FEC on with one parity fragment, no losses expected.
pub fn spec(count: u64) -> CampaignSpec {
    let mut spec = CampaignSpec::new(Kind::Binary, Region::Eu868, (0..97).collect());
    spec.descriptor = [1, 2, 3, 4];
    spec.devices = (1..=count).map(|n| DeviceSpec::new(DevEui(n), PERIOD)).collect();
    spec.groups = vec![group()];
    spec.uplink_data_rate = DataRate::new(5).unwrap();
    spec.config.fsize = Some(10);
    // Most tests are about what happens before the end is decided.
    spec.config.clean_up = CleanUp::Documented;
    spec
}
