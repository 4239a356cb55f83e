//! JSON as it is written from cells: text is copied, but for what must be escaped.

/// A JSON object that is being written; empty as long as it has no field.
#[derive(Default)]
pub(super) struct Object(pub(super) String);

impl Object {
    pub(super) fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        quote(&mut self.0, name);
        self.0.push(':');
    }

    /// A cell that is empty says nothing.
    pub(super) fn cell(&mut self, name: &str, cell: &str) {
        if !cell.is_empty() {
            self.name(name);
            quote(&mut self.0, cell);
        }
    }

    pub(super) fn close(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// Adds a text as JSON.
pub(super) fn quote(json: &mut String, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        // Texts into memory: nothing of it can fail.
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}
