//! Campaigns that share gateways: together they keep the duty cycle, and each has its turns.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use fuota_engine::airtime::Modulation;
use fuota_engine::campaign::event::{CampaignStatus, Cause, Event, StageKind, Warning};
use fuota_engine::campaign::io::{Dest, Refusal};
use fuota_engine::campaign::plan::PlanError;
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::config::SessionDuration;
use fuota_engine::driver::store::{Booking, CampaignId, Channel};
use fuota_engine::driver::transport::Gateway;
use fuota_engine::driver::{Fuota, MemoryStore, Notice, StartError, Store, Transport};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_engine::region::{DutyCycle, Region};
use fuota_engine::time::GpsInstant;

use crate::common::{START, spec};
use crate::faulty::{Fault, Faulty};
use crate::launch;
use crate::net::{Access, Net, Sent};
use crate::node::finished;
use crate::node_with_reserve;

/// Fragments of each of these campaigns, parity included.
const FRAMES: u32 = 110;
/// When all their sessions start.
const SESSION: Duration = Duration::from_secs(4 * 3_600);
/// Half of the 10 % of this sub-band.
const DUTY: DutyCycle = DutyCycle::one_in(20);

/// A campaign for some of the devices, whose session starts when every other's does.
fn campaign(devices: RangeInclusive<u64>) -> CampaignSpec {
    let mut spec = spec(*devices.end());
    spec.devices.retain(|device| devices.contains(&device.dev_eui.0));
    spec.image = vec![0x5A; 5_000];
    spec.config.fsize = Some(50);
    spec.session_start = Some(START + SESSION);
    spec
}

fn node(store: &Arc<MemoryStore>, net: Arc<dyn Transport>, name: &str) -> Fuota {
    node_with_reserve(name, store.clone(), net, Percent::whole(50))
}

/// Multicast frames by their start: of which campaign, and how long on air.
fn on_air(sent: &[Sent]) -> BTreeMap<GpsInstant, (CampaignId, Duration)> {
    let modulation = Modulation { spreading_factor: 7, bandwidth_khz: 125 };
    let multicast = sent.iter().filter(|sent| matches!(sent.transmit.dest, Dest::Multicast(_)));
    let mut frames = BTreeMap::new();
    for Sent { handover, transmit } in multicast {
        let frame = (handover.campaign, modulation.downlink(transmit.payload.len()));
        assert_eq!(frames.insert(transmit.not_before, frame), None, "two frames begin at the same moment");
    }
    frames
}

/// From any frame to any later one, no more was on air than the duty cycle allows.
fn keeps(duty: DutyCycle, frames: &BTreeMap<GpsInstant, (CampaignId, Duration)>) {
    let frames: Vec<_> = frames.iter().collect();
    for (n, (first, _)) in frames.iter().enumerate() {
        let mut least = Duration::ZERO;
        for (at, (_, airtime)) in &frames[n..] {
            assert!(at.since(**first) >= least, "from {first} to {at}: {:?} of {least:?}", at.since(**first));
            least += duty.gap(*airtime);
        }
    }
}

/// While both have something to send, neither is on air twice in a row.
fn take_turns(frames: &BTreeMap<GpsInstant, (CampaignId, Duration)>) {
    let order: Vec<_> = frames.values().map(|(campaign, _)| *campaign).collect();
    let last = |of| order.iter().rposition(|campaign| *campaign == of).unwrap();
    let both = last(order[0]).min(last(order[1]));
    assert!(order[0] != order[1] && both >= 2 * (FRAMES as usize - 1), "{order:?}");
    assert!(order[..=both].windows(2).all(|pair| pair[0] != pair[1]), "{order:?}");
}

/// The fragments follow one another as closely as the duty cycle allows, but for the milliseconds of the test's clock.
fn is_as_fast_as(duty: DutyCycle, frames: &BTreeMap<GpsInstant, (CampaignId, Duration)>) {
    let starts: Vec<_> = frames.keys().take(FRAMES as usize).collect();
    let (taken, airtime) = (starts[starts.len() - 1].since(*starts[0]), frames.values().next().unwrap().1);
    let least = duty.gap(airtime) * (FRAMES - 1);
    assert!(taken >= least && taken < least + Duration::from_millis(1) * FRAMES, "{taken:?} of {least:?}");
}

