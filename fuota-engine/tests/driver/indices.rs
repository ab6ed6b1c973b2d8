//! Devices that take part in two campaigns, and whose identifiers may not meet.

use std::sync::Arc;

use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event, FailureReason};
use fuota_engine::campaign::io::Dest;
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::campaign::spec::{CampaignSpec, Indices};
use fuota_engine::driver::store::CampaignId;
use fuota_engine::driver::{Fuota, MemoryStore, Notice, Store};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_proto::{FragIndex, McGroupId};

use crate::common::{START, spec};
use crate::net::{Access, Net};
use crate::node::finished;
use crate::{launch, node};

/// A campaign that has session 1 and group 1 of device 3, and one whose device 3 supports none but these sessions.
async fn beside_another(fuota: &Fuota, supported: &[u8]) -> (CampaignId, CampaignId) {
    let mut other = spec(3);
    other.devices.retain(|device| device.dev_eui == DevEui(3));
    other.frag_index = FragIndex::new(1).unwrap();
    other.groups[0].parameters.mc_group_id = McGroupId::new(1).unwrap();
    let other = fuota.start(launch(other)).await.unwrap();
    let mut own = spec(3);
    own.config.success_threshold = Percent::whole(50);
    own.devices[2].limits.frag_indices = Indices::only(supported.iter().copied());
    (other, fuota.start(launch(own)).await.unwrap())
}

/// The fragmentation indices that a device was told to use by a campaign, in order.
fn told(net: &Net, id: CampaignId, device: DevEui) -> Vec<u8> {
    let sent = net.sent();
    let own = sent.iter().filter(|sent| sent.handover.campaign == id);
    let to_it = own.filter(|sent| sent.transmit.dest == Dest::Unicast(device) && sent.transmit.port == 201);
    to_it
        .filter_map(|sent| match sent.transmit.payload[..] {
            [0x02, session, ..] => Some(session >> 4 & 0x03),
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_device_gets_the_next_index_if_another_campaign_has_the_first() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let fuota = node("a", store.clone(), Access::new(&net));
    let (_, id) = beside_another(&fuota, &[1, 2]).await;
    let heard = finished(&fuota, id).await;
    let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    assert_eq!(told(&net, id, DevEui(3)), [2], "index 1 never went out");
    assert_eq!(told(&net, id, DevEui(1)), [0]);
    let rows = store.devices(id, 0, 3).await.unwrap();
    let indices: Vec<_> = rows.iter().map(|row| row.claim.frag_index).collect();
    assert_eq!(indices, [Some(0), Some(0), Some(2)]);
    fuota.shutdown().await;
}

/// The device refuses session 0 and asks for the time in the same breath, and session 1 turns out to be another
/// campaign's: what was about to ask it for that one stays here, the time does not.
#[tokio::test(start_paused = true)]
async fn an_answer_goes_out_though_the_request_beside_it_may_not() {
    let store = Arc::new(MemoryStore::new());
    let net = Net::with_whims(3, |device, tx| match tx.payload[..] {
        [0x02, session, ..] if device == DevEui(3) && tx.port == 201 && session >> 4 == 0 => {
            let index_not_supported = (201, vec![0x02, 0x04]);
            let what_time_is_it = (202, vec![0x01, 0, 0, 0, 0, 0x17]);
            Some(vec![what_time_is_it, index_not_supported])
        }
        _ => None,
    });
    let fuota = node("a", store.clone(), Access::new(&net));
    let (_, id) = beside_another(&fuota, &[0, 1, 2]).await;
    let heard = finished(&fuota, id).await;
    let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    assert_eq!(told(&net, id, DevEui(3)), [0, 2], "index 1 never went out");
    let sent = net.sent();
    let times = sent.iter().filter(|sent| sent.handover.campaign == id && sent.transmit.port == 202);
    let times: Vec<_> = times.map(|sent| (sent.transmit.payload[0], sent.transmit.payload[5])).collect();
    assert_eq!(times, [(0x01, 0x07)], "the answer to token 7");
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_without_a_free_index_fails_and_the_campaign_goes_on() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let fuota = node("a", store.clone(), Access::new(&net));
    let (_, id) = beside_another(&fuota, &[1]).await;
    let heard = finished(&fuota, id).await;
    let failed: Vec<_> = heard
        .iter()
        .filter_map(|notice| match notice {
            Notice::Event { event: Event::Device(report), .. } => Some((report.dev_eui, report.status)),
            _ => None,
        })
        .filter(|(_, status)| matches!(status, DeviceStatus::Failed { .. }))
        .collect();
    let [(DevEui(3), DeviceStatus::Failed { reason, .. })] = failed[..] else { panic!("{failed:?}") };
    assert_eq!(reason, FailureReason::IndicesTaken);
    assert!(told(&net, id, DevEui(3)).is_empty(), "it was told nothing that is not its own");
    // What is durable says the same: no restart brings the index back.
    let kept = store.load(id).await.unwrap();
    let mut restore =
        Restore::new(Plan::new(CampaignSpec::from_octets(&kept.plan, kept.image).unwrap()).unwrap());
    for record in store.records(id, 0, u32::MAX).await.unwrap() {
        restore.apply(Record::from_octets(&record).unwrap()).unwrap();
    }
    let restored = restore.finish(START).unwrap();
    assert_eq!(restored.devices().nth(2).unwrap().status, failed[0].1);
    fuota.shutdown().await;
}
