//! What a push shows: texts, their translations, and what is said to one vendor only.
//!
//! Values in vendor-neutral words, checked by whoever reads them from outside. What a vendor makes of them is the vendor's.

/// What a push shows. Empty texts and `None` are what the sender did not say. An empty one costs no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notification {
    /// The title.
    pub title: String,
    /// The text.
    pub desc: String,
    /// What is passed through to the app.
    pub ext: String,
    /// Only connected devices are planned (`PushFlag` 1).
    pub online_only: bool,
    /// Title and text in other languages, each language once.
    pub translations: Vec<Translation>,
    /// What the number on the app's icon becomes.
    pub badge: Option<Badge>,
    /// For Android's vendors.
    pub android: Option<Box<AndroidContent>>,
    /// For APNs.
    pub apns: Option<Box<ApnsContent>>,
    /// For HarmonyOS NEXT.
    pub harmony: Option<Box<HarmonyContent>>,
}

/// Title and text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// Language tag, such as `zh-hant` or `en`, as the sender wrote it.
    pub language: String,
    /// The title.
    pub title: String,
    /// The text.
    pub desc: String,
}

impl Translation {
    /// The longest language tag, in bytes: what a device may say of itself.
    pub const LANGUAGE_LEN_MAX: usize = crate::DeviceFacts::TEXT_LEN_MAX;
}

/// What the number on the app's icon becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Badge {
    /// Grows by 1 to 99.
    Add(u8),
    /// Is this: 0 to 999 for APNs, where others show at most 99.
    Set(u16),
}

/// What is said to Android's vendors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AndroidContent {
    /// A sound of the app, by its resource's name.
    pub sound: String,
    /// Whether a long text is shown whole (Huawei, HONOR, OPPO).
    pub big_text: bool,
    /// Xiaomi's channel.
    pub xiaomi_channel: String,
    /// For OPPO.
    pub oppo: OppoContent,
    /// For vivo.
    pub vivo: VivoContent,
    /// For Huawei.
    pub huawei: HuaweiContent,
    /// For HONOR.
    pub honor: HonorContent,
    /// For FCM.
    pub google: GoogleContent,
    /// Whether Meizu takes it for a private message.
    pub meizu_private: Option<bool>,
}

/// What is said to OPPO.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OppoContent {
    /// Its channel.
    pub channel: String,
    /// Its category.
    pub category: String,
    /// Template of a private message.
    pub private_template: String,
    /// The template's variables for the title, a JSON object.
    pub private_title: String,
    /// The template's variables for the text, a JSON object.
    pub private_desc: String,
    /// How loud it is.
    pub loudness: Option<Loudness>,
}

/// How loud OPPO shows it. Each is what the one before does, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Loudness {
    /// In the notification bar.
    Bar = 1,
    /// On the locked screen, too.
    LockScreen = 2,
    /// With a banner, vibration and a ring, too.
    Banner = 16,
}

/// What is said to vivo.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VivoContent {
    /// Whether it is of the system's kind rather than marketing.
    pub is_system: Option<bool>,
    /// Its category.
    pub category: String,
    /// How it calls attention.
    pub alert: Option<VivoAlert>,
}

/// How vivo calls attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum VivoAlert {
    /// Not.
    Silent = 1,
    /// With a ring.
    Ring = 2,
    /// With vibration.
    Vibrate = 3,
    /// With both.
    RingAndVibrate = 4,
}

/// How important Huawei and HONOR take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Importance {
    /// Marketing.
    Low = 0,
    /// A service or a message.
    Normal = 1,
}

/// What is said to Huawei.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HuaweiContent {
    /// How important it is.
    pub importance: Option<Importance>,
    /// Its category.
    pub category: String,
    /// Address of an image.
    pub image: String,
    /// Its channel.
    pub channel: String,
    /// Whether `ext` goes into the intent's parameters rather than its action.
    pub ext_in_intent: bool,
}

/// What is said to HONOR.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HonorContent {
    /// How important it is.
    pub importance: Option<Importance>,
    /// Address of an image.
    pub image: String,
}

/// What is said to FCM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoogleContent {
    /// Address of an image.
    pub image: String,
    /// Whether it wakes the device.
    pub is_high_priority: Option<bool>,
    /// Its channel.
    pub channel: String,
}

/// What is said to APNs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApnsContent {
    /// Whether it counts on the icon.
    pub counts: Option<bool>,
    /// The title, in the place of the common one.
    pub title: String,
    /// The subtitle.
    pub subtitle: String,
    /// Address of an image.
    pub image: String,
    /// Whether the app's extension may change it, which is also what lets it report deliveries.
    pub mutable: bool,
    /// A sound, with its suffix.
    pub sound: String,
    /// How it interrupts.
    pub interruption: Option<Interruption>,
    /// Whether it shows nothing and wakes the app.
    pub silent: bool,
    /// Whether it goes to the token for calls, if there is one.
    pub voip: bool,
    /// A change of a Live Activity.
    pub live_activity: Option<LiveActivity>,
}

/// How a notification interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Interruption {
    /// Lights the screen.
    Active = 0,
    /// Sounds although the phone is muted.
    Critical = 1,
    /// Not at all.
    Passive = 2,
    /// Through a focus.
    TimeSensitive = 3,
}

/// A change of a Live Activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveActivity {
    /// Which.
    pub id: String,
    /// Whether it ends.
    pub ends: bool,
    /// Its new state, a JSON object.
    pub state: String,
    /// When it goes from the screen after its end, in Unix seconds.
    pub dismissed_at: Option<crate::Second>,
}

impl LiveActivity {
    /// The longest id, in bytes.
    pub const ID_LEN_MAX: usize = 64;
}

