//! What a list of tasks is asked with: when they were accepted, their kind, their sender's id, how they stand.

use http::request::Parts;
use pushtally_model::TaskKind;
use serde_json::json;

use super::endpoint::Parameter;
use super::given;
use super::span::{self, Span};
use crate::limits::ROWS;
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
        let kinds = json!({ "type": "string", "enum": ["push", "batch", "message"] });
        let states = json!({ "type": "string", "enum": ["running", "paused", "cancelled", "revoked", "done"] });
        let text = json!({ "type": "string" });
        let [start, end] = Span::parameters(
            "Accepted in this Unix second or later.",
            "Accepted before this Unix second: after `start`.",
        );
        [
            start,
            end,
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

    /// Reads a query.
    pub(super) fn parse(parts: &Parts) -> Result<Self, Problem> {
        let mut span = Span::default();
        let mut search = Self {
            filter: TaskFilter::default(),
            before: None,
            limit: ROWS,
        };
        for (name, value) in given(&parts.uri) {
            let refuse = |wanted: &str| span::wrong(&name, &value, wanted);
            match name.as_ref() {
                _ if span.take(&name, &value)? => {}
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
                span::LIMIT => search.limit = span::limit(&value)?,
                _ => {}
            }
        }
        search.filter.accepted = span.window()?;
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
