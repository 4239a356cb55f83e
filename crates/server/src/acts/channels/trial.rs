//! The act of trying an account out: one real notification, each step of which is explained. It counts in no statistics,
//! and drops no token.

mod explain;

use std::sync::Arc;

use pushtally_channel::{Message, Outcome, Target};
use pushtally_model::{
    AppId, Channel, Environment, Notification, Number, Second, Secret, TaskId, Token, TokenKind,
    Urgency,
};
use serde::{Deserialize, Serialize};

use super::{ActError, Acts, Done};
use crate::channels::{ChannelId, Known};
use crate::config::written_channel;

/// What receipts of it echo. It is no mark of ours, so they match no task and count as unmatched.
const MARK: &str = "pushtally-test";
/// Seconds that the vendor may keep it for a phone that is away.
const LIFE_S: u32 = 600;
/// Random bytes of its id: vendors must not take it for a repetition of another.
const ID_LEN: usize = 8;

/// What is tried. Holds a token, so it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) sdkappid: u32,
    #[serde(with = "written_channel::channel")]
    pub(crate) channel: Channel,
    /// `None` is the app's only account with that vendor, as for a token that names none.
    pub(crate) cert_id: Option<u32>,
    pub(crate) token: String,
    pub(crate) title: String,
    pub(crate) desc: String,
    /// Whether the token is of an app under development (APNs).
    pub(crate) sandbox: bool,
}

/// One step, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrialStep {
    pub(crate) what: String,
    /// Empty when there is nothing to do.
    pub(crate) next: String,
}

impl TrialStep {
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        let (what, next) = (what.into(), next.into());
        Self { what, next }
    }
}

impl Acts {
    pub(in crate::acts) async fn try_channel(&self, trial: Trial) -> Result<Done, ActError> {
        let app = AppId(trial.sdkappid);
        if self.directory.get(app).is_none() {
            return Err(ActError::Missing { app });
        }
        let known = self.channels.all().await?;
        let (mut steps, id) = match explain::account(&known, app, &trial) {
            Ok((id, step)) => (vec![step], id),
            Err(step) => {
                return Ok(Done::ChannelTried {
                    steps: vec![step],
                    accepted: false,
                });
            }
        };
        let account = match self.vendors.get().and_then(|vendors| vendors.account(id)) {
            Some(account) => account,
            None => Arc::new(self.maker.account(app, settings_of(&known, id)?)?),
        };
        let (message, target) = self.message(app, id, trial)?;
        // Before it goes out: who sends to a phone is written down, whatever comes of it.
        self.note(app, "channel test", &id.target()).await;
        let (seen, outcome) = account.try_out(&message, &target, MARK).await;
        steps.extend(seen.iter().map(explain::step));
        steps.push(explain::end(&outcome));
        Ok(Done::ChannelTried {
            steps,
            accepted: outcome == Outcome::Accepted,
        })
    }

    fn message(
        &self,
        app: AppId,
        id: ChannelId,
        trial: Trial,
    ) -> Result<(Message, Target), ActError> {
        let mut bytes = [0; ID_LEN];
        self.entropy.fill(&mut bytes).map_err(ActError::Entropy)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let task = TaskId::new(format!("test_{text}"));
        let task = task.map_err(|_| ActError::Empty { what: "task id" })?;
        if trial.token.is_empty() {
            return Err(ActError::Empty { what: "token" });
        }
        let now = self.clock.now();
        let message = Message {
            app,
            id: task,
            number: 0,
            urgency: Urgency::Urgent,
            data_id: String::new(),
            notification: Notification {
                title: trial.title,
                desc: trial.desc,
                ..Notification::default()
            },
            accepted_at: now,
            deadline: Second(now.0.saturating_add(LIFE_S)),
        };
        let environment = if trial.sandbox {
            Environment::Sandbox
        } else {
            Environment::Production
        };
        let token = Token {
            channel: id.channel,
            kind: TokenKind::Alert,
            value: Secret::new(trial.token),
            cert_id: id.cert_id,
            environment,
        };
        let target = Target {
            number: Number(0),
            token: Some(token),
            language: String::new(),
        };
        Ok((message, target))
    }
}

/// The settings of an account that is known to be open.
fn settings_of(
    known: &[Known],
    id: ChannelId,
) -> Result<&crate::config::ChannelSettings, ActError> {
    let found = known.iter().find(|one| one.id == id);
    let settings = found.and_then(|one| one.settings.as_ref().ok());
    settings.ok_or(ActError::NoChannel { id })
}
