//! What the app gets of a push beside its texts: with it, it opens the right page and reports what became of the push.

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

    /// All of it by name, also what is empty.
    pub(crate) fn named(&self) -> [(&'static str, &'a str); 3] {
        [("ext", self.ext), ("id", self.id), ("mark", self.mark)]
    }
}
