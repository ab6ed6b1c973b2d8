//! A fleet in a process of its own.

use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;

use super::super::stop::stop_on_ctrl_c;
use super::super::{Outcome, STOPPED, console};
use super::args::LiveArgs;
use super::error::LiveError;
use crate::live::{Ended, Host, listen};
use crate::scenario::Scenario;

/// Virtual seconds in a real one, unless it is said.
pub(super) const FACTOR: f64 = 1000.0;

/// Lets a fleet live at a socket until a node says that the campaign is over; then prints the fleet's own account as
/// JSON.
///
/// # Errors
/// A socket that cannot be had, a scenario that cannot be carried out, and faults of the program.
pub(crate) fn run(args: &LiveArgs, socket: &Path, scenario: &Scenario) -> Outcome {
    let stop = stop_on_ctrl_c("the fleet ends (Ctrl-C again kills it)").map_err(LiveError::Signal)?;
    let factor = args.real_time_factor.unwrap_or(FACTOR);
    let host = Host::new(scenario, factor, args.plain_server).map_err(LiveError::World)?;
    let (commands, heard) = mpsc::channel();
    let bound = bind(socket).map_err(|source| LiveError::Socket { path: socket.into(), source })?;
    listen(bound, commands);
    console::note(&format!("the fleet listens at {}", socket.display()));
    let ended = host.live(&heard, stop).map_err(LiveError::World);
    // It would lead nobody anywhere.
    let _ = fs::remove_file(socket);
    match ended? {
        Ended::Over(report) => {
            let text = serde_json::to_string_pretty(&report).map_err(LiveError::Account)?;
            console::print(&format!("{text}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Ended::Stopped => Ok(ExitCode::from(STOPPED)),
    }
}

/// A socket at this path; one that nobody listens at any more is replaced.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && UnixStream::connect(path).is_err() => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}
