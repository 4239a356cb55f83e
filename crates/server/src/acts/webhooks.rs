//! Acts on webhooks: where an app's events are sent, how that goes, and sending dead letters after all.

use std::collections::BTreeMap;

use pushtally_model::{AppId, Webhook};
use pushtally_store::{DeadLetter, Outbox};
use pushtally_webhook::{Book, HookReport, Target};
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done, NewWebhook};

/// How an app's webhooks stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WebhookRow {
    pub(crate) sdkappid: u32,
    /// Whether it has a URL now.
    pub(crate) on: bool,
    /// Whether it sends `Push.AllMemberPush`, and `Push.OfflinePush`.
    pub(crate) push: bool,
    pub(crate) message: bool,
    /// What it has done since the server started; `None` when none runs.
    pub(crate) done: Option<DoneRow>,
    pub(crate) letters: Vec<LetterRow>,
}

/// What an app's webhooks have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DoneRow {
    pub(crate) calls: u64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) nameless: u64,
    pub(crate) lag_s: u32,
    pub(crate) failing: bool,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LetterRow {
    pub(crate) id: u64,
    pub(crate) after: u64,
    pub(crate) to: u64,
    /// `None` when they could not be counted.
    pub(crate) events: Option<u64>,
    pub(crate) why: String,
    /// Unix second.
    pub(crate) at: u32,
    pub(crate) replaying: bool,
}

impl Acts {
    pub(super) async fn set_webhook(
        &self,
        id: AppId,
        new: Option<NewWebhook>,
    ) -> Result<Done, ActError> {
        let mut app = self.changeable(id)?;
        let what = match new {
            Some(_) => "webhook set",
            None => "webhook remove",
        };
        if let Some(new) = &new {
            Target::parse(&new.url).map_err(ActError::WebhookUrl)?;
            // Before anybody could take it for set: what is recorded after the answer is sent.
            let log = &*self.opened.engine.log;
            match self.hooks.get() {
                Some(hooks) => hooks.book().begin_at_end(id, log).await?,
                None => self.stored_book().await?.begin_at_end(id, log).await?,
            }
        }
        app.webhook = new.map(|new| Webhook {
            url: new.url,
            push: new.push,
            message: new.message,
            calls_per_second: new.calls_per_second.max(1),
        });
        self.store(app).await?;
        self.note(id, what, "").await;
        if let Some(hooks) = self.hooks.get() {
            hooks.changed();
        }
        Ok(Done::WebhookSet)
    }

    pub(super) async fn list_webhooks(&self) -> Result<Done, ActError> {
        let (outboxes, reports) = match self.hooks.get() {
            Some(hooks) => (hooks.book().all(), Some(hooks.counters().report())),
            None => (self.stored_book().await?.all(), None),
        };
        let mut rows: BTreeMap<u32, WebhookRow> = outboxes
            .iter()
            .map(|(app, outbox)| (app.0, self.row(*app, Some(outbox))))
            .collect();
        for app in self.directory.all().values() {
            if app.webhook.is_some() {
                let row = || self.row(app.id, outboxes.get(&app.id));
                rows.entry(app.id.0).or_insert_with(row);
            }
        }
        for report in reports.unwrap_or_default() {
            if let Some(row) = rows.get_mut(&report.app.0) {
                row.done = Some(done(&report));
            }
        }
        Ok(Done::Webhooks {
            webhooks: rows.into_values().collect(),
        })
    }

    pub(super) async fn replay(&self, app: AppId, id: Option<u64>) -> Result<Done, ActError> {
        let letters = match self.hooks.get() {
            Some(hooks) => {
                let letters = hooks.book().replay(app, id).await?;
                hooks.changed();
                letters
            }
            None => self.stored_book().await?.replay(app, id).await?,
        };
        if letters == 0 {
            return Err(ActError::NoLetter { app, id });
        }
        let target = id.map(|id| id.to_string()).unwrap_or_default();
        self.note(app, "webhook replay", &target).await;
        Ok(Done::WebhookReplays { letters })
    }

    /// The outboxes as they are stored: nobody else has them open when no server runs.
    async fn stored_book(&self) -> Result<Book, ActError> {
        let outboxes = self.opened.engine.outboxes.clone();
        Ok(Book::open(outboxes).await?)
    }

    fn row(&self, app: AppId, outbox: Option<&Outbox>) -> WebhookRow {
        let known = self.directory.get(app);
        let webhook = known.as_ref().and_then(|app| app.webhook.as_ref());
        let letters = outbox.map_or(&[][..], |outbox| &outbox.letters);
        WebhookRow {
            sdkappid: app.0,
            on: webhook.is_some(),
            push: webhook.is_some_and(|webhook| webhook.push),
            message: webhook.is_some_and(|webhook| webhook.message),
            done: None,
            letters: letters.iter().map(letter).collect(),
        }
    }
}

const fn done(report: &HookReport) -> DoneRow {
    DoneRow {
        calls: report.calls,
        sent: report.sent,
        failed: report.failed,
        nameless: report.nameless,
        lag_s: report.lag_s,
        failing: report.failing,
    }
}

fn letter(letter: &DeadLetter) -> LetterRow {
    LetterRow {
        id: letter.id,
        after: letter.after,
        to: letter.to,
        events: letter.events,
        why: letter.why.clone(),
        at: letter.at.0,
        replaying: letter.replaying,
    }
}
