//! The bytes of calls to a vendor: what one has in common with the one before is not repeated. Called by the batch codec.

use pushtally_model::{AppId, Channel, Number, TaskKey, TaskNumber, VendorCall, VendorCalls};

use super::{family, parse_family};
use crate::wire::{DecodeError, Reader, put_signed, put_varint};

/// Before a name that is a UUID in small letters, which sixteen bytes are enough for.
const NAME_UUID: u8 = 1;
/// Before any other.
const NAME_TEXT: u8 = 0;
/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

pub(super) fn encode_calls(of: &VendorCalls, recorded_ms: i64, out: &mut Vec<u8>) {
    put_varint(out, of.app.0.into());
    put_varint(out, of.task.number.0.into());
    out.push(family(of.task));
    out.push(of.channel as u8);
    let mut rest = Vec::new();
    encode_rest(&of.calls, recorded_ms, &mut rest);
    // Whoever looks for another task steps over it.
    put_varint(out, rest.len() as u64);
    out.append(&mut rest);
}

fn encode_rest(calls: &[VendorCall], recorded_ms: i64, out: &mut Vec<u8>) {
    put_varint(out, calls.len() as u64);
    let none = VendorCall {
        at_ms: recorded_ms,
        ..VendorCall::default()
    };
    let mut last = &none;
    for call in calls {
        put_signed(out, call.at_ms.wrapping_sub(last.at_ms));
        put_varint(out, call.status.into());
        match uuid(&call.request_id) {
            Some(bytes) => {
                out.push(NAME_UUID);
                out.extend(bytes);
            }
            None => {
                out.push(NAME_TEXT);
                put_text(&call.request_id, &last.request_id, out);
            }
        }
        put_signed(out, call.code);
        put_text(&call.text, &last.text, out);
        put_varint(out, call.numbers.len() as u64);
        let mut before = i64::from(first(last));
        for number in &call.numbers {
            put_signed(out, i64::from(number.0) - before);
            before = number.0.into();
        }
        last = call;
    }
}

/// Whose calls they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub(super) app: AppId,
    pub(super) task: TaskKey,
    channel: Channel,
}

pub(super) fn decode_calls(
    reader: &mut Reader<'_>,
    recorded_ms: i64,
) -> Result<VendorCalls, DecodeError> {
    let (of, rest) = split_calls(reader)?;
    of.decode(rest, recorded_ms)
}

/// Whose calls come, and their bytes.
pub(super) fn split_calls<'a>(reader: &mut Reader<'a>) -> Result<(Of, &'a [u8]), DecodeError> {
    let (app, number) = (AppId(reader.u32()?), TaskNumber(reader.u32()?));
    let (kind, origin) = parse_family(reader.byte()?);
    let channel = Channel::from_number(reader.byte()?);
    let of = Of {
        app,
        task: TaskKey {
            number,
            kind,
            origin,
        },
        channel: channel.ok_or_else(|| reader.impossible("channel"))?,
    };
    let len = reader.len()?;
    Ok((of, reader.take(len)?))
}

impl Of {
    pub(super) fn decode(self, rest: &[u8], recorded_ms: i64) -> Result<VendorCalls, DecodeError> {
        let reader = &mut Reader::new(rest);
        let len = reader.len()?;
        let mut calls: Vec<VendorCall> = Vec::with_capacity(len);
        let none = VendorCall {
            at_ms: recorded_ms,
            ..VendorCall::default()
        };
        for _ in 0..len {
            let call = decode_call(reader, calls.last().unwrap_or(&none))?;
            calls.push(call);
        }
        if !reader.is_empty() {
            return Err(reader.impossible("tail of calls"));
        }
        Ok(VendorCalls {
            app: self.app,
            task: self.task,
            channel: self.channel,
            calls,
        })
    }
}

fn decode_call(reader: &mut Reader<'_>, last: &VendorCall) -> Result<VendorCall, DecodeError> {
    let at_ms = last.at_ms.wrapping_add(reader.signed()?);
    let status = reader.u16()?;
    let request_id = match reader.byte()? {
        NAME_UUID => uuid_text(reader.take(16)?),
        NAME_TEXT => take_text(reader, &last.request_id)?,
        _ => return Err(reader.impossible("name")),
    };
    let code = reader.signed()?;
    let text = take_text(reader, &last.text)?;
    let count = reader.len()?;
    let mut numbers = Vec::with_capacity(count);
    let mut before = i64::from(first(last));
    for _ in 0..count {
        let number = before.checked_add(reader.signed()?);
        let number = number.and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| reader.impossible("device"))?;
        numbers.push(Number(number));
        before = number.into();
    }
    Ok(VendorCall {
        at_ms,
        status,
        request_id,
        code,
        text,
        numbers,
    })
}

