//! Forgetting accounts in the tables: at once whom they are, later where tasks name them. What is left of the bytes then
//! goes with [`State::rewrite`].
//!
//! Invariant: a forgetting is noted in the act that forgets, with the names to be looked for; the act that takes the last
//! of them out of the note comes after everything that names them has changed, and before the tables are written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pushtally_model::{Account, AccountKind, AppId, Device, Labels, Second};
use pushtally_store::forgetting::{silenced_revocation, without};
use pushtally_store::{
    AccountDeleted, BACKUPS_MAX, BackupNote, Erased, FORGETTINGS_KEPT_MAX, Forgetting, Forgotten,
    StoreError, TaskSeq,
};
use redb::ReadableTable;

use super::devices::{self, app_row, numbers_of_account};
use super::labels::{TagUses, labels_of};
use super::rows::NotedForgetting;
use super::tables::{
    APP_TASKS, ActError, BACKUPS, FORGETTINGS, KNOWN, TASKS, Tables, account_key, decode, encode,
    labels_key, phone_key, row,
};
use super::writer::{Class, Outcome};
use super::{State, ports, tasks, until_full};

/// Tasks looked at in one reading: a fraction of a second's work.
const SWEEP_LEN: usize = 1024;

/// Everything of an account that goes, before any of it is written.
struct Going {
    changes: Vec<devices::Change>,
    /// Keys of phones.
    phones: Vec<Vec<u8>>,
    /// Who is labelled with what: the account, and its phones.
    labels: Vec<(AccountKind, String, Labels)>,
    erased: Erased,
}

impl Going {
    fn of(
        tables: &Tables<'_>,
        app: AppId,
        account: &Account,
        devices: Vec<Device>,
        at: Second,
    ) -> Result<Self, ActError> {
        let mut going = Self {
            changes: Vec::new(),
            phones: Vec::new(),
            labels: Vec::new(),
            erased: Erased {
                accounts: 1,
                ..Erased::default()
            },
        };
        going.take_labels(tables, app, AccountKind::User, account.as_str())?;
        for device in devices {
            let erased = &mut going.erased;
            erased.devices += 1;
            erased.tokens += (device.facts.tokens.len() + device.dropped.len()) as u64;
            let phone = &device.registration_id;
            if devices::phone(&*tables.phones, app, phone)?.is_some() {
                erased.phones += 1;
                going.phones.push(phone_key(app, phone));
            }
            going.take_labels(tables, app, AccountKind::Phone, phone.as_str())?;
            let change = devices::Change::new(tables, app, Some(device), None, at)?;
            going.changes.push(change);
        }
        Ok(going)
    }

    fn take_labels(
        &mut self,
        tables: &Tables<'_>,
        app: AppId,
        kind: AccountKind,
        name: &str,
    ) -> Result<(), ActError> {
        let labels = labels_of(&*tables.labels, app, kind, name)?;
        if labels != Labels::default() {
            self.erased.tags += labels.tags.len() as u64;
            self.erased.attributes += labels.attributes.len() as u64;
            self.labels.push((kind, name.to_owned(), labels));
        }
        Ok(())
    }

    fn write(self, tables: &mut Tables<'_>, uses: &mut TagUses) -> Result<(), ActError> {
        for change in self.changes {
            change.write(tables)?;
        }
        for phone in self.phones {
            tables.phones.remove(phone.as_slice())?;
        }
        for (kind, name, labels) in self.labels {
            uses.move_account(kind, &labels, &Labels::default());
            let key = labels_key(uses.app(), kind, &name);
            tables.labels.remove(key.as_slice())?;
        }
        Ok(())
    }
}

