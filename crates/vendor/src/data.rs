//! What the app finds with a push, so that it can open the right page and report the delivery.

use std::collections::BTreeMap;

use crate::contract::Post;

/// The app's own `ext`, unless it is empty, the task as `id`, and the `mark`.
pub(crate) fn data<'a>(post: &Post<'a>) -> BTreeMap<&'static str, &'a str> {
    let ext = post.notification.ext.as_str();
    let mut data = BTreeMap::from([("id", post.task.as_str()), ("mark", post.mark)]);
    if !ext.is_empty() {
        data.insert("ext", ext);
    }
    data
}
