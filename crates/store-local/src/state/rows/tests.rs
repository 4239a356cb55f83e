//! Rows as earlier releases wrote them, byte for byte.

use pushtally_model::{
    AndroidContent, ApnsContent, Audience, Badge, ChatMessage, GoogleContent, HarmonyContent,
    HonorContent, HuaweiContent, Importance, Interruption, LiveActivity, Loudness, Notification,
    OnUnknown, OppoContent, TaskDraft, TaskId, TaskKind, TaskState, Translation, Urgency,
    VivoAlert, VivoContent,
};

use pushtally_store::{StoredTask, TaskSeq};

use super::*;

#[test]
fn an_app_of_the_first_version_is_read_and_written_in_the_second() {
    let first = [V1, 5, 9, 3, 1];
    let row = AppRow {
        devices: 5,
        numbers_end: 9,
        open_tasks: 3,
        paused: true,
        last_broadcast_ms: None,
    };
    assert_eq!(AppRow::decode(&first), Ok(row));
    assert_eq!(row.encode(), Ok(vec![V2, 5, 9, 3, 1, 0]));
    let later = AppRow {
        last_broadcast_ms: Some(1_764_136_800_123),
        ..row
    };
    assert_eq!(AppRow::decode(&later.encode().unwrap()), Ok(later));
    assert_eq!(AppRow::decode(&[3, 5]), Err(RowError::Version(3)));
    assert_eq!(AppRow::decode(&[]), Err(RowError::Bytes));
}

fn task(notification: Notification) -> StoredTask {
    StoredTask {
        seq: TaskSeq(7),
        draft: TaskDraft {
            app: AppId(5),
            id: TaskId::new("t").unwrap(),
            kind: TaskKind::Batch,
            urgency: Urgency::Urgent,
            sender: "s".to_owned(),
            random: 9,
            body_hash: [0; 32],
            data_id: "d".to_owned(),
            audience: Audience::Accounts(vec![Account::new("a").unwrap()]),
            notification,
            accepted_at: Second(100),
            deadline: Second(300),
            on_unknown: OnUnknown::default(),
            message: None,
        },
        state: TaskState::Paused,
        done_at: Some(Second(200)),
    }
}

fn common() -> Notification {
    Notification {
        title: "ti".to_owned(),
        desc: "de".to_owned(),
        ext: "ex".to_owned(),
        online_only: true,
        ..Notification::default()
    }
}

#[test]
fn a_task_of_the_first_version_is_read_and_written_in_the_second() {
    let mut first = vec![V1, 7, 5, 1, b't', 1, 0, 1, b's', 9];
    first.extend([0; 32]);
    first.extend([1, b'd', 1, 1, 1, b'a']);
    first.extend(b"\x02ti\x02de\x02ex");
    first.extend([1, 100, 0xac, 0x02, 1, 1, 0xc8, 0x01]);
    assert_eq!(StoredTask::decode(&first), Ok(task(common())));
    let mut second = first.clone();
    second[0] = V2;
    second.extend([0, 0, 0, 0, 0]);
    assert_eq!(task(common()).encode(), Ok(second));
    let mut fourth = first;
    fourth[0] = 5;
    assert_eq!(StoredTask::decode(&fourth), Err(RowError::Version(5)));
}

#[test]
fn a_message_push_is_written_in_the_fourth_version_and_no_other_is() {
    let mut push = task(common());
    push.draft.kind = TaskKind::Message;
    push.draft.message = Some(Box::new(ChatMessage {
        key: "k".to_owned(),
        seq: Some(5),
        sent_at: None,
        group: Some("g".to_owned()),
    }));
    let mut bytes = vec![V4, 7, 5, 1, b't', 2, 0, 1, b's', 9];
    bytes.extend([0; 32]);
    bytes.extend([1, b'd', 1, 1, 1, b'a']);
    bytes.extend(b"\x02ti\x02de\x02ex");
    bytes.extend([1, 100, 0xac, 0x02, 1, 1, 0xc8, 0x01]);
    bytes.extend([0, 0, 0, 0, 0]);
    bytes.extend([0]);
    bytes.extend([1, b'k', 1, 5, 0, 1, 1, b'g']);
    assert_eq!(push.encode(), Ok(bytes.clone()));
    assert_eq!(StoredTask::decode(&bytes), Ok(push));
}

