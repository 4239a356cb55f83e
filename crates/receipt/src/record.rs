//! What vendors report, as events: the mark says which task, the token which device.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use pushtally_model::{
    App, AppId, Channel, Clock, Environment, Event, LossId, Number, Route, Second, Secret, Source,
    Stage, TaskKey, Token, TokenKind, What,
};
use pushtally_store::{
    Addressed, DeadToken, DeadTokens, Devices, Engine, Identities, LossText, Names, ReplacedToken,
    Report, StoreError, TaskSeq, Tasks,
};
use pushtally_vendor::{Arrival, Receipt, Said};

use crate::mark::Mark;

/// What became of a receipt's entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Became events, repeated ones among them.
    pub events: u64,
    /// Have no mark of ours, or name a task or a token that the app does not have.
    pub unmatched: u64,
    /// Have no mark of ours: of another system's messages. What counts as nothing among them is not unmatched as well.
    pub foreign: u64,
    /// Say something that counts as nothing.
    pub ignored: u64,
    /// Happened, by the vendor's clock, before the task was accepted or after now: counted at the nearest moment that is not.
    pub clamped: u64,
    /// Tokens that were dropped.
    pub dropped: u64,
    /// Tokens in whose place others were put.
    pub replaced: u64,
}

/// Records vendors' receipts.
#[derive(Clone)]
pub struct Recorder {
    /// Tasks, by what marks say.
    tasks: Arc<dyn Tasks>,
    /// Devices, by their tokens.
    devices: Arc<dyn Devices>,
    /// Numbers of tasks and of reasons.
    identities: Arc<dyn Identities>,
    /// Where events go.
    report: Arc<dyn Report>,
    /// Where dead tokens go.
    dead: Arc<dyn DeadTokens>,
    /// The time of arrival.
    pub(crate) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// A task that receipts are of.
#[derive(Debug, Clone, Copy)]
struct Known {
    key: TaskKey,
    accepted_at: Second,
}

impl Recorder {
    /// A recorder over an engine.
    #[must_use]
    pub fn new(
        engine: &Engine,
        report: Arc<dyn Report>,
        dead: Arc<dyn DeadTokens>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            tasks: Arc::clone(&engine.tasks),
            devices: Arc::clone(&engine.devices),
            identities: Arc::clone(&engine.identities),
            report,
            dead,
            clock,
        }
    }

