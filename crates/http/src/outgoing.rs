//! Our events as the documented webhooks: bodies, and signed queries. `webhook` sends them.

use bytes::Bytes;
use pushtally_model::{App, Kind, Second};
use pushtally_webhook::{Form, Notice};
use pushtally_wire::webhook::{
    CallbackCommand, LOST_WITHOUT_CODE, Outgoing, WebhookEvent, body, query,
};

use crate::admission::sign;

/// The documented form of webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookForm;

impl Form for WebhookForm {
    fn body(&self, kind: Kind, notices: &[Notice]) -> Bytes {
        let events: Vec<Outgoing<'_>> = notices
            .iter()
            .map(|notice| outgoing(kind, notice))
            .collect();
        body(kind, &events).into()
    }

    fn query(&self, app: &App, kind: Kind, now: Second) -> String {
        let command = CallbackCommand::of(kind);
        let token = app.callback_token.as_ref();
        let sign = token.map(|token| sign(token, &now.0.to_string()));
        let signed = sign.as_deref().map(|sign| (sign, now.0));
        query(app.id, command, signed)
    }
}

fn outgoing(kind: Kind, notice: &Notice) -> Outgoing<'_> {
    let (err_code, err_info) = match &notice.loss {
        None => (0, ""),
        Some(loss) if loss.code == 0 => (LOST_WITHOUT_CODE, loss.text.as_str()),
        Some(loss) => (loss.code, loss.text.as_str()),
    };
    Outgoing {
        event: WebhookEvent {
            kind,
            task: &notice.task.id,
            account: &notice.account,
            route: notice.route,
            channel: notice.channel,
            stage: notice.stage,
            err_code,
            err_info,
            at: notice.at,
        },
        task_time: notice.task.started_at,
        data_id: &notice.task.data_id,
        sender: &notice.task.sender,
        random: notice.task.random,
        message: notice.task.message.as_deref(),
        device: notice.device,
        seq: notice.seq,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pushtally_model::{AppId, Secret};

    /// The vector that the webhook documentation publishes.
    #[test]
    fn calls_are_signed_as_published_and_only_with_a_token() {
        let mut app = App::new(AppId(5), Secret::new("key"));
        let now = Second(1_669_872_112);
        let unsigned = "SdkAppid=5&CallbackCommand=Push.AllMemberPush&contenttype=json";
        assert_eq!(WebhookForm.query(&app, Kind::Push, now), unsigned);
        app.callback_token = Some(Secret::new("xxxxyyyy"));
        let sign = "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061";
        let signed = format!("{unsigned}&Sign={sign}&RequestTime=1669872112");
        assert_eq!(WebhookForm.query(&app, Kind::Push, now), signed);
    }
}
