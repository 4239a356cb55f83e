//! What is sent is taken, as it was meant, in as few calls as the vendor allows.

use std::collections::{BTreeMap, BTreeSet};

use pushtally_channel::{Outcome, Target};
use pushtally_model::{
    AndroidContent, ApnsContent, Badge, Channel, GoogleContent, HarmonyContent, HonorContent,
    HuaweiContent, Importance, Interruption, LiveActivity, Loudness, Notification, OppoContent,
    TokenKind, Translation, VivoAlert, VivoContent,
};

use crate::bench::{Bench, MARK};
use crate::given::{VENDORS, huawei_by_jwt};

/// Says all that can be said.
fn full() -> Notification {
    Notification {
        title: "Parcel".to_owned(),
        desc: "Arrives today".to_owned(),
        ext: "{\"order\":42}".to_owned(),
        online_only: false,
        translations: vec![Translation {
            language: "de".to_owned(),
            title: "Paket".to_owned(),
            desc: "Kommt heute".to_owned(),
        }],
        badge: Some(Badge::Set(3)),
        android: Some(Box::new(AndroidContent {
            sound: "bell".to_owned(),
            big_text: true,
            xiaomi_channel: "100124".to_owned(),
            oppo: OppoContent {
                channel: "orders".to_owned(),
                category: "ORDER".to_owned(),
                private_template: "template-1".to_owned(),
                private_title: "{\"who\":\"Ann\"}".to_owned(),
                private_desc: "{\"what\":\"parcel\"}".to_owned(),
                loudness: Some(Loudness::Banner),
            },
            vivo: VivoContent {
                is_system: Some(true),
                category: "ORDER".to_owned(),
                alert: Some(VivoAlert::Ring),
            },
            huawei: HuaweiContent {
                importance: Some(Importance::Normal),
                category: "EXPRESS".to_owned(),
                image: "https://example.com/parcel.png".to_owned(),
                channel: "orders".to_owned(),
                ext_in_intent: true,
            },
            honor: HonorContent {
                importance: Some(Importance::Normal),
                image: "https://example.com/parcel.png".to_owned(),
            },
            google: GoogleContent {
                image: "https://example.com/parcel.png".to_owned(),
                is_high_priority: Some(true),
                channel: "orders".to_owned(),
            },
            meizu_private: Some(true),
        })),
        apns: Some(Box::new(ApnsContent {
            counts: Some(true),
            subtitle: "From Ann".to_owned(),
            image: "https://example.com/parcel.png".to_owned(),
            mutable: true,
            sound: "bell.caf".to_owned(),
            interruption: Some(Interruption::TimeSensitive),
            ..ApnsContent::default()
        })),
        harmony: Some(Box::new(HarmonyContent {
            title: String::new(),
            category: "EXPRESS".to_owned(),
            image: "https://example.com/parcel.png".to_owned(),
            sound: "bell.mp3".to_owned(),
            sound_s: Some(5),
        })),
    }
}

/// The calls that so many batches need, with those that ask for access.
fn calls(channel: Channel, batches: usize) -> usize {
    match channel {
        Channel::Huawei | Channel::Fcm | Channel::Oppo | Channel::Honor => 1 + batches,
        // Each is saved first.
        Channel::Vivo => 1 + 2 * batches,
        _ => batches,
    }
}

fn batch_len_max(channel: Channel) -> usize {
    match channel {
        Channel::Apns | Channel::Fcm => 1,
        Channel::Meizu => 100,
        _ => 1_000,
    }
}

fn speaking(mut target: Target, language: &str) -> Target {
    language.clone_into(&mut target.language);
    target
}

fn is_echoed(channel: Channel) -> bool {
    !matches!(channel, Channel::Apns | Channel::Fcm)
}

async fn check_full(bench: &Bench) {
    let channel = bench.channel;
    let mut targets = bench.targets(&["one", "two", "three"]);
    targets.push(speaking(bench.target(4, "vier"), "de-AT"));
    targets.push(speaking(bench.target(5, "fuenf"), "de"));
    let message = bench.message("t1", &full());
    let outcomes = bench.send_message(&message, &targets).await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 5], "{channel:?}");
    let batches = if batch_len_max(channel) == 1 { 5 } else { 2 };
    let made = bench.take_calls();
    assert_eq!(made.len(), calls(channel, batches), "{channel:?}: {made:?}");

    let taken = bench.take_taken();
    let read: BTreeMap<&str, (&str, &str)> = taken
        .iter()
        .map(|taken| (&*taken.token, (&*taken.title, &*taken.text)))
        .collect();
    let (common, german) = (("Parcel", "Arrives today"), ("Paket", "Kommt heute"));
    let expected = BTreeMap::from([
        ("one", common),
        ("two", common),
        ("three", common),
        ("vier", german),
        ("fuenf", german),
    ]);
    assert_eq!(read, expected, "{channel:?}");
    assert_eq!(taken.len(), 5, "{channel:?}: each once");
    let mark = if is_echoed(channel) { MARK } else { "" };
    for taken in &taken {
        assert_eq!(taken.mark, mark, "{channel:?}");
        assert!(!taken.collapse.is_empty(), "{channel:?}: {taken:?}");
    }

    // The same again shows nothing twice.
    let outcomes = bench.send_message(&message, &targets).await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 5], "{channel:?}");
    let collapses = |taken: &[pushtally_sim::vendor::Taken]| -> BTreeSet<(String, String)> {
        let both = |it: &pushtally_sim::vendor::Taken| (it.token.clone(), it.collapse.clone());
        taken.iter().map(both).collect()
    };
    let again = bench.take_taken();
    assert_eq!(collapses(&again), collapses(&taken), "{channel:?}");
    assert_eq!(bench.service.counts().repeats, 5, "{channel:?}");
}

