//! Faults of the harness itself, to see that the checks notice.

use clap::ValueEnum;

use super::check::Invariant;

/// What the harness does wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Sabotage {
    /// It panics.
    Panic,
    /// It makes a thousand outputs of one.
    Flood,
    /// It hands over before it makes durable.
    HandOverFirst,
    /// It alters what is repeated.
    AlterRepeat,
    /// It does not pass on that something is repeated.
    HideRepeat,
    /// It reports a fragment as sent that it did not hand over.
    SwallowFragment,
    /// It loses a durable record.
    ForgetRecord,
    /// It withholds inputs from the campaign's twin.
    MissInput,
    /// It writes a key down.
    LeakKey,
    /// It says that a device is complete that was never heard.
    CountSilence,
    /// It has devices say that they hold what they do not.
    AnswerForThem,
    /// It counts a device more.
    Miscount,
    /// It does not hear that the campaign is over.
    SwallowEnd,
    /// It tells the campaign that no time passes.
    StopClock,
    /// It hands something over in a pause.
    BreakPause,
    /// It has another image sent than the world knows.
    OtherImage,
}

impl Sabotage {
    /// Every one, and what notices it.
    pub const ALL: [(Self, Invariant); 16] = [
        (Self::Panic, Invariant::NoPanic),
        (Self::Flood, Invariant::Bounded),
        (Self::HandOverFirst, Invariant::DurableFirst),
        (Self::AlterRepeat, Invariant::RepeatedAsItWas),
        (Self::HideRepeat, Invariant::RepeatedAsItWas),
        (Self::SwallowFragment, Invariant::NothingSkipped),
        (Self::ForgetRecord, Invariant::NothingForgotten),
        (Self::MissInput, Invariant::SameAgain),
        (Self::LeakKey, Invariant::SecretsKept),
        (Self::CountSilence, Invariant::OwnWord),
        (Self::AnswerForThem, Invariant::HasIt),
        (Self::Miscount, Invariant::CountsAgree),
        (Self::SwallowEnd, Invariant::Ends),
        (Self::StopClock, Invariant::Ends),
        (Self::BreakPause, Invariant::PauseKept),
        (Self::OtherImage, Invariant::World),
    ];
}
