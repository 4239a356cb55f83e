//! Apps.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;
use pushtally_model::{App, AppId};

use crate::StoreError;
use crate::ports::Apps;

#[derive(Debug, Default)]
pub(super) struct MemoryApps(Mutex<BTreeMap<AppId, App>>);

#[async_trait]
impl Apps for MemoryApps {
    async fn list(&self) -> Result<Vec<App>, StoreError> {
        Ok(self.0.lock().values().cloned().collect())
    }

    async fn put(&self, app: &App) -> Result<(), StoreError> {
        self.0.lock().insert(app.id, app.clone());
        Ok(())
    }
}
