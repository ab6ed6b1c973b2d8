//! What befalls a device: when it is away, and what it answers though it should not.

use std::time::Duration;

use fuota_engine::device::Ports;
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;

use super::MAX_UPLINK;
use crate::rng::{Chance, Draws, Resting, Stream};
use crate::scenario::{DeviceGroup, ErrorBit, Scenario};
use crate::world::START;

/// CID of McGroupSetupAns (TS005-1.0.0 §3.3).
const MC_GROUP_SETUP_ANS: u8 = 0x02;
/// CID of McClassCSessionAns (TS005-1.0.0 §3.5) and McClassBSessionAns (§3.6).
const SESSION_ANS: [u8; 2] = [0x04, 0x05];
/// CID of FragSessionSetupAns (TS004-1.0.0 §3.3).
const FRAG_SESSION_SETUP_ANS: u8 = 0x02;
/// Octets of a session answer that refuses: CID and status, no TimeToStart.
const REFUSAL_LEN: usize = 2;

/// What befalls one device, drawn when the world is made.
#[derive(Debug)]
pub(crate) struct Plight {
    seed: u64,
    device: u32,
    /// It is not there before.
    away_until: GpsInstant,
    /// How long it stays away from the first fragment on.
    absent: Option<Duration>,
    reboot: Option<Reboot>,
    errors: Vec<ErrorBit>,
    /// Whether somebody else speaks in its name.
    misled: bool,
}

/// How the first round's fragments follow each other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// How many there are, over all streams.
    pub(crate) fragments: u32,
    /// From the beginning of one to that of the next, as planned.
    pub(crate) gap: Duration,
}

impl Pace {
    /// How long such a share of them takes.
    fn takes(self, share: Percent) -> Duration {
        self.gap * u32::try_from(share.of_ceil(self.fragments)).unwrap_or(u32::MAX)
    }
}

/// A reboot to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reboot {
    /// When so many fragments have been on air.
    at_fragment: u32,
    /// How long the device is away.
    pub(crate) takes: Duration,
    /// Whether group, session and fragments survive.
    pub(crate) keeps_fragments: bool,
}

impl Plight {
    /// The plight of a device in a transfer at this pace.
    pub(super) fn new(
        scenario: &Scenario,
        group: &DeviceGroup,
        device: u32,
        pace: Pace,
        draws: &mut Draws,
    ) -> Self {
        let late = group.joins.filter(|joins| draws.happens(Chance::new(joins.share)));
        let away_until = late.map_or(GpsInstant::EPOCH, |joins| {
            let (from, to) = joins.between;
            START + from + draws.within(to.saturating_sub(from))
        });
        let reboots = group.reboots.filter(|reboots| draws.happens(Chance::new(reboots.share)));
        let reboot = reboots.map(|reboots| {
            let [first, last] = [reboots.fragments.0, reboots.fragments.1]
                .map(|share| u32::try_from(share.of_ceil(pace.fragments)).unwrap_or(u32::MAX));
            let at_fragment = first.saturating_add(draws.below(last.saturating_sub(first).saturating_add(1)));
            Reboot { at_fragment, takes: reboots.takes, keeps_fragments: reboots.keeps_fragments }
        });
        let absent = group.absent.filter(|absent| draws.happens(Chance::new(absent.share)));
        let absent = absent.map(|absent| {
            let [from, to] = [absent.fragments.0, absent.fragments.1].map(|share| pace.takes(share));
            from + draws.within(to.saturating_sub(from))
        });
        let errors = group.refuses.iter().filter(|(_, share)| draws.happens(Chance::new(*share)));
        let errors = errors.map(|(bit, _)| *bit).collect();
        let misled = false;
        Self { seed: scenario.seed, device, away_until, absent, reboot, errors, misled }
    }

    /// When it comes, or comes back.
    pub(crate) const fn away_until(&self) -> GpsInstant {
        self.away_until
    }

    /// Whether it reboots, or misses the beginning, at some time to come.
    pub(crate) const fn has_plans(&self) -> bool {
        self.reboot.is_some() || self.absent.is_some()
    }

    pub(crate) fn is_away(&self, now: GpsInstant) -> bool {
        now < self.away_until
    }

    /// Its reboot, if this is the fragment for it.
    pub(crate) fn reboots_at(&mut self, fragment: u32) -> Option<Reboot> {
        let due = self.reboot.filter(|reboot| reboot.at_fragment <= fragment);
        if due.is_some() {
            self.reboot = None;
        }
        due
    }

    /// How long it stays away, if it is to miss the beginning; told once.
    pub(crate) const fn misses_beginning(&mut self) -> Option<Duration> {
        self.absent.take()
    }

    /// It is away until then.
    pub(crate) const fn leave(&mut self, until: GpsInstant) {
        self.away_until = until;
    }

    /// From now on the server may take it for what it is not.
    pub(crate) const fn mislead(&mut self) {
        self.misled = true;
    }

    /// Whether it may be sent what is not for it, so that what it puts together need not be the image.
    pub(crate) const fn is_misled(&self) -> bool {
        self.misled
    }

    /// Whether every block fails its integrity check.
    pub(super) fn finds_blocks_corrupt(&self) -> bool {
        self.errors.contains(&ErrorBit::Mic)
    }

    /// The dice that decide which beacons it misses.
    pub(super) const fn beacons(&self) -> Resting {
        Resting::new(self.seed, self.device, Stream::Beacon)
    }

