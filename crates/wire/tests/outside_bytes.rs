//! Whatever arrives from outside, every parser answers, within its bounds, and never panics.

use proptest::prelude::*;
use pushtally_model::{App, Second};
use pushtally_wire::push::{BatchRequest, PushRequest};
use pushtally_wire::statistics::{Asked, StatisticsQuery};
use pushtally_wire::webhook::{CallbackParameters, EventBatch};
use pushtally_wire::{
    ACCOUNTS_MAX, DATA_ID_LEN_MAX, EVENTS_MAX, NAME_LEN_MAX, Parameters, TASK_IDS_MAX,
};

const NOW: Second = Second(1_741_104_000);

const EVENT: &str = r#"{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"657bf434","EventTime":1557481128,"To_Account":"user2","PushPlatform":1,"PushStage":1,"ErrCode":0,"ErrInfo":"O\"K"}"#;

const BATCH: &str = r#"{"From_Account":"a","To_Account":["b","c\n"],"MsgRandom":1,"DataId":"d","MsgLifeTime":7,"OfflinePushInfo":{"PushFlag":1,"Title":"t","Desc":"\u00e9","Ext":"{}","ApnsInfo":{},"BadgeSetNum":3}}"#;

const QUERY: &str = "sdkappid=1400000000&identifier=admin&usersig=eJy*a-b_&random=99999999&contenttype=json&Sign=ab&RequestTime=1&SdkAppid=1&CallbackCommand=Push.OfflinePush";

fn parse_all(bytes: &[u8]) {
    if let Ok(query) = StatisticsQuery::parse(bytes, App::STATISTICS_SPAN_S_MAX) {
        let span = query.window.end().0 - query.window.start().0;
        assert!((1..=App::STATISTICS_SPAN_S_MAX).contains(&span));
        if let Asked::Tasks(tasks) = query.asked {
            assert!((1..=TASK_IDS_MAX).contains(&tasks.len()));
        }
    }
    if let Ok(batch) = EventBatch::parse(bytes) {
        assert!((1..=EVENTS_MAX).contains(&batch.len()));
        for event in batch.check(NOW).flatten() {
            assert!((1..=NAME_LEN_MAX).contains(&event.task.len()));
            assert!((1..=NAME_LEN_MAX).contains(&event.account.len()));
        }
    }
    let _ = PushRequest::parse(bytes);
    if let Ok(batch) = BatchRequest::parse(bytes) {
        assert!((1..=ACCOUNTS_MAX).contains(&batch.names.len()));
        assert!(batch.push.data_id.len() <= DATA_ID_LEN_MAX);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = Parameters::parse(&text);
    let _ = CallbackParameters::parse(&text);
}

/// A text with one of its bytes replaced, dropped or doubled, or a part of it cut out.
fn altered(text: String) -> impl Strategy<Value = Vec<u8>> {
    let len = text.len();
    (0..len, 0..len, any::<u8>(), 0..4_u8).prop_map(move |(at, to, byte, how)| {
        let mut bytes = text.clone().into_bytes();
        match how {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, bytes[at]),
            _ => drop(bytes.drain(at.min(to)..at.max(to))),
        }
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        parse_all(&bytes);
    }

    #[test]
    fn nearly_sound_batches(bytes in altered(BATCH.to_owned())) {
        parse_all(&bytes);
    }

    #[test]
    fn nearly_sound_events(bytes in altered(format!(r#"{{"Events":[{EVENT},{EVENT}]}}"#))) {
        parse_all(&bytes);
    }

    #[test]
    fn nearly_sound_queries(bytes in altered(QUERY.to_owned())) {
        parse_all(&bytes);
    }

    #[test]
    fn nearly_sound_statistics(
        bytes in altered(r#"{"StartTime":1741104000,"EndTime":1741795200,"TaskID":["a","b\n"]}"#.to_owned())
    ) {
        parse_all(&bytes);
    }

    /// Reading event by event, which one bad event causes, finds in the good ones what the typed parse finds.
    #[test]
    fn both_ways_of_reading_agree(stage in 0..5_i64, platform in -1..10_i64, kind in 0..4_i64, account in ".{0,8}") {
        let account = serde_json::to_string(&account).unwrap();
        let event = EVENT
            .replace(r#""PushStage":1"#, &format!(r#""PushStage":{stage}"#))
            .replace(r#""PushPlatform":1"#, &format!(r#""PushPlatform":{platform}"#))
            .replace(r#""EventType":1"#, &format!(r#""EventType":{kind}"#))
            .replace(r#""user2""#, &account);
        let (alone, beside) = (format!(r#"{{"Events":[{event}]}}"#), format!(r#"{{"Events":[{event},17]}}"#));
        let (alone, beside) = (EventBatch::parse(alone.as_bytes()).unwrap(), EventBatch::parse(beside.as_bytes()).unwrap());
        prop_assert_eq!(alone.check(NOW).next(), beside.check(NOW).next());
        prop_assert!(beside.check(NOW).nth(1).is_some_and(|event| event.is_err()));
    }
}
