//! A call as it was accepted, in the form in which it waits to be passed on.
//!
//! `http` encodes one and pushes it to the relay queue; a relay decodes it and sends it. Encoded calls outlive
//! versions: a queue written by an older release must be read by every later one.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The first byte of an encoded call: without headers, so that older releases read what they can pass on.
const VERSION: u8 = 1;

/// And with headers, which follow the content type.
const VERSION_HEADERS: u8 = 2;

/// Marks in the second byte that a content type follows the query.
const HAS_CONTENT_TYPE: u8 = 1;

/// Version, marks, and the lengths of query and content type.
const HEAD_LEN: usize = 2 + 4 + 4;

/// An accepted call: what the relay must repeat byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The query of its URL as received, without the `?`.
    pub query: String,
    /// Its `Content-Type` as received.
    pub content_type: Option<String>,
    /// Its other headers that the receiver needs, as received: names in lower case, values of any bytes.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body as received.
    pub body: Bytes,
}

/// Why bytes are no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The bytes end early.
    #[error("call of `{len}` bytes is cut")]
    Cut {
        /// How many bytes there are.
        len: usize,
    },
    /// Written by a version that this one does not know.
    #[error("call has format version `{version}`, known are `{VERSION}` and `{VERSION_HEADERS}`")]
    Version {
        /// The version found.
        version: u8,
    },
    /// Query, content type or a header's name is not UTF-8.
    #[error("call is not UTF-8 in its `{part}`")]
    Utf8 {
        /// `query`, `content type` or `header`.
        part: &'static str,
    },
}

impl Call {
    /// The bytes that wait in the queue.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(
            HEAD_LEN + self.query.len() + content_type.len() + self.body.len(),
        );
        bytes.put_u8(if self.headers.is_empty() {
            VERSION
        } else {
            VERSION_HEADERS
        });
        bytes.put_u8(if self.content_type.is_some() {
            HAS_CONTENT_TYPE
        } else {
            0
        });
        bytes.put_u32_le(length(self.query.len()));
        bytes.put_u32_le(length(content_type.len()));
        bytes.put_slice(self.query.as_bytes());
        bytes.put_slice(content_type.as_bytes());
        if !self.headers.is_empty() {
            bytes.put_u32_le(length(self.headers.len()));
            for (name, value) in &self.headers {
                bytes.put_u32_le(length(name.len()));
                bytes.put_u32_le(length(value.len()));
                bytes.put_slice(name.as_bytes());
                bytes.put_slice(value);
            }
        }
        bytes.put_slice(&self.body);
        bytes.freeze()
    }

    /// Reads what [`Call::encode`] of this or an earlier version wrote. The body shares the buffer.
    pub fn decode(mut bytes: Bytes) -> Result<Self, CallError> {
        let len = bytes.len();
        let version = bytes.first().copied().ok_or(CallError::Cut { len })?;
        if !matches!(version, VERSION | VERSION_HEADERS) {
            return Err(CallError::Version { version });
        }
        if len < HEAD_LEN {
            return Err(CallError::Cut { len });
        }
        bytes.advance(1);
        let marks = bytes.get_u8();
        let query_len = bytes.get_u32_le() as usize;
        let content_type_len = bytes.get_u32_le() as usize;
        if bytes.len() < query_len.saturating_add(content_type_len) {
            return Err(CallError::Cut { len });
        }
        let query = text(bytes.split_to(query_len), "query")?;
        let content_type = text(bytes.split_to(content_type_len), "content type")?;
        let content_type = (marks & HAS_CONTENT_TYPE != 0).then_some(content_type);
        let headers = match version {
            VERSION_HEADERS => headers(&mut bytes, len)?,
            _ => Vec::new(),
        };
        Ok(Self {
            query,
            content_type,
            headers,
            body: bytes,
        })
    }
}

/// The query holds a signature and the body is the customer's: neither belongs in a log.
impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("query_len", &self.query.len())
            .field("content_type", &self.content_type)
            .field("headers", &self.headers.len())
            .field("body_len", &self.body.len())
            .finish()
    }
}

/// Whatever has a length here comes from a request head, which is bounded far below 4 GiB.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Takes the headers off the front of a call that has this many bytes in all.
fn headers(bytes: &mut Bytes, len: usize) -> Result<Vec<(String, Vec<u8>)>, CallError> {
    let cut = CallError::Cut { len };
    let count = bytes.try_get_u32_le().map_err(|_| cut)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let name_len = bytes.try_get_u32_le().map_err(|_| cut)? as usize;
        let value_len = bytes.try_get_u32_le().map_err(|_| cut)? as usize;
        if bytes.len() < name_len.saturating_add(value_len) {
            return Err(cut);
        }
        let name = text(bytes.split_to(name_len), "header")?;
        headers.push((name, bytes.split_to(value_len).into()));
    }
    Ok(headers)
}

