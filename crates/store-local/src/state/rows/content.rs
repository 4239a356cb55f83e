//! The stored form of what a notification shows beyond its common texts: translations, the badge, what is said to one
//! vendor. Part of other rows, and of no version of its own: a struct that is stored never changes.

use pushtally_model::{
    AndroidContent, ApnsContent, Badge, GoogleContent, HarmonyContent, HonorContent, HuaweiContent,
    Importance, Interruption, LiveActivity, Loudness, Notification, OppoContent, Second,
    Translation, VivoAlert, VivoContent,
};
use serde::{Deserialize, Serialize};

use super::{RowError, unknown};

#[derive(Default, Serialize, Deserialize)]
pub(super) struct ContentV1<'a> {
    #[serde(borrow)]
    translations: Vec<TranslationV1<'a>>,
    badge: Option<BadgeV1>,
    #[serde(borrow)]
    android: Option<AndroidV1<'a>>,
    #[serde(borrow)]
    apns: Option<ApnsV1<'a>>,
    #[serde(borrow)]
    harmony: Option<HarmonyV1<'a>>,
}

#[derive(Serialize, Deserialize)]
struct TranslationV1<'a> {
    language: &'a str,
    title: &'a str,
    desc: &'a str,
}

#[derive(Serialize, Deserialize)]
enum BadgeV1 {
    Add(u8),
    Set(u16),
}

#[derive(Serialize, Deserialize)]
struct AndroidV1<'a> {
    sound: &'a str,
    big_text: bool,
    xiaomi_channel: &'a str,
    oppo_channel: &'a str,
    oppo_category: &'a str,
    oppo_private_template: &'a str,
    oppo_private_title: &'a str,
    oppo_private_desc: &'a str,
    oppo_loudness: Option<u8>,
    vivo_is_system: Option<bool>,
    vivo_category: &'a str,
    vivo_alert: Option<u8>,
    huawei_importance: Option<u8>,
    huawei_category: &'a str,
    huawei_image: &'a str,
    huawei_channel: &'a str,
    huawei_ext_in_intent: bool,
    honor_importance: Option<u8>,
    honor_image: &'a str,
    google_image: &'a str,
    google_is_high_priority: Option<bool>,
    google_channel: &'a str,
    meizu_private: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct ApnsV1<'a> {
    counts: Option<bool>,
    title: &'a str,
    subtitle: &'a str,
    image: &'a str,
    mutable: bool,
    sound: &'a str,
    interruption: Option<u8>,
    silent: bool,
    voip: bool,
    #[serde(borrow)]
    live_activity: Option<LiveActivityV1<'a>>,
}

#[derive(Serialize, Deserialize)]
struct LiveActivityV1<'a> {
    id: &'a str,
    ends: bool,
    state: &'a str,
    dismissed_at: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct HarmonyV1<'a> {
    title: &'a str,
    category: &'a str,
    image: &'a str,
    sound: &'a str,
    sound_s: Option<u8>,
}

impl<'a> ContentV1<'a> {
    pub(super) fn of(notification: &'a Notification) -> Self {
        let translation = |translation: &'a Translation| TranslationV1 {
            language: &translation.language,
            title: &translation.title,
            desc: &translation.desc,
        };
        Self {
            translations: notification.translations.iter().map(translation).collect(),
            badge: notification.badge.map(|badge| match badge {
                Badge::Add(number) => BadgeV1::Add(number),
                Badge::Set(number) => BadgeV1::Set(number),
            }),
            android: notification.android.as_deref().map(AndroidV1::of),
            apns: notification.apns.as_deref().map(ApnsV1::of),
            harmony: notification.harmony.as_deref().map(HarmonyV1::of),
        }
    }

    /// The notification with these common texts.
    pub(super) fn read(
        self,
        title: &str,
        desc: &str,
        ext: &str,
        online_only: bool,
    ) -> Result<Notification, RowError> {
        let translation = |translation: TranslationV1<'_>| Translation {
            language: translation.language.to_owned(),
            title: translation.title.to_owned(),
            desc: translation.desc.to_owned(),
        };
        let android = self.android.map(AndroidV1::read).transpose()?;
        let apns = self.apns.map(ApnsV1::read).transpose()?;
        Ok(Notification {
            title: title.to_owned(),
            desc: desc.to_owned(),
            ext: ext.to_owned(),
            online_only,
            translations: self.translations.into_iter().map(translation).collect(),
            badge: self.badge.map(|badge| match badge {
                BadgeV1::Add(number) => Badge::Add(number),
                BadgeV1::Set(number) => Badge::Set(number),
            }),
            android: android.map(Box::new),
            apns: apns.map(Box::new),
            harmony: self.harmony.map(HarmonyV1::read).map(Box::new),
        })
    }
}

