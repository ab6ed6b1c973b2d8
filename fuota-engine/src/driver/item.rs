//! What comes into a campaign's inbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::node::OrderError;
use super::store::AuditEntry;
use super::transport::{Receipt, TransportEvent};
use crate::campaign::io::Order;

/// Something for a campaign.
#[derive(Debug)]
pub(super) enum Item {
    /// The network server tells something.
    Heard { event: Arc<TransportEvent>, receipt: Option<Arc<SharedReceipt>> },
    /// An operator orders something.
    Order { order: Order, given: Given },
}

/// An order on its way: who gave it, and who waits to hear what became of it.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) entry: AuditEntry,
    pub(super) answer: oneshot::Sender<Result<(), OrderError>>,
}

impl Given {
    pub(super) fn answer(self, answer: Result<(), OrderError>) {
        // Whoever gave it need not wait.
        let _ = self.answer.send(answer);
    }
}

/// A receipt that several campaigns have to be done with before it is handed back.
#[derive(Debug)]
pub(super) struct SharedReceipt {
    receipt: Receipt,
    left: AtomicUsize,
}

impl SharedReceipt {
    pub(super) fn new(receipt: Receipt, campaigns: usize) -> Self {
        Self { receipt, left: AtomicUsize::new(campaigns) }
    }

    /// One campaign is done with it. The last one gets it, to hand it back.
    pub(super) fn done(&self) -> Option<Receipt> {
        (self.left.fetch_sub(1, Ordering::AcqRel) == 1).then_some(self.receipt)
    }
}
