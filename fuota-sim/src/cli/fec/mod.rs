//! `fuota fec`: the erasure code on files.

mod check;
mod curve;
mod decode;
mod encode;
mod row;

use clap::{Subcommand, ValueEnum};
use fuota_fec::ParityRule;

use super::{FAILED, Outcome, console};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Cut a file into fragments and add parity
    Encode(encode::Args),
    /// Put a file together again from the fragments that came through
    Decode(decode::Args),
    /// The uncoded fragments that a parity fragment is the sum of
    Row(row::Args),
    /// What is bad about a number of fragments
    Check(check::Args),
    /// Compare codes: who has decoded after how many fragments
    Curve(curve::Args),
}

pub(super) fn run(verb: Verb) -> Outcome {
    match verb {
        Verb::Encode(args) => encode::run(&args),
        Verb::Decode(args) => decode::run(&args),
        Verb::Row(args) => row::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Curve(args) => curve::run(&args),
    }
}

/// A parity rule, as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rule {
    /// TS004-1.0.0
    V1,
    /// TS004-2.0.0
    V2,
}

impl From<Rule> for ParityRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::V1 => Self::V1,
            Rule::V2 => Self::V2,
        }
    }
}
