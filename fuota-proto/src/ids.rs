//! Identifiers, indices and masks.

use bitvec::array::BitArray;
use bitvec::order::Lsb0;
use bitvec::slice::BitSlice;

use crate::field::{Field, bounded, octets};

bounded! {
    /// Index of a fragmentation session on a device, 0 to 3 (FragIndex, TS004).
    pub struct FragIndex(u8): 2 bits, 0..=3;
    /// Index of a multicast group on a device, 0 to 3 (McGroupID, TS005).
    pub struct McGroupId(u8): 2 bits, 0..=3;
    /// Number of a fragment, counted from 1; those after NbFrag are coded (N, TS004). The wire carries 0 as well,
    /// which is not a fragment.
    pub struct FragN(u16): 14 bits, 1..=16383;
    /// How many uncoded fragments a data block is cut into (NbFrag, TS004). The wire carries 0 and 16384 to 65535
    /// as well, which no session can have since fragment numbers have 14 bits.
    pub struct NbFrag(u16): 16 bits, 1..=16383;
    /// A count of fragments with 14 bits; whoever counts further stays at 16383 (NbFragReceived, TS004).
    pub struct FragCount(u16): 14 bits, 0..=16383;
    /// Which code makes the coded fragments: 0 is the one that TS004 defines, 1 to 7 are reserved (FragAlgo in
    /// TS004-2.0.0, FragmentationMatrix in TS004-1.0.0).
    pub struct FragAlgo(u8): 3 bits, 0..=0;
    /// How many multicast groups a device has defined, at most 4 (NbTotalGroups, TS005).
    pub struct NbTotalGroups(u8): 3 bits, 0..=4;
    /// Pairs an AppTimeAns with its AppTimeReq (TokenReq and TokenAns, TS003).
    pub struct TimeToken(u8): 4 bits, 0..=15;
    /// How often a device is to ask for the time when forced to (NbTransmissions, TS003).
    pub struct NbTransmissions(u8): 3 bits, 0..=7;
    /// Pairs the answers of multi-package access with their requests (Token, TS007).
    pub struct Token(u8): 2 bits, 0..=3;
    /// Identifier of a package within multi-package access (PackageIdentifier, TS007).
    pub struct PackageId(u8): 7 bits, 0..=127;
}

octets! {
    /// A group key as it travels: encrypted with the device's McKEKey, in key order (McKey_encrypted, TS005).
    pub struct EncryptedMcKey(16 octets);
    /// Four octets that describe the data block, allocated freely (Descriptor, TS004).
    pub struct Descriptor(4 octets);
    /// Integrity code of the data block: the first four octets of its CMAC, in that order (MIC, TS004-2.0.0 §5).
    pub struct Mic(4 octets);
}

impl Descriptor {
    /// The octets as one number, least significant first.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl FragIndex {
    /// All four indices.
    pub const ALL: [Self; 4] =
        [Self::from_wire(0), Self::from_wire(1), Self::from_wire(2), Self::from_wire(3)];
}

impl McGroupId {
    /// All four groups.
    pub const ALL: [Self; 4] =
        [Self::from_wire(0), Self::from_wire(1), Self::from_wire(2), Self::from_wire(3)];
}

impl FragCount {
    /// `count`, or the largest value if it has more than 14 bits (TS004-1.0.0 §3.2).
    #[must_use]
    pub const fn saturating(count: u32) -> Self {
        let [low, high, ..] = count.to_le_bytes();
        if count > Self::MAX.0 as u32 { Self::MAX } else { Self::from_wire(u16::from_le_bytes([low, high])) }
    }
}

impl FragAlgo {
    /// The code of TS004 §6: parity rows drawn by a shift register.
    pub const FEC: Self = Self::from_wire(0);
}

impl TimeToken {
    /// The token after this one; 15 is followed by 0 (TS003-1.0.0 §2.2).
    #[must_use]
    pub const fn next(self) -> Self {
        Self::from_wire(self.0.wrapping_add(1))
    }
}

impl Token {
    /// The token after this one; 3 is followed by 0.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::from_wire(self.0.wrapping_add(1))
    }
}

/// Address of a multicast group, in the format of a DevAddr (McAddr, TS005). Written in hex most significant octet
/// first; travels least significant first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct McAddr(pub u32);

impl McAddr {
    /// The address as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl From<u32> for McAddr {
    fn from(address: u32) -> Self {
        Self(address)
    }
}

impl Field for McAddr {
    const BITS: usize = 32;

    #[inline]
    fn load(body: &[u8], at: usize) -> Self {
        Self(u32::load(body, at))
    }

    #[inline]
    fn store(self, body: &mut [u8], at: usize) {
        self.0.store(body, at);
    }
}

impl core::fmt::Display for McAddr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl core::fmt::Debug for McAddr {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "McAddr({self})")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for McAddr {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u32:08x}", self.0);
    }
}

