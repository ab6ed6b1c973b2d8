//! What a plan computes, what it refuses, and what it proposes instead.

mod common;

use std::time::Duration;

use common::spec;
use fuota_engine::campaign::event::Warning;
use fuota_engine::campaign::plan::{Bound, Plan, PlanError, Remedy};
use fuota_engine::campaign::spec::{CampaignSpec, Redundancy};
use fuota_engine::config::{Config, StatusThreshold};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_fec::structure::Weakness;
use fuota_proto::DataRate;

fn image(len: usize) -> CampaignSpec {
    let mut spec = spec(1);
    spec.image = vec![0x5A; len];
    spec.config.fsize = None;
    spec
}

#[allow(clippy::unwrap_used)] // a plan that is refused fails the test
fn frag_size(spec: &CampaignSpec) -> u8 {
    Plan::new(spec.clone()).unwrap().groups()[0].block().unwrap().geometry.frag_size()
}

#[test]
fn fragments_fill_the_frames_of_the_data_rate() {
    for (dr, frag_size, nb_frag, padding) in [(5, 239, 215, 185), (3, 112, 458, 96), (2, 48, 1067, 16)] {
        let mut spec = image(51_200);
        spec.groups[0].parameters.data_rate = DataRate::new(dr).unwrap();
        let plan = Plan::new(spec).unwrap();
        let geometry = plan.groups()[0].block().unwrap().geometry;
        assert_eq!(
            (geometry.frag_size(), geometry.nb_frag(), geometry.padding()),
            (frag_size, nb_frag, padding)
        );
    }
}

#[test]
fn fragment_size_follows_the_configuration() {
    let mut spec = image(1000);
    spec.config.fsize_optimization = 4;
    assert_eq!(frag_size(&spec), 236);
    spec.config.fsize = Some(50);
    assert_eq!(frag_size(&spec), 48);
    spec.config.fsize = Some(240);
    assert_eq!(Plan::new(spec.clone()).unwrap_err(), PlanError::FragSize { frag_size: 240, max: 239 });
    spec.config.fsize = Some(0);
    assert_eq!(Plan::new(spec.clone()).unwrap_err(), PlanError::FragSize { frag_size: 0, max: 239 });
    spec.config.fsize = Some(3);
    assert_eq!(Plan::new(spec).unwrap_err(), PlanError::FragSizeRounding { frag_size: 3, multiple: 4 });
}

#[test]
fn parity_is_the_share_rounded_up_and_capped() {
    let parity = |percent: &str, cap: Option<u16>| {
        let mut spec = image(51_200);
        spec.groups[0].redundancy = Redundancy::Fec(percent.parse().unwrap());
        spec.config.frag_redundancy_max = cap;
        Plan::new(spec).unwrap().groups()[0].block().unwrap().parity
    };
    assert_eq!(parity("0", None), 0);
    assert_eq!(parity("30", None), 65); // 64.5
    assert_eq!(parity("0.1", None), 1);
    assert_eq!(parity("1000", None), 2150);
    assert_eq!(parity("30", Some(40)), 40);
}

#[test]
fn more_fragments_than_numbers_name_the_size_that_fits() {
    let mut spec = image(300_000);
    spec.config.fsize = Some(10);
    spec.groups[0].redundancy = Redundancy::Fec(Percent::whole(30));
    let PlanError::TooManyFragments { nb_frag, parity, frag_size, remedy } =
        Plan::new(spec.clone()).unwrap_err()
    else {
        panic!("another error")
    };
    assert_eq!((nb_frag, parity, frag_size, remedy), (30_000, 9_000, 10, Remedy::FragSize(24)));
    spec.config.fsize = Some(24);
    spec.groups[0].parameters.data_rate = DataRate::new(6).unwrap(); // fast enough for one session
    assert!(Plan::new(spec.clone()).is_ok());
    spec.config.fsize = Some(23);
    assert!(matches!(Plan::new(spec), Err(PlanError::TooManyFragments { .. })));
}

#[test]
fn an_image_too_large_for_any_size_names_the_largest_that_fits() {
    let mut spec = image(10_000_000);
    spec.groups[0].redundancy = Redundancy::Fec(Percent::whole(30));
    let PlanError::TooManyFragments { remedy: Remedy::LargestImage(octets), .. } =
        Plan::new(spec.clone()).unwrap_err()
    else {
        panic!("another error")
    };
    // 12602 + ceil(3780.6) = 16383 fragments of 239 octets.
    assert_eq!(octets, 12_602 * 239);
    spec.image.truncate(octets);
    // It now has few enough fragments, though they take longer than a session.
    assert!(matches!(Plan::new(spec), Err(PlanError::RoundTooLong { .. })));
}

#[test]
fn a_round_longer_than_the_longest_session_names_the_largest_image() {
    let mut spec = image(2_000_000);
    let PlanError::RoundTooLong { frames, bound, remedy: Remedy::LargestImage(octets), needed, allowed } =
        Plan::new(spec.clone()).unwrap_err()
    else {
        panic!("another error")
    };
    assert_eq!((frames, bound), (8369 + 837, Bound::Session));
    assert!(needed > allowed && allowed == Duration::from_secs(32_768));
    spec.image.truncate(octets);
    assert!(Plan::new(spec.clone()).is_ok());
    spec.image.resize(octets + 1, 0);
    assert!(matches!(Plan::new(spec), Err(PlanError::RoundTooLong { .. })));
}

#[test]
fn a_round_longer_than_the_campaign_is_refused_too() {
    let mut spec = image(51_200);
    spec.max_duration = Duration::from_secs(600);
    let error = Plan::new(spec).unwrap_err();
    assert!(matches!(error, PlanError::RoundTooLong { bound: Bound::MaxDuration, .. }));
    let text = error.to_string();
    assert!(text.contains("the maximum duration allows 600 s"), "{text}");
    assert!(text.contains("the largest image that fits has"), "{text}");
}

