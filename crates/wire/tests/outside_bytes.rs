//! Whatever arrives from outside, every parser answers, within its bounds, and never panics.

use proptest::prelude::*;
use pushtally_model::{App, Condition, Labels, Second};
use pushtally_wire::account::{CheckRequest, DeleteRequest, ImportAllRequest, ImportRequest};
use pushtally_wire::label::{
    AccountsRequest, AddTags, RemoveAttributes, RemoveTags, SetAttributes, SetNames,
};
use pushtally_wire::push::{BatchRequest, PushRequest, Selection};
use pushtally_wire::statistics::{Asked, StatisticsQuery};
use pushtally_wire::webhook::{CallbackParameters, EventBatch};
use pushtally_wire::{
    ACCOUNTS_MAX, DATA_ID_LEN_MAX, ENTRIES_MAX, EVENTS_MAX, NAME_LEN_MAX, NOTIFICATION_LEN_MAX,
    Parameters, TASK_IDS_MAX, USER_ID_LEN_MAX, WireError,
};

const NOW: Second = Second(1_741_104_000);

const EVENT: &str = r#"{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"657bf434","EventTime":1557481128,"To_Account":"user2","PushPlatform":1,"PushStage":1,"ErrCode":0,"ErrInfo":"O\"K"}"#;

const BATCH: &str = r#"{"From_Account":"a","To_Account":["b","c\n"],"MsgRandom":1,"DataId":"d","MsgLifeTime":7,"OfflinePushInfo":{"PushFlag":1,"Title":"t","Desc":"\u00e9","Ext":"{}","ApnsInfo":{},"BadgeSetNum":3}}"#;

const INFO: &str = r#"{"MsgRandom":1,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"t"}}],"OfflinePushInfo":{"MultiLanguageContent":[{"Language":"en","Title":"t","Desc":"d"}],"AndroidInfo":{"Sound":"s","PushStyle":1,"OPPOPrivateTitleParameters":{"a":1},"OPPONotifyLevel":16,"VIVONotifyType":"4","HuaWeiImportance":"LOW","HonorImage":"https://x","GooglePriority":"high"},"ApnsInfo":{"BadgeMode":0,"InterruptionLevel":"active","LiveActivity":{"LaId":"l","Event":"end","ContentState":{},"DismissalDate":7}},"HarmonyInfo":{"SoundDuration":7,"Image":"https://x"},"BadgeAddNum":7,"PushTemplateParam":{}}}"#;

const CONDITIONS: [&str; 3] = [
    r#"{"TagsOr":["a","界"],"TagsAnd":["b"],"TagsNot":["c","\u0061"],"AttrsOr":null}"#,
    r#"{"AttrsOr":{"sex":"male","city":"深圳"},"AttrsAnd":{"age":"7"}}"#,
    r#"[{"TagsOr":["a"]},{"TagsAnd":["b"]}]"#,
];

const LABELS: [&str; 8] = [
    r#"{"Replace":1,"UserTags":[{"To_Account":"a","Tags":["x","界"]},{"To_Account":"b","Tags":["y"]}]}"#,
    r#"{"To_Account":["a","b"],"Tags":["x","y"]}"#,
    r#"{"UserAttrs":[{"To_Account":"a","Attrs":{"sex":"male"}}]}"#,
    r#"{"To_Account":"a","Attrs":["sex"]}"#,
    r#"{"AttrNames":{"0":"sex","9":"city"},"AttrTypes":{"0":0,"9":1}}"#,
    r#"{"UserID":"a","Nick":"n","FaceUrl":""}"#,
    r#"{"AccountList":[{"UserID":"a"},{"Identifier":"b"}],"CheckItem":[{"UserID":"a"}]}"#,
    r#"{"DeleteItem":[{"UserID":"a"}],"Accounts":["x"]}"#,
];

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
    if let Ok(push) = PushRequest::parse(bytes) {
        assert!(push.notification.translations.len() < NOTIFICATION_LEN_MAX);
        match push.selection {
            Some(Selection::Tags { any, all, none }) => {
                let counts = [any.len(), all.len(), none.len()];
                assert!(counts.iter().all(|count| *count <= Condition::TAGS_MAX));
                assert!(counts.iter().any(|count| *count > 0));
            }
            Some(Selection::Attributes { any, all }) => assert!(any.len() + all.len() > 0),
            None => {}
        }
    }
    parse_labels(bytes);
    parse_accounts(bytes);
    if let Ok(batch) = BatchRequest::parse(bytes) {
        assert!((1..=ACCOUNTS_MAX).contains(&batch.names.len()));
        assert!(batch.push.data_id.len() <= DATA_ID_LEN_MAX);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = Parameters::parse(&text);
    let _ = CallbackParameters::parse(&text);
}