fn first(call: &VendorCall) -> u32 {
    call.numbers.first().map_or(0, |number| number.0)
}

/// The length of what it shares with the one before, then the rest.
fn put_text(text: &str, last: &str, out: &mut Vec<u8>) {
    let both = text.bytes().zip(last.bytes());
    let mut shared = both.take_while(|(one, other)| one == other).count();
    while !text.is_char_boundary(shared) || !last.is_char_boundary(shared) {
        shared -= 1;
    }
    let rest = text.get(shared..).unwrap_or_default();
    put_varint(out, shared as u64);
    put_varint(out, rest.len() as u64);
    out.extend(rest.as_bytes());
}

fn take_text(reader: &mut Reader<'_>, last: &str) -> Result<String, DecodeError> {
    let shared = usize::try_from(reader.varint()?).ok();
    let shared = shared.and_then(|shared| last.get(..shared));
    let shared = shared.ok_or_else(|| reader.impossible("shared length"))?;
    let len = reader.len()?;
    let rest = std::str::from_utf8(reader.take(len)?);
    let rest = rest.map_err(|_| reader.impossible("text"))?;
    Ok([shared, rest].concat())
}

/// The bytes of a UUID in small letters with its hyphens.
fn uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, letter) in text.bytes().enumerate() {
        if HYPHENS.contains(&at) {
            if letter != b'-' {
                return None;
            }
            continue;
        }
        let digit = match letter {
            b'0'..=b'9' => letter - b'0',
            b'a'..=b'f' => letter - b'a' + 10,
            _ => return None,
        };
        let byte = bytes.get_mut(digits / 2)?;
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if HYPHENS.contains(&text.len()) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0xF] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use pushtally_model::{Kind, Origin};

    use super::*;

    fn bytes(calls: Vec<VendorCall>) -> usize {
        let of = VendorCalls {
            app: AppId(1_400_000_001),
            task: TaskKey {
                number: TaskNumber(40_000),
                kind: Kind::Push,
                origin: Origin::Own,
            },
            channel: Channel::Fcm,
            calls,
        };
        let mut out = Vec::new();
        encode_calls(&of, 1_790_000_000_000, &mut out);
        out.len()
    }

    /// What docs/CHANNELS.md says of the space that calls take.
    #[test]
    fn a_call_of_many_devices_takes_little_for_each_and_one_of_one_device_its_name() {
        let call = |id: String, numbers: Vec<u32>| VendorCall {
            at_ms: 1_790_000_000_040,
            status: 200,
            request_id: id,
            numbers: numbers.into_iter().map(Number).collect(),
            ..VendorCall::default()
        };
        let many = |step: u32| {
            call(
                "scm0001_abc".to_owned(),
                (0..1_000).map(|n| 70_000 + n * step).collect(),
            )
        };
        assert!(bytes(vec![many(1)]) < 1_050);
        assert!(bytes(vec![many(1_000)]) < 2_050);
        let single = |id: &dyn Fn(u32) -> String| {
            let calls = (0..1_000).map(|n| call(id(n), vec![70_000 + n]));
            bytes(calls.collect()) / 1_000
        };
        let apns = |n: u32| {
            format!(
                "{:08x}-0123-4567-89ab-cdef00ff1234",
                n.wrapping_mul(2_654_435_761)
            )
        };
        let fcm = |n: u32| {
            let (high, low) = (n.wrapping_mul(2_654_435_761), n.wrapping_mul(40_503));
            format!("projects/example-project/messages/0:17{high:010}{n:04}%{low:08x}{high:08x}")
        };
        assert_eq!((single(&apns), single(&fcm)), (25, 42));
    }

    #[test]
    fn only_a_uuid_in_small_letters_is_kept_as_one() {
        let check = |text: &str, is_uuid: bool| {
            assert_eq!(
                uuid(text).map(|bytes| uuid_text(&bytes) == text),
                is_uuid.then_some(true),
                "{text}"
            );
        };
        check("6f2e8b8e-0123-4567-89ab-cdef00ff1234", true);
        check("6F2E8B8E-0123-4567-89ab-cdef00ff1234", false);
        check("6f2e8b8e-0123-4567-89ab-cdef00ff123", false);
        check("6f2e8b8e-0123-4567-89ab-cdef00ff12é", false);
        check("6f2e8b8e 0123-4567-89ab-cdef00ff1234", false);
        check("", false);
    }
}