/// Forgets an account with its devices and phones; `gone` gets the names of them all.
fn forget(
    tables: &mut Tables<'_>,
    uses: &mut TagUses,
    account: &Account,
    at: Second,
    gone: &mut BTreeSet<String>,
) -> Result<(AccountDeleted, Erased), ActError> {
    let app = uses.app();
    let mark = account_key(app, account, KNOWN);
    if tables.accounts.get(mark.as_slice())?.is_none() {
        gone.insert(account.as_str().to_owned());
        return Ok((AccountDeleted::Unknown, Erased::default()));
    }
    let numbers = numbers_of_account(&*tables.accounts, app, account)?;
    let mut counts = app_row(&*tables.apps, app)?;
    counts.devices = counts.devices.saturating_sub(numbers.len() as u64);
    let counts = encode("apps", &counts)?;
    let mut devices = Vec::with_capacity(numbers.len());
    for number in &numbers {
        devices.extend(devices::device(&*tables.devices, app, *number)?);
    }
    let phones: Vec<String> = devices
        .iter()
        .map(|device| device.registration_id.as_str().to_owned())
        .collect();
    let going = Going::of(tables, app, account, devices, at)?;
    for tag in going.labels.iter().flat_map(|(_, _, labels)| &labels.tags) {
        uses.get(tables, tag)?;
    }
    uses.tags(tables)?;

    let erased = going.erased;
    going.write(tables, uses)?;
    tables.accounts.remove(mark.as_slice())?;
    if !numbers.is_empty() {
        tables.apps.insert(app.0, counts.as_slice())?;
    }
    gone.insert(account.as_str().to_owned());
    gone.extend(phones);
    Ok((AccountDeleted::Done(numbers), erased))
}

/// Forgets accounts from the front, at least one, and notes it; answers each with the place of the note.
fn forget_part(
    tables: &mut Tables<'_>,
    app: AppId,
    part: &[Account],
    at: Second,
) -> Result<Vec<(u64, AccountDeleted)>, ActError> {
    let mut uses = TagUses::of(app);
    let mut gone = BTreeSet::new();
    let (mut erased, mut named) = (Erased::default(), 0);
    let done = until_full(tables, part, |tables, account| {
        let (answer, what) = forget(tables, &mut uses, account, at, &mut gone)?;
        erased = erased.plus(what);
        named += 1;
        Ok(answer)
    });
    // Also after an error: those before it are done.
    uses.write(tables)?;
    if named == 0 {
        return done.map(|_| Vec::new());
    }
    let last = tables.forgettings.last()?.map(|(place, _)| place.value());
    let place = last.unwrap_or_default() + 1;
    let last_task = tables.tasks.last()?.map(|(seq, _)| seq.value());
    let noted = NotedForgetting {
        forgetting: Forgetting {
            place,
            app,
            at,
            named,
            erased,
            done_at: None,
        },
        gone: gone.into_iter().collect(),
        last_task: last_task.unwrap_or_default(),
    };
    put(tables, &noted)?;
    Ok(done?.into_iter().map(|answer| (place, answer)).collect())
}

fn put(tables: &mut Tables<'_>, noted: &NotedForgetting) -> Result<(), ActError> {
    let bytes = encode("forgettings", noted)?;
    let place = noted.forgetting.place;
    Ok(tables.forgettings.insert(place, bytes.as_slice())?)
}

/// Changes notes that are there.
fn change_notes(
    tables: &mut Tables<'_>,
    places: &BTreeMap<u64, Erased>,
    change: impl Fn(&mut NotedForgetting),
) -> Result<(), ActError> {
    for (place, erased) in places {
        let known = row::<_, NotedForgetting>("forgettings", &*tables.forgettings, *place)?;
        if let Some(mut noted) = known {
            noted.forgetting.erased = noted.forgetting.erased.plus(*erased);
            change(&mut noted);
            put(tables, &noted)?;
        }
    }
    Ok(())
}

/// Whom tasks of one app are to forget.
type OfApp = Vec<(u64, BTreeSet<String>, u64)>;

/// A task without those that were forgotten after it was accepted, and for which notes something was erased of it.
fn forget_in(
    task: pushtally_store::StoredTask,
    of_app: &OfApp,
) -> Option<(pushtally_store::StoredTask, BTreeMap<u64, Erased>)> {
    let (mut task, mut places) = (task, BTreeMap::new());
    for (place, gone, last_task) in of_app {
        if task.seq.0 > *last_task {
            continue;
        }
        if let Some((after, erased)) = without(&task, gone) {
            task = after;
            places.insert(*place, erased);
        }
    }
    (!places.is_empty()).then_some((task, places))
}

