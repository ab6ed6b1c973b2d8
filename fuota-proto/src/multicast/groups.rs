//! Groups: what a device knows of them, and how it learns.

use heapless::Vec;
use thiserror::Error;

use crate::command::{Command, command, error_bits};
use crate::cursor::{Reader, Writer};
use crate::error::{EncodeError, Truncated};
use crate::field::Field as _;
use crate::ids::{EncryptedMcKey, GroupMask, McAddr, McGroupId, NbTotalGroups};

command! {
    /// Asks which groups the device has (TS005-1.0.0 §3.2).
    pub struct McGroupStatusReq = 0x01 {
        /// The groups to report.
        req_group_mask: GroupMask [4 rfu],
    }
}

command! {
    /// Gives a device a group, or changes the one it has (TS005-1.0.0 §3.3).
    ///
    /// The device takes a multicast frame if `min_mc_fcnt` ≤ FCnt < `max_mc_fcnt`.
    pub struct McGroupSetupReq = 0x02 {
        /// Where the device keeps the group.
        mc_group_id: McGroupId [6 rfu],
        /// Address of the group.
        mc_addr: McAddr,
        /// Key of the group, encrypted with the device's McKEKey.
        mc_key_encrypted: EncryptedMcKey,
        /// The next frame counter that the server will use.
        min_mc_fcnt: u32,
        /// The frame counter at which the group's life ends.
        max_mc_fcnt: u32,
    }
}

impl McGroupSetupReq {
    /// Checks that the group can ever be used. How many groups a device has is its own matter.
    ///
    /// # Errors
    /// [`GroupError`]; [`McGroupSetupAns::refusing`] turns it into the answer.
    pub const fn validate(&self) -> Result<(), GroupError> {
        // TS005-1.0.0 §3.3: a frame is valid from minMcFCnt up to but without maxMcFCnt.
        if self.min_mc_fcnt > self.max_mc_fcnt {
            return Err(GroupError::Counters { min: self.min_mc_fcnt, max: self.max_mc_fcnt });
        }
        Ok(())
    }
}

/// Why no group can be what a [`McGroupSetupReq`] describes. A device answers with IDerror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GroupError {
    /// No frame counter lies within the limits.
    #[error("minMcFCnt {min} is above maxMcFCnt {max}")]
    Counters {
        /// The lower limit requested.
        min: u32,
        /// The upper limit requested.
        max: u32,
    },
}

command! {
    /// Answer to [`McGroupSetupReq`] (TS005-1.0.0 §3.3).
    pub struct McGroupSetupAns = 0x02 {
        /// The group asked for.
        mc_group_id: McGroupId,
        /// The device does not support this group.
        id_error: bool [5 rfu],
    }
}

impl McGroupSetupAns {
    /// Refuses a group that cannot be.
    #[must_use]
    pub const fn refusing(mc_group_id: McGroupId, error: GroupError) -> Self {
        match error {
            GroupError::Counters { .. } => Self { mc_group_id, id_error: true },
        }
    }
}

error_bits! {
    /// Whether the device has the group now.
    McGroupSetupAns { id_error = "IDerror" }
}

command! {
    /// Takes a group from a device, and ends its session (TS005-1.0.0 §3.4).
    pub struct McGroupDeleteReq = 0x03 {
        /// The group.
        mc_group_id: McGroupId [6 rfu],
    }
}

command! {
    /// Answer to [`McGroupDeleteReq`] (TS005-1.0.0 §3.4).
    pub struct McGroupDeleteAns = 0x03 {
        /// The group asked for.
        mc_group_id: McGroupId,
        /// There was none.
        mc_group_undefined: bool [5 rfu],
    }
}

error_bits! {
    /// Whether the group was there and is deleted.
    McGroupDeleteAns { mc_group_undefined = "McGroupUndefined" }
}

/// One group of a [`McGroupStatusAns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GroupItem {
    /// Where the device keeps the group.
    pub mc_group_id: McGroupId,
    /// Address of the group.
    pub mc_addr: McAddr,
}

/// Answer to [`McGroupStatusReq`] (TS005-1.0.0 §3.2).
///
/// A device leaves out groups it does not have, and, from the highest down, those for which there is no room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct McGroupStatusAns {
    nb_total_groups: NbTotalGroups,
    ans_group_mask: GroupMask,
    items: Vec<GroupItem, 4>,
}

/// Why a list of groups is not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GroupItemsError {
    /// Groups come in ascending order, each once.
    #[error("group {group} does not follow in ascending order")]
    Order {
        /// The group out of place.
        group: McGroupId,
    },
    /// AnsGroupMask tells how many records follow.
    #[error("AnsGroupMask names {expected} groups, {got} are listed")]
    Count {
        /// Groups in the mask.
        expected: usize,
        /// Groups in the list.
        got: usize,
    },
}

