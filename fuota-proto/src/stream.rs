//! Several commands in one payload.

use core::iter::FusedIterator;
use core::marker::PhantomData;

use crate::cursor::{Reader, Writer};
use crate::error::{DecodeError, EncodeError, NotFitted, Truncated};

/// All commands of a package in one direction: implemented by the `Uplink` and `Downlink` enums.
pub trait CommandSet<'a>: Sized {
    /// Length of the longest command in octets, CID included; a `DataFragment` counts with the largest FragSize.
    const MAX_LEN: usize;

    /// Reads the body that follows `cid`, which stands at `offset` in the payload.
    ///
    /// # Errors
    /// [`DecodeError`] with that offset: [`DecodeCause::UnknownCid`](crate::DecodeCause::UnknownCid) if the package has no such command in this
    /// direction, [`DecodeCause::Truncated`](crate::DecodeCause::Truncated) if the input ends before the body does.
    fn decode_body(cid: u8, offset: usize, input: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Appends the command, CID first.
    ///
    /// # Errors
    /// As [`Command::encode`](crate::Command::encode).
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), EncodeError>;

    /// The standard's name of the command.
    fn name(&self) -> &'static str;
}

/// Iterator over the commands of one payload, in order.
///
/// Yields each command, or one [`DecodeError`] and then nothing more: where a command ends is known from its
/// content only, so after an unreadable one there is no way on. An empty payload yields nothing.
#[derive(Debug, Clone)]
pub struct Commands<'a, C> {
    input: Reader<'a>,
    len: usize,
    commands: PhantomData<C>,
}

impl<'a, C: CommandSet<'a>> Commands<'a, C> {
    /// Starts at the first octet of `payload`.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { input: Reader::new(payload), len: payload.len(), commands: PhantomData }
    }

    /// Position in the payload of the next command.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.len - self.input.remaining()
    }
}

impl<'a, C: CommandSet<'a>> Iterator for Commands<'a, C> {
    type Item = Result<C, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset();
        let cid = self.input.next_octet()?;
        let decoded = C::decode_body(cid, offset, &mut self.input);
        if decoded.is_err() {
            self.input.take_rest();
        }
        Some(decoded)
    }
}

impl<'a, C: CommandSet<'a>> FusedIterator for Commands<'a, C> {}

/// The first command of `payload`.
#[inline]
#[allow(dead_code, reason = "without any package nobody asks")]
pub(crate) fn first<'a, C: CommandSet<'a>>(payload: &'a [u8]) -> Result<C, DecodeError> {
    match payload.split_first() {
        Some((&cid, body)) => C::decode_body(cid, 0, &mut Reader::new(body)),
        None => Err(DecodeError { offset: 0, cause: Truncated { expected: 1, got: 0 }.into() }),
    }
}

impl Writer<'_> {
    /// Appends commands in order until one does not fit.
    ///
    /// ```
    /// # #[cfg(feature = "ts004-v1")] {
    /// use fuota_proto::fragmentation::v1::{Downlink, FragSessionDeleteReq};
    /// use fuota_proto::{FragIndex, PackageVersionReq, Writer};
    ///
    /// let delete = |index| Downlink::from(FragSessionDeleteReq { frag_index: FragIndex::new(index).unwrap() });
    /// let wanted = [Downlink::from(PackageVersionReq {}), delete(0), delete(1)];
    /// let mut buffer = [0; 4];
    /// let mut out = Writer::new(&mut buffer);
    /// assert_eq!(out.extend(&wanted).unwrap_err().index, 2);
    /// assert_eq!(out.written(), [0x00, 0x03, 0]);
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFitted`] names the first command that was left out; those before it are written.
    pub fn extend<'i, 'c, C: CommandSet<'c> + 'i>(
        &mut self,
        commands: impl IntoIterator<Item = &'i C>,
    ) -> Result<(), NotFitted> {
        for (index, command) in commands.into_iter().enumerate() {
            command.encode(self).map_err(|cause| NotFitted { index, cause })?;
        }
        Ok(())
    }
}