/// A set of multicast groups: bit i stands for group i (McGroupBitMask in TS004, ReqGroupMask and AnsGroupMask in
/// TS005).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct GroupMask(BitArray<[u8; 1], Lsb0>);

impl GroupMask {
    /// No group.
    pub const NONE: Self = Self(BitArray::ZERO);

    /// The groups whose bits are set.
    ///
    /// # Errors
    /// [`OutOfRange`](crate::OutOfRange) above 15: there are four groups.
    pub const fn new(mask: u8) -> Result<Self, crate::OutOfRange> {
        if mask <= 0x0F {
            Ok(Self::from_wire(mask))
        } else {
            Err(crate::OutOfRange { min: 0, max: 0x0F, got: mask as u32 })
        }
    }

    /// The groups that the low 4 bits stand for.
    #[must_use]
    pub const fn from_wire(mask: u8) -> Self {
        Self(BitArray { data: [mask & 0x0F], ..BitArray::ZERO })
    }

    /// The mask as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.data[0]
    }

    /// The mask as bits, group 0 first.
    #[must_use]
    pub fn bits(&self) -> &BitSlice<u8, Lsb0> {
        self.0.get(..4).unwrap_or_default()
    }

    /// Whether `group` is in the set.
    #[must_use]
    pub const fn contains(self, group: McGroupId) -> bool {
        self.get() >> group.get() & 1 != 0
    }

    /// The set with `group` in it.
    #[must_use]
    pub const fn with(self, group: McGroupId) -> Self {
        Self::from_wire(self.get() | 1 << group.get())
    }

    /// The set without `group`.
    #[must_use]
    pub const fn without(self, group: McGroupId) -> Self {
        Self::from_wire(self.get() & !(1 << group.get()))
    }

    /// How many groups are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.get().count_ones() as usize
    }

    /// Whether no group is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.get() == 0
    }

    /// The groups of the set, lowest first.
    pub fn iter(self) -> impl Iterator<Item = McGroupId> {
        McGroupId::ALL.into_iter().filter(move |&group| self.contains(group))
    }
}

impl FromIterator<McGroupId> for GroupMask {
    fn from_iter<I: IntoIterator<Item = McGroupId>>(groups: I) -> Self {
        groups.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Field for GroupMask {
    const BITS: usize = 4;

    #[inline]
    fn load(body: &[u8], at: usize) -> Self {
        // The width is masked, so the cast loses nothing.
        #[allow(clippy::cast_possible_truncation)]
        Self::from_wire(crate::cursor::load_bits(body, at, 4) as u8)
    }

    #[inline]
    fn store(self, body: &mut [u8], at: usize) {
        crate::cursor::store_bits(body, at, 4, u32::from(self.get()));
    }
}

impl core::fmt::Debug for GroupMask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GroupMask({:#06b})", self.get())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for GroupMask {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u8:04b}", self.get());
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for GroupMask {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.get())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for GroupMask {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for GroupMask {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::from_wire(u.arbitrary()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutOfRange;

    #[test]
    fn senders_are_held_to_the_meaning_and_receivers_to_the_width() {
        assert_eq!(NbFrag::new(0), Err(OutOfRange { min: 1, max: 16383, got: 0 }));
        assert_eq!(NbFrag::new(16384), Err(OutOfRange { min: 1, max: 16383, got: 16384 }));
        assert_eq!(NbFrag::from_wire(65535).get(), 65535);
        assert_eq!(FragAlgo::new(1).map_err(|error| error.got), Err(1));
        assert_eq!(FragN::from_wire(0xFFFF), FragN::MAX);
        assert!(!FragN::from_wire(0).is_valid());
    }

    #[test]
    fn tokens_wrap_and_counts_saturate() {
        assert_eq!(TimeToken::MAX.next(), TimeToken::MIN);
        assert_eq!(Token::MAX.next(), Token::MIN);
        assert_eq!(FragCount::saturating(16384), FragCount::MAX);
        assert_eq!(FragCount::saturating(5).get(), 5);
    }

    #[test]
    fn descriptors_travel_least_significant_octet_first() {
        assert_eq!(Descriptor([0x78, 0x56, 0x34, 0x12]).to_u32(), 0x1234_5678);
    }

    #[test]
    fn masks_are_sets_of_groups() {
        let mask: GroupMask = [McGroupId::ALL[0], McGroupId::ALL[2]].into_iter().collect();
        assert_eq!((mask.get(), mask.len()), (0b0101, 2));
        assert!(mask.iter().eq([McGroupId::ALL[0], McGroupId::ALL[2]]));
        assert_eq!(mask.bits().iter_ones().collect::<std::vec::Vec<_>>(), [0, 2]);
        assert_eq!(mask.with(McGroupId::ALL[2]), mask, "a set has a group once");
        assert!(!mask.is_empty() && mask.without(McGroupId::ALL[0]).without(McGroupId::ALL[2]).is_empty());
        assert!(GroupMask::new(16).is_err());
    }
}
