use super::*;

fn habits(acks: u8, clicks: u8) -> Habits {
    Habits {
        acks,
        clicks,
        click_delay_ms: 500,
        ..Habits::default()
    }
}

/// The frames that are due, without their `seq`.
fn said(agenda: &mut Agenda, seen: &Seen, now_ms: u64) -> Vec<(u64, String)> {
    std::iter::from_fn(|| agenda.say(seen, now_ms))
        .map(|text| {
            let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
            (frame["seq"].as_u64().unwrap(), frame["reports"].to_string())
        })
        .collect()
}

#[test]
fn a_push_is_shown_once_and_acknowledged_each_time() {
    let (seen, habits) = (Seen::default(), habits(1, 0));
    let mut agenda = Agenda::default();
    assert!(agenda.show("a", &habits, &seen, 0));
    assert_eq!(said(&mut agenda, &seen, 0).len(), 1);
    assert!(!agenda.show("a", &habits, &seen, 1));
    let frames = said(&mut agenda, &seen, 1);
    let expected = r#"[{"age":0,"id":"a","stage":"delivered"}]"#;
    assert_eq!(frames, [(2, expected.to_owned())]);
    for seq in [1, 2] {
        agenda.confirm(seq, |_| false, &seen);
    }
    let push = seen.push("a");
    assert_eq!((push.shown.get(), push.repeats.get()), (1, 1));
    assert_eq!((push.delivered.get(), seen.confirmed.get()), (1, 2));
}

#[test]
fn a_click_comes_later_and_tells_its_age() {
    let (seen, habits) = (Seen::default(), habits(0, 2));
    let mut agenda = Agenda::default();
    agenda.show("a", &habits, &seen, 1_000);
    assert_eq!(agenda.next_ms(), Some(1_500));
    assert_eq!(said(&mut agenda, &seen, 1_499), []);
    let click = r#"[{"age":20,"id":"a","stage":"clicked"}]"#.to_owned();
    assert_eq!(
        said(&mut agenda, &seen, 1_520),
        [(1, click.clone()), (2, click)]
    );
    assert_eq!(agenda.next_ms(), None);
}

#[test]
fn reports_that_were_not_confirmed_are_due_again() {
    let (seen, habits) = (Seen::default(), habits(1, 0));
    let mut agenda = Agenda::default();
    agenda.show("a", &habits, &seen, 0);
    agenda.show("b", &habits, &seen, 0);
    assert_eq!(said(&mut agenda, &seen, 0).len(), 1);
    agenda.postpone(1, 100, &seen);
    assert_eq!((seen.busy.get(), agenda.next_ms()), (1, Some(100)));
    assert_eq!(said(&mut agenda, &seen, 100).len(), 1);
    agenda.disconnect();
    let frames = said(&mut agenda, &seen, 200);
    assert!(frames[0].1.contains(r#""age":200,"id":"b""#), "{frames:?}");
    agenda.confirm(3, |id| id == "b", &seen);
    assert_eq!(seen.push("a").delivered.get(), 1);
    assert_eq!((seen.push("b").delivered.get(), seen.unknown.get()), (0, 1));
    agenda.disconnect();
    assert_eq!(agenda.next_ms(), None);
}

#[test]
fn an_answer_to_nothing_is_strange() {
    let seen = Seen::default();
    let mut agenda = Agenda::default();
    agenda.confirm(1, |_| false, &seen);
    agenda.postpone(1, 0, &seen);
    assert_eq!((seen.strange.get(), seen.busy.get()), (2, 0));
}

#[test]
fn a_frame_holds_at_most_a_hundred_reports() {
    let (seen, habits) = (Seen::default(), habits(1, 0));
    let mut agenda = Agenda::default();
    for id in 0..150 {
        agenda.show(&id.to_string(), &habits, &seen, 0);
    }
    let lens: Vec<usize> = said(&mut agenda, &seen, 0)
        .iter()
        .map(|(_, reports)| reports.matches("delivered").count())
        .collect();
    assert_eq!(lens, [100, 50]);
}

#[test]
fn a_revoked_push_is_taken_away_once_and_not_tapped_any_more() {
    let (seen, habits) = (Seen::default(), habits(1, 1));
    let mut agenda = Agenda::default();
    agenda.show("a", &habits, &seen, 0);
    agenda.show("b", &habits, &seen, 0);
    for _ in 0..2 {
        agenda.take_back("a", true, &seen);
    }
    agenda.take_back("b", false, &seen);
    let counts = |id| {
        let push = seen.push(id);
        [&push.shown, &push.revoked, &push.replaced, &push.repeats].map(|count| count.get())
    };
    assert_eq!((counts("a"), counts("b")), ([1, 1, 1, 0], [1, 1, 0, 0]));
    let said = said(&mut agenda, &seen, 10_000);
    assert!(
        said.iter().all(|(_, said)| !said.contains("clicked")),
        "{said:?}"
    );
}

#[test]
fn a_push_that_was_revoked_before_it_came_is_acknowledged_and_never_shown() {
    let (seen, habits) = (Seen::default(), habits(1, 1));
    let mut agenda = Agenda::default();
    agenda.take_back("a", true, &seen);
    assert!(!agenda.show("a", &habits, &seen, 0));
    let expected = r#"[{"age":0,"id":"a","stage":"delivered"}]"#;
    assert_eq!(said(&mut agenda, &seen, 0), [(1, expected.to_owned())]);
    assert_eq!(agenda.next_ms(), None);
    let push = seen.push("a");
    let counts = [&push.shown, &push.revoked, &push.repeats].map(|count| count.get());
    assert_eq!(counts, [0, 0, 0]);
}
