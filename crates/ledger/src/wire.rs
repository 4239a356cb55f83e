//! Varints and bounded reading, shared by the batch and page codecs.

/// Bytes that no version of this program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("ends early, at byte {at}")]
    Short {
        /// Offset of the missing byte.
        at: usize,
    },
    /// A value that cannot be.
    #[error("{what} at byte {at} is impossible")]
    Impossible {
        /// Which value.
        what: &'static str,
        /// Its offset.
        at: usize,
    },
    /// Written by a newer release.
    #[error("format {found} is newer than this release knows ({known})")]
    Newer {
        /// The version found.
        found: u8,
        /// The newest version known.
        known: u8,
    },
}

/// The largest sum of events that is read: more than any installation records, and so far below the end of `u64` that
/// what is added to it afterwards never passes that.
const COUNT_MAX: u64 = 1 << 56;

/// Appends a little-endian base-128 integer.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer, small magnitudes short.
#[inline]
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads what the `put_` functions wrote, never past the end.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn impossible(&self, what: &'static str) -> DecodeError {
        DecodeError::Impossible { what, at: self.at }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = *self
            .bytes
            .get(self.at)
            .ok_or(DecodeError::Short { at: self.at })?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let end = self
            .at
            .checked_add(len)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(DecodeError::Short {
            at: self.bytes.len(),
        })?;
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.impossible("varint"))
    }

    /// Steps over so many integers, eight bytes at a time: all bytes of one but its last have their highest bit set.
    pub(crate) fn skip_varints(&mut self, mut count: usize) -> Result<(), DecodeError> {
        const CONTINUES: u64 = 0x8080_8080_8080_8080;
        while let Some(word) = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk())
        {
            let ends = (!u64::from_le_bytes(*word) & CONTINUES).count_ones() as usize;
            if ends >= count {
                break;
            }
            count -= ends;
            self.at += size_of::<u64>();
        }
        while count > 0 {
            count -= usize::from(self.byte()? < 0x80);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        let value = self.varint()?;
        u32::try_from(value).map_err(|_| self.impossible("32-bit value"))
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        let value = self.varint()?;
        u16::try_from(value).map_err(|_| self.impossible("16-bit value"))
    }

    /// A sum of events.
    pub(crate) fn count(&mut self) -> Result<u64, DecodeError> {
        let count = self.varint()?;
        (count <= COUNT_MAX)
            .then_some(count)
            .ok_or_else(|| self.impossible("count"))
    }

    /// A count of things that take at least a byte each, so that a lie cannot make us allocate.
    #[inline]
    pub(crate) fn len(&mut self) -> Result<usize, DecodeError> {
        let value = self.varint()?;
        let left = self.bytes.len() - self.at;
        usize::try_from(value)
            .ok()
            .filter(|len| *len <= left)
            .ok_or_else(|| self.impossible("length"))
    }
}
