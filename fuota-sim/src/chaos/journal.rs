//! A store as a node has it: octets that survive a crash, and the ways back from them.

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{DeviceReport, Event, Outcome, StageReport};
use fuota_engine::campaign::format::FormatError;
use fuota_engine::campaign::io::{Dest, GroupOrder, Output, Transmit};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::time::GpsInstant;

use super::check::{Invariant, Violation};

/// What is durable of a campaign.
#[derive(Debug)]
pub(super) struct Journal {
    plan: Vec<u8>,
    image: Vec<u8>,
    records: Vec<Vec<u8>>,
    /// What is left of a record that was being written.
    torn: Option<Vec<u8>>,
    /// The latest snapshot, and how many records it covers.
    snapshot: Option<(usize, Vec<u8>)>,
    /// Until then it takes nothing, or says so.
    fails_until: GpsInstant,
    keeps: bool,
    /// How the campaign stood after the last records that were made durable, and how many those were.
    stand: Option<(usize, Stand)>,
}

/// The store could not be reached, or did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotDurable;

/// How a campaign stands, as its owner sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stand {
    devices: Vec<DeviceReport>,
    stages: Vec<StageReport>,
}

impl Stand {
    pub(super) fn of(campaign: &Campaign) -> Self {
        Self { devices: campaign.devices().collect(), stages: campaign.stages().to_vec() }
    }
}

impl Journal {
    pub(super) fn new(spec: &CampaignSpec) -> Self {
        Self {
            plan: spec.to_octets(),
            image: spec.image.clone(),
            records: Vec::new(),
            torn: None,
            snapshot: None,
            fails_until: GpsInstant::EPOCH,
            keeps: false,
            stand: None,
        }
    }

    /// Has it fail for a while.
    pub(super) const fn fail(&mut self, until: GpsInstant, keeps: bool) {
        (self.fails_until, self.keeps) = (until, keeps);
    }

    /// Records that are durable.
    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Every durable octet, for whoever looks for what must not be there.
    pub(super) fn octets(&self) -> Vec<u8> {
        let snapshot = self.snapshot.iter().flat_map(|(_, octets)| octets);
        self.plan.iter().chain(self.records.iter().flatten()).chain(snapshot).copied().collect()
    }

    /// Makes records durable that follow on the first `first`, unless it fails.
    pub(super) fn append(
        &mut self,
        now: GpsInstant,
        first: usize,
        records: &[Record],
    ) -> Result<(), NotDurable> {
        let fails = now < self.fails_until;
        if !fails || self.keeps {
            self.keep(first, records);
        }
        if fails { Err(NotDurable) } else { Ok(()) }
    }

    /// Makes records durable. Those that were before, though nobody learned of it, are the same.
    pub(super) fn keep(&mut self, first: usize, records: &[Record]) {
        self.records.truncate(first);
        self.records.extend(records.iter().map(Record::to_octets));
        self.torn = None;
    }

    /// Leaves half a record behind.
    pub(super) fn tear(&mut self, record: &Record) {
        let mut octets = record.to_octets();
        octets.truncate(octets.len() / 2);
        self.torn = Some(octets);
    }

    /// The last record is lost: what no store does.
    pub(super) fn forget(&mut self) {
        self.records.pop();
    }

    /// Notes how the campaign stands, all its records being durable.
    pub(super) fn stands(&mut self, stand: Stand) {
        self.stand = Some((self.records.len(), stand));
    }

    /// Keeps a snapshot, if there are so many records more.
    pub(super) fn snapshot_every(&mut self, records: usize, campaign: &Campaign) -> Option<usize> {
        let covered = self.snapshot.as_ref().map_or(0, |(covered, _)| *covered);
        if records == 0 || self.records.len() < covered + records {
            return None;
        }
        let octets = campaign.snapshot()?;
        let len = octets.len();
        self.snapshot = Some((self.records.len(), octets));
        Some(len)
    }

