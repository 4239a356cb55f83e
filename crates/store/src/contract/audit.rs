//! The audit.

use pushtally_model::{AppId, Second};

use super::APP;
use crate::ports::{AuditEntry, Engine};

fn entry(n: u32, app: Option<AppId>) -> AuditEntry {
    AuditEntry {
        at: 0,
        when: Second(1_700_000_000 + n),
        app,
        who: "administrator".to_owned(),
        from: "127.0.0.1:5000".to_owned(),
        what: "push".to_owned(),
        target: format!("task-{n}"),
        body_hash: "ab".repeat(32),
        code: n,
    }
}

/// Places are given from 1; entries come newest first, before a place, of one app or all.
pub(super) async fn entries_come_newest_first(engine: Engine) {
    let apps = [Some(APP), None, Some(AppId(7)), Some(APP), Some(APP)];
    let mut written = Vec::new();
    for (n, app) in (1..).zip(apps) {
        let at = engine.audit.append_entry(&entry(n, app)).await.unwrap();
        assert_eq!(at, u64::from(n), "places are given in order");
        written.push(AuditEntry {
            at,
            ..entry(n, app)
        });
    }
    for (app, before, max, expected) in [
        (None, None, 9, vec![5, 4, 3, 2, 1]),
        (None, None, 2, vec![5, 4]),
        (None, Some(4), 2, vec![3, 2]),
        (None, Some(1), 9, vec![]),
        (Some(APP), None, 9, vec![5, 4, 1]),
        (Some(APP), Some(5), 1, vec![4]),
        (Some(AppId(7)), None, 9, vec![3]),
        (Some(AppId(8)), None, 9, vec![]),
        (None, None, 0, vec![]),
    ] {
        let found = engine.audit.entries(app, before, max).await.unwrap();
        let expected: Vec<AuditEntry> = expected
            .into_iter()
            .map(|at: usize| written[at - 1].clone())
            .collect();
        assert_eq!(
            found, expected,
            "entries of {app:?} before {before:?}, {max}"
        );
    }
}
