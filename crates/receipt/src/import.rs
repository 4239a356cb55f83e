//! The importer: one resolve, one report a batch.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use pushtally_model::{
    AppId, Channel, Event, Kind, LossId, Number, Origin, Route, Second, Source, Stage, TaskKey,
    What,
};
use pushtally_store::{Identities, LossText, Names, Recipient, Report, StoreError, TaskName};

/// What an imported webhook says happened to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedEvent<'a> {
    /// The family of the task.
    pub kind: Kind,
    /// The task's public name.
    pub task_id: &'a str,
    /// The recipient's account.
    pub account: &'a str,
    /// The route.
    pub route: Route,
    /// The channel; an online event counts on the socket whatever this says.
    pub channel: Channel,
    /// The stage that was tried: sent, delivered or clicked (planned is read as sent).
    pub stage: Stage,
    /// 0 when the stage was reached.
    pub err_code: i64,
    /// Why it was not.
    pub err_info: &'a str,
    /// The event time.
    pub at: Second,
}

/// Why an event is not imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its task was created here, so its numbers come from here only.
    #[error("the task was created by this server, its events cannot be imported")]
    OwnTask,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The refused events by their index in the batch, ascending. All others are durable.
    pub refused: Vec<(usize, Refusal)>,
}

/// Turns imported events into the ledger's.
#[derive(Clone)]
pub struct Importer {
    identities: Arc<dyn Identities>,
    report: Arc<dyn Report>,
}

impl fmt::Debug for Importer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Importer")
    }
}

impl Importer {
    /// An importer that resolves names here and reports there.
    #[must_use]
    pub fn new(identities: Arc<dyn Identities>, report: Arc<dyn Report>) -> Self {
        Self { identities, report }
    }

    /// Imports a batch: answers when all that is not refused is durable. On an error some of it may be; repeating the
    /// whole batch is always harmless.
    pub async fn import(
        &self,
        app: AppId,
        events: &[ImportedEvent<'_>],
    ) -> Result<Imported, StoreError> {
        if events.is_empty() {
            return Ok(Imported::default());
        }
        let (names, places) = name(events);
        let resolved = self.identities.resolve(app, &names).await?;
        let mut imported = Imported::default();
        let mut reported = Vec::with_capacity(events.len() * EVENTS_PER_IMPORT_MAX);
        for (index, (event, place)) in events.iter().zip(&places).enumerate() {
            let known = (resolved.tasks.get(place.task), resolved.numbers.get(index));
            let (Some(task), Some(number)) = known else {
                return Err(misresolved());
            };
            if task.origin == Origin::Own {
                imported.refused.push((index, Refusal::OwnTask));
                continue;
            }
            let loss = match place.loss {
                Some(at) => Some(*resolved.losses.get(at).ok_or_else(misresolved)?),
                None => None,
            };
            reported.extend(evidence(app, *task, *number, event, loss));
        }
        if !reported.is_empty() {
            self.report.report(Source::Import, reported).await?;
        }
        Ok(imported)
    }
}

/// One imported event becomes at most two: planned, and what came of it.
const EVENTS_PER_IMPORT_MAX: usize = 2;

/// Where an event's task and reason stand among the names.
struct Place {
    task: usize,
    loss: Option<usize>,
}

/// The names of a batch: each task and reason once, a recipient for each event.
fn name<'a>(events: &[ImportedEvent<'a>]) -> (Names<'a>, Vec<Place>) {
    let mut names = Names {
        recipients: Vec::with_capacity(events.len()),
        ..Names::default()
    };
    let mut tasks: HashMap<(Kind, &'a str), usize> = HashMap::with_capacity(events.len());
    let mut losses: HashMap<(i64, &'a str), usize> = HashMap::new();
    let mut places = Vec::with_capacity(events.len());
    for event in events {
        let &ImportedEvent {
            kind,
            task_id: id,
            account,
            route,
            err_code,
            err_info,
            ..
        } = event;
        let task = *tasks.entry((kind, id)).or_insert_with(|| {
            names.tasks.push(TaskName {
                kind,
                origin: Origin::Imported,
                id,
            });
            names.tasks.len() - 1
        });
        let loss = (err_code != 0).then(|| {
            *losses.entry((err_code, err_info)).or_insert_with(|| {
                names.losses.push(LossText::new(err_code, err_info));
                names.losses.len() - 1
            })
        });
        names.recipients.push(Recipient {
            account,
            route,
            channel: channel(event),
        });
        places.push(Place { task, loss });
    }
    (names, places)
}

/// An online event counts on the socket, whatever platform the webhook names.
fn channel(event: &ImportedEvent<'_>) -> Channel {
    match event.route {
        Route::Online => Channel::Online,
        Route::Offline => event.channel,
    }
}

/// What an imported event is evidence of. "Sent" is tried only for what was planned, so it is evidence of planned
/// whether it succeeded or not; no other stage implies another.
fn evidence(
    app: AppId,
    task: TaskKey,
    number: Number,
    event: &ImportedEvent<'_>,
    loss: Option<LossId>,
) -> impl Iterator<Item = Event> {
    let stage = event.stage.max(Stage::Sent);
    let planned = (stage == Stage::Sent).then_some(What::Reached(Stage::Planned));
    let came = loss.map_or(What::Reached(stage), |loss| What::Lost(stage, loss));
    let (over, at) = ((event.route, channel(event)), event.at);
    let whats = planned.into_iter().chain([came]);
    whats.filter_map(move |what| Event::new(app, task, number, over, what, at))
}

/// An engine that answers fewer numbers than names breaks its contract; nothing may be counted on its word.
fn misresolved() -> StoreError {
    StoreError::Failed {
        what: "identities answered fewer numbers than names".to_owned(),
    }
}

#[cfg(test)]
mod tests;
