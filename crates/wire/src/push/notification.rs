//! `OfflinePushInfo`: what a push shows.
//!
//! Read are the fields that the socket carries. Those for vendors are checked for their type only, so that a caller's
//! mistake shows today, and kept for nobody.

use pushtally_model::Notification;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::request::malformed;
use crate::field::{self, Raw};
use crate::{Code, NOTIFICATION_LEN_MAX, WireError};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields<'a> {
    #[serde(borrow)]
    push_flag: Raw<'a>,
    #[serde(borrow)]
    title: Raw<'a>,
    #[serde(borrow)]
    desc: Raw<'a>,
    #[serde(borrow)]
    ext: Raw<'a>,
    #[serde(borrow)]
    multi_language_content: Raw<'a>,
    #[serde(borrow)]
    android_info: Raw<'a>,
    #[serde(borrow)]
    apns_info: Raw<'a>,
    #[serde(borrow)]
    harmony_info: Raw<'a>,
    #[serde(borrow)]
    badge_add_num: Raw<'a>,
    #[serde(borrow)]
    badge_set_num: Raw<'a>,
    #[serde(borrow)]
    push_template_id: Raw<'a>,
    #[serde(borrow)]
    push_template_param: Raw<'a>,
}

/// Reads the object.
pub(super) fn parse(raw: &RawValue) -> Result<Notification, WireError> {
    const NAME: &str = "OfflinePushInfo";
    if !raw.get().starts_with('{') {
        return Err(malformed(field::refuse(NAME, "an object", raw)));
    }
    let len = raw.get().len();
    if len > NOTIFICATION_LEN_MAX {
        let too_long = WireError::FieldTooLong {
            name: NAME,
            len,
            len_max: NOTIFICATION_LEN_MAX,
        };
        return Err(too_long.coded(Code::PushTooLong));
    }
    let fields: Fields<'_> = field::fields(raw).map_err(malformed)?;
    let text = |name, raw: Raw<'_>| match raw {
        Some(raw) => Ok(field::text(name, raw).map_err(malformed)?.into_owned()),
        None => Ok(String::new()),
    };
    let notification = Notification {
        title: text("OfflinePushInfo.Title", fields.title)?,
        desc: text("OfflinePushInfo.Desc", fields.desc)?,
        ext: text("OfflinePushInfo.Ext", fields.ext)?,
        online_only: online_only(fields.push_flag)?,
    };
    check_others(&fields)?;
    Ok(notification)
}

fn online_only(raw: Raw<'_>) -> Result<bool, WireError> {
    match raw.map(|raw| (raw.get(), raw)) {
        None | Some(("0", _)) => Ok(false),
        Some(("1", _)) => Ok(true),
        Some((_, raw)) => Err(malformed(field::refuse(
            "OfflinePushInfo.PushFlag",
            "0 or 1",
            raw,
        ))),
    }
}

/// The fields that this release does not use.
fn check_others(fields: &Fields<'_>) -> Result<(), WireError> {
    let begins = |name, raw: Raw<'_>, first: char, wanted| match raw {
        Some(raw) if !raw.get().starts_with(first) => {
            Err(malformed(field::refuse(name, wanted, raw)))
        }
        Some(_) | None => Ok(()),
    };
    begins(
        "OfflinePushInfo.MultiLanguageContent",
        fields.multi_language_content,
        '[',
        "an array of objects",
    )?;
    for (name, raw) in [
        ("OfflinePushInfo.AndroidInfo", fields.android_info),
        ("OfflinePushInfo.ApnsInfo", fields.apns_info),
        ("OfflinePushInfo.HarmonyInfo", fields.harmony_info),
        (
            "OfflinePushInfo.PushTemplateParam",
            fields.push_template_param,
        ),
    ] {
        begins(name, raw, '{', "an object")?;
    }
    for (name, raw) in [
        ("OfflinePushInfo.BadgeAddNum", fields.badge_add_num),
        ("OfflinePushInfo.BadgeSetNum", fields.badge_set_num),
    ] {
        raw.map_or(Ok(0), |raw| field::integer(name, raw))
            .map_err(malformed)?;
    }
    refuse_template(fields.push_template_id)
}

/// A push that only names a template would show nothing at all.
fn refuse_template(raw: Raw<'_>) -> Result<(), WireError> {
    const NAME: &str = "OfflinePushInfo.PushTemplateId";
    let Some(raw) = raw else { return Ok(()) };
    if field::text(NAME, raw).map_err(malformed)?.is_empty() {
        return Ok(());
    }
    Err(malformed(field::refuse(
        NAME,
        "absent or empty (templates come with a later release)",
        raw,
    )))
}
