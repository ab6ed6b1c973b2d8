//! Processes of nodes and fleets, and what they leave behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Nothing that is waited for takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// What every process of a campaign is told: 120 fragments for a fleet that speaks every minute.
pub(crate) struct Flags(Vec<String>);

impl Flags {
    pub(crate) fn new(folder: &Path, seed: usize) -> Self {
        let image = folder.join("image.bin");
        let octets: Vec<u8> = (0..120 * 239_u32).map(|i| (i * i / 7 + i).to_le_bytes()[0]).collect();
        fs::write(&image, octets).unwrap();
        let flags = "--devices 20 --uplink-period 60s --loss 0.05 --json --seed";
        let mut flags: Vec<_> = flags.split(' ').map(str::to_owned).collect();
        flags.extend([seed.to_string(), "--image".into(), image.to_str().unwrap().into()]);
        Self(flags)
    }

    /// With more flags.
    pub(crate) fn with(mut self, flags: &str) -> Self {
        self.0.extend(flags.split(' ').map(str::to_owned));
        self
    }

    /// A fleet of three that is done sooner.
    pub(crate) fn few(mut self) -> Self {
        self.0[1] = "3".into();
        self
    }

    /// `fuota` with a verb, these flags and more.
    pub(crate) fn call(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fuota"));
        command.arg(verb).args(&self.0).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The report of the same campaign in virtual time, which nothing interrupts.
    pub(crate) fn uninterrupted(&self) -> Value {
        let output = self.call("run", &[]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A fresh folder for one test's files.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A process; it ends with the test at the latest.
pub(crate) struct Process {
    child: Child,
    errors: Receiver<String>,
    output: Option<thread::JoinHandle<String>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended; a test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let errors = lines(child.stderr.take().unwrap());
        let mut stdout = child.stdout.take().unwrap();
        let output = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, errors, output: Some(output) }
    }

    /// Waits until it says something like that on stderr.
    pub(crate) fn says(&mut self, what: &str) {
        let began = Instant::now();
        let mut said = Vec::new();
        loop {
            match self.errors.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(line) if line.contains(what) => return,
                Ok(line) => said.push(line),
                Err(error) => panic!("never said `{what}`: {error}; but {said:?}"),
            }
        }
    }

    /// Waits so long for it to end by itself; whether it has.
    pub(crate) fn ends_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if began.elapsed() >= time {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its exit code and what it printed, once it has ended by itself.
    pub(crate) fn end(mut self) -> (i32, String) {
        let Some(status) = self.ends_within(PATIENCE) else {
            panic!("it does not end by itself, and says {:?}", self.errors.try_iter().collect::<Vec<_>>());
        };
        let errors: Vec<_> = self.errors.iter().collect();
        let output = self.output.take().unwrap().join().unwrap();
        (status.code().unwrap_or_else(|| panic!("{status}: {errors:?}")), output)
    }

    /// SIGKILL, and gone.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// SIGSTOP, SIGCONT.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    told
}

/// A fleet in a process of its own.
pub(crate) struct Fleet {
    process: Process,
    pub(crate) socket: String,
}

impl Fleet {
    pub(crate) fn start(flags: &Flags, folder: &Path, factor: &str, plain: bool) -> Self {
        let socket = folder.join("fleet").to_str().unwrap().to_owned();
        let more = ["--fleet-only", &socket, "--real-time-factor", factor, "--plain-server"];
        let mut process = Process::start(flags.call("run", &more[..if plain { 5 } else { 4 }]));
        process.says("the fleet listens");
        Self { process, socket }
    }

    /// Ends it before any campaign has.
    pub(crate) fn stop(self) {
        self.process.kill();
    }

    /// Its account, once the nodes are gone.
    pub(crate) fn account(self) -> Account {
        let (code, output) = self.process.end();
        assert_eq!(code, 0, "{output}");
        Account(serde_json::from_str(&output).unwrap())
    }
}

/// What a fleet says of a campaign.
pub(crate) struct Account(Value);

impl Account {
    /// Every fragment of each of a report's rounds was on air; every downlink was the same each time; to the group and to
    /// each device no more were repeated than that.
    pub(crate) fn holds(&self, report: &Value, repeats: Repeats) {
        let number = |value: &Value| value.as_u64().unwrap();
        let downlinks = self.0["downlinks"].as_array().unwrap();
        let (mut of_group, mut on_air_again) = (0, 0);
        let mut of_device = BTreeMap::<&str, u64>::new();
        let mut rounds_of = BTreeMap::<u64, usize>::new();
        for downlink in downlinks {
            assert_eq!(downlink["identical"], true, "{downlink}");
            let again = number(&downlink["taken"]) - 1;
            on_air_again += number(&downlink["on_air"]).saturating_sub(1);
            match downlink["device"].as_str() {
                Some(device) => *of_device.entry(device).or_default() += again,
                None => of_group += again,
            }
            if let Some(n) = downlink["fragment"].as_u64().filter(|_| downlink["on_air"] != 0) {
                *rounds_of.entry(n).or_default() += 1;
            }
        }
        // A firmware update with parity polls nobody after its only round.
        let rounds = report["rounds"].as_array().unwrap().len().max(1);
        let all = number(&report["nb_frag"]) + number(&report["parity"]);
        let wrong: Vec<_> = (1..=all).filter(|n| rounds_of.get(n) != Some(&rounds)).collect();
        assert!(wrong.is_empty(), "of {rounds} rounds some have no fragments {wrong:?}");
        assert_eq!(rounds_of.len() as u64, all);
        let most = of_device.values().copied().max().unwrap_or(0);
        assert!(of_group <= repeats.of_group && most <= repeats.of_device, "{of_group} {of_device:?}");
        if repeats == Repeats::NONE {
            assert_eq!(on_air_again, 0);
        }
        eprintln!(
            "{rounds} rounds, {} downlinks; token {}, {} fenced, {} remembered; repeated: {of_group} to the group, {} to \
             devices, {most} at most to one; {on_air_again} twice on air",
            downlinks.len(),
            self.token(),
            self.0["fenced"],
            self.0["remembered"],
            of_device.values().sum::<u64>(),
        );
    }

    /// The largest token that a downlink was handed over with.
    pub(crate) fn token(&self) -> u64 {
        self.0["token"].as_u64().unwrap()
    }

    /// Devices that hold the image, compared octet for octet.
    pub(crate) fn compared(&self) -> u64 {
        self.0["compared"].as_u64().unwrap()
    }
}

/// How many downlinks may be handed over again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeats {
    /// Multicast frames in all.
    pub(crate) of_group: u64,
    /// Requests to one device.
    pub(crate) of_device: u64,
}

impl Repeats {
    pub(crate) const NONE: Self = Self { of_group: 0, of_device: 0 };
}