impl<'a> AndroidV1<'a> {
    fn of(content: &'a AndroidContent) -> Self {
        let AndroidContent {
            sound,
            big_text,
            xiaomi_channel,
            oppo,
            vivo,
            huawei,
            honor,
            google,
            meizu_private,
        } = content;
        Self {
            sound,
            big_text: *big_text,
            xiaomi_channel,
            oppo_channel: &oppo.channel,
            oppo_category: &oppo.category,
            oppo_private_template: &oppo.private_template,
            oppo_private_title: &oppo.private_title,
            oppo_private_desc: &oppo.private_desc,
            oppo_loudness: oppo.loudness.map(|loudness| loudness as u8),
            vivo_is_system: vivo.is_system,
            vivo_category: &vivo.category,
            vivo_alert: vivo.alert.map(|alert| alert as u8),
            huawei_importance: huawei.importance.map(|importance| importance as u8),
            huawei_category: &huawei.category,
            huawei_image: &huawei.image,
            huawei_channel: &huawei.channel,
            huawei_ext_in_intent: huawei.ext_in_intent,
            honor_importance: honor.importance.map(|importance| importance as u8),
            honor_image: &honor.image,
            google_image: &google.image,
            google_is_high_priority: google.is_high_priority,
            google_channel: &google.channel,
            meizu_private: *meizu_private,
        }
    }

    fn read(self) -> Result<AndroidContent, RowError> {
        Ok(AndroidContent {
            sound: self.sound.to_owned(),
            big_text: self.big_text,
            xiaomi_channel: self.xiaomi_channel.to_owned(),
            oppo: OppoContent {
                channel: self.oppo_channel.to_owned(),
                category: self.oppo_category.to_owned(),
                private_template: self.oppo_private_template.to_owned(),
                private_title: self.oppo_private_title.to_owned(),
                private_desc: self.oppo_private_desc.to_owned(),
                loudness: self.oppo_loudness.map(loudness).transpose()?,
            },
            vivo: VivoContent {
                is_system: self.vivo_is_system,
                category: self.vivo_category.to_owned(),
                alert: self.vivo_alert.map(vivo_alert).transpose()?,
            },
            huawei: HuaweiContent {
                importance: self.huawei_importance.map(importance).transpose()?,
                category: self.huawei_category.to_owned(),
                image: self.huawei_image.to_owned(),
                channel: self.huawei_channel.to_owned(),
                ext_in_intent: self.huawei_ext_in_intent,
            },
            honor: HonorContent {
                importance: self.honor_importance.map(importance).transpose()?,
                image: self.honor_image.to_owned(),
            },
            google: GoogleContent {
                image: self.google_image.to_owned(),
                is_high_priority: self.google_is_high_priority,
                channel: self.google_channel.to_owned(),
            },
            meizu_private: self.meizu_private,
        })
    }
}

impl<'a> ApnsV1<'a> {
    fn of(content: &'a ApnsContent) -> Self {
        let activity = |activity: &'a LiveActivity| LiveActivityV1 {
            id: &activity.id,
            ends: activity.ends,
            state: &activity.state,
            dismissed_at: activity.dismissed_at.map(|at| at.0),
        };
        Self {
            counts: content.counts,
            title: &content.title,
            subtitle: &content.subtitle,
            image: &content.image,
            mutable: content.mutable,
            sound: &content.sound,
            interruption: content.interruption.map(|interruption| interruption as u8),
            silent: content.silent,
            voip: content.voip,
            live_activity: content.live_activity.as_ref().map(activity),
        }
    }

    fn read(self) -> Result<ApnsContent, RowError> {
        let activity = |activity: LiveActivityV1<'_>| LiveActivity {
            id: activity.id.to_owned(),
            ends: activity.ends,
            state: activity.state.to_owned(),
            dismissed_at: activity.dismissed_at.map(Second),
        };
        Ok(ApnsContent {
            counts: self.counts,
            title: self.title.to_owned(),
            subtitle: self.subtitle.to_owned(),
            image: self.image.to_owned(),
            mutable: self.mutable,
            sound: self.sound.to_owned(),
            interruption: self.interruption.map(interruption).transpose()?,
            silent: self.silent,
            voip: self.voip,
            live_activity: self.live_activity.map(activity),
        })
    }
}

impl<'a> HarmonyV1<'a> {
    fn of(content: &'a HarmonyContent) -> Self {
        Self {
            title: &content.title,
            category: &content.category,
            image: &content.image,
            sound: &content.sound,
            sound_s: content.sound_s,
        }
    }

    fn read(self) -> HarmonyContent {
        HarmonyContent {
            title: self.title.to_owned(),
            category: self.category.to_owned(),
            image: self.image.to_owned(),
            sound: self.sound.to_owned(),
            sound_s: self.sound_s,
        }
    }
}

fn loudness(value: u8) -> Result<Loudness, RowError> {
    match value {
        1 => Ok(Loudness::Bar),
        2 => Ok(Loudness::LockScreen),
        16 => Ok(Loudness::Banner),
        value => Err(unknown("loudness", value)),
    }
}

fn vivo_alert(value: u8) -> Result<VivoAlert, RowError> {
    match value {
        1 => Ok(VivoAlert::Silent),
        2 => Ok(VivoAlert::Ring),
        3 => Ok(VivoAlert::Vibrate),
        4 => Ok(VivoAlert::RingAndVibrate),
        value => Err(unknown("alert", value)),
    }
}

fn importance(value: u8) -> Result<Importance, RowError> {
    match value {
        0 => Ok(Importance::Low),
        1 => Ok(Importance::Normal),
        value => Err(unknown("importance", value)),
    }
}

fn interruption(value: u8) -> Result<Interruption, RowError> {
    match value {
        0 => Ok(Interruption::Active),
        1 => Ok(Interruption::Critical),
        2 => Ok(Interruption::Passive),
        3 => Ok(Interruption::TimeSensitive),
        value => Err(unknown("interruption", value)),
    }
}
