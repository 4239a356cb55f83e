//! Apps.

use pushtally_model::{App, AppId, OnUnknown, Secret, Webhook};

use super::APP;
use crate::ports::Engine;

/// Apps are listed by id and replaced whole.
pub(super) async fn apps_are_replaced_by_id(engine: Engine) {
    let mut app = App::new(APP, Secret::new("key"));
    engine.apps.put(&app).await.unwrap();
    engine
        .apps
        .put(&App::new(AppId(7), Secret::new("other")))
        .await
        .unwrap();
    app.keys.insert(0, Secret::new("newer"));
    app.relay_to = Some("http://127.0.0.1:1/".to_owned());
    app.webhook = Some(Webhook {
        message: false,
        calls_per_second: 7,
        ..Webhook::new("https://example.com/hook".to_owned())
    });
    app.retention.counts_days = Some(90);
    app.client_key = Some(Secret::new("in every copy"));
    app.receipts_key = Some(Secret::new("in every address"));
    app.devices_max = 5_000_000_000;
    app.task_life_s = 60;
    app.losses_span_s_max = 86_400;
    app.traces_span_s_max = 86_400 * 9;
    app.on_unknown = OnUnknown::Skip;
    app.broadcasts_per_day = 0;
    app.registrations_per_second = 7;
    engine.apps.put(&app).await.unwrap();
    assert_eq!(
        engine.apps.list().await.unwrap(),
        [App::new(AppId(7), Secret::new("other")), app]
    );
}
