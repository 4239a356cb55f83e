//! `AndroidInfo`: what is said to Android's vendors.

use pushtally_model::{
    AndroidContent, GoogleContent, HonorContent, HuaweiContent, Importance, Loudness, OppoContent,
    VivoAlert, VivoContent,
};

use super::https;
use crate::WireError;
use crate::object::Object;

const IMPORTANCES: &[(&str, Importance)] =
    &[("LOW", Importance::Low), ("NORMAL", Importance::Normal)];

const VIVO_ALERTS: &[(&str, VivoAlert)] = &[
    ("1", VivoAlert::Silent),
    ("2", VivoAlert::Ring),
    ("3", VivoAlert::Vibrate),
    ("4", VivoAlert::RingAndVibrate),
];

pub(super) fn parse(info: &Object<'_, '_>) -> Result<AndroidContent, WireError> {
    Ok(AndroidContent {
        sound: info.text("Sound")?,
        big_text: info.flag("PushStyle")?.unwrap_or(false),
        xiaomi_channel: either(info, "XiaoMiChannelID", "XiaomiChannelID")?,
        oppo: oppo(info)?,
        vivo: VivoContent {
            is_system: info.flag("VIVOClassification")?,
            category: info.text("VIVOCategory")?,
            alert: info.choice("VIVONotifyType", VIVO_ALERTS)?,
        },
        huawei: HuaweiContent {
            importance: info.choice("HuaWeiImportance", IMPORTANCES)?,
            category: info.text("HuaWeiCategory")?,
            image: https(info, "HuaWeiImage")?,
            channel: either(info, "HuaWeiChannelID", "HuaweiChannelID")?,
            ext_in_intent: info.flag("ExtAsHuaweiIntentParam")?.unwrap_or(false),
        },
        honor: HonorContent {
            importance: info.choice("HonorImportance", IMPORTANCES)?,
            image: https(info, "HonorImage")?,
        },
        google: GoogleContent {
            image: info.text("GoogleImage")?,
            is_high_priority: info
                .choice("GooglePriority", &[("normal", false), ("high", true)])?,
            channel: info.text("GoogleChannelID")?,
        },
        meizu_private: info.flag("MeiZuNoticeMsgType")?,
    })
}

/// The crate tencent_im_rs spells two fields otherwise than the documentation, which goes first.
fn either(
    info: &Object<'_, '_>,
    documented: &'static str,
    other: &'static str,
) -> Result<String, WireError> {
    let (text, other) = (info.text(documented)?, info.text(other)?);
    Ok(if text.is_empty() { other } else { text })
}

fn oppo(info: &Object<'_, '_>) -> Result<OppoContent, WireError> {
    Ok(OppoContent {
        channel: info.text("OPPOChannelID")?,
        category: info.text("OPPOCategory")?,
        private_template: info.text("OPPOPrivateMsgTemplateId")?,
        private_title: info.json("OPPOPrivateTitleParameters")?,
        private_desc: info.json("OPPOPrivateContentParameters")?,
        loudness: loudness(info)?,
    })
}

/// It is documented to need a category, which the app's credentials may have: so its absence here is no fault.
fn loudness(info: &Object<'_, '_>) -> Result<Option<Loudness>, WireError> {
    let Some(value) = info.get("OPPONotifyLevel")? else {
        return Ok(None);
    };
    let level = match value.json() {
        "1" => Loudness::Bar,
        "2" => Loudness::LockScreen,
        "16" => Loudness::Banner,
        _ => return Err(value.refuse("1, 2 or 16")),
    };
    Ok(Some(level))
}