    /// Sets the error bits that this device sets, in the answer that a payload begins with.
    pub(super) fn falsify(&self, ports: Ports, port: u8, payload: &mut heapless::Vec<u8, MAX_UPLINK>) {
        for error in &self.errors {
            let (of_port, cids, bit): (u8, &[u8], u8) = match error {
                ErrorBit::McGroupId => (ports.multicast, &[MC_GROUP_SETUP_ANS], 0x04),
                ErrorBit::DataRate => (ports.multicast, &SESSION_ANS, 0x04),
                ErrorBit::Frequency => (ports.multicast, &SESSION_ANS, 0x08),
                ErrorBit::McGroup => (ports.multicast, &SESSION_ANS, 0x10),
                ErrorBit::StartMissed => (ports.multicast, &SESSION_ANS, 0x20),
                ErrorBit::Encoding => (ports.fragmentation, &[FRAG_SESSION_SETUP_ANS], 0x01),
                ErrorBit::Memory => (ports.fragmentation, &[FRAG_SESSION_SETUP_ANS], 0x02),
                ErrorBit::FragIndex => (ports.fragmentation, &[FRAG_SESSION_SETUP_ANS], 0x04),
                ErrorBit::Descriptor => (ports.fragmentation, &[FRAG_SESSION_SETUP_ANS], 0x08),
                ErrorBit::SessionCnt => (ports.fragmentation, &[FRAG_SESSION_SETUP_ANS], 0x10),
                ErrorBit::Mic => continue,
            };
            let is_meant = port == of_port && payload.first().is_some_and(|cid| cids.contains(cid));
            if let (true, Some(status)) = (is_meant, payload.get_mut(1)) {
                *status |= bit;
                if of_port == ports.multicast && cids == SESSION_ANS {
                    payload.truncate(REFUSAL_LEN);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fuota_proto::fragmentation::v1::Uplink as Fragmentation;
    use fuota_proto::multicast::v1::Uplink as Multicast;

    use super::*;

    fn refusing(bit: ErrorBit) -> Plight {
        let group = DeviceGroup { refuses: vec![(bit, 1.0)], ..DeviceGroup::default() };
        Plight::new(&Scenario::default(), &group, 0, Pace::default(), &mut Draws::new(1, 0, Stream::Fate))
    }

    #[test]
    fn falsified_answers_are_the_refusals_of_the_standard() {
        let ports = Ports::default();
        let mut setup = heapless::Vec::from_slice(&[0x02, 0x40]).unwrap();
        refusing(ErrorBit::Memory).falsify(ports, ports.fragmentation, &mut setup);
        let Ok(Fragmentation::FragSessionSetupAns(answer)) = Fragmentation::commands(&setup).next().unwrap()
        else {
            panic!("{setup:?}");
        };
        assert!(answer.not_enough_memory && !answer.wrong_descriptor && answer.frag_index.get() == 1);

        let mut session = heapless::Vec::from_slice(&[0x04, 0x02, 9, 0, 0]).unwrap();
        refusing(ErrorBit::Frequency).falsify(ports, ports.multicast, &mut session);
        assert_eq!(session.as_slice(), [0x04, 0x0A]);
        assert!(Multicast::commands(&session).all(|command| command.is_ok()));

        let mut other = heapless::Vec::from_slice(&[0x04, 0x02, 9, 0, 0]).unwrap();
        refusing(ErrorBit::Memory).falsify(ports, ports.multicast, &mut other);
        assert_eq!(other.len(), 5, "another package's answer is left alone");
    }

    #[test]
    fn fates_are_drawn_within_their_bounds() {
        let (from, to) = (Duration::from_secs(100), Duration::from_secs(200));
        let percent = Percent::whole;
        let group = DeviceGroup {
            joins: Some(crate::scenario::Joins { share: 0.5, between: (from, to) }),
            reboots: Some(crate::scenario::Reboots {
                share: 0.5,
                fragments: (percent(10), percent(90)),
                takes: from,
                keeps_fragments: true,
            }),
            absent: Some(crate::scenario::Absent { share: 0.5, fragments: (percent(0), percent(50)) }),
            ..DeviceGroup::default()
        };
        let pace = Pace { fragments: 1000, gap: Duration::from_secs(4) };
        let draws = |device| Draws::new(1, device, Stream::Fate);
        let of = |device| Plight::new(&Scenario::default(), &group, device, pace, &mut draws(device));
        let plights: Vec<_> = (0..1000).map(of).collect();
        let late = plights.iter().filter(|plight| plight.away_until > START);
        assert!(late.clone().all(|plight| (START + from..START + to).contains(&plight.away_until)));
        assert!((440..560).contains(&late.count()));
        let reboots: Vec<_> = plights.iter().filter_map(|plight| plight.reboot).collect();
        assert!(reboots.iter().all(|reboot| (100..=900).contains(&reboot.at_fragment)));
        assert!((440..560).contains(&reboots.len()));
        let absences: Vec<_> = plights.iter().filter_map(|plight| plight.absent).collect();
        assert!(absences.iter().all(|takes| *takes <= Duration::from_secs(2000)));
        assert!(absences.iter().any(|takes| *takes > Duration::from_secs(1900)));
        assert!((440..560).contains(&absences.len()));
    }
}