fn forget_in_stored(tables: &mut Tables<'_>, seq: TaskSeq, of_app: &OfApp) -> Result<(), ActError> {
    let known = tasks::task(&*tables.tasks, seq)?;
    let Some((task, places)) = known.and_then(|known| forget_in(known, of_app)) else {
        return Ok(());
    };
    let bytes = encode("tasks", &task)?;
    let revocation = match places.values().any(|erased| erased.texts > 0) {
        true => row("revocations", &*tables.revocations, seq.0)?,
        false => None,
    };
    let revocation = revocation.as_ref().map(silenced_revocation);
    let revocation = revocation.map(|how| encode("revocations", &how));
    let revocation = revocation.transpose()?;
    tables.tasks.insert(seq.0, bytes.as_slice())?;
    if let Some(revocation) = revocation {
        tables.revocations.insert(seq.0, revocation.as_slice())?;
    }
    change_notes(tables, &places, |_| {})
}

impl State {
    pub(crate) async fn forget_accounts(
        &self,
        app: AppId,
        accounts: &[Account],
        at: Second,
    ) -> Result<Forgotten, StoreError> {
        let forgot = self.act_on_all(app, accounts, move |tables, _, part| {
            forget_part(tables, app, part, at)
        });
        let mut forgotten = Forgotten::default();
        for (place, answer) in forgot.await? {
            if forgotten.places.last() != Some(&place) {
                forgotten.places.push(place);
            }
            forgotten.accounts.push(answer);
        }
        Ok(forgotten)
    }

    /// The forgettings that are not done, oldest first.
    pub(crate) async fn waiting(&self) -> Result<Vec<NotedForgetting>, StoreError> {
        self.read_apart(|read| {
            let mut waiting = Vec::new();
            for row in read.open_table(FORGETTINGS)?.iter()? {
                let noted: NotedForgetting = decode("forgettings", row?.1.value())?;
                if noted.forgetting.done_at.is_none() {
                    waiting.push(noted);
                }
            }
            Ok(waiting)
        })
        .await
    }

    pub(crate) async fn list_forgettings(
        &self,
        app: Option<AppId>,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<Forgetting>, StoreError> {
        self.read_apart(move |read| {
            let table = read.open_table(FORGETTINGS)?;
            let mut listed = Vec::new();
            for row in table.range(..before.unwrap_or(u64::MAX))?.rev() {
                if listed.len() >= max {
                    break;
                }
                let noted: NotedForgetting = decode("forgettings", row?.1.value())?;
                if app.is_none_or(|app| noted.forgetting.app == app) {
                    listed.push(noted.forgetting);
                }
            }
            Ok(listed)
        })
        .await
    }

    /// Has the tasks that were accepted before forget whom they name: all of an app's are looked at, a part at a time.
    pub(crate) async fn forget_in_tasks(
        &self,
        waiting: &[NotedForgetting],
    ) -> Result<(), StoreError> {
        let mut apps: BTreeMap<AppId, OfApp> = BTreeMap::new();
        for noted in waiting.iter().filter(|noted| !noted.gone.is_empty()) {
            let Forgetting { app, place, .. } = noted.forgetting;
            let gone = noted.gone.iter().cloned().collect();
            let of_app = apps.entry(app).or_default();
            of_app.push((place, gone, noted.last_task));
        }
        for (app, of_app) in apps {
            let of_app = Arc::new(of_app);
            let mut from = Some(0);
            while let Some(first) = from {
                let looked = Arc::clone(&of_app);
                let look = self.read_apart(move |read| naming(read, app, first, &looked));
                let (naming, next) = look.await?;
                from = next;
                self.forget_in_these(app, naming, &of_app).await?;
            }
        }
        Ok(())
    }

    async fn forget_in_these(
        &self,
        app: AppId,
        naming: Vec<TaskSeq>,
        of_app: &Arc<OfApp>,
    ) -> Result<(), StoreError> {
        let mut done = 0;
        while done < naming.len() {
            let rest: Vec<TaskSeq> = naming.iter().skip(done).copied().collect();
            let of_app = Arc::clone(of_app);
            let act = self.act((Class::Tasks, app), move |tables, _| {
                let each = |tables: &mut Tables<'_>, seq: &TaskSeq| {
                    forget_in_stored(tables, *seq, &of_app)
                };
                Ok(Outcome::of(until_full(tables, &rest, each)?.len()))
            });
            done += act.await?;
        }
        Ok(())
    }

