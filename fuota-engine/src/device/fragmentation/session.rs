//! One fragmentation session.
//!
//! ```text
//!   FragSessionSetupReq ──▶ receiving ──last fragment──▶ whole     (FragDataBlockReceivedReq, if wanted)
//!                               │  ▲                 └──▶ corrupt   (its integrity code is wrong)
//!              refused parity ──┘  └── an uncoded fragment makes up for it
//! ```

use core::time::Duration;

use fuota_fec::{Decoder, FecError, FragmentNumber, FragmentStore, InsertError, ParityRule};
use fuota_proto::fragmentation::v2::FragSessionReport;
use fuota_proto::fragmentation::{v1, v2};
use fuota_proto::{BlockAckDelay, Descriptor, FragCount, FragIndex, GroupMask};

use super::command::{Checked, SetUp};
use crate::device::integrity::BlockIntegrity;
use crate::device::platform::{Memory, Platform};
use crate::device::random_delay;
use crate::time::GpsInstant;

/// How often FragDataBlockReceivedReq is sent at most.
const REPORTS: u8 = 3;
/// Least time for the answer to FragDataBlockReceivedReq: both receive windows and the longest frame in them.
const REPORT_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Session<W, S> {
    decoder: Decoder<W>,
    pub(super) store: S,
    pub(super) mc_group_bit_mask: GroupMask,
    pub(super) block_ack_delay: BlockAckDelay,
    pub(super) descriptor: Descriptor,
    checked: Option<Checked>,
    /// Fragments received, repeats included.
    pub(super) received: u32,
    /// A parity fragment was refused because more than this many fragments were unknown.
    refused_beyond: Option<u16>,
    block: Block,
    /// When the answer to a status request leaves.
    pub(super) status_due: Option<GpsInstant>,
    /// When the device says by itself that the block is whole, and how often it may still do so.
    report: Option<(GpsInstant, u8)>,
    /// Whether the firmware knows how the block ended.
    pub(super) announced: bool,
}

/// How far the block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Receiving,
    Whole,
    /// Whole, but not what the server sent: thrown away (TS004-2.0.0 §3.5).
    Corrupt,
}

