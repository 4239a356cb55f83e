//! What the app gets of a push beside its texts, with which it can report what became of it.

use serde::Serialize;

use crate::contract::Post;

/// A vendor's custom data.
#[derive(Debug, Serialize)]
pub(crate) struct Custom<'a> {
    /// What the sender passes through.
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
    /// The task's id.
    id: &'a str,
    /// The post's mark.
    mark: &'a str,
}

impl<'a> Custom<'a> {
    pub(crate) fn of(post: &Post<'a>) -> Self {
        Self {
            ext: &post.notification.ext,
            id: post.task.as_str(),
            mark: post.mark,
        }
    }

    /// As a JSON text.
    pub(crate) fn json(&self) -> String {
        // Texts are always written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
