//! What happened to a device, or to all of an account's, over all tasks: the events that counted, newest first, from the log of
//! single events. Pages are asked for by place.
//!
//! An account's are the devices that are signed in to it now, and the recipients that imported events name it by.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_ledger::{History, HistoryPlace, Recorded};
use pushtally_model::{
    Account, App, AppId, Cell, Device, Number, RegistrationId, Second, TaskNumber, Window,
};
use pushtally_store::{LossText, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tallies::family_name;
use super::task_report::{before, route_name};
use super::trace::{LostRow, Sources, StepRow, reach, recipients, step_name};
use crate::limits::HISTORY_DEVICES_MAX;
use crate::reasons::Reasons;

/// Whose history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The device that is registered now on a phone.
    Phone(RegistrationId),
    /// An account's devices and recipients.
    Account(Account),
}

/// Which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryAsked {
    /// When it happened.
    pub window: Window,
    /// Only what is before this place.
    pub before: Option<HistoryPlace>,
    /// How many events, at most.
    pub limit: usize,
}

/// A page of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryPage {
    /// The SDKAppID.
    pub app: u32,
    /// From which Unix second on everything that was recorded is told; what was planned before is not.
    pub complete_from: u32,
    /// How many devices and recipients it is of.
    pub devices: usize,
    /// Whether there are more, which are not told of.
    pub cut: bool,
    /// Newest first, by their own time.
    pub events: Vec<HistoryRow>,
    /// Where the next page begins, for `before`; null when this is the last one.
    pub next: Option<String>,
}

/// An event that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryRow {
    /// The TaskId or PushID; null when its name is gone.
    pub task: Option<String>,
    /// `push` or `message`.
    #[schemars(extend("enum" = ["push", "message"]))]
    pub family: String,
    /// The number of the device, or of the recipient of an imported task.
    pub device: u32,
    /// The phone's RegistrationID; null of a recipient.
    pub registration_id: Option<String>,
    /// `offline` or `online`.
    #[schemars(extend("enum" = ["offline", "online"]))]
    pub route: String,
    /// The channel's name.
    pub channel: String,
    /// What happened, when, and who said so.
    #[serde(flatten)]
    pub step: StepRow,
}

/// A place that no history has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no place in a history")]
pub struct NoPlace;

/// A page of a history, as far back as the app's traces reach. Whom the app does not know nothing happened to.
pub async fn history(
    sources: Sources<'_>,
    app: &App,
    whose: &Whose,
    asked: HistoryAsked,
) -> Result<HistoryPage, StoreError> {
    let (numbers, devices) = found(sources, app.id, whose).await?;
    let since = reach(app, sources.now);
    let cut = numbers.len() > HISTORY_DEVICES_MAX;
    let numbers: BTreeSet<Number> = numbers.into_iter().take(HISTORY_DEVICES_MAX).collect();
    let page = HistoryPage {
        app: app.id.0,
        complete_from: since.0,
        devices: numbers.len(),
        cut,
        events: Vec::new(),
        next: None,
    };
    // One more, to know whether it is the last page.
    let part = History::new(asked.window, asked.before, asked.limit + 1);
    let from_ms = i64::from(since.0) * 1000;
    let stats = sources.stats;
    let mut events = stats.history((app.id, numbers), from_ms, part).await?;
    let has_more = events.len() > asked.limit;
    events.truncate(asked.limit);
    let last = events.last().filter(|_| has_more);
    Ok(HistoryPage {
        next: last.map(|last| write_place(&HistoryPlace::of(last))),
        events: rows(sources, app.id, &events, &devices).await?,
        ..page
    })
}

/// The numbers of a device or account, and what is registered under them.
async fn found(
    sources: Sources<'_>,
    app: AppId,
    whose: &Whose,
) -> Result<(BTreeSet<Number>, BTreeMap<Number, Device>), StoreError> {
    let devices = match whose {
        Whose::Phone(id) => Vec::from_iter(sources.audience.device_on(app, id).await?),
        Whose::Account(account) => sources.audience.of_account(app, account).await?,
    };
    let mut numbers: BTreeSet<Number> = devices.iter().map(|device| device.number).collect();
    if let Whose::Account(account) = whose {
        numbers.extend(recipients(sources, app, account.as_str()).await?);
    }
    let devices = devices.into_iter().map(|device| (device.number, device));
    Ok((numbers, devices.collect()))
}

