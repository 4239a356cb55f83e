//! `OfflinePushInfo`: every field read, its type and bounds checked, its path and the received value named.

use super::super::PushRequest;
use super::*;
use pushtally_model::*;

fn info(fields: &str) -> Result<Notification, WireError> {
    let body = format!(r#"{{"MsgRandom":1,"OfflinePushInfo":{{{fields}}}}}"#);
    PushRequest::parse(body.as_bytes()).map(|push| push.notification)
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// That a field within one of the objects takes these values and refuses those.
#[track_caller]
fn check(path: &[&str], fit: &[&str], wanted: &str, unfit: &[&str]) {
    let nested = |value: &str| {
        let name = |inner: String, name: &&str| format!(r#""{name}":{{{inner}}}"#);
        let (last, before) = path.split_last().unwrap();
        before
            .iter()
            .rev()
            .fold(format!(r#""{last}":{value}"#), name)
    };
    for value in fit.iter().chain(&["null"]) {
        assert!(info(&nested(value)).is_ok(), "{path:?} {value}");
    }
    for value in unfit {
        let error = info(&nested(value)).unwrap_err();
        let path = path.join(".");
        let expected = format!("`OfflinePushInfo.{path}` must be {wanted}, not `{value}`");
        assert_eq!(
            (error.code(), error.to_string()),
            (Code::Malformed, expected)
        );
    }
}

const TEXT: &[&str] = &["\"\"", "\"é\\n\"", "\"x\""];
const NO_TEXT: &[&str] = &["1", "{}", "[]", "true"];

#[test]
fn nothing_said_is_nothing_kept() {
    let nothing = r#""PushFlag":null,"Title":null,"Desc":"","AndroidInfo":null,"MultiLanguageContent":[],"PushTemplateId":"","PushTemplateParam":{},"BadgeSetNum":null,"More":[1]"#;
    assert_eq!(info(nothing), Ok(Notification::default()));
    let empty = info(r#""AndroidInfo":{"More":7},"ApnsInfo":{},"HarmonyInfo":{}"#).unwrap();
    assert_eq!(empty.android.as_deref(), Some(&AndroidContent::default()));
    assert_eq!(empty.apns.as_deref(), Some(&ApnsContent::default()));
    assert_eq!(empty.harmony.as_deref(), Some(&HarmonyContent::default()));
}

#[test]
fn the_common_fields_are_read_and_checked() {
    let read = info(
        r#""PushFlag":1,"Title":"t","Desc":"d","Ext":"{\"a\":1}","BadgeAddNum":99,
        "MultiLanguageContent":[{"Language":"zh-hant","Title":"標題","Desc":"內容"},{"Language":"en"}]"#,
    );
    let translation = |language: &str, title: &str, desc: &str| Translation {
        language: text(language),
        title: text(title),
        desc: text(desc),
    };
    let expected = Notification {
        title: text("t"),
        desc: text("d"),
        ext: text(r#"{"a":1}"#),
        online_only: true,
        translations: vec![
            translation("zh-hant", "標題", "內容"),
            translation("en", "", ""),
        ],
        badge: Some(Badge::Add(99)),
        ..Notification::default()
    };
    assert_eq!(read, Ok(expected));
    check(
        &["PushFlag"],
        &["0", "1"],
        "0 or 1",
        &["2", "-1", "\"1\"", "1.0", "true"],
    );
    for name in ["Title", "Desc", "Ext"] {
        check(&[name], TEXT, "a string", NO_TEXT);
    }
    check(
        &["PushTemplateParam"],
        &["{}", r#"{"a":"b"}"#],
        "an object",
        &["[]", "\"{}\""],
    );
    check(&["PushTemplateId"], &["\"\""], "a string", &["7"]);
    check(
        &["PushTemplateId"],
        &[],
        "absent or empty (there are no templates here)",
        &["\"1400000000-1\""],
    );
}

#[test]
fn a_badge_is_set_or_added_to_and_setting_wins() {
    check(
        &["BadgeAddNum"],
        &["1", "99"],
        "an integer from 1 to 99",
        &["0", "100", "-1", "\"1\"", "1.5"],
    );
    check(
        &["BadgeSetNum"],
        &["0", "999"],
        "an integer from 0 to 999",
        &["1000", "-1", "\"1\""],
    );
    let badge = |fields: &str| info(fields).unwrap().badge;
    assert_eq!(
        badge(r#""BadgeAddNum":3,"BadgeSetNum":0"#),
        Some(Badge::Set(0))
    );
    assert_eq!(badge(r#""BadgeSetNum":999"#), Some(Badge::Set(999)));
    assert_eq!(badge(r#""BadgeAddNum":3"#), Some(Badge::Add(3)));
}

#[test]
fn translations_name_their_language_each_once() {
    let refused = |content: &str, expected: &str| {
        let error = info(&format!(r#""MultiLanguageContent":{content}"#)).unwrap_err();
        let expected = format!("`OfflinePushInfo.MultiLanguageContent{expected}");
        assert_eq!(
            (error.code(), error.to_string()),
            (Code::Malformed, expected)
        );
    };
    refused("{}", "` must be an array of objects, not `{}`");
    refused("[7]", "[0]` must be an object, not `7`");
    refused(r#"[{"Title":"x"}]"#, "[0].Language` is missing");
    let bytes = "must be a language of 1 to 64 bytes, not";
    refused(
        r#"[{"Language":""}]"#,
        &format!(r#"[0].Language` {bytes} `""`"#),
    );
    let long = "é".repeat(32) + "a";
    let json = format!(r#"[{{"Language":"{long}"}}]"#);
    let error = info(&format!(r#""MultiLanguageContent":{json}"#)).unwrap_err();
    assert!(error.to_string().contains(bytes), "{error}");
    refused(
        r#"[{"Language":"en"},{"Language":"de"},{"Language":"EN"}]"#,
        r#"[2].Language` must be another language than those before, not `"EN"`"#,
    );
    refused(
        r#"[{"Language":"en","Title":[]}]"#,
        "[0].Title` must be a string, not `[]`",
    );
    refused(
        r#"[{"Language":"en","Desc":1}]"#,
        "[0].Desc` must be a string, not `1`",
    );
}

#[test]
fn every_field_for_android_is_read() {
    let read = info(
        r#""AndroidInfo":{"Sound":"s","PushStyle":1,"XiaoMiChannelID":"mi","OPPOChannelID":"op","OPPOCategory":"oc",
        "OPPOPrivateMsgTemplateId":"ot","OPPOPrivateTitleParameters":{"a": 1},"OPPOPrivateContentParameters":{"b":"c"},
        "OPPONotifyLevel":16,"VIVOClassification":0,"VIVOCategory":"vc","VIVONotifyType":"3","HuaWeiImportance":"LOW",
        "HuaWeiCategory":"hc","HuaWeiImage":"https://h","HuaWeiChannelID":"hw","HonorImportance":"NORMAL",
        "HonorImage":"HTTPS://o","GoogleImage":"http://g","GooglePriority":"high","GoogleChannelID":"gc",
        "MeiZuNoticeMsgType":1,"ExtAsHuaweiIntentParam":1}"#,
    );
    let expected = AndroidContent {
        sound: text("s"),
        big_text: true,
        xiaomi_channel: text("mi"),
        oppo: OppoContent {
            channel: text("op"),
            category: text("oc"),
            private_template: text("ot"),
            private_title: text(r#"{"a": 1}"#),
            private_desc: text(r#"{"b":"c"}"#),
            loudness: Some(Loudness::Banner),
        },
        vivo: VivoContent {
            is_system: Some(false),
            category: text("vc"),
            alert: Some(VivoAlert::Vibrate),
        },
        huawei: HuaweiContent {
            importance: Some(Importance::Low),
            category: text("hc"),
            image: text("https://h"),
            channel: text("hw"),
            ext_in_intent: true,
        },
        honor: HonorContent {
            importance: Some(Importance::Normal),
            image: text("HTTPS://o"),
        },
        google: GoogleContent {
            image: text("http://g"),
            is_high_priority: Some(true),
            channel: text("gc"),
        },
        meizu_private: Some(true),
    };
    assert_eq!(read.unwrap().android.as_deref(), Some(&expected));
    let older = info(r#""AndroidInfo":{"XiaomiChannelID":"a","HuaweiChannelID":"b"}"#);
    let older = older.unwrap().android.unwrap();
    assert_eq!(
        (older.xiaomi_channel, older.huawei.channel),
        (text("a"), text("b"))
    );
}

#[test]
fn every_field_for_android_is_checked() {
    check(
        &["AndroidInfo"],
        &["{}"],
        "an object",
        &["[]", "\"x\"", "1"],
    );
    for name in [
        "Sound",
        "XiaoMiChannelID",
        "OPPOChannelID",
        "OPPOCategory",
        "OPPOPrivateMsgTemplateId",
        "VIVOCategory",
        "HuaWeiCategory",
        "HuaWeiChannelID",
        "GoogleImage",
        "GoogleChannelID",
    ] {
        check(&["AndroidInfo", name], TEXT, "a string", NO_TEXT);
    }
    for name in [
        "PushStyle",
        "VIVOClassification",
        "MeiZuNoticeMsgType",
        "ExtAsHuaweiIntentParam",
    ] {
        check(
            &["AndroidInfo", name],
            &["0", "1"],
            "0 or 1",
            &["2", "\"1\"", "-1"],
        );
    }
    for name in ["OPPOPrivateTitleParameters", "OPPOPrivateContentParameters"] {
        check(
            &["AndroidInfo", name],
            &["{}"],
            "an object",
            &["[]", "\"{}\""],
        );
    }
    for name in ["HuaWeiImportance", "HonorImportance"] {
        let unfit = &["\"HIGH\"", "\"low\""];
        check(
            &["AndroidInfo", name],
            &["\"LOW\"", "\"NORMAL\"", "\"\""],
            "LOW or NORMAL",
            unfit,
        );
        check(&["AndroidInfo", name], &[], "a string", &["1"]);
    }
    for name in ["HuaWeiImage", "HonorImage"] {
        let wanted = "an address that begins with https://";
        check(
            &["AndroidInfo", name],
            &["\"\"", "\"https://x\""],
            wanted,
            &["\"http://x\"", "\"h\"", "\"éééééé\""],
        );
    }
    check(
        &["AndroidInfo", "OPPONotifyLevel"],
        &["1", "2", "16"],
        "1, 2 or 16",
        &["3", "0", "\"1\""],
    );
    check(
        &["AndroidInfo", "VIVONotifyType"],
        &["\"1\"", "\"2\"", "\"3\"", "\"4\""],
        "1 or 2 or 3 or 4",
        &["\"5\"", "\"0\""],
    );
    check(
        &["AndroidInfo", "GooglePriority"],
        &["\"normal\"", "\"high\""],
        "normal or high",
        &["\"low\""],
    );
}

#[test]
fn every_field_for_apns_is_read_and_checked() {
    let read = info(
        r#""ApnsInfo":{"BadgeMode":1,"Title":"t","SubTitle":"s","Image":"i","MutableContent":1,"Sound":"a.caf",
        "InterruptionLevel":"time-sensitive","ContentAvailable":1,"IsVoipPush":1,
        "LiveActivity":{"LaId":"la","Event":"end","ContentState":{"score": 3},"DismissalDate":1739502750}}"#,
    );
    let expected = ApnsContent {
        counts: Some(false),
        title: text("t"),
        subtitle: text("s"),
        image: text("i"),
        mutable: true,
        sound: text("a.caf"),
        interruption: Some(Interruption::TimeSensitive),
        silent: true,
        voip: true,
        live_activity: Some(LiveActivity {
            id: text("la"),
            ends: true,
            state: text(r#"{"score": 3}"#),
            dismissed_at: Some(Second(1_739_502_750)),
        }),
    };
    assert_eq!(read.unwrap().apns.as_deref(), Some(&expected));
    check(&["ApnsInfo"], &["{}"], "an object", &["[]", "1"]);
    for name in ["Title", "SubTitle", "Image", "Sound"] {
        check(&["ApnsInfo", name], TEXT, "a string", NO_TEXT);
    }
    for name in [
        "BadgeMode",
        "MutableContent",
        "ContentAvailable",
        "IsVoipPush",
    ] {
        check(
            &["ApnsInfo", name],
            &["0", "1"],
            "0 or 1",
            &["2", "\"1\"", "true"],
        );
    }
    let levels = &[
        "\"active\"",
        "\"critical\"",
        "\"passive\"",
        "\"time-sensitive\"",
        "\"\"",
    ];
    let wanted = "active or critical or passive or time-sensitive";
    check(
        &["ApnsInfo", "InterruptionLevel"],
        levels,
        wanted,
        &["\"loud\""],
    );
}

#[test]
fn a_live_activity_names_itself_its_event_and_its_state() {
    let activity = |fields: &str| info(&format!(r#""ApnsInfo":{{"LiveActivity":{fields}}}"#));
    let refused = |fields: &str, expected: &str| {
        let error = activity(fields).unwrap_err();
        let expected = format!("`OfflinePushInfo.ApnsInfo.LiveActivity{expected}");
        assert_eq!(
            (error.code(), error.to_string()),
            (Code::Malformed, expected)
        );
    };
    let with = |id: &str, event: &str, state: &str| {
        format!(r#"{{"LaId":{id},"Event":{event},"ContentState":{state}}}"#)
    };
    let longest = format!("\"{}\"", "é".repeat(32));
    let read = activity(&with(&longest, "\"update\"", "{}")).unwrap();
    assert!(!read.apns.unwrap().live_activity.unwrap().ends);
    refused("7", "` must be an object, not `7`");
    refused("{}", ".LaId` is missing");
    refused(r#"{"LaId":"x"}"#, ".Event` is missing");
    refused(r#"{"LaId":"x","Event":"end"}"#, ".ContentState` is missing");
    let bytes = "must be a string of 1 to 64 bytes, not";
    refused(
        &with("\"\"", "\"end\"", "{}"),
        &format!(r#".LaId` {bytes} `""`"#),
    );
    let long = format!("\"{}a\"", "a".repeat(64));
    let error = activity(&with(&long, "\"end\"", "{}")).unwrap_err();
    assert!(error.to_string().contains(bytes), "{error}");
    for bad in ["\"start\"", "\"\""] {
        refused(
            &with("\"x\"", bad, "{}"),
            &format!(".Event` must be update or end, not `{bad}`"),
        );
    }
    refused(
        &with("\"x\"", "\"end\"", "[]"),
        ".ContentState` must be an object, not `[]`",
    );
    let dated = |date: &str| {
        format!(r#"{{"LaId":"x","Event":"end","ContentState":{{}},"DismissalDate":{date}}}"#)
    };
    refused(
        &dated("\"1\""),
        r#".DismissalDate` must be an integer, not `"1"`"#,
    );
    refused(
        &dated("1739502750000"),
        ".DismissalDate` must be in seconds, `1739502750000` looks like milliseconds",
    );
}

#[test]
fn every_field_for_harmony_is_read_and_checked() {
    let read = info(
        r#""HarmonyInfo":{"Title":"t","Category":"c","Image":"https://i","Sound":"s.mp3","SoundDuration":60}"#,
    );
    let expected = HarmonyContent {
        title: text("t"),
        category: text("c"),
        image: text("https://i"),
        sound: text("s.mp3"),
        sound_s: Some(60),
    };
    assert_eq!(read.unwrap().harmony.as_deref(), Some(&expected));
    check(&["HarmonyInfo"], &["{}"], "an object", &["[]"]);
    for name in ["Title", "Category", "Sound"] {
        check(&["HarmonyInfo", name], TEXT, "a string", NO_TEXT);
    }
    let wanted = "an address that begins with https://";
    check(
        &["HarmonyInfo", "Image"],
        &["\"https://x\""],
        wanted,
        &["\"ftp://x\""],
    );
    check(
        &["HarmonyInfo", "SoundDuration"],
        &["1", "60"],
        "an integer from 1 to 60",
        &["0", "61", "\"1\""],
    );
}
