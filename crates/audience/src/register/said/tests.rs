use super::*;

fn token(channel: &'static str) -> SaidToken<'static> {
    SaidToken {
        channel: channel.into(),
        kind: None,
        value: Secret::new("t0ken"),
        cert_id: 0,
        environment: None,
    }
}

fn tokens(tokens: Vec<SaidToken<'static>>) -> SaidFacts<'static> {
    SaidFacts {
        tokens: Said::This(tokens),
        ..SaidFacts::default()
    }
}

/// Facts of which only one text is said.
type OneText = fn(Said<Cow<'static, str>>) -> SaidFacts<'static>;

fn this(text: &str) -> Said<Cow<'static, str>> {
    Said::This(Cow::Owned(text.to_owned()))
}

#[test]
fn every_broken_rule_names_its_field_and_no_token_is_repeated() {
    let long = "x".repeat(65);
    let check = |said: SaidFacts<'_>, field: &str, value: Option<&str>| {
        let error = said.facts().unwrap_err();
        assert_eq!(
            (error.field.as_ref(), error.value.as_deref()),
            (field, value),
            "{error}"
        );
        assert!(!error.to_string().contains("t0ken"), "{error}");
    };
    let texts: [(&str, OneText); 6] = [
        ("model", |model| SaidFacts {
            model,
            ..SaidFacts::default()
        }),
        ("system", |system| SaidFacts {
            system,
            ..SaidFacts::default()
        }),
        ("system_version", |system_version| SaidFacts {
            system_version,
            ..SaidFacts::default()
        }),
        ("app_version", |app_version| SaidFacts {
            app_version,
            ..SaidFacts::default()
        }),
        ("sdk_version", |sdk_version| SaidFacts {
            sdk_version,
            ..SaidFacts::default()
        }),
        ("language", |language| SaidFacts {
            language,
            ..SaidFacts::default()
        }),
    ];
    for (field, said) in texts {
        check(said(this(&long)), field, Some(&long));
        check(said(this("a\nb")), field, Some("a\nb"));
        assert!(said(this(&"x".repeat(64))).facts().is_ok(), "{field}");
        assert!(said(this("")).facts().is_ok(), "{field}");
    }
    for name in ["online", "unknown", "APNS", ""] {
        let vendor = this(name);
        check(
            SaidFacts {
                vendor,
                ..SaidFacts::default()
            },
            "vendor",
            Some(name),
        );
    }
    for name in ["yes", "unknown", ""] {
        let notifications = this(name);
        check(
            SaidFacts {
                notifications,
                ..SaidFacts::default()
            },
            "notifications",
            Some(name),
        );
    }
    check(
        tokens(vec![token("fcm"), token("online")]),
        "tokens[1].channel",
        Some("online"),
    );
    check(tokens(vec![token("fcm"); 13]), "tokens", Some("13"));
    check(
        tokens(vec![token("fcm"), token("oppo"), token("fcm")]),
        "tokens[2]",
        None,
    );
    let kind = |kind: &'static str, channel| SaidToken {
        kind: Some(kind.into()),
        ..token(channel)
    };
    check(
        tokens(vec![kind("voip", "fcm")]),
        "tokens[0].kind",
        Some("voip"),
    );
    check(
        tokens(vec![kind("live_activity", "huawei")]),
        "tokens[0].kind",
        Some("live_activity"),
    );
    check(
        tokens(vec![kind("call", "apns")]),
        "tokens[0].kind",
        Some("call"),
    );
    check(
        tokens(vec![token("apns"), kind("alert", "apns")]),
        "tokens[1]",
        None,
    );
    let environment = Some("test".into());
    check(
        tokens(vec![SaidToken {
            environment,
            ..token("apns")
        }]),
        "tokens[0].environment",
        Some("test"),
    );
    for value in [String::new(), "x".repeat(4097), "t0ken\r\nx".to_owned()] {
        let value = Secret::new(value);
        check(
            tokens(vec![SaidToken {
                value,
                ..token("apns")
            }]),
            "tokens[0].token",
            None,
        );
    }
    let value = Secret::new("x".repeat(4096));
    assert!(
        tokens(vec![SaidToken {
            value,
            ..token("apns")
        }])
        .facts()
        .is_ok()
    );
}

#[test]
fn tokens_are_kept_in_one_order_whatever_the_client_says() {
    let kind = |kind: &'static str| SaidToken {
        kind: Some(kind.into()),
        ..token("apns")
    };
    let said = vec![
        token("harmony"),
        kind("live_activity"),
        token("fcm"),
        kind("voip"),
        kind("alert"),
    ];
    let kept = tokens(said.clone()).facts().unwrap();
    let order: Vec<_> = kept
        .tokens
        .iter()
        .map(|token| (token.channel, token.kind))
        .collect();
    assert_eq!(
        order,
        [
            (Channel::Apns, TokenKind::Alert),
            (Channel::Apns, TokenKind::Voip),
            (Channel::Apns, TokenKind::LiveActivity),
            (Channel::Fcm, TokenKind::Alert),
            (Channel::Harmony, TokenKind::Alert),
        ]
    );
    let turned = said.into_iter().rev().collect();
    assert_eq!(tokens(turned).facts().unwrap(), kept);
}

#[test]
fn every_vendor_can_be_named_and_all_tokens_fit() {
    let mut all: Vec<_> = Channel::ALL
        .into_iter()
        .filter(|channel| !matches!(channel, Channel::Unknown | Channel::Online))
        .map(|channel| token(channel.name()))
        .collect();
    for kind in ["voip", "live_activity"] {
        all.push(SaidToken {
            kind: Some(kind.into()),
            ..token("apns")
        });
    }
    assert_eq!(all.len(), 11);
    for said in &all {
        assert!(
            CHANNEL_RULE.contains(said.channel.as_ref()),
            "{CHANNEL_RULE}"
        );
    }
    assert_eq!(tokens(all).facts().unwrap().tokens.len(), 11);
}

#[test]
fn a_change_leaves_what_it_does_not_mention_and_empties_what_is_none() {
    assert_eq!(
        SaidFacts::default().change().unwrap(),
        DeviceChange::default()
    );
    let said = SaidFacts {
        tokens: Said::None,
        vendor: Said::None,
        model: Said::None,
        notifications: Said::None,
        language: this("en"),
        ..SaidFacts::default()
    };
    let expected = DeviceChange {
        tokens: Some(Vec::new()),
        vendor: Some(None),
        model: Some(String::new()),
        notifications: Some(Permission::Unknown),
        language: Some("en".to_owned()),
        ..DeviceChange::default()
    };
    assert_eq!(said.change().unwrap(), expected);
}
