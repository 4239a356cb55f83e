//! `ApnsInfo`: what is said to APNs.

use pushtally_model::{ApnsContent, Interruption, LiveActivity};

use crate::WireError;
use crate::object::{Object, Value};

const INTERRUPTIONS: &[(&str, Interruption)] = &[
    ("active", Interruption::Active),
    ("critical", Interruption::Critical),
    ("passive", Interruption::Passive),
    ("time-sensitive", Interruption::TimeSensitive),
];

pub(super) fn parse(info: &Object<'_, '_>) -> Result<ApnsContent, WireError> {
    Ok(ApnsContent {
        // 0 is "count" and 1 is "do not".
        counts: info.flag("BadgeMode")?.map(|silent| !silent),
        title: info.text("Title")?,
        subtitle: info.text("SubTitle")?,
        image: info.text("Image")?,
        mutable: info.flag("MutableContent")?.unwrap_or(false),
        sound: info.text("Sound")?,
        interruption: info.choice("InterruptionLevel", INTERRUPTIONS)?,
        silent: info.flag("ContentAvailable")?.unwrap_or(false),
        voip: info.flag("IsVoipPush")?.unwrap_or(false),
        live_activity: info.get("LiveActivity")?.map(live_activity).transpose()?,
    })
}

fn live_activity(activity: Value<'_, '_>) -> Result<LiveActivity, WireError> {
    let activity = activity.object()?;
    let id = activity.require("LaId")?;
    let name = id.text()?;
    if !(1..=LiveActivity::ID_LEN_MAX).contains(&name.len()) {
        return Err(id.refuse("a string of 1 to 64 bytes"));
    }
    let event = activity.require("Event")?;
    let ends = activity.choice("Event", &[("update", false), ("end", true)])?;
    let ends = ends.ok_or_else(|| event.refuse("update or end"))?;
    activity.require("ContentState")?;
    let dismissed_at = activity.get("DismissalDate")?;
    Ok(LiveActivity {
        id: name.into_owned(),
        ends,
        state: activity.json("ContentState")?,
        dismissed_at: dismissed_at.map(|at| at.second()).transpose()?,
    })
}