impl<W, S> Session<W, S>
where
    W: AsRef<[u32]> + AsMut<[u32]>,
    S: FragmentStore,
{
    /// A session without fragments; `None` if the memory does not suffice for what it claims to.
    pub(super) fn new(setup: &SetUp, rule: ParityRule, memory: Memory<W, S>) -> Option<Self> {
        let Memory { words, max_lost, store } = memory;
        Some(Self {
            decoder: Decoder::new(setup.geometry?, rule, max_lost, words).ok()?,
            store,
            mc_group_bit_mask: setup.mc_group_bit_mask,
            block_ack_delay: setup.block_ack_delay,
            descriptor: setup.descriptor,
            checked: setup.checked,
            received: 0,
            refused_beyond: None,
            block: Block::Receiving,
            status_due: None,
            report: None,
            announced: false,
        })
    }

    /// Takes a fragment.
    #[inline]
    pub(super) fn insert<P>(
        &mut self,
        now: GpsInstant,
        frag_index: FragIndex,
        n: FragmentNumber,
        data: &[u8],
        platform: &mut P,
    ) where
        P: Platform<Words = W, Store = S>,
    {
        // TS004-1.0.0 §3.6: nothing more is taken once the block is whole.
        if self.block != Block::Receiving {
            return;
        }
        let inserted = if self.decoder.missing() == 0 {
            // The store failed when the lost fragments were solved for; every fragment is a chance to go on.
            self.decoder.solve(&mut self.store)
        } else {
            self.decoder.insert(n, data, &mut self.store)
        };
        match inserted {
            Ok(_) => {}
            Err(InsertError::Fec(FecError::TooManyMissing { max_lost, .. })) => {
                self.refused_beyond = Some(max_lost);
            }
            // A fragment of another length belongs to another session; what the store did not take counts as lost.
            Err(_) => return,
        }
        // TS004-2.0.0 §3.3: the counter is used up by the first fragment, not by the set-up.
        if self.received == 0
            && let Some(checked) = self.checked
        {
            platform.set_session_cnt_prev(frag_index, checked.session_cnt);
        }
        self.received = self.received.saturating_add(1);
        if self.decoder.is_complete() {
            self.complete(now, frag_index, platform);
        }
    }

    /// A status request: the answer leaves within the answer window.
    pub(super) fn ask<P: Platform>(&mut self, now: GpsInstant, participants: bool, platform: &mut P) {
        // TS004-1.0.0 §3.2: without Participants only those answer who miss something. One that threw a corrupt
        // block away misses all of it.
        if participants || self.block != Block::Whole {
            // A repeat does not draw again: the answer on its way serves both.
            self.status_due
                .get_or_insert_with(|| now + random_delay(self.block_ack_delay, platform.random()));
        }
    }

    /// The server knows that the block is whole. Whether that was news.
    pub(super) fn acknowledge(&mut self) -> bool {
        self.report.take().is_some()
    }

    /// Whether the server is still to be told that the block is over.
    pub(super) const fn is_reporting(&self) -> bool {
        self.report.is_some()
    }

    /// Takes the report that is due now, if any, and draws when it is repeated.
    pub(super) fn poll_report<P: Platform>(
        &mut self,
        now: GpsInstant,
        frag_index: FragIndex,
        platform: &mut P,
    ) -> Option<v2::FragDataBlockReceivedReq> {
        let (_, left) = self.report.filter(|&(due, _)| due <= now)?;
        let again = now + REPORT_PAUSE + random_delay(self.block_ack_delay, platform.random());
        self.report = left.checked_sub(1).filter(|&left| left > 0).map(|left| (again, left));
        Some(v2::FragDataBlockReceivedReq { frag_index, mic_error: self.is_corrupt() })
    }

    /// When it has something to say next.
    pub(super) fn due(&self) -> Option<GpsInstant> {
        self.status_due.into_iter().chain(self.report.map(|(due, _)| due)).min()
    }

    /// The device's clock is set forward or back by this many seconds.
    pub(super) fn shift(&mut self, seconds: i32) {
        self.status_due = self.status_due.map(|due| due.shifted(seconds));
        self.report = self.report.map(|(due, left)| (due.shifted(seconds), left));
    }

    /// Whether nothing more is to come: the block is whole, right or wrong.
    pub(super) fn is_over(&self) -> bool {
        self.block != Block::Receiving
    }

    /// Whether the block is whole and what the server sent, as far as that can be known.
    pub(super) fn is_whole(&self) -> bool {
        self.block == Block::Whole
    }

    /// Whether the block is whole but not what the server sent.
    pub(super) fn is_corrupt(&self) -> bool {
        self.block == Block::Corrupt
    }

    /// Independent fragments still needed; not 0 before the last octet is in the store.
    pub(super) fn missing(&self) -> u16 {
        if self.is_over() { 0 } else { self.decoder.missing().max(1) }
    }

    pub(super) fn status_v1(&self, frag_index: FragIndex) -> v1::FragSessionStatusAns {
        let FragSessionReport { nb_frag_received, missing_frag, .. } = self.report_of(frag_index);
        v1::FragSessionStatusAns {
            nb_frag_received,
            frag_index,
            missing_frag,
            not_enough_matrix_memory: self.memory_error(),
        }
    }

    pub(super) fn status_v2(&self, frag_index: FragIndex) -> v2::FragSessionStatusAns {
        v2::FragSessionStatusAns {
            memory_error: self.memory_error(),
            mic_error: self.is_corrupt(),
            ..v2::FragSessionStatusAns::reporting(self.report_of(frag_index))
        }
    }

    fn report_of(&self, frag_index: FragIndex) -> FragSessionReport {
        FragSessionReport {
            nb_frag_received: FragCount::saturating(self.received),
            frag_index,
            // TS004-1.0.0 §3.2: 255 stands for 255 and more.
            missing_frag: u8::try_from(self.missing()).unwrap_or(u8::MAX),
        }
    }

    /// Whether parity is refused for lack of memory. Uncoded fragments that come later make up for it, so the bit
    /// tells how things are, not how they were.
    fn memory_error(&self) -> bool {
        self.refused_beyond.is_some_and(|max_lost| self.missing() > max_lost)
    }

    #[inline(never)]
    fn complete<P>(&mut self, now: GpsInstant, frag_index: FragIndex, platform: &mut P)
    where
        P: Platform<Words = W, Store = S>,
    {
        let Some(Checked { session_cnt, mic, ack_reception }) = self.checked else {
            self.block = Block::Whole;
            return;
        };
        let (geometry, descriptor) = (self.decoder.geometry(), self.descriptor);
        let integrity = BlockIntegrity { geometry, frag_index, descriptor, session_cnt, mic };
        let is_right = platform.verify(&integrity, &mut self.store);
        self.block = if is_right { Block::Whole } else { Block::Corrupt };
        if ack_reception {
            self.report = Some((now + random_delay(self.block_ack_delay, platform.random()), REPORTS));
        }
    }
}
