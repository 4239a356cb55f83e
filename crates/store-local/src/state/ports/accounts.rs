//! The port of accounts over the store.

use std::sync::Arc;

use async_trait::async_trait;
use pushtally_model::{Account, AccountKind, AppId, AttributeNames};
use pushtally_store::{
    Accounts, AttributeNaming, IndexKey, LabelChange, Labelled, LabelsChanged, NamesChanged, Slots,
    StoreError,
};
use redb::ReadTransaction;

use super::super::index::{self, Index, Loaded};
use super::super::labels::TagUses;
use super::super::tables::{
    ACCOUNTS, ATTRIBUTE_NAMES, ActError, LABELS, PHONES, Tables, labels_key,
};
use super::super::writer::Outcome;
use super::super::{DIFFERENCES_MAX, DIRECT_LEN_MAX, State, labels, until_full};
use super::of_devices;

fn labelled(
    read: &ReadTransaction,
    app: AppId,
    names: &[Account],
) -> Result<Vec<Option<Labelled>>, ActError> {
    let (accounts, phones) = (read.open_table(ACCOUNTS)?, read.open_table(PHONES)?);
    let table = read.open_table(LABELS)?;
    let found = names
        .iter()
        .map(|name| labels::labelled(&accounts, &phones, &table, app, name));
    found.collect()
}

/// Does the same for each; who has which tag is written once, in the end.
fn with_uses<T, R>(
    tables: &mut Tables<'_>,
    app: AppId,
    part: &[T],
    each: impl Fn(&mut Tables<'_>, &mut TagUses, &T) -> Result<R, ActError>,
) -> Result<Vec<R>, ActError> {
    let mut uses = TagUses::of(app);
    let done = until_full(tables, part, |tables, one| each(tables, &mut uses, one));
    // Also after an error: those before it are done.
    uses.write(tables)?;
    done
}

#[async_trait]
impl Accounts for State {
    async fn import_accounts(&self, app: AppId, accounts: &[Account]) -> Result<(), StoreError> {
        let done = self.act_on_all(app, accounts, move |tables, _, part| {
            until_full(tables, part, |tables, account| {
                labels::import(tables, app, account)
            })
        });
        done.await.map(drop)
    }

    async fn attribute_names(&self, app: AppId) -> Result<AttributeNames, StoreError> {
        self.read(|read| labels::attribute_names(&read.open_table(ATTRIBUTE_NAMES)?, app))
    }

    async fn name_attributes(
        &self,
        app: AppId,
        naming: &AttributeNaming,
    ) -> Result<NamesChanged, StoreError> {
        let naming = naming.clone();
        self.act(of_devices(app), move |tables, _| {
            labels::name_attributes(tables, app, &naming).map(Outcome::of)
        })
        .await
    }

    async fn change_labels(
        &self,
        app: AppId,
        changes: &[(Account, LabelChange)],
    ) -> Result<Vec<LabelsChanged>, StoreError> {
        self.act_on_all(app, changes, move |tables, _, part| {
            with_uses(tables, app, part, labels::change)
        })
        .await
    }

    async fn labels_of(
        &self,
        app: AppId,
        names: &[Account],
    ) -> Result<Vec<Option<Labelled>>, StoreError> {
        if names.len() <= DIRECT_LEN_MAX {
            return self.read(|read| labelled(read, app, names));
        }
        let names = names.to_vec();
        self.read_apart(move |read| labelled(read, app, &names))
            .await
    }

    async fn list_labels(
        &self,
        app: AppId,
        after: Option<(AccountKind, &Account)>,
        max: usize,
    ) -> Result<Vec<(Account, Labelled)>, StoreError> {
        let after = after.map(|(kind, name)| labels_key(app, kind, name.as_str()));
        self.read_apart(move |read| labels::list(&read.open_table(LABELS)?, app, after, max))
            .await
    }

    /// Pages that are in memory are read on the caller's thread, others where blocking is allowed.
    async fn read_index(
        &self,
        app: AppId,
        shard: u16,
        keys: &[IndexKey],
    ) -> Result<Vec<Arc<Slots>>, StoreError> {
        self.database.require_open()?;
        let mut loaded = Loaded::default();
        loop {
            let index = self.database.index();
            let missing = match index.read(app, shard, keys, &mut loaded) {
                Ok(found) => return Ok(found),
                Err(missing) => missing,
            };
            let load = move |read: &ReadTransaction| {
                Index::load(read, app, shard, missing, &mut loaded)?;
                Ok(loaded)
            };
            loaded = self.read_apart(load).await?;
        }
    }

    async fn verify_index(&self, app: AppId) -> Result<Vec<String>, StoreError> {
        let database = Arc::clone(&self.database);
        let compare = move || {
            let mut moment = || database.moment().map_err(ActError::from);
            let compared = index::verify(&mut moment, app, DIFFERENCES_MAX);
            compared.map_err(|error| database.read_error(error))
        };
        match tokio::task::spawn_blocking(compare).await {
            Ok(answer) => answer,
            Err(error) => Err(StoreError::Io {
                what: format!("comparing the index stopped: {error}"),
            }),
        }
    }
}
