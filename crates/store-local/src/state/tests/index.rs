//! The index on a simulated disk: it agrees with the records whatever fails, and readers see one moment.

use std::sync::atomic::AtomicBool;

use pushtally_model::Tag;
use pushtally_store::{Accounts, IndexKey, LabelChange, LabelsChanged};

use super::*;

fn tag(n: u32) -> Tag {
    Tag::new(format!("tag-{n}")).unwrap()
}

fn user(n: u32) -> Account {
    Account::new(format!("user{n}")).unwrap()
}

async fn label(state: &State, name: u32, tags: &[u32]) -> Result<(), StoreError> {
    let tags = tags.iter().map(|n| tag(*n)).collect();
    let changes = [(user(name), LabelChange::ReplaceTags(tags))];
    state.change_labels(APP, &changes).await.map(drop)
}

async fn agree(state: &State, when: &str) {
    settle(state).await;
    match state.verify_index(APP).await {
        Ok(differences) => assert_eq!(differences, [""; 0], "{when}"),
        // Nothing may be read before a restart, and nothing wrong is.
        Err(error) => assert!(
            matches!(error, StoreError::Failed { .. }),
            "{error:?} {when}"
        ),
    }
}

/// One act of each kind in turn.
async fn act(state: &State, n: u32) -> Result<(), StoreError> {
    match n % 6 {
        0 | 1 | 3 => register(state, n).await.map(drop),
        2 => label(state, (n - 1) % 7, &[n, 1]).await,
        4 => {
            let secret = SecretHash([7; 32]);
            state
                .unregister_device(APP, &rid(n - 1), secret, Second(1_700_000_000))
                .await
                .map(drop)
        }
        _ => state
            .forget_accounts(APP, &[user((n - 5) % 7)], Second(1_700_000_000))
            .await
            .map(drop),
    }
}

#[tokio::test]
async fn whenever_the_power_goes_index_and_records_agree() {
    let mut cut = 0;
    for nth in 1..160 {
        let (disk, given) = (SimDisk::new(nth), Given::default());
        let state = open(&disk, &given);
        disk.cut_power_at(nth);
        for n in 0..24 {
            if act(&state, n).await.is_err() {
                cut += 1;
                break;
            }
        }
        disk.crash(nth * 7);
        drop(state);
        let state = open(&disk, &given);
        agree(&state, &format!("after change {nth}")).await;
        for n in 100..106 {
            act(&state, n).await.unwrap();
        }
        agree(&state, &format!("acts after change {nth}")).await;
    }
    assert!(cut > 100, "the power went during {cut} acts");
}

#[tokio::test]
async fn whatever_write_fails_index_and_records_agree() {
    let mut went_on = 0;
    for nth in 1..80 {
        let (disk, given) = (SimDisk::new(nth), Given::default());
        let state = open(&disk, &given);
        for n in 0..3 {
            act(&state, n).await.unwrap();
        }
        disk.fail_write(nth);
        for n in 3..24 {
            // Refused acts are left out; the later ones find what is there.
            let _ = act(&state, n).await;
            agree(&state, &format!("write {nth}, act {n}")).await;
        }
        went_on += u32::from(register(&state, 1000).await.is_ok());
        disk.crash(nth);
        drop(state);
        let state = open(&disk, &given);
        agree(&state, &format!("after write {nth}")).await;
    }
    assert!(went_on > 40, "{went_on} of 79 histories needed no restart");
}

/// A device is under one of two tags at any moment, while pages are saved, evicted and read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_see_one_moment() {
    let state = Arc::new(open(&SimDisk::new(1), &Given::default()));
    let number = register(&state, 0).await.unwrap();
    label(&state, 0, &[0]).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (state, done) = (Arc::clone(&state), Arc::clone(&done));
            tokio::spawn(async move {
                let mut seen = [0; 2];
                while !done.load(Ordering::Acquire) {
                    let keys = [0, 1].map(|n| IndexKey::Tag(tag(n)));
                    let read = state.read_index(APP, number.shard(), &keys).await.unwrap();
                    let slot = u32::from(number.slot());
                    let under = [read[0].contains(slot), read[1].contains(slot)];
                    assert!(under[0] != under[1], "{under:?}");
                    seen[usize::from(under[1])] += 1;
                    // Others push these two out of memory.
                    let other = [IndexKey::Tag(tag(seen[0] % 50 + 2))];
                    state.read_index(APP, 0, &other).await.unwrap();
                }
                seen
            })
        })
        .collect();
    for n in 0..600u32 {
        label(&state, 0, &[n % 2]).await.unwrap();
        if n % 10 == 0 {
            register(&state, 1 + n).await.unwrap();
        }
    }
    done.store(true, Ordering::Release);
    for reader in readers {
        let seen = reader.await.unwrap();
        assert!(seen[0] > 10 && seen[1] > 10, "{seen:?}");
    }
    agree(&state, "in the end").await;
}

#[tokio::test]
async fn a_difference_is_told() {
    let state = open(&SimDisk::new(1), &Given::default());
    let number = register(&state, 0).await.unwrap();
    register(&state, 1).await.unwrap();
    let changes = [(user(0), LabelChange::AddTags([tag(1)].into()))];
    let changed = state.change_labels(APP, &changes).await.unwrap();
    assert_eq!(changed, [LabelsChanged::Done]);
    let remove = state.act((Class::Devices, APP), move |tables, _| {
        // Nobody watches this: the row goes behind the index's back.
        tables
            .tags
            .remove(tables::tag_key(APP, &tag(1)).as_slice())?;
        Ok(Outcome::of(()))
    });
    remove.await.unwrap();
    state.database.index().clear();
    let told = state.verify_index(APP).await.unwrap();
    let of = |text: &str| told.iter().filter(|told| told.contains(text)).count();
    assert!(of("`1` accounts have it, `0` are counted") == 1, "{told:?}");
    assert!(
        of(&format!(
            "device `{number}` under tag `tag-1`: is in the records"
        )) == 1,
        "{told:?}"
    );
    assert_eq!(of("is in the index"), 0, "{told:?}");
}
