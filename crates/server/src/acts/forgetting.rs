//! The act of forgetting accounts, and looking at what became of it.

use pushtally_http::operations::{ForgetSources, forget, forgetting_page};
use pushtally_model::{Account, AppId};

use super::{ActError, Acts, Done, Listing};

impl Acts {
    pub(super) async fn forget(
        &self,
        app: AppId,
        names: &[String],
        now: bool,
    ) -> Result<Done, ActError> {
        self.require(app)?;
        let accounts = names.iter().map(|name| {
            Account::new(name.as_str()).map_err(|_| ActError::NoAccount { name: name.clone() })
        });
        let accounts = accounts.collect::<Result<Vec<_>, _>>()?;
        let (report, gone) = forget(self.forget_sources(), app, &accounts, now).await?;
        if let Some(online) = self.online.get() {
            for number in gone {
                online.disconnect(app, number);
            }
        }
        let places = report.forgettings.iter().map(|row| row.place.to_string());
        let places = places.collect::<Vec<_>>().join(" ");
        self.note(app, "forget", &places).await;
        Ok(Done::Forgot(report))
    }

    pub(super) async fn list_forgettings(&self, listing: Listing) -> Result<Done, ActError> {
        let Listing {
            sdkappid,
            before,
            limit,
        } = listing;
        let app = sdkappid.map(AppId);
        if let Some(app) = app {
            self.require(app)?;
        }
        let page = forgetting_page(self.forget_sources(), app, before, limit).await?;
        Ok(Done::Forgettings(page))
    }

    fn forget_sources(&self) -> ForgetSources<'_> {
        ForgetSources {
            forgettings: &*self.opened.engine.forgettings,
            relays: &*self.opened.engine.relays,
            within_s: self.forget_within_s,
            now: self.clock.now(),
        }
    }
}
