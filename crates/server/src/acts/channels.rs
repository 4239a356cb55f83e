//! Acts on accounts with vendors. What the configuration declares it owns: every change of it is refused, naming the line.

mod trial;

use pushtally_http::Deed;
use pushtally_model::AppId;
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done};
use crate::channels::{ChannelId, Known};
use crate::config::ChannelSettings;

pub(crate) use trial::{Trial, TrialStep};

/// An account as it is listed: never with a part of its credentials that lets anybody send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelRow {
    #[serde(flatten)]
    pub(crate) id: ChannelId,
    /// What the vendor knows the phones' app by; empty when it is known by a secret only, or not known here.
    pub(crate) names: String,
    /// APNs: where the key is good.
    pub(crate) environment: String,
    pub(crate) rate: u32,
    pub(crate) calls_max: u32,
    pub(crate) timeout_s: u64,
    /// Authorities that are trusted beside the usual ones.
    pub(crate) authorities: usize,
    /// Whether receipts that are not of our messages go on from it.
    #[serde(default)]
    pub(crate) has_receipts_relay: bool,
    /// The line that declares it; `None` when it lives in the store.
    pub(crate) declared_at: Option<String>,
    /// Why it cannot be used.
    pub(crate) closed: Option<String>,
}

impl ChannelRow {
    fn of(known: &Known) -> Self {
        let mut row = Self {
            id: known.id,
            names: String::new(),
            environment: String::new(),
            rate: 0,
            calls_max: 0,
            timeout_s: 0,
            authorities: 0,
            has_receipts_relay: false,
            declared_at: known.declared_at.clone(),
            closed: None,
        };
        match &known.settings {
            Ok(settings) => {
                let shown =
                    pushtally_vendor::shown(settings.channel, settings.credentials.expose());
                row.names = shown.app;
                row.environment = shown.environment;
                row.rate = settings.rate;
                row.calls_max = settings.calls_max;
                row.timeout_s = settings.timeout.as_secs();
                row.authorities = settings.authorities.len();
                row.has_receipts_relay = settings.receipts_relay_to.is_some();
            }
            Err(error) => row.closed = Some(error.to_string()),
        }
        row
    }
}

impl Acts {
    pub(super) async fn set_channel(
        &self,
        app: AppId,
        settings: ChannelSettings,
    ) -> Result<Done, ActError> {
        let id = ChannelId {
            app,
            channel: settings.channel,
            cert_id: settings.cert_id,
        };
        self.refuse_declared_channel(id)?;
        if self.directory.get(app).is_none() {
            return Err(ActError::Missing { app });
        }
        // Before it is stored: what cannot be made would be found at the next start only.
        let account = self.maker.account(app, &settings)?;
        let mut deed = self.deed(app, "channel set", &id.target());
        deed.hash(&serde_json::to_vec(&settings).unwrap_or_default());
        let replaced = self.channels.put(id, &settings).await?;
        if let Some(vendors) = self.vendors.get() {
            vendors.put(id, &account.into());
        }
        self.audit.record(deed).await;
        Ok(Done::ChannelSet { id, replaced })
    }

    pub(super) async fn remove_channel(&self, id: ChannelId) -> Result<Done, ActError> {
        self.refuse_declared_channel(id)?;
        if !self.channels.remove(id).await? {
            return Err(ActError::NoChannel { id });
        }
        if let Some(vendors) = self.vendors.get() {
            vendors.remove(id);
        }
        self.note(id.app, "channel remove", &id.target()).await;
        Ok(Done::ChannelRemoved)
    }

    pub(super) async fn list_channels(&self, app: Option<AppId>) -> Result<Done, ActError> {
        let all = self.channels.all().await?;
        let wanted = all
            .iter()
            .filter(|one| app.is_none_or(|app| one.id.app == app));
        let mut channels: Vec<ChannelRow> = wanted.map(ChannelRow::of).collect();
        channels.sort_by_key(|row| row.id);
        Ok(Done::Channels { channels })
    }

    /// What lives in the running server stays as it is: only how it is kept changes.
    pub(super) async fn rekey_channels(&self) -> Result<Done, ActError> {
        let rekeyed = self.channels.rekey().await?;
        let deed = self.deed(AppId(0), "channel rekey", "");
        self.audit.record(Deed { app: None, ..deed }).await;
        let closed = rekeyed.closed.iter();
        Ok(Done::ChannelsRekeyed {
            sealed_again: rekeyed.sealed_again,
            newest_already: rekeyed.newest_already,
            closed: closed.map(|(id, error)| format!("{id}: {error}")).collect(),
        })
    }

    fn refuse_declared_channel(&self, id: ChannelId) -> Result<(), ActError> {
        match self.channels.declared_at(id) {
            Some(at) => Err(ActError::ChannelDeclared { id, at }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
