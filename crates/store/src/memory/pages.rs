//! Snapshotted pages.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_ledger::{Form, Page, PageKey};

use crate::StoreError;
use crate::ports::{Installed, PageVisitor, Pages, Snapshot};

#[derive(Debug, Default)]
pub(super) struct MemoryPages {
    pages: Mutex<(BTreeMap<PageKey, Arc<Page>>, Installed)>,
    generation: AtomicU64,
}

#[async_trait]
impl Pages for MemoryPages {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    async fn load_many(&self, keys: &[PageKey]) -> Result<Vec<Option<Page>>, StoreError> {
        let pages = self.pages.lock();
        Ok(keys
            .iter()
            .map(|key| pages.0.get(key).map(|page| Page::clone(page)))
            .collect())
    }

    async fn install(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut guard = self.pages.lock();
        let (pages, installed) = &mut *guard;
        for stored in &snapshot.pages {
            let page = Page::clone(&stored.page);
            match (stored.form, pages.get_mut(&stored.key)) {
                (Form::Addition, Some(older)) => Arc::make_mut(older).absorb(page),
                (Form::Whole | Form::Addition, _) => drop(pages.insert(stored.key, Arc::new(page))),
            }
        }
        pages.retain(|_, page| **page != Page::Gone);
        *installed = Installed {
            included: snapshot.included.clone(),
            tasks_end: snapshot.tasks_end,
            numbers_end: snapshot.numbers_end.clone(),
            bytes: 0,
        };
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    async fn installed(&self) -> Result<Installed, StoreError> {
        Ok(self.pages.lock().1.clone())
    }

    async fn scan(&self, from: PageKey, visit: &mut PageVisitor<'_>) -> Result<(), StoreError> {
        let pages = self.pages.lock().0.clone();
        for (key, page) in pages.range(from..) {
            if visit(*key, Page::clone(page)) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    async fn verify(&self) -> Result<u64, StoreError> {
        Ok(self.pages.lock().0.len() as u64)
    }
}
