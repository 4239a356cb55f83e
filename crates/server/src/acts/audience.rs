//! Acts on whom pushes address: whether the index over devices is what the records say.

use pushtally_model::AppId;
use pushtally_store::Engine;
use serde::{Deserialize, Serialize};

use super::{ActError, Done};

/// What verification found in one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AudienceVerified {
    pub(crate) sdkappid: u32,
    /// Its registered devices.
    pub(crate) devices: u64,
    /// The first differences, in words.
    pub(crate) differences: Vec<String>,
}

/// Compares the index of an app, or of every app that ever had a device, with a scan of its records. Registering and
/// pushes go on meanwhile.
pub(super) async fn verify(engine: &Engine, app: Option<AppId>) -> Result<Done, ActError> {
    let known = engine.devices.device_numbers_end().await?;
    let asked: Vec<AppId> = match app {
        Some(app) => vec![app],
        None => known.into_keys().collect(),
    };
    let mut apps = Vec::with_capacity(asked.len());
    for app in asked {
        apps.push(AudienceVerified {
            sdkappid: app.0,
            devices: engine.devices.count_devices(app).await?,
            differences: engine.accounts.verify_index(app).await?,
        });
    }
    Ok(Done::AudienceVerified { apps })
}
