//! `MsgBody`: the message of the Chat family, as far as a notification shows it.
//!
//! There are no chats here. Its form is checked, and its text is shown where `OfflinePushInfo` has none.

use pushtally_model::Notification;

use crate::object::Value;
use crate::{Code, WireError};

/// Checks the elements; answers the text that the first one with a text shows, and what it passes on with it.
pub(super) fn parse(body: &Value<'_, '_>) -> Result<Notification, WireError> {
    let bad = |error: WireError| error.common(Code::MessageBad);
    let items = body.items("an array of objects");
    let items = items.map_err(|error| error.coded(Code::MessageNotArray))?;
    if items.is_empty() {
        return Err(bad(body.refuse("an array of at least one element")));
    }
    let mut shown = Notification::default();
    for (index, raw) in items.into_iter().enumerate() {
        let element = element(body.item(index, raw)).map_err(bad)?;
        if shown.desc.is_empty() {
            shown = element;
        }
    }
    Ok(shown)
}

fn element(element: Value<'_, '_>) -> Result<Notification, WireError> {
    let element = element.object()?;
    let kind = element.require("MsgType")?.text()?;
    let content = element.require("MsgContent")?.object()?;
    let mut shown = Notification::default();
    match kind.as_ref() {
        "TIMTextElem" => shown.desc = content.text("Text")?,
        "TIMLocationElem" => shown.desc = content.text("Desc")?,
        "TIMCustomElem" => {
            shown.desc = content.text("Desc")?;
            shown.ext = content.text("Ext")?;
        }
        _ => {}
    }
    Ok(shown)
}
