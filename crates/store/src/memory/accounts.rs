//! Accounts and the index, both computed from the records whenever somebody asks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use pushtally_model::{
    Account, AccountKind, AppId, AttributeNames, Device, Labels, RegistrationId, Second, Tag,
};

use super::devices::{MemoryDevices, Registry};
use crate::StoreError;
use crate::labelling::{
    Known, LabelPlan, NamingPlan, TagUse, index_keys, owner, plan_labels, plan_naming,
};
use crate::ports::{
    AccountDeleted, Accounts, AttributeNaming, Erased, IndexKey, LabelChange, Labelled,
    LabelsChanged, NamesChanged, Slots,
};

impl Registry {
    /// Whom a name stands for.
    fn kind_of(&self, name: &Account) -> Option<AccountKind> {
        if self.accounts.contains(name) {
            return Some(AccountKind::User);
        }
        let phone = self.phones.contains_key(&RegistrationId::from(name));
        phone.then_some(AccountKind::Phone)
    }

    fn labels_of(&self, kind: AccountKind, name: &Account) -> Labels {
        let labels = self.labels.get(&(kind, name.clone()));
        labels.cloned().unwrap_or_default()
    }

    fn uses(&self) -> BTreeMap<Tag, TagUse> {
        let mut uses = BTreeMap::new();
        for ((kind, _), labels) in &self.labels {
            for tag in &labels.tags {
                let none = TagUse {
                    kind: *kind,
                    accounts: 0,
                };
                uses.entry(tag.clone()).or_insert(none).accounts += 1;
            }
        }
        uses
    }

    /// Forgets an account with its devices and phones; `gone` gets the names of them all.
    pub(super) fn forget(
        &mut self,
        account: &Account,
        at: Second,
        gone: &mut BTreeSet<String>,
    ) -> (AccountDeleted, Erased) {
        let mut erased = Erased::default();
        gone.insert(account.as_str().to_owned());
        if !self.accounts.remove(account) {
            return (AccountDeleted::Unknown, erased);
        }
        erased.accounts = 1;
        let mut owners = vec![(AccountKind::User, account.clone())];
        let devices = self.devices.values();
        let of_account = devices.filter(|device| device.account.as_ref() == Some(account));
        let devices: Vec<Device> = of_account.cloned().collect();
        for device in &devices {
            self.remove(device.number, at);
            erased.devices += 1;
            erased.tokens += (device.facts.tokens.len() + device.dropped.len()) as u64;
            erased.phones += u64::from(self.phones.remove(&device.registration_id).is_some());
            gone.insert(device.registration_id.as_str().to_owned());
            owners.push((AccountKind::Phone, Account::from(&device.registration_id)));
        }
        for owner in owners {
            let labels = self.labels.remove(&owner).unwrap_or_default();
            erased.tags += labels.tags.len() as u64;
            erased.attributes += labels.attributes.len() as u64;
        }
        let numbers = devices.iter().map(|device| device.number).collect();
        (AccountDeleted::Done(numbers), erased)
    }

    fn change_labels(&mut self, name: &Account, change: &LabelChange) -> LabelsChanged {
        let Some(kind) = self.kind_of(name) else {
            return LabelsChanged::UnknownAccount;
        };
        let uses = self.uses();
        let known = Known {
            names: &self.attribute_names,
            uses: &uses,
            tags_of_app: uses.len(),
        };
        match plan_labels(&known, kind, &self.labels_of(kind, name), change) {
            LabelPlan::Answer(answer) => answer,
            LabelPlan::Change(labels) => {
                let key = (kind, name.clone());
                if labels == Labels::default() {
                    self.labels.remove(&key);
                } else {
                    self.labels.insert(key, labels);
                }
                LabelsChanged::Done
            }
        }
    }

    fn slots(&self, shard: u16, key: &IndexKey) -> Slots {
        let devices = self.devices.values();
        let of_shard = devices.filter(|device| device.number.shard() == shard);
        let fitting = of_shard.filter(|device| {
            let (kind, name) = owner(device);
            index_keys(device, &self.labels_of(kind, &name)).contains(key)
        });
        fitting
            .map(|device| u32::from(device.number.slot()))
            .collect()
    }
}

#[async_trait]
impl Accounts for MemoryDevices {
    async fn import_accounts(&self, app: AppId, accounts: &[Account]) -> Result<(), StoreError> {
        self.change(app, |registry| {
            registry.accounts.extend(accounts.iter().cloned());
        });
        Ok(())
    }

    async fn attribute_names(&self, app: AppId) -> Result<AttributeNames, StoreError> {
        Ok(self.read(app, |registry| registry.attribute_names.clone()))
    }

    async fn name_attributes(
        &self,
        app: AppId,
        naming: &AttributeNaming,
    ) -> Result<NamesChanged, StoreError> {
        Ok(self.change(app, |registry| {
            match plan_naming(&registry.attribute_names, naming) {
                NamingPlan::Answer(answer) => answer,
                NamingPlan::Change(names) => {
                    registry.attribute_names = names;
                    NamesChanged::Done
                }
            }
        }))
    }

    async fn change_labels(
        &self,
        app: AppId,
        changes: &[(Account, LabelChange)],
    ) -> Result<Vec<LabelsChanged>, StoreError> {
        Ok(self.change(app, |registry| {
            let changed = changes
                .iter()
                .map(|(name, change)| registry.change_labels(name, change));
            changed.collect()
        }))
    }

    async fn labels_of(
        &self,
        app: AppId,
        names: &[Account],
    ) -> Result<Vec<Option<Labelled>>, StoreError> {
        let found = self.read(app, |registry| {
            let labelled = names.iter().map(|name| {
                let kind = registry.kind_of(name)?;
                let labels = registry.labels_of(kind, name);
                Some(Labelled { kind, labels })
            });
            Some(labelled.collect())
        });
        Ok(found.unwrap_or_else(|| vec![None; names.len()]))
    }

    async fn list_labels(
        &self,
        app: AppId,
        after: Option<(AccountKind, &Account)>,
        max: usize,
    ) -> Result<Vec<(Account, Labelled)>, StoreError> {
        let after = after.map(|(kind, name)| (kind, name.clone()));
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.read(app, |registry| {
            let rows = registry.labels.range((from, Bound::Unbounded)).take(max);
            let listed = rows.map(|((kind, name), labels)| {
                let (kind, labels) = (*kind, labels.clone());
                (name.clone(), Labelled { kind, labels })
            });
            listed.collect()
        }))
    }

    async fn read_index(
        &self,
        app: AppId,
        shard: u16,
        keys: &[IndexKey],
    ) -> Result<Vec<Arc<Slots>>, StoreError> {
        let found = self.read(app, |registry| {
            let slots = keys.iter().map(|key| Arc::new(registry.slots(shard, key)));
            Some(slots.collect())
        });
        Ok(found.unwrap_or_else(|| vec![Arc::default(); keys.len()]))
    }

    /// There is no index that could differ.
    async fn verify_index(&self, _app: AppId) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}
