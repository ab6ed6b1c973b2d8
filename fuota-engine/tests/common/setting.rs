//! How a test's surroundings differ from devices and a network server that do all as they should.

use std::time::Duration;

use fuota_engine::campaign::io::{Order, Report, Transmit};
use fuota_engine::ids::DevEui;
use fuota_engine::time::GpsInstant;

use super::{Answer, Happening, Heard, START, Stage};

impl Stage {
    /// Has device `n` (counted from 1) behave like this.
    pub fn device(
        mut self,
        n: usize,
        script: impl FnMut(&Heard, u32, GpsInstant) -> Answer + 'static,
    ) -> Self {
        self.devices[n - 1].script = Box::new(script);
        self
    }

    /// Has device `n` never be heard.
    pub fn silence(mut self, n: usize) -> Self {
        self.devices[n - 1].heard = false;
        self
    }

    /// Has the key store not know device `n`.
    pub fn without_key(mut self, n: u64) -> Self {
        self.unknown = Some(DevEui(n));
        self
    }

    /// A key that was asked for once more comes after its stage, before what is asked for then.
    pub fn outdated_keys(mut self) -> Self {
        self.outdated_keys = true;
        self
    }

    /// Has the network server refuse the first downlinks to device `n`.
    pub fn refuse_unicast(mut self, n: usize, times: u32) -> Self {
        self.devices[n - 1].refusals = times;
        self
    }

    /// Has the network server treat multicast frames like this; `None`: send them.
    pub fn multicast_fate(mut self, fate: impl FnMut(u32, &Transmit) -> Option<Report> + 'static) -> Self {
        self.fate = Box::new(fate);
        self
    }

    /// Has only so many keys come in time; the others come when the first stage is over.
    pub fn keys_for(mut self, count: usize) -> Self {
        self.keys = count;
        self
    }

    /// Has the server crash when it has taken so many outputs: the next one is lost, the campaign is rebuilt from
    /// what was persisted. More than one crash is possible.
    pub fn crash_after(mut self, outputs: usize) -> Self {
        self.recovery.crashes.insert(outputs);
        self
    }

    /// Has a crash leave half of the record that was being written.
    pub fn torn(mut self, torn: bool) -> Self {
        self.recovery.torn = torn;
        self
    }

    /// Keeps a snapshot whenever there are so many records more, and has the campaign rebuilt from the latest; the
    /// records alone must lead to the same.
    pub fn snapshot_every(mut self, records: usize) -> Self {
        self.recovery.snapshot_every = Some(records);
        self
    }

    /// Has the campaign written down and read again whenever it waits.
    pub fn handed_over(mut self) -> Self {
        self.recovery.handed_over = true;
        self
    }

    /// How often the server crashed.
    pub fn crashes(&self) -> usize {
        self.recovery.crashed
    }

    /// Has device `n` cut off once the server has crashed.
    pub fn deaf_after_crash(mut self, n: usize) -> Self {
        self.deaf = Some(n - 1);
        self
    }

    /// Has the operator order something after a while.
    pub fn order(mut self, after: Duration, order: Order) -> Self {
        self.schedule(START + after, Happening::Order(order));
        self
    }

    /// Has device `n` say something by itself after a while.
    pub fn answer_at(&mut self, after: Duration, n: usize, answer: Answer) {
        if let Some((port, payload)) = answer {
            self.schedule(START + after, Happening::Answer(n - 1, port, payload));
        }
    }
}
