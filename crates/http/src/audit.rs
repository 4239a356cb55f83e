//! Writes the audit: who did what, from where, to what, and what was answered.
//!
//! An entry is durable before its call is answered. What was done stays done when its entry cannot be written: the
//! answer tells what happened, the log tells that the audit does not.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{AppId, Clock, Second};
use pushtally_store::{Audit, AuditEntry, StoreError};
use sha2::{Digest as _, Sha256};

use crate::limits::AUDITED_CALLS_MAX;

/// What was done, to be written down. Holds no secret: names and hashes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The app it touched, if one.
    pub app: Option<AppId>,
    /// An administrator's UserID, or [`Deed::OPERATOR`].
    pub who: String,
    /// An address, `control socket`, `command line` or [`Deed::UNKNOWN`].
    pub from: String,
    /// The command.
    pub what: &'static str,
    /// A TaskId; empty when nothing is named.
    pub target: String,
    /// SHA-256 of the body, if there was one.
    pub body_hash: Option<[u8; 32]>,
    /// The public code of the answer; 0 is success.
    pub code: u32,
}

impl Deed {
    /// Who an operator is to the audit.
    pub const OPERATOR: &str = "operator";
    /// From where, when nobody can say.
    pub const UNKNOWN: &str = "unknown";

    /// Something an operator did.
    #[must_use]
    pub fn of_operator(from: impl Into<String>, app: AppId, what: &'static str) -> Self {
        Self {
            app: Some(app),
            who: Self::OPERATOR.to_owned(),
            from: from.into(),
            what,
            target: String::new(),
            body_hash: None,
            code: 0,
        }
    }

    /// Notes the body; answers its SHA-256.
    pub fn hash(&mut self, body: &[u8]) -> [u8; 32] {
        let hash = Sha256::digest(body).into();
        self.body_hash = Some(hash);
        hash
    }

    fn entry(&self, when: Second) -> AuditEntry {
        AuditEntry {
            at: 0,
            when,
            app: self.app,
            who: self.who.clone(),
            from: self.from.clone(),
            what: self.what.to_owned(),
            target: self.target.clone(),
            body_hash: self
                .body_hash
                .as_ref()
                .map_or_else(String::new, hexadecimal),
            code: self.code,
        }
    }
}

fn hexadecimal(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes and reads the audit.
pub struct Recorder {
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    /// The calls of the current second that are written already.
    written: Mutex<(Second, HashSet<Call>)>,
}

/// What makes two calls of one second the same to the audit.
type Call = (Option<AppId>, &'static str, u32, String);

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// Over an engine's audit.
    #[must_use]
    pub fn new(audit: Arc<dyn Audit>, clock: Arc<dyn Clock>) -> Self {
        Self {
            audit,
            clock,
            written: Mutex::default(),
        }
    }

    /// Writes what an operator did. Answers when it is durable, or when it is known that it will not be.
    pub async fn record(&self, deed: Deed) {
        let entry = deed.entry(self.clock.now());
        if let Err(error) = self.audit.append_entry(&entry).await {
            complain(&deed, &error);
        }
    }

    /// Writes a backend's call. Within one second, of the calls of an app with the same command, answer and target only
    /// the first is written, so that a caller in a loop cannot fill the disk.
    pub(crate) async fn record_call(&self, deed: Deed) {
        if self.is_first(&deed) {
            self.record(deed).await;
        }
    }

    fn is_first(&self, deed: &Deed) -> bool {
        let now = self.clock.now();
        let mut written = self.written.lock();
        let (second, calls) = &mut *written;
        if *second != now {
            *second = now;
            calls.clear();
        }
        let call = (deed.app, deed.what, deed.code, deed.target.clone());
        calls.len() >= AUDITED_CALLS_MAX || calls.insert(call)
    }

    /// Entries before a place, newest first, of one app or all.
    pub async fn entries(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.audit.entries(app, before, max).await
    }
}

/// The log gets everything that the entry would have held, so that it can be found there.
fn complain(deed: &Deed, error: &StoreError) {
    let Deed {
        app,
        who,
        from,
        what,
        target,
        code,
        body_hash: _,
    } = deed;
    let app = app.map_or(0, |app| app.0);
    tracing::error!(app, who, from, what, target, code, %error, "the audit could not be written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::ManualClock;
    use pushtally_store::memory;

    fn call(code: u32, target: &str) -> Deed {
        Deed {
            who: "administrator".to_owned(),
            target: target.to_owned(),
            code,
            ..Deed::of_operator("127.0.0.1", AppId(7), "push")
        }
    }

    #[tokio::test]
    async fn equal_calls_of_a_second_are_written_once() {
        let clock = Arc::new(ManualClock::at_unix(100));
        let recorder = Recorder::new(memory::engine().audit, clock.clone());
        for _ in 0..3 {
            recorder.record_call(call(90024, "")).await;
            recorder.record_call(call(0, "t1")).await;
        }
        recorder.record_call(call(0, "t2")).await;
        let count = async || recorder.entries(None, None, 100).await.unwrap().len();
        assert_eq!(count().await, 3);
        clock.advance_ms(1000);
        recorder.record_call(call(90024, "")).await;
        assert_eq!(count().await, 4);
        for _ in 0..2 {
            recorder.record(call(0, "t2")).await;
        }
        assert_eq!(count().await, 6);
    }

    #[tokio::test]
    async fn a_body_is_known_by_its_hash_only() {
        let clock = Arc::new(ManualClock::at_unix(100));
        let recorder = Recorder::new(memory::engine().audit, clock);
        let mut deed = call(0, "t1");
        deed.hash(b"abc");
        recorder.record(deed).await;
        let entry = recorder
            .entries(Some(AppId(7)), None, 1)
            .await
            .unwrap()
            .remove(0);
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((entry.body_hash.as_str(), entry.when), (hash, Second(100)));
    }
}