    /// Everything was looked through for these: their names leave the notes.
    pub(crate) async fn forget_names(
        &self,
        found: BTreeMap<u64, Erased>,
    ) -> Result<(), StoreError> {
        self.change_forgettings(found, |noted| noted.gone.clear())
            .await
    }

    /// Nothing is left of these. The oldest that are remembered go.
    pub(crate) async fn end_forgettings(
        &self,
        places: Vec<u64>,
        at: Second,
    ) -> Result<(), StoreError> {
        let places = places.into_iter().map(|place| (place, Erased::default()));
        self.change_forgettings(places.collect(), move |noted| {
            noted.forgetting.done_at = Some(at);
        })
        .await?;
        self.act(ports::of_devices(AppId::default()), |tables, _| {
            let last = tables.forgettings.last()?.map(|(place, _)| place.value());
            let kept = last
                .unwrap_or_default()
                .saturating_sub(FORGETTINGS_KEPT_MAX as u64);
            let mut old = Vec::new();
            for row in tables.forgettings.range(..=kept)? {
                let (place, noted) = row?;
                let noted: NotedForgetting = decode("forgettings", noted.value())?;
                if noted.forgetting.done_at.is_some() {
                    old.push(place.value());
                }
            }
            for place in old {
                tables.forgettings.remove(place)?;
            }
            Ok(Outcome::of(()))
        })
        .await
    }

    async fn change_forgettings(
        &self,
        places: BTreeMap<u64, Erased>,
        change: impl Fn(&mut NotedForgetting) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.act(ports::of_devices(AppId::default()), move |tables, _| {
            Ok(Outcome::of(change_notes(tables, &places, change)?))
        })
        .await
    }

    pub(crate) async fn note_backup(&self, backup: BackupNote) -> Result<(), StoreError> {
        self.act(ports::of_devices(AppId::default()), move |tables, _| {
            let bytes = encode("backups", &backup)?;
            let last = tables.backups.last()?.map(|(place, _)| place.value());
            let place = last.unwrap_or_default() + 1;
            let old = place.checked_sub(BACKUPS_MAX as u64);
            tables.backups.insert(place, bytes.as_slice())?;
            if let Some(old) = old.filter(|old| *old > 0) {
                tables.backups.remove(old)?;
            }
            Ok(Outcome::of(()))
        })
        .await
    }

    pub(crate) async fn list_backups(&self) -> Result<Vec<BackupNote>, StoreError> {
        self.read_apart(|read| {
            let mut backups = Vec::new();
            for row in read.open_table(BACKUPS)?.iter()?.rev() {
                backups.push(decode("backups", row?.1.value())?);
            }
            Ok(backups)
        })
        .await
    }
}

/// The tasks among the next ones of an app that name somebody, and from which place to go on; `None` at the end.
fn naming(
    read: &redb::ReadTransaction,
    app: AppId,
    from: u64,
    of_app: &OfApp,
) -> Result<(Vec<TaskSeq>, Option<u64>), ActError> {
    let (places, stored) = (read.open_table(APP_TASKS)?, read.open_table(TASKS)?);
    let (mut naming, mut seen, mut last) = (Vec::new(), 0, None);
    for row in places
        .range((app.0, from)..=(app.0, u64::MAX))?
        .take(SWEEP_LEN)
    {
        let (_, seq) = row?.0.value();
        let known = tasks::task(&stored, TaskSeq(seq))?;
        if known.and_then(|known| forget_in(known, of_app)).is_some() {
            naming.push(TaskSeq(seq));
        }
        (seen, last) = (seen + 1, Some(seq));
    }
    let next = last.filter(|_| seen == SWEEP_LEN);
    Ok((naming, next.and_then(|last| last.checked_add(1))))
}
