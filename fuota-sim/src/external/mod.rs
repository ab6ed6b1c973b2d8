//! Devices whose packages run in processes of their own.
//!
#![doc = include_str!("protocol.md")]

mod failure;
mod message;
mod process;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::failure::{Failure, StartError};
pub(crate) use self::message::{Output, Told, Upward};
pub(crate) use self::process::Process;
use crate::fleet::Fleet;

/// How long a process may be silent while it owes an answer.
pub const SILENCE: Duration = Duration::from_secs(10);

/// Which devices of a fleet run outside, and in what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalDevices {
    /// The program and its arguments, split as a shell would; there is no shell.
    pub command: String,
    /// The first so many devices of the fleet run outside.
    pub devices: u32,
    /// They share so many processes, neighbours together; at least 1, at most one for each device.
    pub processes: u32,
    /// How long a process may be silent while it owes an answer.
    pub silence: Duration,
}

/// A process, and the devices that share it.
pub(crate) type Shared = Arc<Mutex<Process>>;

/// Takes a process for one exchange. Nobody panics while holding it.
pub(crate) fn lock(process: &Shared) -> MutexGuard<'_, Process> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ExternalDevices {
    /// Starts the processes: for each device that runs outside, in the fleet's order, the one that it is in.
    ///
    /// # Errors
    /// [`StartError`] if the command is none or cannot be started.
    pub(crate) fn start(&self, fleet: &Fleet) -> Result<Vec<Shared>, StartError> {
        let processes = u64::from(self.processes.clamp(1, self.devices.max(1)));
        let of = |device: u32| u64::from(device) * processes / u64::from(self.devices);
        let mut all = Vec::new();
        let mut first = 0;
        while first < self.devices {
            let end = (first..self.devices).find(|&device| of(device) != of(first)).unwrap_or(self.devices);
            let process = Process::start(&self.command, fleet, first..end, self.silence)?;
            let process = Arc::new(Mutex::new(process));
            all.extend((first..end).map(|_| Arc::clone(&process)));
            first = end;
        }
        Ok(all)
    }
}
