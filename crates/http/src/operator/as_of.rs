//! `as_of`, with which calls that count are asked for what was known at an earlier moment, and how such questions are refused.

use http::StatusCode;
use pushtally_model::App;
use serde_json::json;

use super::endpoint::{Fault, Parameter};
use super::storage;
use crate::State;
use crate::operations::{KeptError, Numbers};
use crate::problem::Problem;

/// The parameter's name.
pub(super) const AS_OF: &str = "as_of";

/// What is asked of is not kept any more.
pub(super) const OUT_OF_REACH: Fault = (410, "out-of-reach");

/// From this value on it is milliseconds: as a second it lies in the year 5138, as a millisecond in 1973.
const MILLISECONDS_FROM: i64 = pushtally_wire::MILLISECONDS_FROM;

/// The parameter, as documents tell it.
pub(super) fn parameter() -> Parameter {
    let schema = json!({ "type": "integer", "minimum": MILLISECONDS_FROM, "maximum": i64::MAX });
    let what = "As known at this moment, in Unix milliseconds, not after now: of what was recorded in it or before. Only of tasks.";
    Parameter::query(AS_OF, what, schema)
}

/// Reads the parameter.
pub(super) fn parse(value: &str) -> Result<i64, Problem> {
    let refuse = |detail: &'static str| Problem::bad_request(detail).at(AS_OF, value);
    let ms: i64 = value
        .parse()
        .map_err(|_| refuse("`as_of` must be a Unix millisecond"))?;
    if ms < MILLISECONDS_FROM {
        return Err(refuse("`as_of` must be in milliseconds, not in seconds"));
    }
    Ok(ms)
}

/// The numbers of now, or of the moment.
pub(super) fn numbers<'a>(
    state: &'a State,
    app: &'a App,
    as_of_ms: Option<i64>,
) -> Result<Numbers<'a>, Problem> {
    let Some(as_of_ms) = as_of_ms else {
        return Ok(Numbers::Now(&state.stats));
    };
    let now_ms = state.clock.now_ms();
    if as_of_ms > now_ms {
        let detail = format!("`as_of` is in the future: now it is `{now_ms}`");
        return Err(Problem::bad_request(detail).at(AS_OF, &as_of_ms.to_string()));
    }
    Ok(Numbers::Then {
        sources: state.trace_sources(),
        app,
        as_of_ms,
    })
}

/// How what is read from the log is refused.
pub(super) fn refused(error: KeptError) -> Problem {
    let detail = error.to_string();
    match error {
        KeptError::OutOfReach { .. } => Problem::new(
            StatusCode::GONE,
            "out-of-reach",
            "Single events are kept no more",
            detail,
        ),
        KeptError::WholeFamily => Problem::bad_request(detail).of("task"),
        KeptError::TooManyDevices { .. } => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too-many-devices",
            "That is too many devices",
            detail,
        ),
        KeptError::Store(error) => storage(error),
    }
}
