//! Why devices were lost, in words.

use std::collections::BTreeMap;

use pushtally_ledger::Tally;
use pushtally_model::{AppId, LossId};
use pushtally_store::{Identities, LossText, StoreError};

/// The reasons of losses.
#[derive(Debug)]
pub(crate) struct Reasons(pub(crate) BTreeMap<LossId, LossText>);

impl Reasons {
    pub(crate) async fn of_tally(
        identities: &dyn Identities,
        app: AppId,
        tally: &Tally,
    ) -> Result<Self, StoreError> {
        let losses = tally.losses().map(|(_, loss, _)| loss);
        Self::of_losses(identities, app, losses).await
    }

    pub(crate) async fn of_losses(
        identities: &dyn Identities,
        app: AppId,
        losses: impl IntoIterator<Item = LossId>,
    ) -> Result<Self, StoreError> {
        let mut reasons = BTreeMap::new();
        for loss in losses {
            if !reasons.contains_key(&loss)
                && let Some(text) = identities.find_loss(app, loss).await?
            {
                reasons.insert(loss, text);
            }
        }
        Ok(Self(reasons))
    }

    /// One that was not kept, because the app has too many, is `0 other`.
    pub(crate) fn of(&self, loss: LossId) -> LossText {
        let known = self.0.get(&loss).cloned();
        known.unwrap_or_else(|| LossText::new(0, "other"))
    }
}
