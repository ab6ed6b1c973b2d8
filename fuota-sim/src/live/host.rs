//! The fleet's side: a world that lives by the clock, and hears what nodes want.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use fuota_engine::campaign::io::{Dest, GroupParameters, Refusal, Transmit};
use fuota_engine::driver::Clock as _;
use fuota_proto::keys::{McAppSKey, McNwkSKey};
use serde::Serialize;

use super::clock::FastClock;
use super::fingerprint;
use super::ledger::{Account, Ledger};
use super::listener::{Command, SaidLine};
use super::mailbox::Mailboxes;
use super::wire::{Answer, Call, Downlink, Greeting, Line, Said};
use crate::frame::FrameKeys;
use crate::scenario::Scenario;
use crate::world::{SimError, Told, World, spec};

/// Multicast downlinks that the network server queues.
const QUEUE_DEPTH: u16 = 4;
/// How long a fleet whose campaign is over waits for another node: the last one may have died over its report.
const LINGER: Duration = Duration::from_secs(3);
/// How often it is looked whether the fleet shall stop.
const LOOK: Duration = Duration::from_millis(50);

/// A fleet and its network server.
///
/// Unless it is *plain*, the network server lists what is queued, refuses whoever comes with an outdated token, and
/// remembers what it has taken: the same downlink again goes out once. A plain one can do none of it. Neither looks at
/// the deadlines of handovers, which are in real time while the fleet lives in its own.
#[derive(Debug)]
pub(crate) struct Host {
    world: World,
    /// Stands until the first node comes.
    clock: Option<FastClock>,
    factor: f64,
    fingerprint: String,
    is_plain: bool,
    /// The only campaign that is served.
    campaign: Option<u64>,
    /// The largest token seen.
    token: u64,
    ledger: Ledger,
    /// Handovers that were refused because of an outdated token.
    fenced: u32,
    /// Handovers of what was taken before.
    remembered: u32,
    mailboxes: Mailboxes,
    lines: BTreeMap<u64, Sender<String>>,
    is_over: bool,
}

/// How a fleet ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The campaign is over, and the nodes are gone.
    Over(Box<FleetReport>),
    /// It was to stop.
    Stopped,
}

/// What the fleet alone knows of a campaign.
#[derive(Debug, Serialize)]
pub(crate) struct FleetReport {
    /// Devices that hold the whole data block.
    holders: usize,
    /// Of these, devices whose octets were compared with the file.
    compared: usize,
    /// The largest token that a handover came with: grows each time that the campaign changes hands.
    token: u64,
    /// Handovers that were refused because a newer token had been seen.
    fenced: u32,
    /// Handovers of what had been taken before, which did not go out again.
    remembered: u32,
    /// Every downlink that was taken.
    downlinks: Vec<Account>,
}

impl Host {
    /// A scenario's fleet, in which time passes so many times faster.
    ///
    /// # Errors
    /// As [`World::new`].
    pub(crate) fn new(scenario: &Scenario, factor: f64, is_plain: bool) -> Result<Self, SimError> {
        Ok(Self {
            world: World::without_campaign(scenario)?,
            clock: None,
            factor,
            fingerprint: fingerprint(&spec(scenario), &scenario.image, scenario.seed),
            is_plain,
            campaign: None,
            token: 0,
            ledger: Ledger::new(scenario.config.fmcport),
            fenced: 0,
            remembered: 0,
            mailboxes: Mailboxes::default(),
            lines: BTreeMap::new(),
            is_over: false,
        })
    }

