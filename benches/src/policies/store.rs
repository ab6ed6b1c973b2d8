//! Runs that were made, one JSON object on a line each: what is in the file is not run again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::contender::{Contender, Took};

/// One campaign of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(flatten)]
    pub(crate) cell: Cell,
    pub(crate) seed: u64,
    pub(crate) contender: Contender,
    #[serde(flatten)]
    pub(crate) took: Took,
}

/// What contenders are compared on, over all seeds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Cell {
    pub(crate) devices: u32,
    pub(crate) nb_frag: u16,
    pub(crate) channel: String,
}

/// The runs, and where they are kept if anywhere.
pub(crate) struct Store {
    runs: Vec<Run>,
    file: Option<File>,
}

impl Store {
    /// Of no file.
    pub(crate) const fn unkept() -> Self {
        Self { runs: Vec::new(), file: None }
    }

    /// With the runs of a file, to which others are added. Several processes may add to the same file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let mut runs = Vec::new();
        for line in BufReader::new(File::open(path)?).lines() {
            // A line that was cut off is run again.
            runs.extend(serde_json::from_str::<Run>(&line?).ok());
        }
        Ok(Self { runs, file: Some(file) })
    }

    pub(crate) fn has(&self, cell: &Cell, seed: u64, contender: Contender) -> bool {
        self.runs.iter().any(|run| run.seed == seed && run.contender == contender && run.cell == *cell)
    }

    pub(crate) fn push(&mut self, run: Run) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_string(&run)?;
            line.push('\n');
            file.write_all(line.as_bytes())?;
        }
        self.runs.push(run);
        Ok(())
    }

    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_is_found_again_and_a_torn_line_is_not() {
        let path = std::env::temp_dir().join(format!("fuota-benches-{}.jsonl", std::process::id()));
        let cell = Cell { devices: 1000, nb_frag: 215, channel: "iid 10 %".into() };
        let took = Took {
            frames: 250.5,
            airtime_s: 100.0,
            duration_s: 1_000.0,
            uplink_s: 9.0,
            joules: 15.0,
            polls: 4,
            done: 1.0,
            wrong: 0,
            named: 0,
        };
        let run = |seed| Run { cell: cell.clone(), seed, contender: Contender::Adaptive, took };
        let mut store = Store::open(&path).unwrap();
        store.push(run(1)).unwrap();
        store.push(run(2)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        let store = Store::open(&path).unwrap();
        assert!(store.has(&cell, 1, Contender::Adaptive) && !store.has(&cell, 2, Contender::Adaptive));
        assert!(!store.has(&cell, 1, Contender::Oracle));
        std::fs::remove_file(&path).unwrap();
    }
}
