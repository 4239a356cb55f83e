//! What forgetting names does to a task and to the replacement that it was revoked with: values in, values out.
//!
//! Invariant: a task that addresses a list of accounts and names none was accepted with some: all were forgotten, and its
//! texts with them. Its counts, its id and its state stay.

use std::collections::BTreeSet;

use pushtally_model::{Audience, Notification, Revocation};

use crate::ports::{Erased, StoredTask};

/// A task without these names, and what was erased of it; `None` when it names none of them.
#[must_use]
pub fn without(task: &StoredTask, gone: &BTreeSet<String>) -> Option<(StoredTask, Erased)> {
    let mut erased = Erased::default();
    let mut after = task.clone();
    let draft = &mut after.draft;
    if gone.contains(&draft.sender) {
        draft.sender.clear();
        erased.senders = 1;
    }
    if let Audience::Accounts(accounts) = &mut draft.audience {
        let named = accounts.len();
        accounts.retain(|account| !gone.contains(account.as_str()));
        erased.audiences = u64::from(accounts.len() < named);
        if erased.audiences > 0 && accounts.is_empty() {
            erased.texts = 1;
            draft.notification = silenced(&draft.notification);
        }
    }
    (erased != Erased::default()).then_some((after, erased))
}

/// How a task whose texts are gone was revoked: that it had a replacement stays.
#[must_use]
pub fn silenced_revocation(revocation: &Revocation) -> Revocation {
    Revocation {
        instead: revocation.instead.as_ref().map(silenced),
        ..revocation.clone()
    }
}

/// Whether everybody that a task addressed by name was forgotten.
#[must_use]
pub fn is_forgotten(audience: &Audience) -> bool {
    matches!(audience, Audience::Accounts(accounts) if accounts.is_empty())
}

/// How it was to be planned is no text.
fn silenced(notification: &Notification) -> Notification {
    Notification {
        online_only: notification.online_only,
        ..Notification::default()
    }
}
