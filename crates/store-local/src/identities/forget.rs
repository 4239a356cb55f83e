//! Takes names of imports out of the frames of the identity log: a recipient becomes the raising of its app's numbers to
//! the one after its own, so that whoever comes later keeps theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use pushtally_model::{AppId, Channel, Route};

use super::LocalIdentities;
use super::index::NameHash;
use super::record::{self, Reader, Record, Writer};

/// Names to be forgotten, by app.
pub(crate) type Gone = BTreeMap<AppId, BTreeSet<String>>;

impl LocalIdentities {
    /// Whether the log may name one of these.
    pub(crate) fn names_any(&self, gone: &Gone) -> bool {
        let inner = self.inner.read();
        let mut hashes = gone.iter().flat_map(|(app, names)| {
            let names = names.iter();
            names.flat_map(|name| self.hashes(*app, name))
        });
        self.forgetting.load(Ordering::Acquire)
            || hashes.any(|hash| inner.recipients.find(hash).is_some())
    }

    /// Takes names out of the index; answers each that was there, and one above the highest number given so far, by app.
    /// They are in the log until [`Self::has_forgotten`].
    pub(crate) fn forget(&self, gone: &Gone) -> (Vec<(AppId, String)>, BTreeMap<AppId, u32>) {
        let inner = &mut *self.inner.write();
        self.forgetting.store(true, Ordering::Release);
        let mut found = Vec::new();
        for (app, names) in gone {
            for name in names {
                for hash in self.hashes(*app, name) {
                    if inner.recipients.remove(hash) {
                        found.push((*app, name.clone()));
                    }
                }
            }
        }
        (found, inner.next_number.clone())
    }

    /// The log names nobody any more whom the index does not.
    pub(crate) fn has_forgotten(&self) {
        self.forgetting.store(false, Ordering::Release);
    }

    /// What a name may be known by: one for each route and channel.
    fn hashes(&self, app: AppId, name: &str) -> impl Iterator<Item = NameHash> {
        let classes = [Route::Offline, Route::Online]
            .into_iter()
            .flat_map(|route| Channel::ALL.map(|channel| record::class(route, channel)));
        let hashes: Vec<NameHash> = classes
            .map(|class| self.hasher.hash(app, class, name))
            .collect();
        hashes.into_iter()
    }
}

/// Reads the log from its first frame on.
#[derive(Debug)]
pub(crate) struct Forgetter<'g> {
    gone: &'g Gone,
    next_number: BTreeMap<AppId, u32>,
    /// The numbers from here on stay with their names: they were given after the names were forgotten.
    numbers_end: Option<BTreeMap<AppId, u32>>,
}

impl<'g> Forgetter<'g> {
    pub(crate) const fn new(gone: &'g Gone) -> Self {
        Self {
            gone,
            next_number: BTreeMap::new(),
            numbers_end: None,
        }
    }

    /// The names are forgotten: who has a number from these on came after.
    pub(crate) fn end(&mut self, numbers_end: BTreeMap<AppId, u32>) {
        self.numbers_end = Some(numbers_end);
    }

    /// The next frame without them; `None` when it has none of them.
    pub(crate) fn change(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
        let (mut reader, mut writer) = (Reader::new(frame), Writer::default());
        let mut changed = false;
        while let Some(record) = reader.next()? {
            match record {
                Record::Recipient { app, account, .. } => {
                    let next = self.next_number.entry(app).or_default();
                    let number = *next;
                    *next += 1;
                    if self.is_gone(app, account, number) {
                        writer.put(&Record::RaiseNumbers(app, number + 1));
                        changed = true;
                        continue;
                    }
                }
                Record::RaiseNumbers(app, end) => {
                    let next = self.next_number.entry(app).or_default();
                    *next = (*next).max(end);
                }
                Record::Task { .. } | Record::Loss { .. } | Record::RaiseTasks(_) => {}
            }
            writer.put(&record);
        }
        Ok(changed.then(|| writer.bytes().to_vec()))
    }

    fn is_gone(&self, app: AppId, account: &str, number: u32) -> bool {
        let came_after = self.numbers_end.as_ref().is_some_and(|ends| {
            let end = ends.get(&app).copied().unwrap_or_default();
            number >= end
        });
        let gone = self.gone.get(&app);
        !came_after && gone.is_some_and(|gone| gone.contains(account))
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::{Kind, Origin};

    use super::*;

    const APP: AppId = AppId(7);

    fn recipient(account: &str) -> Record<'_> {
        Record::Recipient {
            app: APP,
            class: 3,
            account,
        }
    }

    fn frame(records: &[Record<'_>]) -> Vec<u8> {
        let mut writer = Writer::default();
        records.iter().for_each(|record| writer.put(record));
        writer.bytes().to_vec()
    }

    #[test]
    fn a_forgotten_name_leaves_its_number_behind_and_everybody_else_keeps_theirs() {
        let gone = Gone::from([(APP, BTreeSet::from(["user-b".to_owned()]))]);
        let mut forgetter = Forgetter::new(&gone);
        let task = Record::Task {
            app: APP,
            kind: Kind::Push,
            origin: Origin::Imported,
            id: "user-b",
        };
        let other = Record::Recipient {
            app: AppId(8),
            class: 3,
            account: "user-b",
        };
        let before = [
            recipient("user-a"),
            recipient("user-b"),
            task,
            recipient("user-bc"),
            other,
            Record::RaiseNumbers(APP, 40),
            recipient("user-b"),
        ];
        let after = [
            recipient("user-a"),
            Record::RaiseNumbers(APP, 2),
            task,
            recipient("user-bc"),
            other,
            Record::RaiseNumbers(APP, 40),
            Record::RaiseNumbers(APP, 41),
        ];
        assert_eq!(forgetter.change(&frame(&before)), Ok(Some(frame(&after))));
        let untouched = frame(&[recipient("user-c")]);
        assert_eq!(forgetter.change(&untouched), Ok(None));
        // 42 was given before they were forgotten, 43 after.
        forgetter.end(BTreeMap::from([(APP, 43)]));
        let last = frame(&[recipient("user-b"), recipient("user-b")]);
        let kept = frame(&[Record::RaiseNumbers(APP, 43), recipient("user-b")]);
        assert_eq!(forgetter.change(&last), Ok(Some(kept)));
        assert!(forgetter.change(&[9]).is_err());
    }
}
