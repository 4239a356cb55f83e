//! The mark that a push carries through a vendor and back: which task a receipt is of, proven to be ours.
//!
//! 21 bytes in base64url: a version, the task's number, the second of sending, and 8 bytes of an HMAC-SHA256 of these and
//! the app under one of its keys. A receipt's token then says which device it is of, and that device must have been
//! planned in that task on that channel: a mark alone counts nothing.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use pushtally_model::{App, AppId, Second, Secret};
use pushtally_store::{Directory, TaskSeq};
use pushtally_vendor::Marker;
use sha2::Sha256;

const V1: u8 = 1;
const BODY_LEN: usize = 13;
const PROOF_LEN: usize = 8;
const CONTEXT: &[u8] = b"pushtally receipt mark";

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The task.
    pub task: TaskSeq,
    /// When it was sent.
    pub sent_at: Second,
}

impl Mark {
    /// Its text, proven by a key.
    fn write(self, app: AppId, key: &Secret) -> Option<String> {
        let mut bytes = [0; BODY_LEN + PROOF_LEN];
        bytes[0] = V1;
        bytes[1..9].copy_from_slice(&self.task.0.to_be_bytes());
        bytes[9..BODY_LEN].copy_from_slice(&self.sent_at.0.to_be_bytes());
        let (body, proof) = bytes.split_at_mut(BODY_LEN);
        let tag = hmac(app, key, body)?.finalize().into_bytes();
        proof.copy_from_slice(&tag[..PROOF_LEN]);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a text says, if one of the app's keys proves it.
    #[must_use]
    pub fn read(app: &App, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, proof) = bytes.split_at_checked(BODY_LEN)?;
        let proven = |key: &Secret| {
            let hmac = hmac(app.id, key, body);
            hmac.is_some_and(|hmac| hmac.verify_truncated_left(proof).is_ok())
        };
        if proof.len() != PROOF_LEN || !app.keys.iter().any(proven) {
            return None;
        }
        let [V1, rest @ ..] = body else {
            return None;
        };
        let (task, second) = rest.split_first_chunk::<8>()?;
        Some(Self {
            task: TaskSeq(u64::from_be_bytes(*task)),
            sent_at: Second(u32::from_be_bytes(*second.first_chunk::<4>()?)),
        })
    }
}

fn hmac(app: AppId, key: &Secret, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    hmac.update(CONTEXT);
    hmac.update(&app.0.to_be_bytes());
    hmac.update(body);
    Some(hmac)
}

/// Makes marks, each with its app's newest key.
#[derive(Debug)]
pub struct Marks {
    directory: Arc<Directory>,
}

impl Marks {
    /// With the keys of these apps.
    #[must_use]
    pub const fn new(directory: Arc<Directory>) -> Self {
        Self { directory }
    }
}

impl Marker for Marks {
    fn mark(&self, app: AppId, task: u64, now_ms: i64) -> String {
        let mark = Mark {
            task: TaskSeq(task),
            sent_at: Second::from_millis(now_ms).unwrap_or_default(),
        };
        let known = self.directory.get(app);
        let key = known.as_ref().and_then(|app| app.keys.first());
        // An app that is gone gets no receipts.
        key.and_then(|key| mark.write(app, key))
            .unwrap_or_else(|| "none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_with_any_key_of_its_app_and_with_no_other() {
        let mark = Mark {
            task: TaskSeq(u64::MAX - 7),
            sent_at: Second(1_795_313_600),
        };
        let mut app = App::new(AppId(7), Secret::new("old"));
        let text = mark.write(app.id, &app.keys[0]).unwrap();
        assert!(text.len() <= 40, "{text}");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(text.bytes().all(plain), "{text}");
        app.keys.insert(0, Secret::new("new"));
        assert_eq!(Mark::read(&app, &text), Some(mark));

        let other_key = App::new(AppId(7), Secret::new("new"));
        assert_eq!(Mark::read(&other_key, &text), None);
        let other_app = App::new(AppId(8), Secret::new("old"));
        assert_eq!(Mark::read(&other_app, &text), None);
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(Mark::read(&app, &forged), None, "{forged}");
            assert_eq!(Mark::read(&app, &text[..at]), None);
        }
    }
}
