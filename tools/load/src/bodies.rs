//! Webhook calls of 100 events as one buffer, rendered once; each call patches the fields that differ in place.
//!
//! Every field that differs has a fixed width, so the length never changes and a call costs one copy, the kernel's.

use crate::access::Access;
use crate::sequence::{Event, platform};

/// Events of a call: the documented most.
pub(crate) const EVENTS_LEN: usize = 100;
/// A signature is renewed well before the documented 300 seconds of tolerance.
const SIGNATURE_S: u32 = 60;

/// The four decimal digits of every number below 10,000.
static DIGITS: [[u8; 4]; 10_000] = digits();

const fn digits() -> [[u8; 4]; 10_000] {
    let mut table = [[0; 4]; 10_000];
    let mut number = 0;
    while number < 10_000 {
        let n = number as u16;
        table[number] = [
            b'0' + (n / 1_000) as u8,
            b'0' + (n / 100 % 10) as u8,
            b'0' + (n / 10 % 10) as u8,
            b'0' + (n % 10) as u8,
        ];
        number += 1;
    }
    table
}

/// The public name of a task of a run, always of the same length.
pub(crate) fn task_name(run: u32, task: u32) -> String {
    format!("{run:08x}_{task:08}_bc614e")
}

/// The account of a recipient, always of the same length.
pub(crate) fn account_name(recipient: u32) -> String {
    format!("user_{recipient:08}")
}

/// An event as the documentation's sample writes it.
pub(crate) fn render(run: u32, event: &Event) -> String {
    let (event_type, platform) = platform(event.recipient);
    let task = task_name(run, event.task);
    let account = account_name(event.recipient);
    let Event { at, stage, .. } = event;
    format!(
        r#"{{"CallbackCommand":"Push.AllMemberPush","EventType":{event_type},"TaskId":"{task}","TaskTime":{at:010},"EventTime":{at:010},"To_Account":"{account}","PushPlatform":{platform},"DeviceType":0,"PushStage":{stage},"ErrCode":0,"ErrInfo":"OK"}}"#
    )
}

/// A call that can be sent again and again.
pub(crate) struct EventsCall<'a> {
    access: &'a Access,
    bytes: Vec<u8>,
    sign_at: usize,
    request_time_at: usize,
    signed_s: u32,
    /// Where each event begins: the first, and how far apart.
    events_at: usize,
    stride: usize,
    fields: Fields,
}

/// Where an event's fields lie, from its first byte.
struct Fields {
    event_type: usize,
    task: usize,
    at: usize,
    account: usize,
    platform: usize,
    stage: usize,
}

impl<'a> EventsCall<'a> {
    pub(crate) fn new(access: &'a Access, run: u32, task_time_s: u32, now_s: u32) -> Self {
        let event = Event {
            task: 0,
            recipient: 0,
            at: task_time_s,
            stage: 1,
        };
        let rendered = render(run, &event);
        let body = format!(
            r#"{{"Events":[{}]}}"#,
            vec![rendered.as_str(); EVENTS_LEN].join(",")
        );
        let head = access.events_head(body.len(), now_s);
        let after = |text: &str, mark: &str| text.find(mark).map_or(0, |at| at + mark.len());
        let field = |mark: &str| after(&rendered, mark);
        let run_len = "00000000_".len();
        Self {
            access,
            sign_at: after(&head, "&Sign="),
            request_time_at: after(&head, "&RequestTime="),
            signed_s: now_s,
            events_at: head.len() + r#"{"Events":["#.len(),
            stride: rendered.len() + 1,
            fields: Fields {
                event_type: field(r#""EventType":"#),
                task: field(r#""TaskId":""#) + run_len,
                at: field(r#""EventTime":"#),
                account: field(r#""To_Account":"user_"#),
                platform: field(r#""PushPlatform":"#),
                stage: field(r#""PushStage":"#),
            },
            bytes: [head, body].concat().into_bytes(),
        }
    }

    /// Renews the signature when it is old.
    pub(crate) fn sign(&mut self, now_s: u32) {
        if now_s.abs_diff(self.signed_s) < SIGNATURE_S {
            return;
        }
        self.signed_s = now_s;
        self.put(self.sign_at, self.access.sign(now_s).as_bytes());
        self.put(self.request_time_at, format!("{now_s:010}").as_bytes());
    }

    /// Writes an event into its place among the 100.
    pub(crate) fn set(&mut self, index: usize, event: &Event) {
        let start = self.events_at + index * self.stride;
        let Some(bytes) = self.bytes.get_mut(start..start + self.stride - 1) else {
            return;
        };
        let (event_type, platform) = platform(event.recipient);
        let fields = &self.fields;
        bytes[fields.event_type] = b'0' + event_type;
        bytes[fields.platform] = b'0' + platform;
        bytes[fields.stage] = b'0' + event.stage;
        put_8(bytes, fields.task, event.task);
        put_8(bytes, fields.account, event.recipient);
        put_10(bytes, fields.at, event.at);
    }

    /// The whole request.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn put(&mut self, at: usize, text: &[u8]) {
        self.bytes[at..at + text.len()].copy_from_slice(text);
    }
}

/// Writes a second as ten digits.
pub(crate) fn put_10(bytes: &mut [u8], at: usize, second: u32) {
    put_4(bytes, at, second / 1_000_000);
    put_4(bytes, at + 4, second / 100 % 10_000);
    bytes[at + 8] = b'0' + (second / 10 % 10) as u8;
    bytes[at + 9] = b'0' + (second % 10) as u8;
}

/// Writes a number below 100,000,000 as eight digits.
pub(crate) fn put_8(bytes: &mut [u8], at: usize, number: u32) {
    put_4(bytes, at, number / 10_000);
    put_4(bytes, at + 4, number % 10_000);
}

fn put_4(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&DIGITS[number as usize]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_call_is_the_call_rendered_anew() {
        let access = Access {
            host: "h".to_owned(),
            app: 1_400_000_000,
            key: "k".to_owned(),
            token: "t".to_owned(),
            administrator: "a".to_owned(),
        };
        let event = |n: u32| Event {
            task: n * 10_007,
            recipient: n * 999_983,
            at: 1_700_000_000 + n * 1_234_567,
            stage: (n % 3 + 1) as u8,
        };
        let mut call = EventsCall::new(&access, 0xBAD_CAFE, 1_700_000_000, 1_700_000_000);
        for round in [0, 1] {
            let now_s = 1_700_000_000 + round * 500;
            call.sign(now_s);
            let mut expected = Vec::new();
            for n in 0..EVENTS_LEN as u32 {
                let event = event(n * (1 - round) + round);
                call.set(n as usize, &event);
                let rendered = render(0xBAD_CAFE, &event);
                // The task began once, however late its events are.
                let task_time = format!(r#""TaskTime":{:010}"#, event.at);
                expected.push(rendered.replace(&task_time, r#""TaskTime":1700000000"#));
            }
            let body = format!(r#"{{"Events":[{}]}}"#, expected.join(","));
            let whole = access.events_head(body.len(), now_s) + &body;
            assert_eq!(std::str::from_utf8(call.bytes()).unwrap(), whole);
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
        }
    }
}
