//! A part of a sweep, for a cluster's own scheduler to spread.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Every n-th run, from the i-th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, counted from 1.
    part: u32,
    /// Of how many.
    of: u32,
}

/// Why there is no such shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// It is not written as one.
    #[error("i/n with i from 1 to n is expected, or auto")]
    Form,
    /// No variable of a scheduler tells.
    #[error(
        "auto needs SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT (Slurm job arrays), or JOB_COMPLETION_INDEX and \
         JOB_COMPLETIONS (Kubernetes indexed jobs)"
    )]
    NoScheduler,
    /// A variable is not what it should be.
    #[error("{name}={value}: {expected} is expected")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it is; empty if it is missing.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// Part `part`, counted from 1, of `of`; `None` if there is none.
    #[must_use]
    pub const fn new(part: u32, of: u32) -> Option<Self> {
        if part >= 1 && part <= of { Some(Self { part, of }) } else { None }
    }

    /// Whether this is the whole sweep.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether a run, counted from 0, belongs to it. Runs are dealt out like cards, so that parts take equally long.
    #[must_use]
    pub const fn has(self, run: u64) -> bool {
        run % self.of as u64 == (self.part - 1) as u64
    }

    /// The shard that a scheduler's variables tell: those of a Slurm job array, or of a Kubernetes indexed job, whose
    /// `completions` the job has to hand over as JOB_COMPLETIONS, because Kubernetes does not.
    ///
    /// # Errors
    /// [`ShardError`] if variables are missing or contradict each other.
    pub fn auto(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ShardError> {
        const WHOLE: &str = "a whole number";
        let number = |name: &'static str| -> Result<Option<u32>, ShardError> {
            let Some(value) = variable(name) else { return Ok(None) };
            let read = value.trim().parse();
            read.map(Some).map_err(|_| ShardError::Variable { name, value, expected: WHOLE })
        };
        let needed = |name: &'static str| {
            let missing = ShardError::Variable { name, value: String::new(), expected: WHOLE };
            number(name)?.ok_or(missing)
        };
        if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let of = needed("SLURM_ARRAY_TASK_COUNT")?;
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1);
            let part = id.checked_sub(first).filter(|behind| step > 0 && behind % step == 0);
            let shard = part.and_then(|behind| Self::new(behind / step + 1, of));
            return shard.ok_or(ShardError::Variable {
                name: "SLURM_ARRAY_TASK_ID",
                value: id.to_string(),
                expected: "a task of a regular array, counted from SLURM_ARRAY_TASK_MIN in steps",
            });
        }
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let of = needed("JOB_COMPLETIONS")?;
            return index.checked_add(1).and_then(|part| Self::new(part, of)).ok_or(ShardError::Variable {
                name: "JOB_COMPLETION_INDEX",
                value: index.to_string(),
                expected: "an index below JOB_COMPLETIONS",
            });
        }
        Err(ShardError::NoScheduler)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (part, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let (part, of) = (part.trim().parse(), of.trim().parse());
        part.ok().zip(of.ok()).and_then(|(part, of)| Self::new(part, of)).ok_or(ShardError::Form)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(variables: &[(&str, &str)]) -> Result<String, String> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        Shard::auto(value).map(|shard| shard.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn shards_deal_out_every_run_once() {
        let shards: Vec<_> = (1..=4).map(|part| Shard::new(part, 4).unwrap()).collect();
        for run in 0..100 {
            assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1);
        }
        assert!((0..100).all(|run| Shard::WHOLE.has(run)));
    }

    #[test]
    fn only_parts_that_there_are_can_be_named() {
        assert_eq!("2/3".parse(), Ok(Shard { part: 2, of: 3 }));
        for text in ["0/3", "4/3", "1/0", "3", "a/b", "-1/2", ""] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError::Form), "{text}");
        }
    }

    #[test]
    fn slurm_counts_from_where_the_array_begins() {
        let slurm = |id, min| {
            auto(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", "9"),
                ("SLURM_ARRAY_TASK_COUNT", "5"),
                ("SLURM_ARRAY_TASK_STEP", "2"),
            ])
        };
        assert_eq!(slurm("1", "1").unwrap(), "1/5");
        assert_eq!(slurm("9", "1").unwrap(), "5/5");
        assert!(slurm("2", "1").unwrap_err().contains("regular array"));
        assert!(slurm("x", "1").unwrap_err().contains("SLURM_ARRAY_TASK_ID=x: a whole number"));
        assert!(auto(&[("SLURM_ARRAY_TASK_ID", "1")]).unwrap_err().contains("SLURM_ARRAY_TASK_COUNT="));
    }

    #[test]
    fn kubernetes_counts_from_zero() {
        let job = |index| auto(&[("JOB_COMPLETION_INDEX", index), ("JOB_COMPLETIONS", "3")]);
        assert_eq!([job("0").unwrap(), job("2").unwrap()], ["1/3", "3/3"]);
        assert!(job("3").unwrap_err().contains("below JOB_COMPLETIONS"));
        assert!(auto(&[]).unwrap_err().contains("JOB_COMPLETION_INDEX"));
    }
}
