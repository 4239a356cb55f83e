//! Queries over the cached pages. What is cold is fetched, kept for the query, and asked for again.

use std::collections::HashMap;
use std::sync::Arc;

use pushtally_ledger::{Page, PageKey, RowReader, Tally, sum};
use pushtally_model::{Scope, Window};
use pushtally_store::StoreError;

use crate::cache::Found;
use crate::shared::Shared;

/// Windows that are summed before others get their turn: some tens of microseconds.
const WINDOWS_AT_ONCE: usize = 16;

/// Fetched pages that a query of many windows keeps: a window needs its scope's page and those of the days that it begins
/// and ends in, so that neither a long query holds a year of days nor a short one fetches a day twice.
const FETCHED_MAX: usize = 8;

/// A page that must be fetched before the query can go on.
struct Cold(PageKey);

struct CacheReader<'a> {
    shared: &'a Shared,
    /// Pages fetched for this query: eviction cannot take them away again.
    fetched: HashMap<PageKey, Option<Arc<Page>>>,
}

impl RowReader for CacheReader<'_> {
    type Error = Cold;

    fn read(&mut self, key: PageKey) -> Result<Option<Arc<Page>>, Cold> {
        match self.shared.cache.find(key) {
            Found::Page(page) => Ok(Some(page)),
            Found::Nothing => Ok(None),
            Found::Cold => self.fetched.get(&key).cloned().ok_or(Cold(key)),
        }
    }
}

/// Sums a scope in a window.
pub(crate) async fn tally(
    shared: &Shared,
    scope: Scope,
    window: Window,
) -> Result<Tally, StoreError> {
    CacheReader::new(shared).tally(scope, window).await
}

/// Sums a scope in each of some windows. Those that follow each other in time share the pages that had to be fetched.
pub(crate) async fn tallies(
    shared: &Shared,
    scope: Scope,
    windows: &[Window],
) -> Result<Vec<Tally>, StoreError> {
    let mut reader = CacheReader::new(shared);
    let mut tallies = Vec::with_capacity(windows.len());
    for some in windows.chunks(WINDOWS_AT_ONCE) {
        for window in some {
            if reader.fetched.len() > FETCHED_MAX {
                reader.fetched.clear();
            }
            tallies.push(reader.tally(scope, *window).await?);
        }
        tokio::task::yield_now().await;
    }
    Ok(tallies)
}

impl<'a> CacheReader<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            fetched: HashMap::new(),
        }
    }

    async fn tally(&mut self, scope: Scope, window: Window) -> Result<Tally, StoreError> {
        loop {
            match sum(scope, window, self) {
                Ok(tally) => return Ok(tally),
                Err(Cold(key)) => {
                    let page = fetch(self.shared, key).await?;
                    self.fetched.insert(key, page);
                }
            }
        }
    }
}

/// Reads a cold page and answers it. It is let into the cache only while there is room, so that queries of
/// old tasks cannot push memory over its bound.
pub(crate) async fn fetch(shared: &Shared, key: PageKey) -> Result<Option<Arc<Page>>, StoreError> {
    loop {
        let generation = shared.engine.pages.generation();
        if shared.cache.has_room() {
            shared.fetch(&[key]).await?;
            match shared.cache.find(key) {
                Found::Page(page) => return Ok(Some(page)),
                Found::Nothing => return Ok(None),
                Found::Cold => continue,
            }
        }
        let page = shared.read(key).await?;
        match shared.cache.find(key) {
            Found::Page(page) => return Ok(Some(page)),
            Found::Nothing => return Ok(None),
            Found::Cold if shared.engine.pages.generation() == generation => {
                return Ok(page.map(Arc::new));
            }
            Found::Cold => {}
        }
    }
}
