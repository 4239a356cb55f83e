//! The outboxes: how far each app has come, and its dead letters. In memory, and durable behind it.
//!
//! Invariant: what is durable never lies after what is in memory, so a crash repeats calls and skips none. A cursor moves on
//! in memory at once and is stored by the next [`Book::save`]; a dead letter is durable before the cursor passes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use pushtally_model::{AppId, Second};
use pushtally_store::{DeadLetter, Log, Outbox, Outboxes, StoreError};

use crate::place::end_of;
use crate::settings::DEAD_LETTERS_MAX;

/// The outboxes of all apps.
pub struct Book {
    port: Arc<dyn Outboxes>,
    pages: Mutex<Pages>,
    /// Two must not read, change and write the same outbox.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Pages {
    outboxes: BTreeMap<AppId, Outbox>,
    moved: BTreeSet<AppId>,
}

/// A range of events that is given up.
#[derive(Debug, Clone)]
pub(crate) struct GivenUp {
    pub(crate) to: u64,
    pub(crate) events: Option<u64>,
    pub(crate) why: String,
    pub(crate) at: Second,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Book")
    }
}

impl Book {
    /// Reads what is stored.
    pub async fn open(port: Arc<dyn Outboxes>) -> Result<Self, StoreError> {
        let outboxes = port.outboxes().await?.into_iter().collect();
        Ok(Self {
            port,
            pages: Mutex::new(Pages {
                outboxes,
                moved: BTreeSet::new(),
            }),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// Every outbox there ever was, as it is now.
    #[must_use]
    pub fn all(&self) -> BTreeMap<AppId, Outbox> {
        self.pages.lock().outboxes.clone()
    }

    /// Begins an app's outbox at the log's end, if it has none: what is recorded from now on is sent. Durable when it answers.
    pub async fn begin_at_end(&self, app: AppId, log: &dyn Log) -> Result<(), StoreError> {
        if self.cursor(app).is_some() {
            return Ok(());
        }
        let end = log.report().await?.next.saturating_sub(1);
        self.begin(app, end_of(end)).await
    }

    /// Orders dead letters to be sent after all: one, or all of an app. Answers how many that are.
    pub async fn replay(&self, app: AppId, id: Option<u64>) -> Result<usize, StoreError> {
        self.change(app, |outbox| {
            let wanted = |letter: &&mut DeadLetter| id.is_none_or(|id| letter.id == id);
            outbox
                .letters
                .iter_mut()
                .filter(wanted)
                .map(|letter| letter.replaying = true)
                .count()
        })
        .await
    }

    pub(crate) fn cursor(&self, app: AppId) -> Option<u64> {
        let pages = self.pages.lock();
        pages.outboxes.get(&app).map(|outbox| outbox.cursor)
    }

    /// The dead letter that is to be sent next.
    pub(crate) fn next_replay(&self, app: AppId) -> Option<DeadLetter> {
        let pages = self.pages.lock();
        let letters = &pages.outboxes.get(&app)?.letters;
        letters.iter().find(|letter| letter.replaying).cloned()
    }

    /// Begins an outbox at a place, or sets one back to it. Durable when it answers.
    pub(crate) async fn begin(&self, app: AppId, cursor: u64) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let mut outbox = self.outbox(app);
        outbox.cursor = cursor;
        self.store(app, outbox).await
    }

    /// Moves a cursor on. Stored with the next save.
    pub(crate) fn pass(&self, app: AppId, cursor: u64) {
        let mut pages = self.pages.lock();
        if let Some(outbox) = pages.outboxes.get_mut(&app)
            && outbox.cursor < cursor
        {
            outbox.cursor = cursor;
            pages.moved.insert(app);
        }
    }

    /// Moves the beginning of a dead letter on, which is being sent. Stored with the next save.
    pub(crate) fn pass_letter(&self, app: AppId, id: u64, after: u64) {
        let mut pages = self.pages.lock();
        let Some(outbox) = pages.outboxes.get_mut(&app) else {
            return;
        };
        if let Some(letter) = outbox.letters.iter_mut().find(|letter| letter.id == id) {
            letter.after = letter.after.max(after);
            pages.moved.insert(app);
        }
    }

    /// Stores what has moved since the last time.
    pub(crate) async fn save(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let moved: Vec<(AppId, Outbox)> = {
            let pages = &mut *self.pages.lock();
            let moved = std::mem::take(&mut pages.moved);
            let outbox = |app| Some((app, pages.outboxes.get(&app)?.clone()));
            moved.into_iter().filter_map(outbox).collect()
        };
        if moved.is_empty() {
            return Ok(());
        }
        let stored = self.port.put_outboxes(&moved).await;
        if stored.is_err() {
            let apps = moved.iter().map(|(app, _)| *app);
            self.pages.lock().moved.extend(apps);
        }
        stored
    }

    /// Gives up everything after the cursor up to a place, as a dead letter.
    pub(crate) async fn bury(&self, app: AppId, given_up: GivenUp) -> Result<(), StoreError> {
        self.change(app, |outbox| {
            let after = outbox.cursor;
            outbox.cursor = outbox.cursor.max(given_up.to);
            add_letter(&mut outbox.letters, after, given_up);
        })
        .await
    }

    /// A dead letter was sent whole, or the log no longer has any of it: then it stays, and says so.
    pub(crate) async fn end_letter(
        &self,
        app: AppId,
        id: u64,
        why_not: Option<&str>,
    ) -> Result<(), StoreError> {
        self.change(app, |outbox| match why_not {
            None => outbox.letters.retain(|letter| letter.id != id),
            Some(why) => {
                for letter in outbox.letters.iter_mut().filter(|letter| letter.id == id) {
                    letter.replaying = false;
                    letter.why = why.to_owned();
                    letter.events = None;
                }
            }
        })
        .await
    }

    async fn change<T>(
        &self,
        app: AppId,
        change: impl FnOnce(&mut Outbox) -> T,
    ) -> Result<T, StoreError> {
        let _turn = self.turn.lock().await;
        let mut outbox = self.outbox(app);
        let changed = change(&mut outbox);
        self.store(app, outbox).await?;
        Ok(changed)
    }

    fn outbox(&self, app: AppId) -> Outbox {
        let pages = self.pages.lock();
        pages.outboxes.get(&app).cloned().unwrap_or_default()
    }

    async fn store(&self, app: AppId, mut outbox: Outbox) -> Result<(), StoreError> {
        let before = self.cursor(app);
        self.port.put_outboxes(&[(app, outbox.clone())]).await?;
        let mut pages = self.pages.lock();
        let now = pages.outboxes.get(&app).map(|outbox| outbox.cursor);
        if now > before {
            // It moved on meanwhile.
            outbox.cursor = outbox.cursor.max(now.unwrap_or_default());
            pages.moved.insert(app);
        }
        pages.outboxes.insert(app, outbox);
        Ok(())
    }
}

/// Adds a dead letter, or lengthens the one before it if nothing lies between. Beyond the bound the two oldest become one
/// that spans both: what lies between them was sent and is sent again by a replay, which at-least-once allows.
fn add_letter(letters: &mut Vec<DeadLetter>, after: u64, given_up: GivenUp) {
    let GivenUp {
        to,
        events,
        why,
        at,
    } = given_up;
    let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    if let Some(last) = letters.last_mut()
        && last.to == after
        && last.why == why
        && !last.replaying
    {
        (last.to, last.at) = (to, at);
        last.events = sum(last.events, events);
        return;
    }
    let id = letters.iter().map(|letter| letter.id).max().unwrap_or(0) + 1;
    letters.push(DeadLetter {
        id,
        after,
        to,
        events,
        why,
        at,
        replaying: false,
    });
    if letters.len() > DEAD_LETTERS_MAX {
        let oldest = letters.remove(0);
        if let Some(next) = letters.first_mut() {
            next.after = oldest.after;
            next.events = sum(oldest.events, next.events);
            next.replaying |= oldest.replaying;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_store::memory;

    const APP: AppId = AppId(5);

    fn given_up(to: u64, why: &str) -> GivenUp {
        GivenUp {
            to,
            events: Some(2),
            why: why.to_owned(),
            at: Second(7),
        }
    }

    fn ranges(book: &Book) -> Vec<(u64, u64, u64, Option<u64>)> {
        let range = |letter: &DeadLetter| (letter.id, letter.after, letter.to, letter.events);
        book.all()[&APP].letters.iter().map(range).collect()
    }

    #[tokio::test]
    async fn a_dead_letter_moves_the_cursor_and_the_next_one_lengthens_it() {
        let port = memory::engine().outboxes;
        let book = Book::open(Arc::clone(&port)).await.unwrap();
        book.begin(APP, 10).await.unwrap();
        book.bury(APP, given_up(20, "old")).await.unwrap();
        book.bury(APP, given_up(30, "old")).await.unwrap();
        book.pass(APP, 40);
        book.bury(APP, given_up(50, "old")).await.unwrap();
        let expected = [(1, 10, 30, Some(4)), (2, 40, 50, Some(2))];
        assert_eq!(ranges(&book), expected);
        assert_eq!(book.cursor(APP), Some(50));
        assert_eq!(book.replay(APP, Some(9)).await.unwrap(), 0);
        assert_eq!(book.replay(APP, None).await.unwrap(), 2);
        book.pass_letter(APP, 1, 25);
        book.save().await.unwrap();
        let book = Book::open(port).await.unwrap();
        assert_eq!(ranges(&book)[0], (1, 25, 30, Some(4)));
        book.end_letter(APP, 1, None).await.unwrap();
        book.end_letter(APP, 2, Some("gone")).await.unwrap();
        assert_eq!(ranges(&book), [(2, 40, 50, None)]);
        assert_eq!(book.next_replay(APP), None);
    }

    #[tokio::test]
    async fn a_cursor_never_moves_back_and_is_stored_by_a_save_only() {
        let port = memory::engine().outboxes;
        let book = Book::open(Arc::clone(&port)).await.unwrap();
        book.begin(APP, 10).await.unwrap();
        book.pass(APP, 15);
        book.pass(APP, 12);
        assert_eq!(book.cursor(APP), Some(15));
        assert_eq!(port.outboxes().await.unwrap()[0].1.cursor, 10);
        book.save().await.unwrap();
        assert_eq!(port.outboxes().await.unwrap()[0].1.cursor, 15);
    }

    #[test]
    fn beyond_the_bound_the_oldest_become_one() {
        let mut letters = Vec::new();
        for n in 0..DEAD_LETTERS_MAX as u64 + 1 {
            add_letter(&mut letters, n * 10, given_up(n * 10 + 5, "old"));
        }
        assert_eq!(letters.len(), DEAD_LETTERS_MAX);
        let first = &letters[0];
        assert_eq!((first.after, first.to, first.events), (0, 15, Some(4)));
    }
}