#[test]
fn all_that_a_task_shows_comes_back() {
    let text = |text: &str| text.to_owned();
    let notification = Notification {
        translations: vec![Translation {
            language: text("zh-hant"),
            title: text("a"),
            desc: text("b"),
        }],
        badge: Some(Badge::Set(999)),
        android: Some(Box::new(AndroidContent {
            sound: text("1"),
            big_text: true,
            xiaomi_channel: text("2"),
            oppo: OppoContent {
                channel: text("3"),
                category: text("4"),
                private_template: text("5"),
                private_title: text("6"),
                private_desc: text("7"),
                loudness: Some(Loudness::Banner),
            },
            vivo: VivoContent {
                is_system: Some(false),
                category: text("8"),
                alert: Some(VivoAlert::RingAndVibrate),
            },
            huawei: HuaweiContent {
                importance: Some(Importance::Normal),
                category: text("9"),
                image: text("10"),
                channel: text("11"),
                ext_in_intent: true,
            },
            honor: HonorContent {
                importance: Some(Importance::Low),
                image: text("12"),
            },
            google: GoogleContent {
                image: text("13"),
                is_high_priority: Some(true),
                channel: text("14"),
            },
            meizu_private: Some(true),
        })),
        apns: Some(Box::new(ApnsContent {
            counts: Some(false),
            title: text("15"),
            subtitle: text("16"),
            image: text("17"),
            mutable: true,
            sound: text("18"),
            interruption: Some(Interruption::TimeSensitive),
            silent: true,
            voip: false,
            live_activity: Some(LiveActivity {
                id: text("19"),
                ends: true,
                state: text("{}"),
                dismissed_at: Some(Second(20)),
            }),
        })),
        harmony: Some(Box::new(HarmonyContent {
            title: text("21"),
            category: text("22"),
            image: text("23"),
            sound: text("24"),
            sound_s: Some(60),
        })),
        ..common()
    };
    let nothing_said = Notification {
        android: Some(Box::default()),
        apns: Some(Box::default()),
        harmony: Some(Box::default()),
        badge: Some(Badge::Add(1)),
        ..common()
    };
    for shown in [notification, nothing_said] {
        let stored = task(shown);
        assert_eq!(StoredTask::decode(&stored.encode().unwrap()), Ok(stored));
    }
}

#[test]
fn a_task_that_is_not_repeated_needs_the_third_version_and_others_the_second() {
    let repeated = task(common());
    assert_eq!(repeated.encode().unwrap()[0], V2);
    let mut once = repeated;
    once.draft.on_unknown = OnUnknown::Skip;
    let bytes = once.encode().unwrap();
    assert_eq!((bytes[0], bytes.last()), (V3, Some(&1)));
    assert_eq!(StoredTask::decode(&bytes), Ok(once));
    let mut newer = bytes;
    *newer.last_mut().unwrap() = 2;
    let refused = RowError::Value {
        field: "on_unknown",
        value: 2,
    };
    assert_eq!(StoredTask::decode(&newer), Err(refused));
}

#[test]
fn a_device_of_the_second_version_is_read_and_written_in_the_third() {
    let token = |value: &str| Token {
        channel: Channel::Fcm,
        kind: TokenKind::Alert,
        value: Secret::new(value),
        cert_id: 2,
        environment: Environment::Sandbox,
    };
    let mut device = Device {
        number: Number(7),
        registration_id: RegistrationId::new("p").unwrap(),
        account: None,
        facts: DeviceFacts {
            tokens: vec![token("t")],
            ..DeviceFacts::default()
        },
        registered_at: Second(9),
        said_at: Second(10),
        dropped: vec![DroppedToken {
            token: token("u"),
            at: Second(0),
        }],
    };
    let fcm = Channel::Fcm as u8;
    let mut second = vec![V2, 7, 1, b'p', 0, 1, fcm, 0, 1, b't', 2, 1];
    second.extend([0, 0, 0, 0, 0, 0, 0, 0, 9]);
    second.extend([1, fcm, 0, 1, b'u', 2, 1, 10]);
    assert_eq!(Device::decode(&second).as_ref(), Ok(&device));
    let mut third = second.clone();
    third[0] = V3;
    third.insert(third.len() - 1, 0);
    assert_eq!(device.encode().as_ref(), Ok(&third));
    device.dropped[0].at = Second(11);
    assert_eq!(Device::decode(&device.encode().unwrap()), Ok(device));
    third[0] = V3 + 1;
    assert_eq!(Device::decode(&third), Err(RowError::Version(4)));
}

#[test]
fn who_had_a_token_comes_back() {
    use pushtally_store::holding::Holding;

    let mut holding = Holding::default();
    holding.ceased(Number(300), Second(5), Second(6));
    holding.gained(Second(7));
    let bytes = holding.encode().unwrap();
    assert_eq!(bytes, [V1, 7, 1, 0xac, 0x02, 5, 6]);
    assert_eq!(Holding::decode(&bytes), Ok(holding));
}
