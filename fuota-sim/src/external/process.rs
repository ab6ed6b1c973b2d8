//! A process with a pipe to it and one from it, which is never waited for without end.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::{Failure, StartError};
use super::message::{Answer, Output, Told, read};
use crate::fleet::Fleet;

/// Names the devices of a process, separated by commas.
const DEVICES: &str = "FUOTA_DEVICES";
/// Their GenAppKeys in hexadecimal, in the same order.
const KEYS: &str = "FUOTA_GEN_APP_KEYS";
/// Most octets of a line.
const LINE_MAX: u64 = 64 << 10;
/// Most lines before a `ready`.
const LINES_MAX: usize = 1_000;
/// Characters of a line that an error shows.
const SHOWN: usize = 120;
/// How long a process that is no longer needed may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// A process that runs devices.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// To the thread that writes. Room for one line: a second one waits only if the first is not read.
    input: Option<SyncSender<String>>,
    /// From the thread that reads; it ends with the process's output.
    output: Receiver<Line>,
    silence: Duration,
    /// Once something is wrong with it nothing is asked of it any more.
    failure: Option<Failure>,
}

/// What was read.
#[derive(Debug)]
enum Line {
    Whole(String),
    /// The beginning of a line that is too long.
    Endless(String),
}

/// What came of telling it something.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) outputs: Vec<Output>,
    /// When the device wants to be told of the time, in milliseconds since the GPS epoch.
    pub(crate) wake_at: Option<u64>,
}

impl Process {
    /// Starts a process for the devices `devices`.
    ///
    /// # Errors
    /// [`StartError`] if the command is none or cannot be started.
    pub(super) fn start(
        command: &str,
        fleet: &Fleet,
        devices: Range<u32>,
        silence: Duration,
    ) -> Result<Self, StartError> {
        let words = shlex::split(command).filter(|words| !words.is_empty());
        let no_command = || StartError::Command { command: command.into() };
        let (program, arguments) =
            words.as_deref().and_then(<[String]>::split_first).ok_or_else(no_command)?;
        let list = |of: &dyn Fn(u32) -> String| devices.clone().map(of).collect::<Vec<_>>().join(",");
        let cannot = |error: io::Error| StartError::Start { command: command.into(), why: error.to_string() };
        let mut child = Command::new(program)
            .args(arguments)
            .env(DEVICES, list(&|device| Fleet::dev_eui(device).to_string()))
            .env(KEYS, list(&|device| hex::encode(fleet.gen_app_key(device))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let (input, lines) = sync_channel(1);
        let (said, output) = sync_channel(LINES_MAX);
        if let Some(stdin) = child.stdin.take() {
            thread::spawn(move || write_lines(stdin, &lines));
        }
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || read_lines(stdout, &said));
        }
        Ok(Self { child, input: Some(input), output, silence, failure: None })
    }

    /// What is wrong with it.
    pub(crate) const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Tells it something and hears it out.
    ///
    /// # Errors
    /// [`Failure`], the same from then on; the process is ended.
    pub(crate) fn tell(&mut self, told: &Told) -> Result<Turn, Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let turn = self.turn(told);
        if let Err(failure) = &turn {
            self.failure = Some(failure.clone());
            self.end(Duration::ZERO);
        }
        turn
    }

    fn turn(&mut self, told: &Told) -> Result<Turn, Failure> {
        match self.output.try_recv() {
            Ok(Line::Whole(line) | Line::Endless(line)) => {
                return Err(Failure::Unasked { line: beginning(&line) });
            }
            Err(TryRecvError::Disconnected) => return Err(self.ended()),
            Err(TryRecvError::Empty) => {}
        }
        let line = serde_json::to_string(told).unwrap_or_default() + "\n";
        if self.input.as_ref().is_none_or(|input| input.try_send(line).is_err()) {
            // The thread that writes ends with the pipe.
            return Err(if self.has_ended() { self.ended() } else { Failure::Deaf });
        }
        let asked = told.what.device();
        let mut outputs = Vec::new();
        loop {
            let line = match self.output.recv_timeout(self.silence) {
                Ok(Line::Whole(line)) => line,
                Ok(Line::Endless(line)) => {
                    let why = format!("a line has at most {LINE_MAX} octets");
                    return Err(Failure::Garbage { line: beginning(&line), why });
                }
                Err(RecvTimeoutError::Timeout) => return Err(Failure::Silent { after: self.silence }),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            };
            let (device, answer) =
                read(&line).map_err(|why| Failure::Garbage { line: beginning(&line), why })?;
            if let Some(device) = device.filter(|device| device != asked) {
                return Err(Failure::Foreign { device: beginning(&device), asked: asked.into() });
            }
            match answer {
                Answer::Output(output) => outputs.push(output),
                Answer::Ready { wake_at } => return Ok(Turn { outputs, wake_at }),
            }
            if outputs.len() >= LINES_MAX {
                return Err(Failure::Endless { lines: outputs.len() });
            }
        }
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Its output has ended; so has the process, or is about to.
    fn ended(&mut self) -> Failure {
        let how = match self.wait(GRACE) {
            Some(how) => how,
            None => "its output is closed".into(),
        };
        Failure::Ended { how }
    }

    /// Its exit status, if it ends in time.
    fn wait(&mut self, grace: Duration) -> Option<String> {
        let until = Instant::now() + grace;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status.to_string()),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
                _ => return None,
            }
        }
    }

    /// Closes its input, and ends it if it does not end by itself.
    fn end(&mut self, grace: Duration) {
        self.input = None;
        if self.wait(grace).is_none() {
            // Either it ends or it has ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end(GRACE);
    }
}

fn write_lines(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for line in lines {
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read_lines(stdout: ChildStdout, said: &SyncSender<Line>) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut octets = Vec::new();
        match stdout.by_ref().take(LINE_MAX).read_until(b'\n', &mut octets) {
            Ok(1..) => {}
            _ => return,
        }
        let text = String::from_utf8_lossy(&octets).trim_end().to_owned();
        let line = if octets.ends_with(b"\n") || (octets.len() as u64) < LINE_MAX {
            Line::Whole(text)
        } else {
            Line::Endless(text)
        };
        let is_last = matches!(line, Line::Endless(_));
        if said.send(line).is_err() || is_last {
            return;
        }
    }
}

fn beginning(line: &str) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.into(),
    }
}

#[cfg(all(test, unix))]
mod tests;
