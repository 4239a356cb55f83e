//! Each reason where its condition holds, and nowhere else.

use super::*;

const DAY: u32 = Second::DAY_S;
/// Midnight of UTC+8.
const MIDNIGHT: u32 = 1_741_104_000;
const NOW: u32 = MIDNIGHT + 10 * DAY;

fn counts([planned, sent, delivered, clicked]: [u64; 4]) -> Counts {
    Counts {
        planned,
        sent,
        delivered,
        clicked,
    }
}

const fn place(platform: u64) -> Place {
    Place { route: 1, platform }
}

/// A window, a task with one row on APNs, and what they say of it: what differs from this is what a test is about.
struct Case {
    facts: Facts,
    ours: OurTask,
    theirs: TheirTask,
}

fn case(within: [u64; 4], theirs: [u64; 4]) -> Case {
    let (start, end) = (Second(MIDNIGHT), Second(MIDNIGHT + 3 * DAY));
    let row = OurRow {
        place: place(1),
        within: counts(within),
        in_days: counts(within),
        ever: counts(within),
    };
    Case {
        facts: Facts {
            window: Window::new(start, end).unwrap(),
            now: Second(NOW),
            first: Some(Second(MIDNIGHT - 60 * DAY)),
            repeated: 0,
        },
        ours: OurTask {
            id: "t".to_owned(),
            origin: Origin::Imported,
            rows: vec![row],
            first: Some(MIDNIGHT + 5),
            last: Some(MIDNIGHT + 90),
        },
        theirs: TheirTask {
            total: counts(theirs),
            rows: BTreeMap::from([(place(1), counts(theirs))]),
        },
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn compare(&self) -> TaskComparison {
        let theirs = BTreeMap::from([(self.ours.id.clone(), self.theirs.clone())]);
        let compared = compare(&self.facts, std::slice::from_ref(&self.ours), &theirs);
        assert_eq!(compared.equal, compared.tasks[0].equal);
        compared.tasks.into_iter().next().unwrap()
    }

    /// The reasons of the only row that differs; the total has the same.
    #[track_caller]
    fn check(&self, expected: &[Reason]) {
        let task = self.compare();
        assert!(!task.equal);
        let differing: Vec<&Line> = task.rows.iter().filter(|row| !row.is_equal()).collect();
        assert_eq!(differing.len(), 1, "{task:?}");
        assert_eq!(differing[0].reasons, expected);
        assert_eq!(task.total.reasons, expected);
    }
}

#[test]
fn equal_sides_have_no_reasons() {
    let task = case([9, 8, 7, 6], [9, 8, 7, 6]).compare();
    assert!(task.equal && task.rows.len() == 1);
    assert!(task.rows[0].reasons.is_empty() && task.total.reasons.is_empty());
    // A row of nothing on both sides is none.
    assert_eq!(case([0; 4], [0; 4]).compare().rows, []);
}

#[test]
fn a_task_without_a_result_there_has_no_counts_there() {
    let Case { facts, ours, .. } = case([1; 4], [1; 4]);
    let compared = compare(&facts, &[ours], &BTreeMap::new());
    let line = &compared.tasks[0].total;
    assert_eq!((line.sent.ours, line.sent.theirs), (1, 0));
    assert_eq!(line.reasons, [Reason::NotKnownThere]);
}

#[test]
fn a_whole_task_has_one_reason() {
    let none = [0; 4];
    let some = [5, 5, 1, 0];
    case(some, none)
        .with(|case| case.ours.origin = Origin::Own)
        .check(&[Reason::SentFromHere]);
    case(some, none).check(&[Reason::NotKnownThere]);
    case(some, none)
        .with(|case| case.facts.now = Second(MIDNIGHT + 91 + KEPT_S))
        .check(&[Reason::TooOldThere]);
    case(some, none)
        .with(|case| case.facts.now = Second(MIDNIGHT + 90 + KEPT_S))
        .check(&[Reason::NotKnownThere]);
    case(some, none)
        .with(|case| case.facts.now = Second(MIDNIGHT + 91))
        .check(&[Reason::StillMoving]);
    let unknown = |case: &mut Case| {
        case.ours.origin = Origin::Unknown;
        case.ours.rows.clear();
        (case.ours.first, case.ours.last) = (None, None);
    };
    case(none, some)
        .with(unknown)
        .with(|case| case.facts.first = None)
        .check(&[Reason::NothingComesHere]);
    case(none, some)
        .with(unknown)
        .with(|case| case.facts.first = Some(Second(MIDNIGHT + 1)))
        .check(&[Reason::BeganBeforeUs]);
    case(none, some)
        .with(unknown)
        .check(&[Reason::CallsMissing]);
}

#[test]
fn windows_explain_what_lies_at_their_edges() {
    let uneven = |case: &mut Case| {
        case.facts.window = Window::new(Second(MIDNIGHT + 30), Second(MIDNIGHT + DAY)).unwrap();
    };
    let in_days = |case: &mut Case| case.ours.rows[0].in_days = counts([9, 9, 5, 1]);
    let ever = |case: &mut Case| case.ours.rows[0].ever = counts([9, 9, 5, 1]);
    let base = || case([7, 7, 4, 1], [9, 9, 5, 1]);
    base()
        .with(uneven)
        .with(in_days)
        .with(ever)
        .check(&[Reason::WholeDays]);
    base().with(in_days).check(&[Reason::CallsMissing]);
    base().with(ever).check(&[Reason::OutsideWindow]);
    base().with(uneven).check(&[Reason::CallsMissing]);
}

#[test]
fn a_task_that_moves_is_told_to_be_asked_again() {
    let at = |now| case([7, 7, 4, 1], [7, 7, 5, 1]).with(|case| case.facts.now = Second(now));
    at(MIDNIGHT + 90 + MOVING_S).check(&[Reason::StillMoving]);
    at(MIDNIGHT + 91 + MOVING_S).check(&[Reason::CallsMissing]);
}

#[test]
fn what_came_before_us_is_missing_at_the_beginning_only() {
    let since = |first, own| {
        case([7, 7, 4, 1], [9, 9, 5, 1]).with(|case| {
            case.facts.first = Some(Second(first));
            case.ours.first = Some(own);
        })
    };
    since(MIDNIGHT + 1, MIDNIGHT + DAY).check(&[Reason::BeganBeforeUs]);
    since(MIDNIGHT + 1, MIDNIGHT + 1 + DAY).check(&[Reason::CallsMissing]);
    since(MIDNIGHT, MIDNIGHT + 1).check(&[Reason::CallsMissing]);
}

#[test]
fn stages_tell_what_callbacks_leave_out() {
    case([7, 7, 4, 1], [9, 7, 4, 1]).check(&[Reason::NeverSentTo]);
    case([9, 7, 4, 1], [7, 7, 4, 1]).check(&[Reason::Unexplained]);
    case([7, 7, 0, 1], [7, 7, 4, 1]).check(&[Reason::StageNeverComes]);
    case([7, 7, 4, 0], [7, 7, 4, 1]).check(&[Reason::StageNeverComes]);
    case([7, 0, 0, 0], [7, 0, 4, 0]).check(&[Reason::CallsMissing]);
    case([7, 7, 1, 0], [7, 7, 4, 0]).check(&[Reason::CallsMissing]);
}

#[test]
fn repeats_explain_no_more_than_came() {
    let repeated =
        |repeated| case([7, 7, 4, 1], [8, 8, 5, 1]).with(|case| case.facts.repeated = repeated);
    repeated(3).check(&[Reason::Repeats]);
    repeated(2).check(&[Reason::CallsMissing]);
}

#[test]
fn more_here_than_there_is_their_age_or_unexplained() {
    case([9, 9, 5, 1], [9, 8, 5, 1]).check(&[Reason::Unexplained]);
    case([9, 9, 5, 1], [9, 8, 5, 1])
        .with(|case| case.facts.now = Second(MIDNIGHT + 6 + KEPT_S))
        .check(&[Reason::TooOldThere]);
}

#[test]
fn a_platform_without_a_meaning_is_called_so() {
    let row = |route, platform| {
        case([5; 4], [5; 4]).with(|case| {
            let place = Place { route, platform };
            case.theirs.rows.insert(place, counts([2, 2, 0, 0]));
            case.theirs.total = counts([7, 7, 5, 5]);
        })
    };
    for (route, platform) in [(1, 9), (1, 104), (3, 1), (0, 0)] {
        row(route, platform).check(&[Reason::UnknownPlatform]);
    }
    row(2, 0).check(&[Reason::CallsMissing]);
}

#[test]
fn rows_that_do_not_add_up_are_said_of_the_total() {
    let wrong = case([5; 4], [5; 4]).with(|case| case.theirs.total = counts([6, 5, 5, 5]));
    let task = wrong.compare();
    assert!(!task.equal && task.rows[0].is_equal());
    assert_eq!(task.total.reasons, [Reason::TheirSum]);
}

#[test]
fn every_line_that_differs_has_a_reason() {
    // All small counts on both sides, with each fact on and off.
    let numbers: Vec<[u64; 4]> = (0..16u64)
        .map(|bits| [bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1])
        .collect();
    for (ours, theirs) in numbers
        .iter()
        .flat_map(|a| numbers.iter().map(move |b| (*a, *b)))
    {
        for bits in 0..16 {
            let case = case(ours, theirs).with(|case| {
                case.facts.repeated = (bits & 1) * 9;
                case.facts.first = [Some(Second(MIDNIGHT + 1)), None][usize::from(bits & 2 > 0)];
                case.facts.now = Second([NOW, MIDNIGHT + 40 * DAY][usize::from(bits & 4 > 0)]);
                case.ours.rows[0].ever = counts([1; 4]);
                if bits & 8 > 0 {
                    case.theirs.rows.clear();
                }
            });
            let task = case.compare();
            for line in task.rows.iter().chain([&task.total]) {
                assert_eq!(
                    line.is_equal(),
                    line.reasons.is_empty(),
                    "{ours:?} {theirs:?} {bits}"
                );
            }
        }
    }
}