    /// Records receipts of a channel: answers when all that counts is durable. On an error some of it may be; repeating
    /// them all is harmless.
    pub async fn record(
        &self,
        app: &App,
        channel: Channel,
        receipts: &[Receipt],
    ) -> Result<Recorded, StoreError> {
        let arrival = self.clock.now();
        let marks: Vec<Option<Mark>> = receipts
            .iter()
            .map(|receipt| Mark::read(app, &receipt.mark))
            .collect();
        let mut recorded = Recorded {
            foreign: marks.iter().filter(|mark| mark.is_none()).count() as u64,
            ..Recorded::default()
        };
        let holders = self.holders(app.id, channel, receipts, &marks).await?;
        let losses = self.losses(app.id, receipts).await?;
        let mut tasks: HashMap<TaskSeq, Option<Known>> = HashMap::new();
        let (mut events, mut dead, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        for ((receipt, mark), holder) in receipts.iter().zip(marks).zip(holders) {
            let what = match &receipt.arrival {
                Arrival::Delivered => What::Reached(Stage::Delivered),
                Arrival::Clicked => What::Reached(Stage::Clicked),
                Arrival::Lost(said) | Arrival::Gone(said) => {
                    let loss = losses.get(&text(said)).copied();
                    What::Lost(Stage::Delivered, loss.unwrap_or(LossId::NONE))
                }
                Arrival::Replaced(value) => {
                    if let (Some(mark), Some(number)) = (mark, holder) {
                        replaced.push(replacement(channel, number, mark, receipt, value));
                    } else {
                        recorded.unmatched += 1;
                    }
                    continue;
                }
                Arrival::Pending(_) => {
                    recorded.ignored += 1;
                    continue;
                }
            };
            let (Some(mark), Some(number)) = (mark, holder) else {
                recorded.unmatched += 1;
                continue;
            };
            if let Arrival::Gone(_) = receipt.arrival {
                dead.push((number, receipt, since_ms(mark, receipt)));
            }
            let known = match tasks.get(&mark.task) {
                Some(known) => *known,
                None => {
                    let known = self.task(app.id, mark.task).await?;
                    tasks.insert(mark.task, known);
                    known
                }
            };
            let Some(known) = known else {
                recorded.unmatched += 1;
                continue;
            };
            let (at, clamped) = event_time(receipt.at_ms, known.accepted_at, arrival);
            recorded.clamped += u64::from(clamped);
            let way = (Route::Offline, channel);
            events.extend(Event::new(app.id, known.key, number, way, what, at));
        }
        recorded.events = events.len() as u64;
        if !events.is_empty() {
            self.report.report(Source::Vendor, events).await?;
        }
        recorded.dropped = self.drop_tokens(app.id, channel, dead).await?;
        if !replaced.is_empty() {
            let devices = &self.devices;
            recorded.replaced = devices.replace_tokens(app.id, &replaced, arrival).await?;
        }
        Ok(recorded)
    }

    /// Whose tokens they were when they were sent to; nobody's without a mark.
    async fn holders(
        &self,
        app: AppId,
        channel: Channel,
        receipts: &[Receipt],
        marks: &[Option<Mark>],
    ) -> Result<Vec<Option<Number>>, StoreError> {
        let marked = || {
            let all = receipts.iter().zip(marks);
            all.filter_map(|(receipt, mark)| Some((receipt, mark.as_ref()?)))
        };
        let addressed = marked().map(|(receipt, mark)| Addressed {
            channel,
            value: receipt.token.clone(),
            at: mark.sent_at,
        });
        let addressed: Vec<Addressed> = addressed.collect();
        let mut found = self.devices.holders(app, &addressed).await?.into_iter();
        let holder = |mark: &Option<Mark>| mark.and_then(|_| found.next().flatten());
        Ok(marks.iter().map(holder).collect())
    }

    async fn task(&self, app: AppId, seq: TaskSeq) -> Result<Option<Known>, StoreError> {
        let Some(task) = self.tasks.task_at(seq).await? else {
            return Ok(None);
        };
        if task.draft.app != app {
            return Ok(None);
        }
        let id = task.draft.id.as_str();
        let key = self
            .identities
            .find_task(app, task.draft.kind.family(), id)
            .await?;
        Ok(key.map(|key| Known {
            key,
            accepted_at: task.draft.accepted_at,
        }))
    }

    /// The numbers of the reasons.
    async fn losses(
        &self,
        app: AppId,
        receipts: &[Receipt],
    ) -> Result<HashMap<LossText, LossId>, StoreError> {
        let mut texts = Vec::new();
        for receipt in receipts {
            if let Arrival::Lost(said) | Arrival::Gone(said) = &receipt.arrival {
                let text = text(said);
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        if texts.is_empty() {
            return Ok(HashMap::new());
        }
        let names = Names {
            losses: texts.clone(),
            ..Names::default()
        };
        let resolved = self.identities.resolve(app, &names).await?;
        Ok(texts.into_iter().zip(resolved.losses).collect())
    }

    async fn drop_tokens(
        &self,
        app: AppId,
        channel: Channel,
        dead: Vec<(Number, &Receipt, i64)>,
    ) -> Result<u64, StoreError> {
        if dead.is_empty() {
            return Ok(0);
        }
        let numbers: Vec<Number> = dead.iter().map(|(number, ..)| *number).collect();
        let devices = self.devices.find_devices(app, &numbers).await?;
        let held = dead.iter().filter_map(|(number, receipt, since_ms)| {
            let device = devices.iter().find(|device| device.number == *number)?;
            let token = device.facts.tokens.iter().find(|token| {
                (token.channel, token.kind) == (channel, TokenKind::Alert)
                    && token.value == receipt.token
            })?;
            Some(DeadToken {
                number: *number,
                token: token.clone(),
                since_ms: Some(*since_ms),
            })
        });
        let held: Vec<DeadToken> = held.collect();
        self.dead.drop_dead(app, &held).await
    }
}

/// Since when it is as a receipt says. Without a time of the vendor's, what was sent then is what it speaks of.
fn since_ms(mark: Mark, receipt: &Receipt) -> i64 {
    receipt.at_ms.unwrap_or(i64::from(mark.sent_at.0) * 1000)
}

/// Another token in place of the one that was sent to. Only what it is for, and whose, tells which that was.
fn replacement(
    channel: Channel,
    number: Number,
    mark: Mark,
    receipt: &Receipt,
    value: &Secret,
) -> ReplacedToken {
    let token = Token {
        channel,
        kind: TokenKind::Alert,
        value: receipt.token.clone(),
        cert_id: 0,
        environment: Environment::Production,
    };
    ReplacedToken {
        number,
        token,
        value: value.clone(),
        since_ms: since_ms(mark, receipt),
    }
}

fn text(said: &Said) -> LossText {
    LossText::new(said.code, &said.text)
}

/// When it happened: by the vendor's clock, but neither before the task nor after the arrival. And whether that had to be
/// corrected.
fn event_time(said_ms: Option<i64>, accepted_at: Second, arrival: Second) -> (Second, bool) {
    let said = said_ms.map(|ms| Second::from_millis(ms).unwrap_or_default());
    let earliest = accepted_at.min(arrival);
    match said {
        None => (arrival, false),
        Some(said) if said < earliest => (earliest, true),
        Some(said) if said > arrival => (arrival, true),
        Some(said) => (said, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_times_lie_between_the_task_and_the_arrival() {
        const ACCEPTED: Second = Second(1000);
        const ARRIVAL: Second = Second(2000);
        for (said_ms, expected) in [
            (None, (2000, false)),
            (Some(1_500_999), (1500, false)),
            (Some(999_999), (1000, true)),
            (Some(2_000_999), (2000, false)),
            (Some(2_001_000), (2000, true)),
            (Some(i64::MIN), (1000, true)),
        ] {
            let (at, clamped) = event_time(said_ms, ACCEPTED, ARRIVAL);
            assert_eq!((at.0, clamped), expected, "{said_ms:?}");
        }
        // A clock that was set back before the task began: still not in the future.
        assert_eq!(event_time(None, ARRIVAL, ACCEPTED), (ACCEPTED, false));
    }
}
