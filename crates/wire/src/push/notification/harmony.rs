//! `HarmonyInfo`: what is said to HarmonyOS NEXT.

use pushtally_model::HarmonyContent;

use super::https;
use crate::WireError;
use crate::object::Object;

/// The longest `SoundDuration`, in seconds.
const SOUND_S_MAX: u16 = 60;

pub(super) fn parse(info: &Object<'_, '_>) -> Result<HarmonyContent, WireError> {
    let sound_s = info.within("SoundDuration", 1, SOUND_S_MAX)?;
    Ok(HarmonyContent {
        title: info.text("Title")?,
        category: info.text("Category")?,
        image: https(info, "Image")?,
        sound: info.text("Sound")?,
        sound_s: sound_s.and_then(|seconds| u8::try_from(seconds).ok()),
    })
}