impl McGroupStatusAns {
    const HEADER_LEN: usize = 2;
    const ITEM_LEN: usize = 5;

    /// Lists `items`, of `nb_total_groups` that the device has.
    ///
    /// # Errors
    /// [`GroupItemsError::Order`] unless the groups ascend.
    pub fn new(nb_total_groups: NbTotalGroups, items: &[GroupItem]) -> Result<Self, GroupItemsError> {
        let mut answer = Self { nb_total_groups, ans_group_mask: GroupMask::NONE, items: Vec::new() };
        for &item in items {
            let group = item.mc_group_id;
            let ascends = answer.items.last().is_none_or(|last| last.mc_group_id < group);
            if !ascends || answer.items.push(item).is_err() {
                return Err(GroupItemsError::Order { group });
            }
            answer.ans_group_mask = answer.ans_group_mask.with(group);
        }
        Ok(answer)
    }

    /// How many groups the device has, listed or not.
    #[must_use]
    pub const fn nb_total_groups(&self) -> NbTotalGroups {
        self.nb_total_groups
    }

    /// The groups listed, as the device says.
    #[must_use]
    pub const fn ans_group_mask(&self) -> GroupMask {
        self.ans_group_mask
    }

    /// The groups listed, as many as the mask names.
    #[must_use]
    pub fn items(&self) -> &[GroupItem] {
        &self.items
    }

    /// Drops the highest group listed, to make the answer fit (TS005-1.0.0 §3.2). Returns it, if there was one.
    pub fn drop_last(&mut self) -> Option<GroupItem> {
        let item = self.items.pop()?;
        self.ans_group_mask = self.ans_group_mask.without(item.mc_group_id);
        Some(item)
    }

    /// Checks that the list is what its mask says.
    ///
    /// # Errors
    /// [`GroupItemsError::Order`] at the first group that differs.
    pub fn validate(&self) -> Result<(), GroupItemsError> {
        match self
            .items
            .iter()
            .zip(self.ans_group_mask.iter())
            .find(|(item, group)| item.mc_group_id != *group)
        {
            Some((item, _)) => Err(GroupItemsError::Order { group: item.mc_group_id }),
            None => Ok(()),
        }
    }

    /// Keeps a list whose identifiers may differ from the mask, as long as the mask tells its length.
    #[cfg(any(feature = "serde", feature = "arbitrary"))]
    fn from_parts(
        nb_total_groups: NbTotalGroups,
        ans_group_mask: GroupMask,
        items: Vec<GroupItem, 4>,
    ) -> Result<Self, GroupItemsError> {
        if items.len() == ans_group_mask.len() {
            Ok(Self { nb_total_groups, ans_group_mask, items })
        } else {
            Err(GroupItemsError::Count { expected: ans_group_mask.len(), got: items.len() })
        }
    }
}

impl Command<'_> for McGroupStatusAns {
    const CID: u8 = 0x01;
    const MAX_LEN: usize = Self::HEADER_LEN + 4 * Self::ITEM_LEN;

    fn encoded_len(&self) -> usize {
        Self::HEADER_LEN + self.items.len() * Self::ITEM_LEN
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        out.ensure(self.encoded_len())?;
        out.push_array(&[Self::CID, self.nb_total_groups.get() << 4 | self.ans_group_mask.get()])?;
        self.items.iter().try_for_each(|item| {
            let [a, b, c, d] = item.mc_addr.0.to_le_bytes();
            out.push_array(&[item.mc_group_id.get(), a, b, c, d])
        })
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, Truncated> {
        let status = input.take::<1>()?;
        let ans_group_mask = GroupMask::load(status, 0);
        let mut items = Vec::new();
        for _ in 0..ans_group_mask.len() {
            let record = input.take::<{ Self::ITEM_LEN }>()?;
            // A mask has at most four bits, and the list as many places.
            let _ = items.push(GroupItem {
                mc_group_id: McGroupId::load(record, 0),
                mc_addr: McAddr::load(record, 8),
            });
        }
        Ok(Self { nb_total_groups: NbTotalGroups::load(status, GroupMask::BITS), ans_group_mask, items })
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for McGroupStatusAns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct McGroupStatusAns {
            nb_total_groups: NbTotalGroups,
            ans_group_mask: GroupMask,
            items: Vec<GroupItem, 4>,
        }
        let parts = McGroupStatusAns::deserialize(deserializer)?;
        Self::from_parts(parts.nb_total_groups, parts.ans_group_mask, parts.items)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for McGroupStatusAns {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let ans_group_mask = GroupMask::arbitrary(u)?;
        let items: arbitrary::Result<_> = ans_group_mask.iter().map(|_| GroupItem::arbitrary(u)).collect();
        Self::from_parts(NbTotalGroups::arbitrary(u)?, ans_group_mask, items?)
            .map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}