    /// Lives until the campaign is over and every node has been gone for a while, or until it is to stop.
    ///
    /// # Errors
    /// As [`World::run`].
    pub(crate) fn live(mut self, commands: &Receiver<Command>, stop: &AtomicBool) -> Result<Ended, SimError> {
        let mut alone_since = None;
        loop {
            if !self.is_over || !self.lines.is_empty() {
                alone_since = None;
            } else if alone_since.get_or_insert_with(Instant::now).elapsed() >= LINGER {
                return Ok(Ended::Over(Box::new(self.report())));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(Ended::Stopped);
            }
            let next = self.clock.zip(self.world.next_at());
            let wait = next.map_or(LOOK, |(clock, at)| clock.time_left(at).min(LOOK));
            let command = commands.recv_timeout(wait);
            self.advance()?;
            match command {
                Ok(command) => self.hear(command)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Stopped),
            }
        }
    }

    fn report(&mut self) -> FleetReport {
        let (holders, compared) = self.world.taken_stock().holders();
        let Self { token, fenced, remembered, .. } = *self;
        FleetReport { holders, compared, token, fenced, remembered, downlinks: self.ledger.accounts() }
    }

    /// Lets the world catch up with the clock.
    fn advance(&mut self) -> Result<(), SimError> {
        if let Some(clock) = self.clock {
            self.world.advance(clock.now())?;
            self.publish();
        }
        Ok(())
    }

    fn publish(&mut self) {
        for told in self.world.told() {
            self.ledger.note(&told);
            self.tell_all(&told);
        }
    }

    fn tell_all(&mut self, told: &Told) {
        let (receipt, lines) = self.mailboxes.put(told);
        let campaign = self.campaign.unwrap_or_default();
        for line in lines {
            self.say(line, &Line::Told { receipt, campaign, told: told.clone() });
        }
    }

    fn say(&self, line: u64, what: &Line) {
        // Whoever is gone says so, or is found to be.
        if let (Some(to), Ok(mut text)) = (self.lines.get(&line), serde_json::to_string(what)) {
            text.push('\n');
            let _ = to.send(text);
        }
    }

    /// Does what somebody wants.
    ///
    /// # Errors
    /// As [`World::run`].
    pub(super) fn hear(&mut self, command: Command) -> Result<(), SimError> {
        match command {
            Command::Connected(line, to) => {
                self.lines.insert(line, to);
            }
            Command::Gone(line) => {
                self.lines.remove(&line);
                self.mailboxes.disconnect(line);
            }
            Command::Said(line, said) => {
                let SaidLine(Said { n, call }) = *said;
                match call {
                    Call::Hello { node } => self.greet(line, n, node),
                    Call::Acknowledge { receipt } => self.mailboxes.acknowledge(line, receipt),
                    call => {
                        let answer = self.answer(call)?;
                        self.say(line, &Line::Answer { n, answer });
                    }
                }
            }
        }
        self.publish();
        Ok(())
    }

    fn greet(&mut self, line: u64, n: u64, node: String) {
        let clock = *self.clock.get_or_insert_with(|| FastClock::start(self.factor));
        let greeting = Greeting {
            clock,
            fingerprint: self.fingerprint.clone(),
            is_plain: self.is_plain,
            queue_depth: QUEUE_DEPTH,
        };
        self.say(line, &Line::Answer { n, answer: Answer::Hello(greeting) });
        let campaign = self.campaign.unwrap_or_default();
        for (receipt, told) in self.mailboxes.connect(node, line) {
            self.say(line, &Line::Told { receipt, campaign, told });
        }
    }

    fn answer(&mut self, call: Call) -> Result<Answer, SimError> {
        Ok(match call {
            Call::Send { campaign, token, downlink } => self.take(campaign, token, downlink)?,
            Call::Cancel { id } => {
                self.world.take_back(id);
                Answer::Done
            }
            Call::Provision { campaign, parameters, mc_app_s_key, mc_nwk_s_key } => {
                let keys = FrameKeys {
                    mc_addr: parameters.mc_addr,
                    mc_app_s_key: McAppSKey::new(mc_app_s_key),
                    mc_nwk_s_key: McNwkSKey::new(mc_nwk_s_key),
                };
                self.provision(campaign, parameters, keys)
            }
            Call::Release { group } => {
                self.world.release(group);
                Answer::Done
            }
            Call::Queued => Answer::Queued(self.world.queued().0),
            Call::Enter { stage } => {
                self.world.enter(stage);
                Answer::Done
            }
            Call::TakeStock => Answer::Stock(Box::new(self.world.taken_stock())),
            Call::Finish => {
                self.is_over = true;
                Answer::Done
            }
            // Neither gets here.
            Call::Hello { .. } | Call::Acknowledge { .. } => Answer::Done,
        })
    }

    /// Takes a downlink, or not.
    fn take(&mut self, campaign: u64, token: u64, downlink: Downlink) -> Result<Answer, SimError> {
        let transmit = Transmit::from(downlink);
        if self.campaign != Some(campaign) {
            return Ok(Answer::Refused(Refusal::Unknown));
        }
        if token < self.token && !self.is_plain {
            self.fenced += 1;
            return Ok(Answer::Fenced);
        }
        self.token = token.max(self.token);
        if let Some(known) = self.ledger.find(transmit.id).filter(|_| !self.is_plain) {
            self.remembered += 1;
            // It goes out once; who asks again may have missed what became of it.
            if let Some(report) = known {
                self.tell_all(&Told::Downlink { id: transmit.id, report });
            }
            return Ok(Answer::Done);
        }
        let for_group = matches!(transmit.dest, Dest::Multicast(_));
        if for_group && self.world.queued().1 >= usize::from(QUEUE_DEPTH) {
            return Ok(Answer::Refused(Refusal::Busy));
        }
        Ok(match self.world.take_downlink(transmit.clone())? {
            Some(refusal) => Answer::Refused(refusal),
            None => {
                self.ledger.take(&transmit);
                Answer::Done
            }
        })
    }

    fn provision(&mut self, campaign: u64, parameters: GroupParameters, keys: FrameKeys) -> Answer {
        if *self.campaign.get_or_insert(campaign) != campaign {
            return Answer::Refused(Refusal::Unknown);
        }
        Answer::Counter(self.world.host(parameters, keys))
    }
}
