//! Likely reasons of differences. docs/MIGRATING.md lists each with its condition: one that the data does not support is
//! never named.

use serde::Serialize;

/// Why the two sides differ, probably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The task was sent from here.
    SentFromHere,
    /// They have no counts of it, and its last event is older than they keep.
    TooOldThere,
    /// They have no counts of it in the window.
    NotKnownThere,
    /// No event of any task has ever come here.
    NothingComesHere,
    /// `PushPlatform` or `EventType` has no documented meaning.
    UnknownPlatform,
    /// Their counts are ours of whole days of UTC+8.
    WholeDays,
    /// Their counts are ours of all time: some events lie outside the window by their own time.
    OutsideWindow,
    /// The task's last event here is recent.
    StillMoving,
    /// The task may have begun before the first event of all came here.
    BeganBeforeUs,
    /// Only who was planned differs: they count more, and as many were sent to.
    NeverSentTo,
    /// No event of this stage came for this platform, though events of sending did.
    StageNeverComes,
    /// As many events came again as are missing here.
    Repeats,
    /// They count more, and nothing else explains it.
    CallsMissing,
    /// Their own rows do not add up to their total.
    TheirSum,
    /// No reason is known.
    Unexplained,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::SentFromHere,
        Self::TooOldThere,
        Self::NotKnownThere,
        Self::NothingComesHere,
        Self::UnknownPlatform,
        Self::WholeDays,
        Self::OutsideWindow,
        Self::StillMoving,
        Self::BeganBeforeUs,
        Self::NeverSentTo,
        Self::StageNeverComes,
        Self::Repeats,
        Self::CallsMissing,
        Self::TheirSum,
        Self::Unexplained,
    ];

    /// Its name, as in JSON and in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SentFromHere => "sent_from_here",
            Self::TooOldThere => "too_old_there",
            Self::NotKnownThere => "not_known_there",
            Self::NothingComesHere => "nothing_comes_here",
            Self::UnknownPlatform => "unknown_platform",
            Self::WholeDays => "whole_days",
            Self::OutsideWindow => "outside_window",
            Self::StillMoving => "still_moving",
            Self::BeganBeforeUs => "began_before_us",
            Self::NeverSentTo => "never_sent_to",
            Self::StageNeverComes => "stage_never_comes",
            Self::Repeats => "repeats",
            Self::CallsMissing => "calls_missing",
            Self::TheirSum => "their_sum",
            Self::Unexplained => "unexplained",
        }
    }

    /// What an operator reads.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::SentFromHere => "it was sent from here, not by them",
            Self::TooOldThere => {
                "its last event is older than the 30 days for which they keep statistics"
            }
            Self::NotKnownThere => {
                "they have nothing of it in this window; a test event that was sent by hand looks so"
            }
            Self::NothingComesHere => {
                "no event of any task has come: is the callback switched on and pointed here?"
            }
            Self::UnknownPlatform => {
                "a number without a documented meaning, perhaps Harmony's: events of it are refused here"
            }
            Self::WholeDays => {
                "their counts are those of whole days of UTC+8; take a window from midnight to midnight there"
            }
            Self::OutsideWindow => {
                "some of its events lie outside the window by their own time, by which we count; all together they are equal"
            }
            Self::StillMoving => {
                "its last event came within the hour before this comparison: ask again later"
            }
            Self::BeganBeforeUs => {
                "events have come here only since about the time of this task: what was before came to nobody here"
            }
            Self::NeverSentTo => {
                "devices that were never sent to: no callback tells of them, they count them from the audience"
            }
            Self::StageNeverComes => {
                "no event of this stage has come for this platform, though events of sending have: is it among those that the callback reports?"
            }
            Self::Repeats => {
                "at least as many events came that were counted already: a second device of an account on one platform, or a repeated call, counts once here"
            }
            Self::CallsMissing => {
                "calls that did not come, or were refused: look at pushtally_requests_total, and switch repetition on in their console"
            }
            Self::TheirSum => "their own rows do not add up to their total",
            Self::Unexplained => "no reason is known",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_documented_and_named_as_in_json() {
        let page = include_str!("../../../docs/MIGRATING.md");
        for reason in Reason::ALL {
            let name = reason.name();
            let row = format!("| `{name}` | ");
            assert!(page.contains(&row), "docs/MIGRATING.md has no row `{row}`");
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("\"{name}\""));
        }
        assert!(Reason::ALL.is_sorted());
    }
}