fn entries<T>(
    read: Result<Vec<(String, T)>, WireError>,
    count: impl Fn(&T) -> usize,
    count_max: usize,
) {
    if let Ok(entries) = read {
        assert!((1..=ENTRIES_MAX).contains(&entries.len()));
        for (_, content) in &entries {
            assert!((1..=count_max).contains(&count(content)));
        }
    }
}

fn parse_labels(bytes: &[u8]) {
    let added = AddTags::parse(bytes).map(|added| added.entries);
    entries(added, std::collections::BTreeSet::len, Labels::TAGS_MAX);
    let removed = RemoveTags::parse(bytes).map(|removed| removed.entries);
    entries(removed, std::collections::BTreeSet::len, Labels::TAGS_MAX);
    let set = SetAttributes::parse(bytes).map(|set| set.entries);
    entries(set, std::collections::BTreeMap::len, bytes.len());
    let removed = RemoveAttributes::parse(bytes).map(|removed| removed.entries);
    entries(removed, std::collections::BTreeSet::len, bytes.len());
    if let Ok(named) = SetNames::parse(bytes) {
        assert!(!named.names.is_empty());
        assert!(
            named
                .kinds
                .keys()
                .all(|index| named.names.contains_key(index))
        );
    }
    if let Ok(accounts) = AccountsRequest::parse(bytes) {
        assert!((1..=ENTRIES_MAX).contains(&accounts.names.len()));
    }
}

fn parse_accounts(bytes: &[u8]) {
    if let Ok(import) = ImportRequest::parse(bytes) {
        assert!(import.account.as_str().len() <= USER_ID_LEN_MAX);
    }
    if let Ok(import) = ImportAllRequest::parse(bytes) {
        let count = import.accounts.len() + import.failed.len();
        assert!((1..=ENTRIES_MAX).contains(&count));
    }
    if let Ok(check) = CheckRequest::parse(bytes) {
        assert!((1..=ENTRIES_MAX).contains(&check.names.len()));
    }
    if let Ok(delete) = DeleteRequest::parse(bytes) {
        assert!((1..=ENTRIES_MAX).contains(&delete.names.len()));
    }
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
    fn nearly_sound_notifications(bytes in altered(INFO.to_owned())) {
        parse_all(&bytes);
    }

    #[test]
    fn nearly_sound_conditions(
        bytes in prop::sample::select(&CONDITIONS[..]).prop_flat_map(|condition| {
            altered(format!(r#"{{"MsgRandom":1,"OfflinePushInfo":{{}},"Condition":{condition}}}"#))
        })
    ) {
        parse_all(&bytes);
    }

    #[test]
    fn nearly_sound_labels_and_accounts(
        bytes in prop::sample::select(&LABELS[..]).prop_flat_map(|body| altered(body.to_owned()))
    ) {
        parse_all(&bytes);
    }

    /// Whatever is in the place of a field, a refusal names where it stands and what it is.
    #[test]
    fn refusals_name_the_field_and_the_value(
        at in 0..4_usize,
        value in prop::sample::select(&["7", "-1", "true", "[]", "{}", r#""x""#, r#""""#, "[[]]"][..]),
    ) {
        let (body, name) = [
            (r#"{"UserTags":[{"To_Account":"a","Tags":@}]}"#, "UserTags[0].Tags"),
            (r#"{"UserTags":[{"To_Account":@,"Tags":["x"]}]}"#, "UserTags[0].To_Account"),
            (r#"{"UserTags":@}"#, "UserTags"),
            (r#"{"Replace":@,"UserTags":[{"To_Account":"a","Tags":["x"]}]}"#, "Replace"),
        ][at];
        let body = body.replace('@', value);
        if let Err(error) = AddTags::parse(body.as_bytes()) {
            let text = error.to_string();
            prop_assert!(text.starts_with(&format!("`{name}")), "{text}");
            let told = value.trim_matches(['[', ']']);
            prop_assert!(text.contains(told), "{text}");
        } else {
            prop_assert_eq!((at, value.starts_with('"')), (1, true));
        }
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
