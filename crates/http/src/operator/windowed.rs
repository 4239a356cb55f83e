//! What the calls that count in a window are asked with: `start`, `end`, `step`, `task` and `family`.
//!
//! Windows may be of any length.

use http::request::Parts;
use pushtally_model::{Kind, Window};
use serde_json::json;

use super::as_of::{self, AS_OF};
use super::endpoint::Parameter;
use super::given;
use super::span::{self, Span};
use crate::limits::COUNTED_TASKS_MAX;
use crate::problem::Problem;

/// The names of what may be asked; not every call knows all of them.
const STEP: &str = "step";
const TASK: &str = "task";
const FAMILY: &str = "family";

/// What is to be counted, and when.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Windowed {
    span: Span,
    /// Seconds, at least 1.
    pub(super) step: Option<u32>,
    pub(super) tasks: Vec<String>,
    pub(super) family: Option<Kind>,
    /// Of when, in Unix milliseconds; always with tasks.
    pub(super) as_of_ms: Option<i64>,
}

impl Windowed {
    /// The parameters of a call without a step, as its document tells them.
    pub(super) fn parameters() -> [Parameter; 4] {
        let tasks = json!({
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "maxItems": COUNTED_TASKS_MAX,
        });
        let families = json!({ "type": "string", "enum": ["push", "message"] });
        let [start, end] = Span::parameters(
            "The first Unix second that counts.",
            "The first one that no longer does: after `start`.",
        );
        [
            start,
            end,
            Parameter::query(
                TASK,
                "A TaskId or PushID, repeated for several; without any, whole families are counted.",
                tasks,
            ),
            Parameter::query(
                FAMILY,
                "Only of this family; of both when it is left out.",
                families,
            ),
        ]
    }

    /// The step, as the document tells it.
    pub(super) fn step_parameter() -> Parameter {
        let schema = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
        Parameter::query(STEP, "Seconds from point to point.", schema).required()
    }

    /// The parameters of a call that takes a window and tasks only, at least one.
    pub(super) fn of_tasks() -> [Parameter; 3] {
        let [start, end, mut tasks, _] = Self::parameters();
        tasks.description = "A TaskId or PushID, repeated for several.";
        tasks.schema["minItems"] = json!(1);
        [start, end, tasks.required()]
    }

    /// Reads a query; what was known earlier is told of tasks only.
    pub(super) fn parse(parts: &Parts) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for (name, value) in given(&parts.uri) {
            asked.take(&name, &value)?;
        }
        if asked.as_of_ms.is_some() && asked.tasks.is_empty() {
            let detail = "with `as_of` name tasks: as known earlier whole families cannot be told";
            return Err(Problem::bad_request(detail).of(TASK));
        }
        Ok(asked)
    }

    /// The same of a call that takes a window and tasks only, at least one.
    pub(super) fn parse_tasks(parts: &Parts) -> Result<Self, Problem> {
        let asked = Self::parse(parts)?;
        if asked.tasks.is_empty() {
            let detail = "`task` must be given, a TaskId or a PushID";
            return Err(Problem::bad_request(detail).of(TASK));
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let refuse = |wanted: &str| span::wrong(name, value, wanted);
        match name {
            _ if self.span.take(name, value)? => {}
            AS_OF => self.as_of_ms = Some(as_of::parse(value)?),
            STEP => {
                let step = value.parse().ok().filter(|step| *step > 0);
                self.step = Some(step.ok_or_else(|| refuse("1 to 4294967295 seconds"))?);
            }
            TASK if value.is_empty() => return Err(refuse("a TaskId or a PushID")),
            TASK if self.tasks.len() == COUNTED_TASKS_MAX => {
                return Err(refuse("given at most 50 times"));
            }
            TASK => self.tasks.push(value.to_owned()),
            _ => {
                self.family = Some(match value {
                    "push" => Kind::Push,
                    "message" => Kind::Message,
                    _ => return Err(refuse("push or message")),
                });
            }
        }
        Ok(())
    }

    /// How many tasks or families are counted.
    pub(super) fn scopes(&self) -> usize {
        match (self.tasks.len(), self.family) {
            (0, None) => 2,
            (0, Some(_)) => 1,
            (tasks, _) => tasks,
        }
    }

    /// The window; always, when it is not said.
    pub(super) fn window(&self) -> Result<Window, Problem> {
        self.span.window()
    }
}

#[cfg(test)]
mod tests {
    use pushtally_model::Second;

    use super::*;

    fn parse(query: &str) -> Result<Windowed, Problem> {
        let request = http::Request::get(format!("/?{query}")).body(()).unwrap();
        Windowed::parse(&request.into_parts().0)
    }

    #[test]
    fn what_is_asked_is_read_and_what_cannot_be_is_refused() {
        let asked = parse("start=5&end=9&step=2&task=a&task=b&family=message").unwrap();
        let window = asked.window().unwrap();
        assert_eq!((window.start(), window.end()), (Second(5), Second(9)));
        assert_eq!((asked.step, asked.scopes()), (Some(2), 2));
        assert_eq!(asked.family, Some(Kind::Message));
        assert_eq!(parse("").unwrap().window().unwrap(), Window::all());
        for (query, field) in [
            ("start=-1", "start"),
            ("end=4294967296", "end"),
            ("step=0", "step"),
            ("task=", "task"),
            ("family=Push", "family"),
            ("as_of=1700000000000", "task"),
            ("task=a&as_of=1700000000", "as_of"),
            ("task=a&as_of=now", "as_of"),
        ] {
            let problem = parse(query).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{problem:?}");
        }
        let many = "task=a&".repeat(COUNTED_TASKS_MAX);
        assert!(parse(&many).is_ok());
        assert!(parse(&format!("{many}task=a")).is_err());
        assert!(parse("start=5&end=5").unwrap().window().is_err());
    }
}
