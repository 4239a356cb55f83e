//! `OfflinePushInfo`: what a push shows.
//!
//! Every documented field is read, its type and bounds checked, into the neutral words of `model`. What a vendor does
//! with it is decided below, when it is sent. Unknown fields are ignored, whatever they hold.

mod android;
mod apns;
mod harmony;

use pushtally_model::{Badge, Notification, Translation};

use crate::object::{Object, Value};
use crate::{Code, NOTIFICATION_LEN_MAX, WireError};

/// The highest `BadgeAddNum` and `BadgeSetNum`.
const BADGE_ADD_MAX: u16 = 99;
const BADGE_SET_MAX: u16 = 999;

/// Reads the object.
pub(super) fn parse(info: Value<'_, '_>) -> Result<Notification, WireError> {
    let len = info.json().len();
    if len > NOTIFICATION_LEN_MAX {
        let too_long = WireError::FieldTooLong {
            name: info.name(),
            len,
            len_max: NOTIFICATION_LEN_MAX,
        };
        return Err(too_long.coded(Code::PushTooLong));
    }
    let info = info.object()?;
    let notification = Notification {
        online_only: info.flag("PushFlag")?.unwrap_or(false),
        title: info.text("Title")?,
        desc: info.text("Desc")?,
        translations: translations(&info)?,
        ext: info.text("Ext")?,
        android: part(&info, "AndroidInfo", android::parse)?,
        apns: part(&info, "ApnsInfo", apns::parse)?,
        harmony: part(&info, "HarmonyInfo", harmony::parse)?,
        badge: badge(&info)?,
    };
    check_template(&info)?;
    Ok(notification)
}

/// One of the vendors' objects.
fn part<T>(
    info: &Object<'_, '_>,
    name: &'static str,
    parse: impl FnOnce(&Object<'_, '_>) -> Result<T, WireError>,
) -> Result<Option<Box<T>>, WireError> {
    let Some(part) = info.get(name)? else {
        return Ok(None);
    };
    parse(&part.object()?).map(Box::new).map(Some)
}

/// A language that is there twice is a mistake of the caller's: one of the two would never be read.
fn translations(info: &Object<'_, '_>) -> Result<Vec<Translation>, WireError> {
    let Some(content) = info.get("MultiLanguageContent")? else {
        return Ok(Vec::new());
    };
    let items = content.items("an array of objects")?;
    let mut translations: Vec<Translation> = Vec::with_capacity(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        let item = content.item(index, raw).object()?;
        let language = item.require("Language")?;
        let tag = language.text()?;
        if !(1..=Translation::LANGUAGE_LEN_MAX).contains(&tag.len()) {
            return Err(language.refuse("a language of 1 to 64 bytes"));
        }
        let same = |other: &Translation| other.language.eq_ignore_ascii_case(&tag);
        if translations.iter().any(same) {
            return Err(language.refuse("another language than those before"));
        }
        translations.push(Translation {
            title: item.text("Title")?,
            desc: item.text("Desc")?,
            language: tag.into_owned(),
        });
    }
    Ok(translations)
}

/// `BadgeSetNum` wins over `BadgeAddNum`; both are checked.
fn badge(info: &Object<'_, '_>) -> Result<Option<Badge>, WireError> {
    let add = info.within("BadgeAddNum", 1, BADGE_ADD_MAX)?;
    let set = info.within("BadgeSetNum", 0, BADGE_SET_MAX)?;
    let add = add.and_then(|add| u8::try_from(add).ok()).map(Badge::Add);
    Ok(set.map(Badge::Set).or(add))
}

/// A push that only names a template would show nothing at all.
fn check_template(info: &Object<'_, '_>) -> Result<(), WireError> {
    if let Some(id) = info.get("PushTemplateId")?
        && !id.text()?.is_empty()
    {
        return Err(id.refuse("absent or empty (there are no templates here)"));
    }
    info.json("PushTemplateParam").map(drop)
}

/// The address of an image where only HTTPS is allowed.
fn https(object: &Object<'_, '_>, name: &'static str) -> Result<String, WireError> {
    const SCHEME: &str = "https://";
    let Some(value) = object.get(name)? else {
        return Ok(String::new());
    };
    let address = value.text()?;
    let scheme = address.get(..SCHEME.len());
    if address.is_empty() || scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
        return Ok(address.into_owned());
    }
    Err(value.refuse("an address that begins with https://"))
}

#[cfg(test)]
mod tests;
