//! Reads the plain form that senders write: no text has an escape, no field holds more than a text or a whole number,
//! nothing is repeated. This is the intake's hot path.
//!
//! **Invariant.** What it reads, the typed parse reads the same; whatever it does not know, sound or not, it leaves to
//! that one by answering `None`. It refuses nothing itself, so there is one place that words errors.

use std::borrow::Cow;

use super::Typed;
use crate::EVENTS_MAX;
use crate::field::Text;

/// Digits that always fit an `i64`.
const DIGITS_MAX: usize = 18;

/// The events of a body in the plain form, 1 to [`EVENTS_MAX`].
pub(in crate::webhook) fn read(body: &str) -> Option<Vec<Typed<'_>>> {
    let mut cursor = Cursor { text: body, at: 0 };
    cursor.expect(b'{')?;
    if cursor.text()? != "Events" {
        return None;
    }
    cursor.expect(b':')?;
    cursor.expect(b'[')?;
    let mut events = Vec::with_capacity(EVENTS_MAX);
    loop {
        if events.len() == EVENTS_MAX {
            return None;
        }
        events.push(cursor.event()?);
        match cursor.next()? {
            b',' => {}
            b']' => break,
            _ => return None,
        }
    }
    cursor.expect(b'}')?;
    cursor.ends().then_some(events)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

enum Value<'a> {
    Text(&'a str),
    Integer(i64),
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space, passed.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
        }
    }

    #[inline]
    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn ends(mut self) -> bool {
        self.next().is_none()
    }

    /// A text with its quotes.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        self.rest_of_text()
    }

    /// A text after its first quote.
    #[inline]
    fn rest_of_text(&mut self) -> Option<&'a str> {
        let start = self.at;
        let end = start + special(self.text.as_bytes().get(start..)?)?;
        self.at = end;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        self.text.get(start..end)
    }

    #[inline]
    fn value(&mut self) -> Option<Value<'a>> {
        match self.next()? {
            b'"' => Some(Value::Text(self.rest_of_text()?)),
            b'-' => {
                let first = self.next_digit()?;
                // A negative zero is no integer to the typed parse.
                let value = (first != 0).then(|| self.rest_of_integer(first))??;
                Some(Value::Integer(-value))
            }
            digit @ b'0'..=b'9' => Some(Value::Integer(
                self.rest_of_integer(i64::from(digit - b'0'))?,
            )),
            _ => None,
        }
    }

    #[inline]
    fn next_digit(&mut self) -> Option<i64> {
        let digit = self.peek()?.wrapping_sub(b'0');
        (digit < 10).then(|| {
            self.at += 1;
            i64::from(digit)
        })
    }

    #[inline]
    fn rest_of_integer(&mut self, first: i64) -> Option<i64> {
        let (mut value, mut digits) = (first, 1);
        while let Some(digit) = self.next_digit() {
            digits += 1;
            if first == 0 || digits > DIGITS_MAX {
                return None;
            }
            value = value * 10 + digit;
        }
        match self.peek() {
            Some(b'.' | b'e' | b'E') => None,
            _ => Some(value),
        }
    }

    fn event(&mut self) -> Option<Typed<'a>> {
        self.expect(b'{')?;
        let mut event = Typed::default();
        loop {
            let name = self.text()?;
            self.expect(b':')?;
            let value = self.value()?;
            match name.as_bytes() {
                b"CallbackCommand" => text(&mut event.command, &value)?,
                b"EventType" => integer(&mut event.event_type, &value)?,
                b"TaskId" => text(&mut event.task, &value)?,
                b"PushID" => text(&mut event.push, &value)?,
                b"To_Account" => text(&mut event.account, &value)?,
                b"PushPlatform" => integer(&mut event.platform, &value)?,
                b"PushStage" => integer(&mut event.stage, &value)?,
                b"ErrCode" => integer(&mut event.err_code, &value)?,
                b"ErrInfo" => text(&mut event.err_info, &value)?,
                b"EventTime" => integer(&mut event.at, &value)?,
                _ => {}
            }
            match self.next()? {
                b',' => {}
                b'}' => return Some(event),
                _ => return None,
            }
        }
    }
}

#[inline]
fn text<'a>(field: &mut Option<Text<'a>>, value: &Value<'a>) -> Option<()> {
    match (&field, value) {
        (None, Value::Text(text)) => {
            *field = Some(Text(Cow::Borrowed(text)));
            Some(())
        }
        _ => None,
    }
}

#[inline]
fn integer(field: &mut Option<i64>, value: &Value<'_>) -> Option<()> {
    match (&field, value) {
        (None, Value::Integer(value)) => {
            *field = Some(*value);
            Some(())
        }
        _ => None,
    }
}

/// Where the first quote, backslash or control character is. Eight bytes at a time: of each kind the lowest byte that
/// is flagged is one, and flags that a borrow makes lie above it.
#[inline]
fn special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
        let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        let flags = (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGHS;
        if flags != 0 {
            return Some(index * 8 + flags.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let at = rest.iter().position(is_special)?;
    Some(chunks.len() * 8 + at)
}

#[cfg(test)]
mod tests;
