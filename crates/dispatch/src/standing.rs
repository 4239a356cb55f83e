//! What may be done with what a task has pending. Pure.

use pushtally_model::{OwnLoss, Second, TaskState};

/// How a task stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Plan and send.
    Go,
    /// Do nothing until somebody resumes it, or the deadline.
    Wait,
    /// Send nothing more: what is pending ends so.
    End(OwnLoss),
}

impl Standing {
    /// Whether what was not planned yet is planned: of a task past its deadline too, or what was accepted and came too late
    /// would count nowhere. Whoever cancels or revokes a task wants no more of it.
    pub(crate) const fn plans(self) -> bool {
        matches!(self, Self::Go | Self::End(OwnLoss::Expired))
    }
}

/// A cancelled task ends as cancelled, a revoked one as revoked, whatever the time; the deadline holds for paused tasks and apps too.
pub(crate) fn standing(
    state: TaskState,
    app_paused: bool,
    now: Second,
    deadline: Second,
) -> Standing {
    match state {
        TaskState::Cancelled => Standing::End(OwnLoss::Cancelled),
        TaskState::Revoked => Standing::End(OwnLoss::Revoked),
        TaskState::Running | TaskState::Paused if now >= deadline => {
            Standing::End(OwnLoss::Expired)
        }
        TaskState::Paused => Standing::Wait,
        TaskState::Running if app_paused => Standing::Wait,
        TaskState::Running => Standing::Go,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TaskState::{Cancelled, Paused, Revoked, Running};

    #[test]
    fn stopping_comes_before_the_deadline_and_the_deadline_before_a_pause() {
        let (cancelled, expired) = (
            Standing::End(OwnLoss::Cancelled),
            Standing::End(OwnLoss::Expired),
        );
        for (state, app_paused, now, expected) in [
            (Running, false, 99, Standing::Go),
            (Running, true, 99, Standing::Wait),
            (Paused, false, 99, Standing::Wait),
            (Paused, true, 99, Standing::Wait),
            (Cancelled, false, 99, cancelled),
            (Cancelled, true, 99, cancelled),
            (Running, false, 100, expired),
            (Running, true, 100, expired),
            (Paused, false, 101, expired),
            (Cancelled, true, 101, cancelled),
            (Revoked, false, 99, Standing::End(OwnLoss::Revoked)),
            (Revoked, true, 101, Standing::End(OwnLoss::Revoked)),
        ] {
            let found = standing(state, app_paused, Second(now), Second(100));
            assert_eq!(found, expected, "{state:?} {app_paused} {now}");
        }
    }

    #[test]
    fn only_who_waits_or_was_stopped_plans_nothing() {
        for (standing, plans) in [
            (Standing::Go, true),
            (Standing::End(OwnLoss::Expired), true),
            (Standing::Wait, false),
            (Standing::End(OwnLoss::Cancelled), false),
            (Standing::End(OwnLoss::Revoked), false),
        ] {
            assert_eq!(standing.plans(), plans, "{standing:?}");
        }
    }
}
