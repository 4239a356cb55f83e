//! What a list of tasks is asked with: when they were accepted, their kind, their sender's id, how they stand.

use http::request::Parts;
use pushtally_model::{Second, TaskKind, Window};
use serde_json::json;

use super::endpoint::Parameter;
use crate::limits::{ROWS, ROWS_MAX};
use crate::operations::{TaskFilter, TaskStatus};
use crate::problem::Problem;

/// What is looked for, and which page of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) filter: TaskFilter,
    pub(super) before: Option<u64>,
    pub(super) limit: usize,
}

impl Search {
    /// The parameters, as the document tells them.
    pub(super) fn parameters() -> [Parameter; 7] {
        let second = || json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX });
        let end = || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
        let kinds = json!({ "type": "string", "enum": ["push", "batch", "message"] });
        let states = json!({ "type": "string", "enum": ["running", "paused", "cancelled", "revoked", "done"] });
        let text = json!({ "type": "string" });
        [
            Parameter::query("start", "Accepted in this Unix second or later.", second()),
            Parameter::query(
                "end",
                "Accepted before this Unix second: after `start`.",
                end(),
            ),
            Parameter::query("kind", "Of this kind.", kinds),
            Parameter::query(
                "data_id",
                "With exactly this DataId; empty: without any.",
                text,
            ),
            Parameter::query("state", "That stand so.", states),
            Parameter::before(),
            Parameter::limit(),
        ]
    }

    /// Reads a query. Unknown parameters are errors, so that a misspelt one does not list everything.
    pub(super) fn parse(parts: &Parts) -> Result<Self, Problem> {
        let all = Window::all();
        let (mut start, mut end) = (all.start(), all.end());
        let mut search = Self {
            filter: TaskFilter::default(),
            before: None,
            limit: ROWS,
        };
        let query = parts.uri.query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let refuse = |wanted: &str| {
                Problem::bad_request(format!("`{name}` must be {wanted}"))
                    .at(name.clone().into_owned(), &value)
            };
            let second = || {
                value
                    .parse()
                    .map(Second)
                    .map_err(|_| refuse("a Unix second"))
            };
            match name.as_ref() {
                "start" => start = second()?,
                "end" => end = second()?,
                "kind" => {
                    let kind = kind(&value).ok_or_else(|| refuse("push, batch or message"))?;
                    search.filter.kind = Some(kind);
                }
                "data_id" => search.filter.data_id = Some(value.clone().into_owned()),
                "state" => {
                    let wanted = "running, paused, cancelled, revoked or done";
                    let status = status(&value).ok_or_else(|| refuse(wanted))?;
                    search.filter.status = Some(status);
                }
                "before" => {
                    let place = value.parse().map_err(|_| refuse("a place in the list"))?;
                    search.before = Some(place);
                }
                "limit" => {
                    let limit = value
                        .parse()
                        .ok()
                        .filter(|limit| (1..=ROWS_MAX).contains(limit));
                    search.limit = limit.ok_or_else(|| refuse("1 to 500"))?;
                }
                _ => return Err(refuse("left out, it is not known")),
            }
        }
        search.filter.accepted = Window::new(start, end).map_err(|_| {
            let detail = "`end` must be after `start`";
            Problem::bad_request(detail).at("end", &end.0.to_string())
        })?;
        Ok(search)
    }
}

fn kind(name: &str) -> Option<TaskKind> {
    match name {
        "push" => Some(TaskKind::Broadcast),
        "batch" => Some(TaskKind::Batch),
        "message" => Some(TaskKind::Message),
        _ => None,
    }
}

fn status(name: &str) -> Option<TaskStatus> {
    let all = [
        TaskStatus::Running,
        TaskStatus::Paused,
        TaskStatus::Cancelled,
        TaskStatus::Revoked,
        TaskStatus::Done,
    ];
    all.into_iter().find(|status| status.name() == name)
}
