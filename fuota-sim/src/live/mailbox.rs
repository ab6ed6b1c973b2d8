//! What nodes have to hear: each gets everything from its first connection on, and again whatever it has not acknowledged.

use std::collections::BTreeMap;

use crate::world::Told;

/// A mailbox for each node.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    receipts: u64,
    by_node: BTreeMap<String, Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    /// The connection over which the node listens.
    line: Option<u64>,
    /// What it has not acknowledged, by receipt.
    waiting: BTreeMap<u64, Told>,
}

impl Mailboxes {
    /// A node listens over this line from now on. What waits for it, by receipt.
    pub(super) fn connect(&mut self, node: String, line: u64) -> Vec<(u64, Told)> {
        let mailbox = self.by_node.entry(node).or_default();
        mailbox.line = Some(line);
        mailbox.waiting.iter().map(|(receipt, told)| (*receipt, told.clone())).collect()
    }

    /// The line is gone.
    pub(super) fn disconnect(&mut self, line: u64) {
        for mailbox in self.by_node.values_mut().filter(|mailbox| mailbox.line == Some(line)) {
            mailbox.line = None;
        }
    }

    /// Something happened. Under which receipt it goes out over which lines.
    pub(super) fn put(&mut self, told: &Told) -> (u64, Vec<u64>) {
        self.receipts += 1;
        let mut lines = Vec::new();
        for mailbox in self.by_node.values_mut() {
            mailbox.waiting.insert(self.receipts, told.clone());
            lines.extend(mailbox.line);
        }
        (self.receipts, lines)
    }

    /// The node on this line need not hear it again.
    pub(super) fn acknowledge(&mut self, line: u64, receipt: u64) {
        for mailbox in self.by_node.values_mut().filter(|mailbox| mailbox.line == Some(line)) {
            mailbox.waiting.remove(&receipt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fuota_engine::campaign::io::Report;
    use fuota_engine::ids::TxId;

    #[test]
    fn what_a_node_did_not_acknowledge_comes_again_to_it_alone() {
        let told = |id| Told::Downlink { id: TxId(id), report: Report::Dropped };
        let mut mailboxes = Mailboxes::default();
        assert!(mailboxes.put(&told(0)).1.is_empty(), "nobody has ever listened");
        assert!(mailboxes.connect("a".into(), 1).is_empty());
        assert!(mailboxes.connect("b".into(), 2).is_empty());
        assert_eq!(mailboxes.put(&told(1)), (2, vec![1, 2]));
        mailboxes.acknowledge(2, 2);
        mailboxes.disconnect(1);
        assert_eq!(mailboxes.put(&told(2)), (3, vec![2]));
        mailboxes.acknowledge(2, 3);
        assert_eq!(mailboxes.connect("a".into(), 3), [(2, told(1)), (3, told(2))]);
        assert!(mailboxes.connect("b".into(), 4).is_empty());
    }
}