/// What is said to HarmonyOS NEXT.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HarmonyContent {
    /// The title, in the place of the common one.
    pub title: String,
    /// Its category.
    pub category: String,
    /// Address of an image.
    pub image: String,
    /// A sound of the app.
    pub sound: String,
    /// How long the sound plays, 1 to 60 seconds.
    pub sound_s: Option<u8>,
}

impl Notification {
    /// Title and text for a device of this language; the common ones when no translation fits it, or none is known.
    ///
    /// Tags are compared without regard to case and with `_` for `-`. The translation with the same tag goes first, then
    /// the first one of the same language and script (`zh-TW` gets `zh-hant`, never `zh-hans`), where one that says
    /// no region goes before one that does.
    #[must_use]
    pub fn texts(&self, language: &str) -> (&str, &str) {
        let (title, desc) = (self.title.as_str(), self.desc.as_str());
        match self.translation(language) {
            Some(translation) => (or(&translation.title, title), or(&translation.desc, desc)),
            None => (title, desc),
        }
    }

    /// The translation for a device of this language.
    #[must_use]
    pub fn translation(&self, language: &str) -> Option<&Translation> {
        if self.translations.is_empty() || language.is_empty() {
            return None;
        }
        let same = |translation: &&Translation| same_tag(&translation.language, language);
        let wanted = LanguageTag::read(language);
        let fitting = |translation: &&Translation| {
            let tag = LanguageTag::read(&translation.language);
            tag.language == wanted.language && tag.script == wanted.script
        };
        self.translations.iter().find(same).or_else(|| {
            let fitting = self.translations.iter().filter(fitting);
            fitting.min_by_key(|translation| LanguageTag::read(&translation.language).has_region)
        })
    }
}

/// What a translation leaves empty is not translated.
fn or<'a>(text: &'a str, common: &'a str) -> &'a str {
    if text.is_empty() { common } else { text }
}

fn same_tag(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).all(|(a, b)| {
            let plain = |byte: u8| {
                if byte == b'_' {
                    b'-'
                } else {
                    byte.to_ascii_lowercase()
                }
            };
            plain(a) == plain(b)
        })
}

/// What of a language tag decides whether its reader can read another's text.
#[derive(Debug, PartialEq, Eq)]
struct LanguageTag {
    language: String,
    script: String,
    has_region: bool,
}

impl LanguageTag {
    fn read(tag: &str) -> Self {
        let mut parts = tag.split(['-', '_']).map(str::to_ascii_lowercase);
        let language = parts.next().unwrap_or_default();
        let (mut script, mut region) = (String::new(), String::new());
        for part in parts {
            match part.len() {
                4 if part.bytes().all(|byte| byte.is_ascii_alphabetic()) && script.is_empty() => {
                    script = part;
                }
                2 | 3 if region.is_empty() => region = part,
                _ => {}
            }
        }
        if script.is_empty() {
            usual_script(&language, &region).clone_into(&mut script);
        }
        Self {
            language,
            script,
            has_region: !region.is_empty(),
        }
    }
}

/// What is written where the tag does not say: only for languages that are written in two ways. `zh` alone is simplified.
fn usual_script(language: &str, region: &str) -> &'static str {
    match (language, region) {
        ("zh", "tw" | "hk" | "mo") => "hant",
        ("zh", _) => "hans",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_languages(languages: &[&str]) -> Notification {
        let translation = |language: &&str| Translation {
            language: (*language).to_owned(),
            title: format!("{language} title"),
            desc: format!("{language} text"),
        };
        Notification {
            title: "title".to_owned(),
            desc: "text".to_owned(),
            translations: languages.iter().map(translation).collect(),
            ..Notification::default()
        }
    }

    #[test]
    fn a_device_reads_its_own_language_or_the_common_texts() {
        let check = |languages: &[&str], device: &str, expected: Option<&str>| {
            let notification = in_languages(languages);
            let found = notification.translation(device);
            let found = found.map(|translation| translation.language.as_str());
            assert_eq!(found, expected, "{languages:?} for {device}");
        };
        check(&["en", "zh-hant"], "zh-Hant", Some("zh-hant"));
        check(&["en", "zh-hant"], "zh_HANT", Some("zh-hant"));
        check(&["en-gb", "en"], "en-US", Some("en"));
        check(&["en-gb", "en"], "en-GB", Some("en-gb"));
        check(&["en-gb", "en-au"], "en", Some("en-gb"));
        check(&["zh-hans", "zh-hant"], "zh-TW", Some("zh-hant"));
        check(&["zh-hans", "zh-hant"], "zh-Hant-HK", Some("zh-hant"));
        check(&["zh-hans", "zh-hant"], "zh-CN", Some("zh-hans"));
        check(&["zh-hant", "zh"], "zh-Hans-SG", Some("zh"));
        check(&["zh-hant"], "zh", None);
        check(&["zh-hans"], "zh-HK", None);
        check(&["sr-latn"], "sr", None);
        check(&["sr-latn"], "sr-Latn-RS", Some("sr-latn"));
        check(&["pt-br"], "pt-PT", Some("pt-br"));
        check(&["en"], "eng", None);
        check(&["en"], "", None);
        check(&["en"], "é-ü", None);
        check(&[], "en", None);
    }

    #[test]
    fn the_texts_are_the_translations_or_the_common_ones() {
        let notification = in_languages(&["de"]);
        assert_eq!(notification.texts("de-AT"), ("de title", "de text"));
        assert_eq!(notification.texts("fr"), ("title", "text"));
        let mut notification = notification;
        notification.translations[0].desc.clear();
        assert_eq!(notification.texts("de"), ("de title", "text"));
    }
}
