//! The act of pushing. With no server running the push is stored with its jobs, and a server that starts works them.

use std::collections::BTreeMap;
use std::sync::Arc;

use pushtally_audience::Audience;
use pushtally_channel::{Attention, Presence};
use pushtally_dispatch::{Dispatch, Parts, Settings};
use pushtally_http::operations::{Order, Ordered, order};
use pushtally_model::{App, AppId, Number};
use pushtally_stats::Stats;

use super::{ActError, Acts, Done, Ledger};

/// Nobody is connected where no server runs.
struct Nobody;

impl Presence for Nobody {
    fn connected(&self, _: AppId, _: u16) -> Vec<(Number, Attention)> {
        Vec::new()
    }

    fn attention(&self, _: AppId, _: Number) -> Option<Attention> {
        None
    }
}

impl Acts {
    pub(super) async fn push(&self, id: AppId, wanted: Order) -> Result<Done, ActError> {
        let app = self
            .directory
            .get(id)
            .ok_or(ActError::Missing { app: id })?;
        let (running, hash) = (self.running()?, wanted.hash());
        let ordered = match running {
            Some(dispatch) => self.order(dispatch, &app, wanted).await?,
            None => self.store_order(&app, wanted).await?,
        };
        let mut deed = self.deed(id, "push", &ordered.task.id);
        deed.body_hash = Some(hash);
        self.audit.record(deed).await;
        Ok(Done::Pushed {
            ordered,
            waits: running.is_none(),
        })
    }

    /// What sends; `None` when no server runs.
    pub(super) fn running(&self) -> Result<Option<&Arc<Dispatch>>, ActError> {
        match (&self.ledger, self.dispatch.get()) {
            (Ledger::Closed(_), _) => Ok(None),
            (Ledger::Open(_), Some(dispatch)) => Ok(Some(dispatch)),
            (Ledger::Open(_), None) => Err(ActError::Starting),
        }
    }

    async fn order(
        &self,
        dispatch: &Dispatch,
        app: &App,
        wanted: Order,
    ) -> Result<Ordered, ActError> {
        let engine = &self.opened.engine;
        let audience = Audience::new(Arc::clone(&engine.devices), Arc::clone(&engine.accounts));
        Ok(order(dispatch, &audience, &*self.entropy, app, wanted).await?)
    }

    /// Opens the ledger and a dispatch without workers, for as long as storing takes.
    async fn store_order(&self, app: &App, wanted: Order) -> Result<Ordered, ActError> {
        let options = match &self.ledger {
            Ledger::Closed(options) => options.clone(),
            Ledger::Open(_) => return Err(ActError::Starting),
        };
        let engine = &self.opened.engine;
        let stats = Stats::open(engine.clone(), self.clock.clone(), options).await?;
        let parts = Parts {
            tasks: Arc::clone(&engine.tasks),
            devices: Arc::clone(&engine.devices),
            accounts: Arc::clone(&engine.accounts),
            identities: Arc::clone(&engine.identities),
            stats: Arc::clone(&stats),
            presence: Arc::new(Nobody),
            channels: BTreeMap::new(),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
        };
        let settings = Settings {
            workers: 0,
            ..Settings::default()
        };
        let ordered = match Dispatch::start(parts, settings).await {
            Ok(dispatch) => {
                let ordered = self.order(&dispatch, app, wanted).await;
                dispatch.stop().await;
                ordered
            }
            Err(error) => Err(error.into()),
        };
        stats.close().await?;
        ordered
    }
}
