//! A server that embeds the campaign engine with a transport of its own: lines of text.
//!
//! ```text
//! cargo run -p fuota-engine --example embed -- IMAGE DEVEUI...
//! ```
//!
//! What the network has to do goes to standard output, what happened is read from standard input, one line each:
//!
//! ```text
//! out: down ID DEVEUI|group PORT HEX     hand over a downlink; answer with `sent ID` or `refused ID`
//!      cancel ID                         withdraw it
//! in:  up DEVEUI PORT HEX                a device was heard
//!      sent ID | refused ID
//! ```
//!
//! At the end of the input the operator is taken to have left: the campaign is stopped. A real server replaces the
//! lines by its own queues, writes records to a disk before it goes on, and holds keys in its key store.

use std::collections::HashMap;
use std::error::Error;
use std::io::BufRead;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::Outcome;
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupParameters, GroupReport, Input, Order, Output, Refusal,
    Report, SessionClass,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::Record;
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, Redundancy};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::keys::{McKey, RootKey};
use fuota_proto::{McAddr, McGroupId};

/// Seconds from the Unix epoch to the GPS epoch, less the leap seconds since then.
const GPS_EPOCH: u64 = 315_964_800 - 18;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let image = std::fs::read(args.next().ok_or("which image?")?)?;
    let devices =
        args.map(|name| u64::from_str_radix(&name, 16).map(DevEui)).collect::<Result<Vec<_>, _>>()?;
    let plan = Plan::new(spec(image, &devices))?;
    // A real server looks the devices' keys up; these are for show.
    let key = |device: &DevEui| (*device, RootKey::from_gen_app_key([device.0.to_le_bytes()[0]; 16]));
    let mut server = Server {
        campaign: Campaign::new(plan, now()),
        root_keys: devices.iter().map(key).collect(),
        mc_key: McKey::new([0x5A; 16]),
        journal: Vec::new(),
    };
    let outcome = server.run(&lines());
    eprintln!(
        "{}: {} of {} devices",
        outcome.status.name(),
        outcome.complete,
        outcome.complete + outcome.failed
    );
    Ok(())
}

/// What the operator wants: the image on these class A devices, by class C multicast, with 30 % redundancy.
fn spec(image: Vec<u8>, devices: &[DevEui]) -> CampaignSpec {
    let region = Region::Eu868;
    let mut spec = CampaignSpec::new(Kind::Binary, region, image);
    spec.devices = devices.iter().map(|&device| DeviceSpec::new(device, Duration::from_secs(60))).collect();
    let parameters = GroupParameters {
        id: GroupId(0),
        mc_group_id: McGroupId::MIN,
        mc_addr: McAddr(0x01FF_0000),
        key_id: 1,
        class: SessionClass::C,
        frequency: region.rx2_frequency(),
        data_rate: region.usual_multicast_data_rate(),
    };
    spec.groups = vec![GroupSpec { parameters, redundancy: Redundancy::Fec(Percent::whole(30)) }];
    spec
}

struct Server {
    campaign: Campaign,
    root_keys: HashMap<DevEui, RootKey>,
    mc_key: McKey,
    journal: Vec<Record>,
}

impl Server {
    fn run(&mut self, lines: &mpsc::Receiver<String>) -> Outcome {
        loop {
            let until = match self.campaign.poll_output() {
                Output::Finished(outcome) => return outcome,
                Output::Wait(until) => until,
                output => {
                    self.perform(output);
                    continue;
                }
            };
            let wait = until.map_or(Duration::MAX, |until| until.since(now()));
            match lines.recv_timeout(wait) {
                Ok(line) => self.happened(&line),
                Err(mpsc::RecvTimeoutError::Timeout) => self.campaign.handle(now(), Input::Timeout),
                // Nobody is left to ask the devices to let go of anything.
                Err(mpsc::RecvTimeoutError::Disconnected) => match self.campaign.outcome() {
                    Some(outcome) => return *outcome,
                    None => self.campaign.handle(now(), Input::Operator(Order::Stop)),
                },
            }
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            // Before anything else: a server writes and syncs here.
            Output::Persist(record) => self.journal.push(record),
            Output::Transmit(tx) => {
                let to = match tx.dest {
                    Dest::Unicast(device) => format!("{:016x}", device.0),
                    Dest::Multicast(_) => "group".to_owned(),
                };
                println!("down {} {to} {} {}", tx.id.0, tx.port, hex::encode(&tx.payload));
            }
            Output::Cancel(id) => println!("cancel {}", id.0),
            Output::Group(GroupOrder::Provision(group)) => {
                let report = GroupReport::Provisioned { next_fcnt: 0 };
                self.campaign.handle(now(), Input::Group { id: group.id, report });
            }
            Output::Derive(order) => self.derive(order),
            Output::Event(event) => eprintln!("{event:?}"),
            Output::Group(_) | Output::Finished(_) | Output::Wait(_) => {}
        }
    }

    fn derive(&mut self, order: DeriveOrder) {
        let (device, value) = match order {
            DeriveOrder::McKey { device, .. } => {
                let wrap = |root: &RootKey| root.mc_root_key().mc_ke_key().wrap(&self.mc_key);
                (device, self.root_keys.get(&device).map(|root| Derived::McKey(wrap(root))))
            }
            DeriveOrder::BlockMic { device, session_cnt, frag_index, descriptor } => {
                let image = self.campaign.plan().image();
                let mic = |root: &RootKey| {
                    root.data_block_int_key().mic(session_cnt, frag_index, descriptor, image)
                };
                (device, self.root_keys.get(&device).map(|root| Derived::BlockMic(mic(root))))
            }
            // What this server has never heard of it cannot compute.
            _ => return,
        };
        let value = value.unwrap_or(Derived::Unavailable);
        self.campaign.handle(now(), Input::Derived { device, value });
    }

    fn happened(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let now = now();
        let done = match words[..] {
            ["up", device, port, payload] => (|| {
                let from = DevEui(u64::from_str_radix(device, 16).ok()?);
                let (port, payload) = (port.parse().ok()?, hex::decode(payload).ok()?);
                self.campaign.handle(now, Input::Uplink { from, port, payload: &payload, received: now });
                Some(())
            })(),
            [fate @ ("sent" | "refused"), id] => id.parse().ok().map(|id| {
                let sent = fate == "sent";
                let report = if sent { Report::Sent { at: now } } else { Report::Refused(Refusal::Busy) };
                self.campaign.handle(now, Input::Downlink { id: TxId(id), report });
            }),
            _ => None,
        };
        if done.is_none() {
            eprintln!("not understood: {line}");
        }
    }
}

/// The lines of standard input, read in a thread of their own.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines();
        for line in lines.map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// GPS time by the system's clock.
fn now() -> GpsInstant {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    GpsInstant::EPOCH + unix.saturating_sub(Duration::from_secs(GPS_EPOCH))
}
