//! Takes names of imports out of the frames of the identity log: a recipient becomes the raising of its app's numbers to
//! the one after its own, so that whoever comes later keeps theirs.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_model::AppId;

use super::record::{Reader, Record, Writer};

/// Names to be forgotten, by app.
pub(crate) type Gone = BTreeMap<AppId, BTreeSet<String>>;

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