#[test]
fn nonsense_is_refused() {
    assert_eq!(Plan::new(image(0)).unwrap_err(), PlanError::EmptyImage);
    assert_eq!(Plan::new(spec(0)).unwrap_err(), PlanError::NoDevices);
    let mut twice = spec(2);
    twice.devices[1].dev_eui = DevEui(1);
    assert_eq!(Plan::new(twice).unwrap_err(), PlanError::DuplicateDevice(DevEui(1)));
    let mut still = spec(1);
    still.devices[0].uplink_period = Duration::ZERO;
    assert_eq!(Plan::new(still).unwrap_err(), PlanError::NoUplinkPeriod(DevEui(1)));
    let mut undefined = spec(1);
    undefined.groups[0].parameters.data_rate = DataRate::new(7).unwrap();
    assert!(matches!(Plan::new(undefined), Err(PlanError::DownlinkDataRate { dr: 7, .. })));
    let mut above = spec(1);
    above.config.success_threshold = Percent::whole(101);
    assert_eq!(Plan::new(above).unwrap_err(), PlanError::Threshold(Percent::whole(101)));
    let mut none = spec(1);
    none.groups[0].redundancy = Redundancy::Rounds;
    none.config.datafrag_loops_max = 0;
    assert_eq!(Plan::new(none).unwrap_err(), PlanError::NoRounds);
    let mut endless = spec(1);
    endless.devices[0].uplink_period = Duration::MAX;
    endless.config.fsession_status_timeout = Duration::MAX;
    endless.config.mcast_msg_delay = Duration::MAX;
    assert!(matches!(Plan::new(endless), Err(PlanError::RoundTooLong { .. })));
}

#[test]
fn the_required_number_is_the_share_rounded_up() {
    let required = |devices, percent: &str| {
        let mut spec = spec(devices);
        spec.config.success_threshold = percent.parse().unwrap();
        Plan::new(spec).unwrap().required()
    };
    assert_eq!(required(1000, "95"), 950);
    assert_eq!(required(3, "95"), 3);
    assert_eq!(required(1000, "0"), 0);
    assert_eq!(required(1000, "99.91"), 1000);
}

#[test]
fn a_set_up_that_outlasts_the_campaign_is_a_warning() {
    let mut spec = spec(1000);
    for device in &mut spec.devices {
        device.uplink_period = Duration::from_secs(600);
    }
    assert_eq!(Plan::new(spec.clone()).unwrap().warnings(), []);
    spec.max_duration = Duration::from_secs(6 * 3600);
    let warnings = Plan::new(spec).unwrap().warnings();
    let [Warning::SetupOutlastsCampaign { setup, .. }] = warnings[..] else { panic!("{warnings:?}") };
    // Behind one gateway with 1 % in RX1 and 10 % at SF12 in RX2, half a day.
    assert!((8..14).contains(&(setup.as_secs() / 3600)), "{setup:?}");
}

#[test]
fn status_threshold_is_a_count_or_a_share() {
    assert!(!StatusThreshold::Count(5).exceeded_by(5, 1000));
    assert!(StatusThreshold::Count(5).exceeded_by(6, 1000));
    assert!(!StatusThreshold::Percent(Percent::whole(5)).exceeded_by(50, 1000));
    assert!(StatusThreshold::Percent(Percent::whole(5)).exceeded_by(51, 1000));
    assert_eq!(Config::default().fsession_status_threshold, StatusThreshold::Count(5));
}

#[test]
fn fragments_are_shorter_where_the_longest_would_make_a_weak_number() {
    let geometry = |plan: &Plan| {
        let geometry = plan.groups()[0].block().unwrap().geometry;
        (geometry.nb_frag(), geometry.frag_size())
    };
    // 832 is a multiple of 64: pairs of fragments that parity never tells apart.
    let len = 832 * 239;
    let plan = Plan::new(image(len)).unwrap();
    let (nb_frag, frag_size) = geometry(&plan);
    assert!(nb_frag > 832 && nb_frag < 840, "{nb_frag}");
    assert!(plan.warnings().contains(&Warning::FragSizeChosen { frag_size, nb_frag, avoided: 832 }));

    // What the operator fixes is kept, and told.
    let mut fixed = image(len);
    fixed.config.fsize = Some(239);
    let plan = Plan::new(fixed).unwrap();
    assert_eq!(geometry(&plan), (832, 239));
    let weakness = Weakness::Twins;
    let told = Warning::WeakNbFrag { nb_frag: 832, weakness, better: Some(frag_size) };
    assert!(plan.warnings().contains(&told));

    // Multiples are kept to, devices' limits too, and without parity no number is weak.
    let mut steps = image(832 * 236);
    steps.config.fsize_optimization = 4;
    let (nb_frag, frag_size) = geometry(&Plan::new(steps).unwrap());
    assert!(nb_frag > 832 && frag_size.is_multiple_of(4), "{nb_frag} of {frag_size}");
    let mut limited = image(len);
    limited.devices[0].limits.nb_frag = Some(832);
    assert_eq!(geometry(&Plan::new(limited).unwrap()), (832, 239));
    let mut rounds = image(len);
    rounds.groups[0].redundancy = Redundancy::Rounds;
    let plan = Plan::new(rounds).unwrap();
    assert_eq!((geometry(&plan), plan.warnings().len()), ((832, 239), 0));
}

#[test]
fn a_block_of_one_fragment_is_cut_so_that_parity_means_something() {
    let plan = Plan::new(image(200)).unwrap();
    assert!(plan.groups()[0].block().unwrap().geometry.nb_frag() >= 4);
}
