//! Tests of [`check`] and [`parse`]: the public vectors, every refusal and the bounds.
//! What arbitrary input may not do is in `arbitrary`.

use super::*;
use crate::armor::tests::{deflate, encode};
use crate::{INFLATED_LEN_MAX, Illegality, USERSIG_LEN_MAX, make};

mod arbitrary;

const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const APP: u32 = 1_400_000_000;
const TIME: i64 = 1_700_000_000;
const XIAOJUN: Request<'static> = Request {
    sdkappid: APP,
    identifier: "xiaojun",
    now_s: TIME,
};

/// As the npm package makes it.
const NPM: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZiflZpXlQqeKU7MSCgswUJStDEwMogMiUZOamKlkZmqOKplYUZBaBxE1NTY3gosWZ6UpWSj5ljuYp*p7l5unBxXnF2WVhVU4uAf7Ozi5JpX7O5SbuHuUhzgZJmQXaTia2SrUAohcx8g__";
/// As the PyPI package makes it: spaces in the JSON.
const PYPI: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFFzNPXFmekgG3zKHM1T9D3LzdODi-OKs8vCqpxcAvydnV2SSv2cy03cPcpDnA2SMgu0nUxslWoBHdYzUg__";
/// As the npm package makes it for `administrator`.
const ADMINISTRATOR: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwokpuZl5mcUlRYkl*UVQBcUp2YkFBZkpSlaGJgZQAJEpycxNVbIyNEcVTa0oyCxKVbKyMDOBCRVnpitZKVX6OKZql5uHh6aGlhYmhVlm6IdEmFuUGhnmh7hnamdaRhUYlhoHFORFmhnYKtUCAK0SM5I_";

const FIELDS: [&str; 6] = [
    r#""TLS.ver":"2.0""#,
    r#""TLS.identifier":"xiaojun""#,
    r#""TLS.sdkappid":1400000000"#,
    r#""TLS.expire":15552000"#,
    r#""TLS.time":1700000000"#,
    r#""TLS.sig":"LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=""#,
];

fn xiaojun() -> Claims {
    Claims {
        identifier: "xiaojun".to_owned(),
        sdkappid: APP,
        time: TIME,
        expire: 15_552_000,
        userbuf: None,
    }
}

fn wrap(json: &str, level: u32) -> String {
    encode(&deflate(json.as_bytes(), level))
}

fn code(result: Result<Claims, UserSigError>) -> u32 {
    result.map_or_else(|error| error.code(), |_| 0)
}

/// The JSON of the first vector with one text replaced by another.
fn code_with(from: &str, to: &str) -> u32 {
    let json = format!("{{{}}}", FIELDS.join(","));
    assert!(json.contains(from), "{from}");
    code(check(
        &wrap(&json.replacen(from, to, 1), 6),
        &[KEY],
        &XIAOJUN,
    ))
}

