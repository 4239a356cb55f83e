//! The apps as requests see them: a map that is replaced whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use pushtally_model::{App, AppId};

/// Every app, declared or stored. Reading clones an `Arc` under a lock held for no longer than that.
#[derive(Debug, Default)]
pub struct Directory(RwLock<Arc<BTreeMap<AppId, Arc<App>>>>);

impl Directory {
    /// A directory of these apps.
    #[must_use]
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let directory = Self::default();
        directory.replace(apps);
        directory
    }

    /// One app.
    #[must_use]
    pub fn get(&self, id: AppId) -> Option<Arc<App>> {
        self.all().get(&id).cloned()
    }

    /// All apps, by id.
    #[must_use]
    pub fn all(&self) -> Arc<BTreeMap<AppId, Arc<App>>> {
        Arc::clone(&self.0.read())
    }

    /// Replaces all apps.
    pub fn replace(&self, apps: impl IntoIterator<Item = App>) {
        let apps = apps
            .into_iter()
            .map(|app| (app.id, Arc::new(app)))
            .collect();
        *self.0.write() = Arc::new(apps);
    }
}
