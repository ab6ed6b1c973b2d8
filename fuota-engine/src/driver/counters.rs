//! Frame counters of multicast groups, where the engine owns them.

use std::collections::HashMap;
use std::ops::Range;

use super::store::{Lease, Store, StoreError};
use crate::ids::GroupId;

/// Counters set aside at once: so many may be lost with a crash.
const BLOCK: u32 = 256;

/// Counters that are set aside and not used yet.
#[derive(Debug, Default)]
pub(super) struct Counters {
    left: HashMap<GroupId, Range<u32>>,
}

impl Counters {
    /// The counter that comes next: never used before, and never to be used again but by this process.
    pub(super) async fn peek(
        &mut self,
        store: &dyn Store,
        lease: &Lease,
        group: GroupId,
    ) -> Result<u32, StoreError> {
        if let Some(left) = self.left.get(&group).filter(|left| !left.is_empty()) {
            return Ok(left.start);
        }
        let first = store.reserve_counters(lease, group, BLOCK).await?;
        self.left.insert(group, first..first.saturating_add(BLOCK));
        Ok(first)
    }

    /// The counter that [`peek`](Self::peek) told is used from now on.
    pub(super) fn used(&mut self, group: GroupId) {
        if let Some(left) = self.left.get_mut(&group) {
            left.next();
        }
    }
}
