//! A store of no bytes, for those who only ask whether a receiver could decode.

use core::convert::Infallible;

use super::{Entry, FragmentStore, Slot};
use crate::bits;

/// Keeps nothing: the decoder then answers what is missing and when it would be complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RankOnly;

impl FragmentStore for RankOnly {
    type Error = Infallible;

    fn load(&mut self, _fragment: &[u8]) {}

    fn read(&mut self, _slot: Slot) -> Result<(), Infallible> {
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        &[]
    }

    fn xor(&mut self, _acc: u16) {}

    fn take_off_known(&mut self, row: &mut [u32], known: &[u32]) -> Result<(), Infallible> {
        bits::squeeze(row, known);
        Ok(())
    }

    fn clear(&mut self, _acc: u16) {}

    fn save(&mut self, _acc: u16, _slot: Slot, _entry: Entry) -> Result<(), Infallible> {
        Ok(())
    }
}