#[test]
fn public_vectors_hold() {
    let administrator = Request {
        identifier: "administrator",
        ..XIAOJUN
    };
    let administrators = Claims {
        identifier: "administrator".to_owned(),
        expire: 86_400,
        ..xiaojun()
    };
    for (usersig, request, claims) in [
        (NPM, XIAOJUN, xiaojun()),
        (PYPI, XIAOJUN, xiaojun()),
        (ADMINISTRATOR, administrator, administrators),
    ] {
        assert_eq!(check(usersig, &[KEY], &request), Ok(claims.clone()));
        assert_eq!(parse(usersig), Ok(Unverified { claims }));
    }
    let json = format!("{{{}}}", FIELDS.join(","))
        .replace(
            "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=",
            "QjT201xPkXk/aM1e+y0vakZb0K2iPrFue++0s5y6bFM=",
        )
        .replacen('{', r#"{"TLS.userbuf":"YWJj","#, 1);
    let claims = Claims {
        userbuf: Some(b"abc".to_vec()),
        ..xiaojun()
    };
    assert_eq!(check(&wrap(&json, 6), &[KEY], &XIAOJUN), Ok(claims));
}

#[test]
fn every_known_writer_is_read() {
    let json = format!("{{{}}}", FIELDS.join(","));
    let mut reversed = FIELDS;
    reversed.reverse();
    let spaced = format!("{{{}}}", FIELDS.join(", ").replace("\":", "\": "));
    for level in 0..=9 {
        for json in [
            &json,
            &format!("{json}\n"),
            &json.replace(',', ",\r\n\t"),
            &format!("{{{}}}", reversed.join(",")),
            &spaced,
            &json.replace('/', r"\/"),
            &json
                .replace("TLS.sig", r"TLS.si\u0067")
                .replace("xiaojun", r"xia\u006fjun"),
            &json.replacen('{', r#"{"extra":[1,{"TLS.time":null}],"more":null,"#, 1),
        ] {
            let usersig = wrap(json, level);
            for usersig in [&usersig, &format!("{usersig}\n"), &format!("{usersig}\r\n")] {
                assert_eq!(
                    check(usersig, &[KEY], &XIAOJUN),
                    Ok(xiaojun()),
                    "level {level}: {json}"
                );
            }
        }
    }
}

#[test]
fn key_order_does_not_matter() {
    for start in 0..FIELDS.len() {
        let mut fields = FIELDS;
        fields.rotate_left(start);
        fields.swap(0, 3);
        assert_eq!(
            check(
                &wrap(&format!("{{{}}}", fields.join(",")), 0),
                &[KEY],
                &XIAOJUN
            ),
            Ok(xiaojun())
        );
    }
}

#[test]
fn last_second_of_the_lifetime_counts() {
    let at = |now_s| code(check(NPM, &[KEY], &Request { now_s, ..XIAOJUN }));
    assert_eq!(at(TIME + 15_552_000), 0);
    assert_eq!(at(TIME + 15_552_001), 70001);
    assert_eq!(at(i64::MAX), 70001);
    assert_eq!(at(0), 0, "a time in the future is not refused");
    assert_eq!(at(i64::MIN), 0);
}

#[test]
fn extreme_lifetimes_neither_panic_nor_wrap() {
    let at = |time, expire, now_s| {
        let usersig = make(
            KEY,
            &Claims {
                time,
                expire,
                ..xiaojun()
            },
        );
        code(check(&usersig, &[KEY], &Request { now_s, ..XIAOJUN }))
    };
    assert_eq!(at(i64::MAX, i64::MAX, TIME), 0);
    assert_eq!(at(TIME, i64::MAX, i64::MAX), 0);
    assert_eq!(at(i64::MIN, i64::MIN, i64::MIN), 70001);
    assert_eq!(at(TIME, -1, TIME), 70001);
    assert_eq!(at(i64::MIN, i64::MAX, -1), 0);
    assert_eq!(at(i64::MIN, i64::MAX, 0), 70001);
}

#[test]
fn first_fault_is_the_answer() {
    let checked = |keys: &[&str], request: Request<'_>| code(check(NPM, keys, &request));
    let late = Request {
        now_s: i64::MAX,
        ..XIAOJUN
    };
    assert_eq!(
        checked(
            &[],
            Request {
                sdkappid: 1,
                identifier: "ann",
                ..late
            }
        ),
        70014
    );
    assert_eq!(
        checked(
            &[],
            Request {
                identifier: "ann",
                ..late
            }
        ),
        70013
    );
    assert_eq!(checked(&[], late), 70001);
    assert_eq!(checked(&[], XIAOJUN), 70016);
    assert_eq!(checked(&["", ""], XIAOJUN), 70016, "an empty key is no key");
    assert_eq!(checked(&["another"], XIAOJUN), 70009);
    assert_eq!(checked(&["another", KEY], XIAOJUN), 0);
    assert_eq!(checked(&[KEY, "another"], XIAOJUN), 0);
    assert_eq!(checked(&[""], late), 70001);
}

#[test]
fn empty_key_signs_nothing() {
    let usersig = make("", &xiaojun());
    assert_eq!(code(check(&usersig, &["", KEY], &XIAOJUN)), 70009);
}

#[test]
fn content_of_the_wrong_form_is_illegal() {
    let unchanged = code_with("2.0", "2.0");
    assert_eq!(unchanged, 0);
    for (from, to) in [
        (r#""2.0""#, r#""2.1""#),
        (r#""2.0""#, "2.0"),
        ("TLS.ver", "TLS.version"),
        ("TLS.sig", "TLS.Sig"),
        (r#""xiaojun""#, "null"),
        (r#""xiaojun""#, "7"),
        ("1400000000", r#""1400000000""#),
        ("1400000000", "1.4e9"),
        ("1400000000", "1400000000.0"),
        ("1400000000", "-1"),
        ("1400000000", "4294967296"),
        ("1400000000", "01400000000"),
        ("1700000000", "9223372036854775808"),
        ("1700000000", "+1700000000"),
        ("{", r#"{"TLS.ver":"2.0","#),
        ("{", r#"{"TLS.v\u0065r":"2.0","#),
        ("{", r#"{"extra":1,"other":2,"extra":1,"#),
        ("{", r#"{"TLS.userbuf":null,"#),
        ("{", r#"{"TLS.userbuf":"YWJ","#),
        ("{", r#"{"TLS.userbuf":"YW\nJj","#),
        ("{", "[{"),
        ("{", "\u{feff}{"),
        ("}", ""),
        ("}", ",}"),
        ("}", "}}"),
        ("}", "}\0"),
        ("}", "} {}"),
    ] {
        assert_eq!(code_with(from, to), 70003, "{from} -> {to}");
    }
    for json in [
        "",
        "null",
        "[]",
        "\"2.0\"",
        "{}",
        r#"["2.0","xiaojun",1400000000,1,1,null,"x"]"#,
    ] {
        assert_eq!(
            code(check(&wrap(json, 6), &[KEY], &XIAOJUN)),
            70003,
            "{json}"
        );
    }
}

#[test]
fn altered_values_break_the_signature() {
    for (from, to) in [
        ("15552000", "15552001"),
        ("1700000000", "1700000001"),
        ("LvA7d", "LvA7e"),
        ("+B4=", "+B5="),
        ("+B4=", "+B4"),
        ("+B4=\"", "\""),
        ("LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=", ""),
        ("{", r#"{"TLS.userbuf":"","#),
        ("{", r#"{"TLS.userbuf":"YWJj","#),
    ] {
        assert_eq!(code_with(from, to), 70009, "{from} -> {to}");
    }
}

#[test]
fn oversized_input_is_refused_without_reading_it() {
    assert_eq!(check("", &[KEY], &XIAOJUN), Err(UserSigError::Empty));
    assert_eq!(check("\r\n", &[KEY], &XIAOJUN), Err(UserSigError::Empty));
    let too_long = |characters| Err(UserSigError::Illegal(Illegality::TooLong { characters }));
    assert_eq!(
        check(&"A".repeat(1_000_000), &[KEY], &XIAOJUN),
        too_long(1_000_000)
    );
    assert_eq!(
        check(&"A".repeat(USERSIG_LEN_MAX + 1), &[KEY], &XIAOJUN),
        too_long(USERSIG_LEN_MAX + 1)
    );
    let bomb = encode(&deflate(&vec![0; 100_000_000], 9));
    assert_eq!(code(check(&bomb, &[KEY], &XIAOJUN)), 70003);
    let small_bomb = encode(&deflate(&vec![b' '; 5_000_000], 9));
    assert!(small_bomb.len() <= USERSIG_LEN_MAX);
    assert_eq!(
        check(&small_bomb, &[KEY], &XIAOJUN),
        Err(UserSigError::Illegal(Illegality::Bomb))
    );
    let padded = format!(
        "{}{{{}}}",
        " ".repeat(INFLATED_LEN_MAX - 300),
        FIELDS.join(",")
    );
    assert_eq!(check(&wrap(&padded, 6), &[KEY], &XIAOJUN), Ok(xiaojun()));
}

#[test]
fn nesting_does_not_exhaust_the_stack() {
    let nested = format!("{{\"extra\":{}", "[".repeat(INFLATED_LEN_MAX - 20));
    assert_eq!(code(check(&wrap(&nested, 9), &[KEY], &XIAOJUN)), 70003);
}

#[test]
fn messages_quote_briefly_and_in_escapes() {
    let claims = Claims {
        identifier: format!("a\n{}", "b".repeat(500)),
        ..xiaojun()
    };
    let error = check(&make(KEY, &claims), &[KEY], &XIAOJUN).unwrap_err();
    let expected = format!(
        "request is for account `xiaojun`, usersig for account `a\\n{}…`",
        "b".repeat(62)
    );
    assert_eq!(error.to_string(), expected);
    let error = check(
        NPM,
        &[KEY],
        &Request {
            sdkappid: 7,
            ..XIAOJUN
        },
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "request is for sdkappid `7`, usersig for sdkappid `1400000000`"
    );
}

#[test]
fn userbuf_of_four_kibibytes_fits_even_stored() {
    let userbuf = "AAAA".repeat(4096 / 3);
    let fields = FIELDS.join(",");
    let usersig = wrap(&format!(r#"{{"TLS.userbuf":"{userbuf}",{fields}}}"#), 0);
    assert!(parse(&usersig).is_ok_and(|read| read.claims.userbuf == Some(vec![0; 4095])));
}