#[tokio::test]
async fn a_full_notification_is_taken_as_it_was_meant() {
    for channel in VENDORS {
        check_full(&Bench::of(channel).await).await;
    }
}

#[tokio::test]
async fn a_long_notification_is_cut_to_what_the_vendor_takes() {
    for channel in VENDORS {
        let bench = Bench::of(channel).await;
        let mut long = full();
        // Of one and of two units, and of one to four bytes.
        long.title = "aü包🎁".repeat(20);
        long.desc = "aü包🎁".repeat(150);
        let message = bench.message("t1", &long);
        let targets = bench.targets(&["one", "two"]);
        let outcomes = bench.send_message(&message, &targets).await;
        assert_eq!(outcomes, vec![Outcome::Accepted; 2], "{channel:?}");
        for taken in bench.take_taken() {
            let (title, text) = (&taken.title, &taken.text);
            assert!(title.starts_with("aü包"), "{channel:?}: {title}");
            assert!(text.starts_with("aü包"), "{channel:?}: {text}");
        }
    }
}

#[tokio::test]
async fn huawei_takes_a_service_account_for_a_project() {
    let bench = Bench::with(Channel::Huawei, huawei_by_jwt).await;
    let outcomes = bench.send("t1", &["one", "two"]).await;
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Accepted]);
    assert_eq!(bench.take_calls(), ["/v2/200001/messages:send"]);
}

/// What a token is for decides what APNs is told of the push: topic, type, priority and length all have to agree.
#[tokio::test]
async fn apns_takes_what_each_kind_of_token_is_for() {
    let bench = Bench::of(Channel::Apns).await;
    let check = async |id: &str, kind: TokenKind, change: fn(&mut ApnsContent)| {
        let mut notification = full();
        change(notification.apns.as_mut().unwrap());
        let mut targets = bench.targets(&["one"]);
        targets[0].token.as_mut().unwrap().kind = kind;
        let message = bench.message(id, &notification);
        let outcomes = bench.send_message(&message, &targets).await;
        assert_eq!(outcomes, [Outcome::Accepted], "{id}");
    };
    check("silent", TokenKind::Alert, |apns| apns.silent = true).await;
    check("critical", TokenKind::Alert, |apns| {
        apns.interruption = Some(Interruption::Critical);
    })
    .await;
    check("voip", TokenKind::Voip, |apns| apns.voip = true).await;
    check("activity", TokenKind::LiveActivity, |apns| {
        apns.live_activity = Some(LiveActivity {
            id: "parcel-42".to_owned(),
            ends: false,
            state: "{\"stops\":3}".to_owned(),
            dismissed_at: None,
        });
    })
    .await;
}

#[tokio::test]
async fn vivo_takes_a_single_one_in_one_call() {
    let bench = Bench::of(Channel::Vivo).await;
    assert_eq!(bench.send("t1", &["one"]).await, [Outcome::Accepted]);
    assert_eq!(bench.take_calls(), ["/message/auth", "/message/send"]);
}

#[tokio::test]
async fn many_go_in_the_largest_batches() {
    const COUNT: u32 = 2_500;
    for channel in VENDORS {
        let bench = Bench::of(channel).await;
        let target = |number: u32| bench.target(number, &format!("token-{number}"));
        let targets: Vec<Target> = (0..COUNT).map(target).collect();
        let message = bench.message("t1", &full());
        let outcomes = bench.send_message(&message, &targets).await;
        assert_eq!(outcomes.len(), targets.len());
        let is_other = |outcome: &&Outcome| **outcome != Outcome::Accepted;
        assert_eq!(outcomes.iter().find(is_other), None, "{channel:?}");
        let batches = targets.len().div_ceil(batch_len_max(channel));
        let made = bench.take_calls().len();
        assert_eq!(made, calls(channel, batches), "{channel:?}");
        let counts = bench.service.counts();
        assert_eq!((counts.taken, counts.repeats), (COUNT.into(), 0));
    }
}
