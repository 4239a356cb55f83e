//! Forgettings: what is erased at once, what later, what stays, and what is remembered of it.

use std::collections::BTreeSet;

use pushtally_model::{
    Account, Audience, Channel, Notification, Origin, Revocation, Route, Second, TaskDraft, TaskId,
    TokenKind,
};

use super::APP;
use super::devices::{LATER, OTHER, account, new, registration, token};
use super::tasks::{accept, batch, draft};
use crate::ports::{
    AccountDeleted, BACKUPS_MAX, BackupNote, Engine, Erased, Forgetting, LabelChange, Names,
    Recipient, Revoked, TaskName,
};
use pushtally_model::{Kind, Tag};

pub(super) async fn check(fresh: &mut impl AsyncFnMut() -> Engine) {
    what_is_asked_for_is_remembered_without_names(fresh().await).await;
    tasks_forget_whom_they_addressed(fresh().await).await;
    a_task_accepted_later_keeps_its_names(fresh().await).await;
    imported_names_are_forgotten_and_their_numbers_not_given_again(fresh().await).await;
    backups_are_remembered_newest_first(fresh().await).await;
}

async fn forget(engine: &Engine, names: &[&str]) -> Vec<AccountDeleted> {
    let names: Vec<Account> = names.iter().map(|name| account(name)).collect();
    let forgotten = engine.forgettings.forget_accounts(APP, &names, LATER);
    forgotten.await.unwrap().accounts
}

async fn listed(engine: &Engine) -> Vec<Forgetting> {
    engine.forgettings.forgettings(None, None, 9).await.unwrap()
}

fn to(names: &[&str], n: u32) -> TaskDraft {
    TaskDraft {
        audience: Audience::Accounts(names.iter().map(|name| account(name)).collect()),
        ..batch(n)
    }
}

const DONE: Second = Second(LATER.0 + 60);

async fn what_is_asked_for_is_remembered_without_names(engine: Engine) {
    let tokens = [
        token(Channel::Fcm, TokenKind::Alert, "t"),
        token(Channel::Apns, TokenKind::Voip, "u"),
    ];
    new(&engine, APP, &registration("p", Some("a"), &tokens)).await;
    new(&engine, APP, &registration("q", Some("a"), &[])).await;
    let tags = ["x", "y"].map(|name| Tag::new(name).unwrap());
    let change = LabelChange::AddTags(BTreeSet::from(tags));
    let changes = [(account("a"), change)];
    engine.accounts.change_labels(APP, &changes).await.unwrap();
    let forgettings = &engine.forgettings;
    assert_eq!(forgettings.waiting_since().await.unwrap(), None);
    assert_eq!(forget(&engine, &[]).await, []);
    assert_eq!(listed(&engine).await, [], "nobody was named");

    forget(&engine, &["a", "nobody"]).await;
    let first = Forgetting {
        place: 1,
        app: APP,
        at: LATER,
        named: 2,
        erased: Erased {
            accounts: 1,
            phones: 2,
            devices: 2,
            tokens: 2,
            tags: 2,
            ..Erased::default()
        },
        done_at: None,
    };
    assert_eq!(listed(&engine).await, [first]);
    assert_eq!(forgettings.waiting_since().await.unwrap(), Some(LATER));
    assert_eq!(forgettings.erase(DONE).await.unwrap(), 1);
    let done_at = Some(DONE);
    assert_eq!(listed(&engine).await, [Forgetting { done_at, ..first }]);
    assert_eq!(forgettings.waiting_since().await.unwrap(), None);
    assert_eq!(forgettings.erase(LATER).await.unwrap(), 0, "once");

    forget(&engine, &["b"]).await;
    let of = async |app, before| {
        let found = forgettings.forgettings(app, before, 9).await.unwrap();
        found.iter().map(|found| found.place).collect::<Vec<_>>()
    };
    assert_eq!(of(None, None).await, [2, 1]);
    assert_eq!(of(Some(APP), Some(2)).await, [1]);
    assert_eq!(of(Some(OTHER), None).await, []);
}

