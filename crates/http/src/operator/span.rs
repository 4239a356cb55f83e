//! What many calls are asked with alike: `start` and `end` of a window, `limit` of a page; and how a parameter that is wrong is
//! refused.

use pushtally_model::{Second, Window};
use serde_json::json;

use super::endpoint::Parameter;
use crate::limits::ROWS_MAX;
use crate::problem::Problem;

const START: &str = "start";
const END: &str = "end";
/// The name of a page's length.
pub(super) const LIMIT: &str = "limit";

/// From one Unix second on and before another; always, where they are not said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: Option<Second>,
    end: Option<Second>,
}

impl Span {
    /// The parameters, as documents tell them: what the first second is, and the first one that is none any more.
    pub(super) fn parameters(start: &'static str, end: &'static str) -> [Parameter; 2] {
        let second = |least| json!({ "type": "integer", "minimum": least, "maximum": u32::MAX });
        [
            Parameter::query(START, start, second(0)),
            Parameter::query(END, end, second(1)),
        ]
    }

    /// Reads a parameter if it is one of these two; answers whether it is.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        let place = match name {
            START => &mut self.start,
            END => &mut self.end,
            _ => return Ok(false),
        };
        let second = value.parse().map(Second);
        *place = Some(second.map_err(|_| wrong(name, value, "a Unix second"))?);
        Ok(true)
    }

    /// The window.
    pub(super) fn window(&self) -> Result<Window, Problem> {
        let all = Window::all();
        let (start, end) = (
            self.start.unwrap_or(all.start()),
            self.end.unwrap_or(all.end()),
        );
        Window::new(start, end).map_err(|_| {
            let detail = "`end` must be after `start`";
            Problem::bad_request(detail).at(END, &end.0.to_string())
        })
    }
}

/// Reads how long a page is.
pub(super) fn limit(value: &str) -> Result<usize, Problem> {
    let limit = value.parse().ok();
    let limit = limit.filter(|limit| (1..=ROWS_MAX).contains(limit));
    limit.ok_or_else(|| wrong(LIMIT, value, "1 to 500"))
}

/// That a parameter must be something else.
pub(super) fn wrong(name: &str, value: &str, wanted: &str) -> Problem {
    Problem::bad_request(format!("`{name}` must be {wanted}")).at(name.to_owned(), value)
}