    /// The campaign after a restart, however it is rebuilt; `None` if nothing at all is durable.
    ///
    /// # Errors
    /// A violation if the ways back differ, or lead elsewhere than where the campaign stood.
    pub(super) fn restore(&mut self, now: GpsInstant) -> Result<Option<Campaign>, Violation> {
        let forgotten = |what: String| Violation::new(Invariant::NothingForgotten, what);
        let spec = CampaignSpec::from_octets(&self.plan, self.image.clone());
        let plan = spec
            .map_err(|error| error.to_string())
            .and_then(|spec| Plan::new(spec).map_err(|error| error.to_string()));
        let plan =
            plan.map_err(|error| forgotten(format!("the plan that was written cannot be read: {error}")))?;
        let records = self.read()?;
        let mut restore = Restore::new(plan.clone());
        for record in &records {
            restore.apply(record.clone()).map_err(|error| forgotten(error.to_string()))?;
        }
        let Some(campaign) = restore.campaign() else { return Ok(None) };
        if let Some((at, stand)) = &self.stand
            && records.len() <= *at
            && Stand::of(campaign) != *stand
        {
            return Err(forgotten(format!(
                "after {at} records it stood as {stand:?}, now as {:?}",
                Stand::of(campaign)
            )));
        }
        let from_records = restore.finish(now).map_err(|error| forgotten(error.to_string()))?;
        let Some((covered, snapshot)) = &self.snapshot else { return Ok(Some(from_records)) };
        let restore = Restore::from_snapshot(plan, snapshot, *covered as u64);
        let mut restore =
            restore.map_err(|error| forgotten(format!("its snapshot cannot be read: {error}")))?;
        for record in records.iter().skip(*covered) {
            restore.apply(record.clone()).map_err(|error| forgotten(error.to_string()))?;
        }
        let from_snapshot = restore.finish(now).map_err(|error| forgotten(error.to_string()))?;
        same_future(&from_records, &from_snapshot)?;
        Ok(Some(from_snapshot))
    }

    /// The ends that the records tell of: one, once the campaign is over.
    ///
    /// # Errors
    /// A violation if they cannot be read.
    pub(super) fn retold(&mut self, plan: &Plan) -> Result<Vec<Outcome>, Violation> {
        let forgotten = |what: String| Violation::new(Invariant::NothingForgotten, what);
        let (mut restore, mut ends) = (Restore::new(plan.clone()), Vec::new());
        for record in self.read()? {
            let retold = restore.retell(record, &mut |event| {
                if let Event::Decided(outcome) = event {
                    ends.push(outcome);
                }
            });
            retold.map_err(|error| forgotten(error.to_string()))?;
        }
        Ok(ends)
    }

    /// The records as they are read again, the torn one left out.
    fn read(&mut self) -> Result<Vec<Record>, Violation> {
        let forgotten = |what: String| Violation::new(Invariant::NothingForgotten, what);
        match self.torn.take().map(|torn| Record::from_octets(&torn)) {
            None | Some(Err(FormatError::Truncated { .. } | FormatError::Empty { .. })) => {}
            Some(read) => return Err(forgotten(format!("half a record is read as {read:?}"))),
        }
        let records = self.records.iter().map(|octets| Record::from_octets(octets));
        records.collect::<Result<_, _>>().map_err(|error| forgotten(error.to_string()))
    }
}

/// Both have the same to do now, and are in the same state then: as they are deterministic, they do the same for ever.
/// Records lead to events and replies once more that a snapshot leaves behind.
fn same_future(from_records: &Campaign, from_snapshot: &Campaign) -> Result<(), Violation> {
    let (mut from_records, mut from_snapshot) = (from_records.clone(), from_snapshot.clone());
    let (long, short) = (drained(&mut from_records), drained(&mut from_snapshot));
    let mut wanted = short.iter().peekable();
    let same_outputs =
        long.iter().all(|output| wanted.next_if_eq(&output).is_some() || is_left_behind(output))
            && wanted.next().is_none();
    let what = if !same_outputs {
        format!("records lead to {long:?}, the snapshot to {short:?}")
    } else if from_records.snapshot() != from_snapshot.snapshot() {
        let (records, snapshot) = (format!("{from_records:?}"), format!("{from_snapshot:?}"));
        let alike = records.bytes().zip(snapshot.bytes()).take_while(|(one, other)| one == other).count();
        let from_there =
            |text: &str| text.chars().skip(alike.saturating_sub(80)).take(240).collect::<String>();
        let (records, snapshot) = (from_there(&records), from_there(&snapshot));
        format!("records lead to a state with …{records}…, the snapshot to …{snapshot}…")
    } else {
        return Ok(());
    };
    Err(Violation::new(Invariant::NothingForgotten, what))
}

/// Whether a snapshot may leave this behind: what was told, taken back or let go, and answers to devices. Requests and
/// what is derived show in the state.
const fn is_left_behind(output: &Output) -> bool {
    matches!(
        output,
        Output::Event(_)
            | Output::Cancel(_)
            | Output::Group(GroupOrder::Release(_))
            | Output::Transmit(Transmit { dest: Dest::Unicast(_), .. })
    )
}

/// Everything that a campaign has to do now.
fn drained(campaign: &mut Campaign) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        match campaign.poll_output() {
            Output::Wait(until) => {
                outputs.push(Output::Wait(until));
                return outputs;
            }
            output => outputs.push(output),
        }
    }
}