async fn rows(
    sources: Sources<'_>,
    app: AppId,
    events: &[Recorded],
    devices: &BTreeMap<Number, Device>,
) -> Result<Vec<HistoryRow>, StoreError> {
    let tasks = names(sources, app, events).await?;
    let losses: BTreeSet<_> = events.iter().map(|one| one.event.loss).collect();
    let reasons = Reasons::of_losses(sources.identities, app, losses).await?;
    let row = |recorded: &Recorded| {
        let event = &recorded.event;
        let (cell, lane) = (event.cell, event.cell.lane());
        let loss = before(lane).map(|before| {
            let LossText { code, text } = reasons.of(event.loss);
            LostRow {
                before: before.to_owned(),
                code,
                text,
            }
        });
        let device = devices.get(&event.number);
        HistoryRow {
            task: tasks.get(&event.task.number).cloned(),
            family: family_name(event.task.kind).to_owned(),
            device: event.number.0,
            registration_id: device.map(|device| device.registration_id.to_string()),
            route: route_name(cell.route()).to_owned(),
            channel: cell.channel().name().to_owned(),
            step: StepRow {
                step: step_name(lane).to_owned(),
                at: event.at.0,
                recorded_ms: recorded.recorded_ms,
                source: recorded.source.name().to_owned(),
                loss,
            },
        }
    };
    Ok(events.iter().map(row).collect())
}

/// The public names of their tasks.
async fn names(
    sources: Sources<'_>,
    app: AppId,
    events: &[Recorded],
) -> Result<BTreeMap<TaskNumber, String>, StoreError> {
    let mut names = BTreeMap::new();
    let tasks: BTreeSet<TaskNumber> = events.iter().map(|one| one.event.task.number).collect();
    for task in tasks {
        let named = sources.identities.tasks_of(app, task, 1).await?;
        let named = named.into_iter().filter(|named| named.key.number == task);
        names.extend(named.map(|named| (task, named.id)));
    }
    Ok(names)
}

/// A place as it is asked for: its numbers, which mean nothing outside.
fn write_place(place: &HistoryPlace) -> String {
    let HistoryPlace {
        at,
        recorded_ms,
        task,
        number,
        cell,
    } = place;
    let (at, task, number, cell) = (at.0, task.0, number.0, cell.byte());
    format!("{at}.{recorded_ms}.{task}.{number}.{cell}")
}

/// A place as `next` tells it.
pub fn read_place(text: &str) -> Result<HistoryPlace, NoPlace> {
    let parts: Vec<&str> = text.split('.').collect();
    let [at, recorded_ms, task, number, cell] = parts[..] else {
        return Err(NoPlace);
    };
    let number_of = |text: &str| text.parse::<u32>().map_err(|_| NoPlace);
    let cell = cell.parse().ok().and_then(Cell::from_byte);
    Ok(HistoryPlace {
        at: Second(number_of(at)?),
        recorded_ms: recorded_ms.parse().map_err(|_| NoPlace)?,
        task: TaskNumber(number_of(task)?),
        number: Number(number_of(number)?),
        cell: cell.ok_or(NoPlace)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let place = HistoryPlace {
            at: Second(u32::MAX),
            recorded_ms: -1,
            task: TaskNumber(3),
            number: Number(70_000),
            cell: Cell::from_byte(0x81).unwrap(),
        };
        assert_eq!(read_place(&write_place(&place)), Ok(place));
        for text in [
            "",
            "1",
            "1.2.3.4",
            "1.2.3.4.255",
            "1.2.3.4.5.6",
            "a.2.3.4.5",
            "1.2.-3.4.5",
        ] {
            assert_eq!(read_place(text), Err(NoPlace), "{text}");
        }
    }
}