/// Texts go with the last of those that a task addressed; everything else of it stays.
async fn tasks_forget_whom_they_addressed(engine: Engine) {
    new(&engine, APP, &registration("phone-a", Some("a"), &[])).await;
    let both = accept(&engine, &to(&["a", "b"], 1), None).await;
    let phone = accept(&engine, &to(&["phone-a", "c"], 2), None).await;
    let from = TaskDraft {
        sender: "a".to_owned(),
        ..to(&["b"], 3)
    };
    let from = accept(&engine, &from, None).await;
    let alone = accept(&engine, &to(&["a"], 4), None).await;
    let everyone = accept(&engine, &draft(5), None).await;
    let elsewhere = TaskDraft {
        app: OTHER,
        ..to(&["a"], 6)
    };
    let elsewhere = accept(&engine, &elsewhere, None).await;
    let revocation = Revocation {
        at: LATER,
        instead: Some(Notification {
            title: "instead".to_owned(),
            ..Notification::default()
        }),
    };
    let revoked = engine
        .tasks
        .revoke_task(APP, &alone.draft.id, &revocation, 9000);
    assert!(matches!(revoked.await.unwrap(), Revoked::Now(_)));
    let jobs = engine.tasks.jobs_left(alone.seq).await.unwrap();

    forget(&engine, &["a"]).await;
    engine.forgettings.erase(DONE).await.unwrap();
    let at = async |seq| engine.tasks.task_at(seq).await.unwrap().unwrap();
    let named = |names: &[&str]| Audience::Accounts(names.iter().map(|n| account(n)).collect());
    for (before, names) in [(&both, ["b"]), (&phone, ["c"])] {
        let after = at(before.seq).await.draft;
        assert_eq!(after.audience, named(&names));
        assert_eq!(after.notification, before.draft.notification);
    }
    let after = at(from.seq).await.draft;
    assert_eq!(
        (after.sender.as_str(), &after.audience),
        ("", &named(&["b"]))
    );
    for untouched in [everyone, elsewhere] {
        assert_eq!(at(untouched.seq).await, untouched);
    }
    let after = at(alone.seq).await;
    assert_eq!(after.draft.audience, named(&[]));
    let silent = Notification {
        online_only: true,
        ..Notification::default()
    };
    assert_eq!(after.draft.notification, silent);
    assert_eq!(after.draft.id, alone.draft.id);
    let kept = engine.tasks.find_stored_task(APP, &alone.draft.id).await;
    assert_eq!(kept.unwrap(), Some(after));
    let how = engine.tasks.revocation(alone.seq).await.unwrap().unwrap();
    assert_eq!(how.instead, Some(Notification::default()));
    assert_eq!(engine.tasks.jobs_left(alone.seq).await.unwrap(), jobs);
    let erased = listed(&engine).await[0].erased;
    assert_eq!((erased.audiences, erased.texts, erased.senders), (3, 1, 1));
    // The last of several: its texts go then.
    forget(&engine, &["b", "c"]).await;
    engine.forgettings.erase(DONE).await.unwrap();
    assert_eq!(at(both.seq).await.draft.notification, silent);
    assert_eq!(listed(&engine).await[0].erased.texts, 3);
}

/// Somebody of the same name may come anew; what is sent to them then is theirs.
async fn a_task_accepted_later_keeps_its_names(engine: Engine) {
    forget(&engine, &["a"]).await;
    let later = accept(&engine, &to(&["a"], 1), None).await;
    engine.forgettings.erase(DONE).await.unwrap();
    assert_eq!(engine.tasks.task_at(later.seq).await.unwrap(), Some(later));
}

async fn imported_names_are_forgotten_and_their_numbers_not_given_again(engine: Engine) {
    let recipient = |account, route| Recipient {
        account,
        route,
        channel: Channel::Fcm,
    };
    let known = [
        recipient("a", Route::Offline),
        recipient("a", Route::Online),
        recipient("ab", Route::Offline),
    ];
    let id = TaskId::new("imported").unwrap();
    let task = TaskName {
        kind: Kind::Push,
        origin: Origin::Imported,
        id: id.as_str(),
    };
    let names = Names {
        tasks: vec![task],
        recipients: known.to_vec(),
        losses: Vec::new(),
    };
    let identities = &engine.identities;
    let before = identities.resolve(APP, &names).await.unwrap();
    // The names are in the log with the first append that follows.
    engine.log.append(&super::batch(1)).await.unwrap();
    forget(&engine, &["a", "b"]).await;
    engine.forgettings.erase(DONE).await.unwrap();
    let found = identities.find_recipients(APP, &known).await.unwrap();
    assert_eq!(found, [None, None, Some(before.numbers[2])]);
    assert_eq!(listed(&engine).await[0].erased.recipients, 2);
    let task = identities.find_task(APP, Kind::Push, "imported").await;
    assert_eq!(task.unwrap(), Some(before.tasks[0]));
    let again = identities.resolve(APP, &names).await.unwrap();
    assert_eq!(again.numbers[2], before.numbers[2]);
    let given: BTreeSet<_> = before.numbers.iter().chain(&again.numbers).collect();
    assert_eq!(given.len(), 5, "{before:?} {again:?}");
    engine.log.append(&super::batch(2)).await.unwrap();
    engine.log.verify().await.unwrap();
}

async fn backups_are_remembered_newest_first(engine: Engine) {
    let note = |n: usize| BackupNote {
        at: Second(n as u32),
        to: format!("/backups/{n}"),
    };
    for n in 0..=BACKUPS_MAX {
        engine.forgettings.note_backup(&note(n)).await.unwrap();
    }
    let known = engine.forgettings.backups().await.unwrap();
    assert_eq!(known.len(), BACKUPS_MAX);
    assert_eq!(known[..2], [note(BACKUPS_MAX), note(BACKUPS_MAX - 1)]);
}
