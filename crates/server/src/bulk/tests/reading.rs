//! Rows of files, and where they begin.

use std::io;

use super::super::csv::CsvRows;
use super::super::lines::Lines;
use super::super::rows::{At, Found, Rows};
use super::super::{Kind, ROW_LEN_MAX};

type Said = (u64, Result<String, String>);

fn all(mut rows: impl Rows) -> io::Result<Vec<(Said, At)>> {
    let mut found = Vec::new();
    while let Some(Found { line, end, json }) = rows.next()? {
        found.push(((line, json.map_err(|fault| fault.reason)), end));
    }
    Ok(found)
}

fn csv(kind: Kind, text: &str) -> io::Result<Vec<(Said, At)>> {
    all(CsvRows::new(kind, text.as_bytes())?)
}

fn sound(line: u64, json: &str) -> Said {
    (line, Ok(json.to_owned()))
}

fn bad(line: u64, reason: &str) -> Said {
    (line, Err(reason.to_owned()))
}

fn said(found: &[(Said, At)]) -> Vec<Said> {
    found.iter().map(|(said, _)| said.clone()).collect()
}

const DEVICES: &str = "\u{feff}registration_id,account,model,channel,token,cert_id\r\n\
    p1,\"用户, \"\"😀\"\"\",,,,\r\n\
    p2,,\"two\nlines\",fcm,t,12\n\
    \n\
    p3,,,,t,twelve\n\
    p4,a\n\
    p5,,,,,";

#[test]
fn records_become_objects_and_lines_are_counted_through_quotes() {
    let found = csv(Kind::Devices, DEVICES).unwrap();
    assert_eq!(
        said(&found),
        [
            sound(2, r#"{"registration_id":"p1","account":"用户, \"😀\""}"#),
            sound(
                3,
                r#"{"registration_id":"p2","model":"two\nlines","tokens":[{"channel":"fcm","token":"t","cert_id":12}]}"#
            ),
            sound(
                6,
                r#"{"registration_id":"p3","tokens":[{"token":"t","cert_id":"twelve"}]}"#
            ),
            bad(7, "the line has 2 cells, the first one has 6"),
            sound(8, r#"{"registration_id":"p5"}"#),
        ]
    );
}

const TAGS: &str = "tag,account\nx,a\n\"y\ny\",a\nx,a\nbad\nz,a\nz,b\n,b\n";

#[test]
fn tags_of_an_account_that_stand_together_are_one_row() {
    let found = csv(Kind::Tags, TAGS).unwrap();
    assert_eq!(
        said(&found),
        [
            sound(2, r#"{"account":"a","tags":["x","y\ny"]}"#),
            bad(6, "the line has 1 cells, the first one has 2"),
            sound(7, r#"{"account":"a","tags":["z"]}"#),
            sound(8, r#"{"account":"b","tags":["z"]}"#),
        ]
    );
}

#[test]
fn attributes_are_columns() {
    let text = "account,城市,level,kind\na,深圳,,\np,,high,phone\n";
    assert_eq!(
        said(&csv(Kind::Attributes, text).unwrap()),
        [
            sound(2, r#"{"account":"a","attributes":{"城市":"深圳"}}"#),
            sound(
                3,
                r#"{"account":"p","kind":"phone","attributes":{"level":"high"}}"#
            ),
        ]
    );
}

#[test]
fn wrong_columns_and_open_quotes_end_the_reading() {
    let open = format!("registration_id\n\"{}", "x".repeat(ROW_LEN_MAX * 16));
    for (kind, text, expected) in [
        (Kind::Devices, "", "the first line must name the columns"),
        (
            Kind::Devices,
            "account\n",
            "names no column `registration_id`",
        ),
        (
            Kind::Devices,
            "registration_id,phone\n",
            "`phone` is no column of a file of devices",
        ),
        (
            Kind::Tags,
            "account,tag,tag\n",
            "column `tag` is there twice",
        ),
        (
            Kind::Attributes,
            "account,\n",
            "`` is no column of a file of attributes",
        ),
        (Kind::Devices, open.as_str(), "is a quote not closed?"),
    ] {
        let told = csv(kind, text).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
}

fn lines(text: &[u8]) -> Vec<Said> {
    said(&all(Lines::new(text, At::START)).unwrap())
}

#[test]
fn lines_are_rows_and_one_that_is_too_long_is_passed_over() {
    let fits = format!("\"{}\"", "x".repeat(ROW_LEN_MAX - 2));
    let longer = "x".repeat(ROW_LEN_MAX + 1);
    let longest = "x".repeat(ROW_LEN_MAX * 9);
    let text = format!("\u{feff}{{}}\r\n\n  \n{fits}\n{longer}\n{longest}\r\n[1]");
    assert_eq!(
        lines(text.as_bytes()),
        [
            sound(1, "{}"),
            sound(4, &fits),
            bad(5, "the line has more than 65536 bytes"),
            bad(6, "the line has more than 65536 bytes"),
            sound(7, "[1]"),
        ]
    );
    assert_eq!(
        lines(b"{}\n\xFF\n{}"),
        [
            sound(1, "{}"),
            bad(2, "the line must be UTF-8"),
            sound(3, "{}")
        ]
    );
    assert_eq!(lines(b""), []);
}

/// Going on at the end of any row gives the rows after it, with their lines.
#[test]
fn reading_goes_on_at_the_end_of_any_row() {
    for (kind, text) in [(Kind::Devices, DEVICES), (Kind::Tags, TAGS)] {
        let whole = csv(kind, text).unwrap();
        for (index, (_, end)) in whole.iter().enumerate() {
            let rest = &text.as_bytes()[usize::try_from(end.offset).unwrap()..];
            let rows = CsvRows::new(kind, text.as_bytes()).unwrap();
            let rest = all(rows.go_on(rest, *end)).unwrap();
            assert_eq!(rest, whole[index + 1..], "after {index}");
        }
    }
    let text = format!("{{}}\n\n{}\r\n[2]\n[3]", "x".repeat(ROW_LEN_MAX * 2));
    let whole = all(Lines::new(text.as_bytes(), At::START)).unwrap();
    assert_eq!(whole.len(), 4);
    for (index, (_, end)) in whole.iter().enumerate() {
        let rest = &text.as_bytes()[usize::try_from(end.offset).unwrap()..];
        let rest = all(Lines::new(rest, *end)).unwrap();
        assert_eq!(rest, whole[index + 1..], "after {index}");
    }
}
