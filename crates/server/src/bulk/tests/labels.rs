//! Tags and attributes, in and out.

use super::*;

#[test]
fn labels_go_round_through_both_formats() {
    let tags = "{\"account\":\"a\",\"tags\":[\"x,y\",\"标签 \\\"😀\\\"\"]}\n\
                {\"account\":\"用户\",\"tags\":[\"x,y\"]}\n\
                {\"account\":\"p\",\"kind\":\"phone\",\"tags\":[\"of phones\"]}\n";
    let attributes = "{\"account\":\"a\",\"attributes\":{\"level\":\"high\",\"城市\":\"深圳,😀\"}}\n\
                      {\"account\":\"b\",\"attributes\":{\"城市\":\"x\"}}\n";
    let worlds = [World::new(), World::new()];
    for world in &worlds {
        world.take(Kind::Devices, "d", r#"{"registration_id":"p"}"#);
        world.name_city();
    }
    let [first, second] = &worlds;
    assert_eq!(first.take(Kind::Tags, "t", tags), (2, 1, 0, 0));
    assert_eq!(first.take(Kind::Tags, "t", tags), (0, 0, 3, 0));
    assert_eq!(first.take(Kind::Attributes, "a", attributes), (1, 1, 0, 0));
    assert_eq!(first.take(Kind::Attributes, "a", attributes), (0, 0, 2, 0));
    for (kind, text) in [(Kind::Tags, tags), (Kind::Attributes, attributes)] {
        assert_eq!(first.give(kind, "out", false).0, text);
        let (csv, _) = first.give(kind, "out.csv", false);
        second.take(kind, "in.csv", &csv);
        assert_eq!(second.give(kind, "out", false).0, text, "{csv}");
    }
}

#[test]
fn tags_are_added_or_replaced() {
    let world = World::new();
    world.take(Kind::Tags, "t", r#"{"account":"a","tags":["x"]}"#);
    world.take(Kind::Tags, "t", r#"{"account":"a","tags":["y"]}"#);
    let expected = "{\"account\":\"a\",\"tags\":[\"x\",\"y\"]}\n";
    assert_eq!(world.give(Kind::Tags, "out", false).0, expected);
    let file = world.write("t.csv", "account,tag\na,y\na,z\nb,z\nb,\n");
    let asked = Import {
        replace: true,
        ..import(Kind::Tags, &file)
    };
    assert_eq!(of(world.import(&asked).unwrap().counts), (1, 1, 0, 0));
    let expected =
        "{\"account\":\"a\",\"tags\":[\"y\",\"z\"]}\n{\"account\":\"b\",\"tags\":[\"z\"]}\n";
    assert_eq!(world.give(Kind::Tags, "out", false).0, expected);
}

#[test]
fn refused_labels_say_why() {
    let world = World::new();
    world.name_city();
    world.take(Kind::Devices, "d", r#"{"registration_id":"p"}"#);
    world.take(Kind::Tags, "t", r#"{"account":"p","tags":["of phones"]}"#);
    let many: Vec<String> = (0..101).map(|n| format!("\"{n}\"")).collect();
    let many = format!("{{\"account\":\"a\",\"tags\":[{}]}}", many.join(","));
    let long = "字".repeat(17);
    for (kind, row, reason, field, value) in [
        (
            Kind::Tags,
            "[]",
            "the line must be a JSON object",
            None,
            None,
        ),
        (
            Kind::Tags,
            r#"{"tags":[]}"#,
            "`account` is missing",
            Some("account"),
            None,
        ),
        (
            Kind::Tags,
            r#"{"account":"a","tags":["x",5]}"#,
            "`tags[1]` must be a text",
            Some("tags[1]"),
            Some("5"),
        ),
        (
            Kind::Tags,
            &format!(r#"{{"account":"a","tags":["{long}"]}}"#),
            "`tags[0]` must be 1 to 50 bytes without control characters",
            Some("tags[0]"),
            Some(long.as_str()),
        ),
        (
            Kind::Tags,
            r#"{"account":"a","tags":["of phones"]}"#,
            "it fits phones that nobody is signed in on only",
            Some("tags"),
            Some("of phones"),
        ),
        (
            Kind::Tags,
            &many,
            "the account would have more than 100 tags",
            Some("tags"),
            Some("101"),
        ),
        (
            Kind::Tags,
            r#"{"account":"q","kind":"phone","tags":["x"]}"#,
            "no phone has this name",
            Some("account"),
            None,
        ),
        (
            Kind::Tags,
            r#"{"account":"q","kind":"robot","tags":["x"]}"#,
            "`kind` must be `user` or `phone`",
            Some("kind"),
            Some("\"robot\""),
        ),
        (
            Kind::Attributes,
            r#"{"account":"a","attributes":{"size":"x"}}"#,
            "the app has no attribute of this name, `--name` gives it one",
            Some("attributes"),
            Some("size"),
        ),
        (
            Kind::Attributes,
            r#"{"account":"a","attributes":{"城市":""}}"#,
            "`attributes.城市` must be 1 to 50 bytes without control characters",
            Some("attributes.城市"),
            Some(""),
        ),
    ] {
        let row = Row {
            line: 9,
            json: row.to_owned(),
        };
        let act = Act::Import {
            sdkappid: APP,
            kind,
            replace: false,
            rows: vec![row.clone()],
        };
        let Ok(Done::Imported { counts, faults }) = world.perform(act) else {
            panic!("not imported: {}", row.json)
        };
        assert_eq!(counts.bad, 1, "{}", row.json);
        let fault = Fault {
            reason: reason.to_owned(),
            field: field.map(str::to_owned),
            value: value.map(str::to_owned),
        };
        assert_eq!(faults, [(9, fault)], "{}", row.json);
    }
}
