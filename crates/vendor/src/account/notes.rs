//! Notes of the calls that one send made, for whoever must ask the vendor about them later.

use parking_lot::Mutex;
use pushtally_model::VendorCall;

use super::Addressee;
use crate::contract::{Failure, Reply};
use crate::text::without;

/// What was called so far.
#[derive(Debug, Default)]
pub(crate) struct CallNotes(Mutex<Vec<VendorCall>>);

/// How a call ended.
pub(super) enum CallEnd<'a> {
    /// The vendor took it and named it so.
    Taken(&'a Reply, &'a str),
    /// It refused it.
    Refused(&'a Reply, &'a Failure),
    /// No answer came.
    Silent(&'a str),
}

impl CallNotes {
    /// Notes a call to these targets. No token gets into it, whatever the vendor repeats.
    pub(super) fn note(&self, targets: &[Addressee<'_>], at_ms: i64, end: &CallEnd<'_>) {
        let clean = |text: &str| {
            let tokens = targets.iter().map(|target| target.token.value.expose());
            cut(without(text, tokens))
        };
        let (status, request_id, code, text) = match end {
            CallEnd::Taken(reply, id) => (reply.status, clean(id), 0, String::new()),
            CallEnd::Refused(reply, failure) => {
                let said = failure.said();
                (reply.status, String::new(), said.code, clean(&said.text))
            }
            CallEnd::Silent(text) => (0, String::new(), 0, clean(text)),
        };
        let mut numbers: Vec<_> = targets.iter().map(|target| target.to.number).collect();
        numbers.sort_unstable();
        self.0.lock().push(VendorCall {
            at_ms,
            status,
            request_id,
            code,
            text,
            numbers,
        });
    }

    pub(crate) fn into_calls(self) -> Vec<VendorCall> {
        self.0.into_inner()
    }
}

/// To the bound, between characters.
fn cut(mut text: String) -> String {
    let mut end = text.len().min(VendorCall::TEXT_LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