fn text(bytes: Bytes, part: &'static str) -> Result<String, CallError> {
    String::from_utf8(bytes.into()).map_err(|_| CallError::Utf8 { part })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(query: &str, content_type: Option<&str>, body: &'static [u8]) -> Call {
        Call {
            query: query.to_owned(),
            content_type: content_type.map(str::to_owned),
            headers: Vec::new(),
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn calls_survive_their_encoding() {
        let check = |call: Call| assert_eq!(Call::decode(call.encode()), Ok(call));
        check(call("", None, b""));
        check(call("", Some(""), b""));
        check(call(
            "SdkAppid=1&Sign=%2B+x",
            Some("application/json; charset=utf-8"),
            b"{\"Events\":[]}",
        ));
        check(call("q=\u{e9}", None, &[0, 0xFF, 0x80]));
        check(signed(b"timestamp=1; nonce=n; value=\xFF", b"{}"));
    }

    fn signed(signature: &[u8], body: &'static [u8]) -> Call {
        let header = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        Call {
            headers: vec![header("x-id", signature), header("x-none", b"")],
            ..call("a=b", Some("t"), body)
        }
    }

    #[test]
    fn version_one_is_read_for_ever() {
        let bytes = b"\x01\x01\x03\0\0\0\x01\0\0\0a=bt{}";
        assert_eq!(
            Call::decode(Bytes::from_static(bytes)),
            Ok(call("a=b", Some("t"), b"{}"))
        );
    }

    #[test]
    fn version_two_is_read_for_ever() {
        let bytes = b"\x02\x01\x03\0\0\0\x01\0\0\0a=bt\x02\0\0\0\x04\0\0\0\x01\0\0\0x-idv\x06\0\0\0\0\0\0\0x-none{}";
        assert_eq!(
            Call::decode(Bytes::from_static(bytes)),
            Ok(signed(b"v", b"{}"))
        );
    }

    #[test]
    fn every_cut_is_told() {
        for whole in [call("a=b", Some("text"), b""), signed(b"value", b"")] {
            let whole = whole.encode();
            for len in 0..whole.len() {
                assert_eq!(
                    Call::decode(whole.slice(..len)),
                    Err(CallError::Cut { len })
                );
            }
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let check = |bytes: &'static [u8], error| {
            assert_eq!(Call::decode(Bytes::from_static(bytes)), Err(error));
        };
        check(b"\x03", CallError::Version { version: 3 });
        check(
            b"\x02\0\0\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF",
            CallError::Cut { len: 14 },
        );
        check(
            b"\x02\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\xFF",
            CallError::Utf8 { part: "header" },
        );
        check(
            b"\x01\0\x01\0\0\0\0\0\0\0\xFF",
            CallError::Utf8 { part: "query" },
        );
        check(
            b"\x01\x01\0\0\0\0\x01\0\0\0\xFF",
            CallError::Utf8 {
                part: "content type",
            },
        );
        check(
            b"\x01\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            CallError::Cut { len: 10 },
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_or_survive_being_written_again(
            version in 1..3u8, lens in any::<(u8, u8)>(), marks in 0..3u8, bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let head = [version, marks, lens.0 % 40, 0, 0, 0, lens.1 % 40, 0, 0, 0];
            for bytes in [bytes.clone(), [&head[..], &bytes].concat()] {
                if let Ok(call) = Call::decode(bytes.into()) {
                    prop_assert_eq!(Call::decode(call.encode()), Ok(call));
                }
            }
        }

        #[test]
        fn any_call_survives_its_encoding(
            query in any::<String>(), content_type in any::<Option<String>>(),
            headers in any::<Vec<(String, Vec<u8>)>>(), body in any::<Vec<u8>>(),
        ) {
            let call = Call { query, content_type, headers, body: body.into() };
            prop_assert_eq!(Call::decode(call.encode()), Ok(call));
        }
    }

    #[test]
    fn debug_shows_no_signature() {
        let call = Call {
            query: "Sign=5ec2e7".to_owned(),
            ..signed(b"5ec2e7", b"secret")
        };
        let shown = format!("{call:?}");
        assert!(
            !shown.contains("5ec2e7") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