async fn succeeded(fuota: &Fuota, id: CampaignId) {
    let heard = finished(fuota, id).await;
    let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    let told = |warning: &Warning| {
        heard.iter().any(
            |notice| matches!(notice, Notice::Event { event: Event::Warning(told), .. } if told == warning),
        )
    };
    assert!(!told(&Warning::ReportMissing));
}

#[tokio::test(start_paused = true)]
async fn two_campaigns_of_one_node_share_a_gateway() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(6));
    let fuota = node(&store, Access::new(&net), "a");
    let first = fuota.start(launch(campaign(1..=3))).await.unwrap();
    let second = fuota.start(launch(campaign(4..=6))).await.unwrap();
    tokio::join!(succeeded(&fuota, first), succeeded(&fuota, second));
    let frames = on_air(&net.sent());
    assert!(frames.len() >= 2 * FRAMES as usize, "{}", frames.len());
    keeps(DUTY, &frames);
    take_turns(&frames);
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn two_nodes_share_a_gateway() {
    let store = Arc::new(MemoryStore::new());
    // Each has a connection of its own, on which it hears its own devices.
    let nets = [Net::of(1..=3), Net::of(4..=6)];
    let a = node(&store, Access::new(&nets[0]), "a");
    let b = node(&store, Access::new(&nets[1]), "b");
    let first = a.start(launch(campaign(1..=3))).await.unwrap();
    let second = b.start(launch(campaign(4..=6))).await.unwrap();
    tokio::join!(succeeded(&a, first), succeeded(&b, second));
    let frames = on_air(&[nets[0].sent(), nets[1].sent()].concat());
    assert!(frames.len() >= 2 * FRAMES as usize, "{}", frames.len());
    keeps(DUTY, &frames);
    take_turns(&frames);
    a.shutdown().await;
    b.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_alone_gets_all_that_the_reserve_leaves() {
    for (reserve, duty) in [(0, DutyCycle::one_in(10)), (50, DUTY), (80, DutyCycle::one_in(50))] {
        let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
        let fuota = node_with_reserve("a", store.clone(), Access::new(&net), Percent::whole(reserve));
        let mut spec = campaign(1..=3);
        spec.session_start = None;
        let id = fuota.start(launch(spec)).await.unwrap();
        succeeded(&fuota, id).await;
        let frames = on_air(&net.sent());
        keeps(duty, &frames);
        is_as_fast_as(duty, &frames);
        fuota.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn different_gateways_are_not_shared() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(6));
    // Two gateways stand apart.
    let near = |devices: &[DevEui]| vec![Gateway(if devices[0].0 <= 3 { "g" } else { "h" }.into())];
    let fuota = node(&store, Arc::new(Access { gateways: near, ..Access::to(&net) }), "a");
    let first = fuota.start(launch(campaign(1..=3))).await.unwrap();
    let second = fuota.start(launch(campaign(4..=6))).await.unwrap();
    tokio::join!(succeeded(&fuota, first), succeeded(&fuota, second));
    let sent = net.sent();
    for id in [first, second] {
        let own: Vec<_> = sent.iter().filter(|sent| sent.handover.campaign == id).cloned().collect();
        is_as_fast_as(DUTY, &on_air(&own));
    }
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_reckons_with_what_others_were_promised() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(6));
    let fuota = node(&store, Access::new(&net), "a");
    let first = fuota.start(launch(campaign(1..=3))).await.unwrap();
    let second = fuota.start(launch(campaign(4..=6))).await.unwrap();
    let mut shared = Vec::new();
    for id in [first, second] {
        let kept = store.load(id).await.unwrap();
        shared.push(CampaignSpec::from_octets(&kept.plan, kept.image).unwrap().shared_airtime);
    }
    let modulation = Modulation { spreading_factor: 7, bandwidth_khz: 125 };
    assert_eq!(shared, [Duration::ZERO, DUTY.gap(modulation.downlink(53)) * FRAMES]);

    // A campaign that would fit alone does not fit any more.
    let mut short = campaign(1..=3);
    short.groups[0].parameters.mc_group_id = fuota_proto::McGroupId::new(1).unwrap();
    short.frag_index = fuota_proto::FragIndex::new(1).unwrap();
    short.max_duration = shared[1] + Duration::from_secs(200);
    let refused = fuota.start(launch(short.clone())).await;
    assert!(matches!(refused, Err(StartError::Plan(PlanError::RoundTooLong { .. }))), "{refused:?}");
    let elsewhere = node(&Arc::new(MemoryStore::new()), Access::new(&Net::new(3)), "b");
    elsewhere.start(launch(short)).await.unwrap();
    elsewhere.shutdown().await;
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn two_that_are_started_at_once_reckon_with_each_other() {
    let kept = Arc::new(MemoryStore::new());
    let store = Faulty::new(kept.clone(), 0, Fault::Fails);
    let fuota = node_with_reserve("a", store, Access::new(&Net::new(6)), Percent::whole(50));
    let (first, second) =
        tokio::join!(fuota.start(launch(campaign(1..=3))), fuota.start(launch(campaign(4..=6))));
    let mut shared = Vec::new();
    for id in [first.unwrap(), second.unwrap()] {
        let kept = kept.load(id).await.unwrap();
        shared.push(CampaignSpec::from_octets(&kept.plan, kept.image).unwrap().shared_airtime);
    }
    shared.sort_unstable();
    let modulation = Modulation { spreading_factor: 7, bandwidth_khz: 125 };
    assert_eq!(shared, [Duration::ZERO, DUTY.gap(modulation.downlink(53)) * FRAMES]);
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_reserve_of_everything_leaves_nothing() {
    let all = Percent::whole(100);
    let fuota = node_with_reserve("a", Arc::new(MemoryStore::new()), Access::new(&Net::new(3)), all);
    let refused = fuota.start(launch(campaign(1..=3))).await;
    assert!(matches!(refused, Err(StartError::NoAirtime { reserve }) if reserve == all), "{refused:?}");
    fuota.shutdown().await;
}

/// Somebody else has the gateway from the start of the session on, for so long.
async fn taken(store: &MemoryStore, by: CampaignId, from: GpsInstant, long: Duration) {
    let lease = store.acquire(by, "a", Duration::from_secs(1)).await.unwrap();
    let band = Region::Eu868.sub_band(Region::Eu868.rx2_frequency());
    let channels = vec![Channel { gateway: Gateway::all(), band }];
    let booking = Booking { channels, taken: long, from, latest: from };
    store.book_airtime(&lease, &booking).await.unwrap();
}

/// A campaign whose gateway somebody else has for so long, from the moment when its session starts.
async fn after(hours: u64) -> (Vec<Notice>, BTreeMap<GpsInstant, (CampaignId, Duration)>) {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    // The other runs on no node; only its turn on the gateway counts.
    let silent = node(&store, Access::new(&Net::of(7..=9)), "a");
    let other = silent.start(launch(campaign(7..=9))).await.unwrap();
    silent.shutdown().await;
    taken(&store, other, START + SESSION, Duration::from_secs(hours * 3_600)).await;

    let fuota = node(&store, Access::new(&net), "b");
    let mut own = campaign(1..=3);
    own.config.session_duration = Some(SessionDuration::Tight);
    // The other took more than what it was promised.
    own.shared_airtime = Duration::from_secs(2 * 3_600);
    let id = fuota.start(launch(own)).await.unwrap();
    let heard = finished(&fuota, id).await;
    fuota.shutdown().await;
    (heard, on_air(&net.sent()))
}

fn was_refused(heard: &[Notice]) -> bool {
    heard.iter().any(|notice| {
        matches!(notice, Notice::Event { event: Event::Warning(Warning::Refused(Refusal::DutyCycle)), .. })
    })
}

#[tokio::test(start_paused = true)]
async fn a_late_turn_is_waited_for() {
    let (heard, frames) = after(1).await;
    let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    assert!(!was_refused(&heard));
    assert!(*frames.keys().next().unwrap() >= START + SESSION + Duration::from_secs(3_600));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_turn_within_the_session_is_refused() {
    let (heard, frames) = after(24).await;
    let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!(outcome.cause, Some(Cause::NoTimeLeft { stage: StageKind::DataFragment }));
    assert!(was_refused(&heard) && frames.is_empty());
}
