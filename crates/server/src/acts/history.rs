//! The act that tells what happened to a device or an account over all tasks.

use pushtally_http::operations::{HistoryAsked, Whose, history, read_place};
use pushtally_model::{Account, AppId, RegistrationId, Second, Window};
use pushtally_stats::Stats;
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done};

/// Whose history, and which part of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct HistoryWanted {
    /// A RegistrationID; without it the account's.
    pub(crate) device: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) before: Option<String>,
    pub(crate) limit: usize,
}

impl Acts {
    pub(super) async fn history(
        &self,
        app: AppId,
        wanted: HistoryWanted,
    ) -> Result<Done, ActError> {
        let found = self.directory.get(app).ok_or(ActError::Missing { app })?;
        let HistoryWanted {
            device,
            account,
            from,
            to,
            before,
            limit,
        } = wanted;
        let no_account = |name: String| ActError::NoAccount { name };
        let whose = match (device, account) {
            (Some(phone), _) => {
                Whose::Phone(RegistrationId::new(phone.clone()).map_err(|_| no_account(phone))?)
            }
            (None, account) => {
                let name = account.unwrap_or_default();
                Whose::Account(Account::new(name.clone()).map_err(|_| no_account(name))?)
            }
        };
        let before = before.map(|text| read_place(&text).map_err(|_| ActError::NoPlace { text }));
        let asked = HistoryAsked {
            window: Window::new(Second(from), Second(to)).unwrap_or(Window::all()),
            before: before.transpose()?,
            limit,
        };
        let audience = self.audience();
        let tell = async |stats: &Stats| {
            history(self.sources(&audience, stats), &found, &whose, asked).await
        };
        Ok(Done::History(self.with_ledger(tell).await?))
    }
}
