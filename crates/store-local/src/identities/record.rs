//! The records of the identity log. A frame holds records one after another; each is stored as its tag,
//! the app where it changes, and the name as what differs from the name before it.

use pushtally_model::{AppId, Channel, Kind, Origin, Route};

const TAG_RECIPIENT: u8 = 0;
const TAG_TASK: u8 = 1;
const TAG_LOSS: u8 = 2;
const TAG_RAISE_TASKS: u8 = 3;
const TAG_RAISE_NUMBERS: u8 = 4;
/// In a tag: the app is that of the record before.
const SAME_APP: u8 = 0x80;

/// Something that was given a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Recipient {
        app: AppId,
        class: u8,
        account: &'a str,
    },
    Task {
        app: AppId,
        kind: Kind,
        origin: Origin,
        id: &'a str,
    },
    Loss {
        app: AppId,
        code: i64,
        text: &'a str,
    },
    RaiseTasks(u32),
    RaiseNumbers(AppId, u32),
}

/// Route and channel of a recipient in one byte.
pub(super) fn class(route: Route, channel: Channel) -> u8 {
    let route = match route {
        Route::Offline => 0,
        Route::Online => 0x80,
    };
    route | channel as u8
}

pub(super) fn origin_byte(origin: Origin) -> u8 {
    u8::from(origin == Origin::Own)
}

pub(super) fn origin(byte: u8) -> Origin {
    if byte == 0 {
        Origin::Imported
    } else {
        Origin::Own
    }
}

/// One frame being filled.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    app: AppId,
    /// The name before, by whether it is a task's.
    last: [String; 2],
}

impl Writer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn put(&mut self, record: &Record<'_>) {
        match *record {
            Record::Recipient {
                app,
                class,
                account,
            } => {
                self.tag(TAG_RECIPIENT, app);
                self.bytes.push(class);
                self.name(0, account);
            }
            Record::Task {
                app,
                kind,
                origin,
                id,
            } => {
                self.tag(TAG_TASK, app);
                self.bytes.push(kind as u8 | origin_byte(origin) << 1);
                self.name(1, id);
            }
            Record::Loss { app, code, text } => {
                self.tag(TAG_LOSS, app);
                self.bytes.extend_from_slice(&code.to_le_bytes());
                self.bytes
                    .extend_from_slice(&(text.len() as u16).to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
            Record::RaiseTasks(end) => {
                self.bytes.push(TAG_RAISE_TASKS | SAME_APP);
                self.bytes.extend_from_slice(&end.to_le_bytes());
            }
            Record::RaiseNumbers(app, end) => {
                self.tag(TAG_RAISE_NUMBERS, app);
                self.bytes.extend_from_slice(&end.to_le_bytes());
            }
        }
    }

    fn tag(&mut self, tag: u8, app: AppId) {
        if app == self.app {
            self.bytes.push(tag | SAME_APP);
        } else {
            self.app = app;
            self.bytes.push(tag);
            self.bytes.extend_from_slice(&app.0.to_le_bytes());
        }
    }

    /// Bytes shared with the name before, bytes that follow, and those.
    fn name(&mut self, family: usize, name: &str) {
        let last = &mut self.last[family];
        let shared = last
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count()
            .min(255);
        let rest = &name.as_bytes()[shared..];
        self.bytes.push(shared as u8);
        self.bytes
            .extend_from_slice(&(rest.len() as u16).to_le_bytes()[..1]);
        if rest.len() >= 255 {
            // 255 is the mark that the length follows in full.
            if let Some(short) = self.bytes.last_mut() {
                *short = 255;
            }
            self.bytes
                .extend_from_slice(&(rest.len() as u16).to_le_bytes());
        }
        self.bytes.extend_from_slice(rest);
        name.clone_into(last);
    }
}

/// Reads one frame.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    app: AppId,
    last: [Vec<u8>; 2],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            app: AppId(0),
            last: Default::default(),
        }
    }

    /// The next record, or why the bytes are not one.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, &'static str> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let [tag] = self.take::<1>()?;
        if tag & SAME_APP == 0 {
            self.app = AppId(u32::from_le_bytes(self.take()?));
        }
        let app = self.app;
        Ok(Some(match tag & !SAME_APP {
            TAG_RECIPIENT => {
                let [class] = self.take()?;
                Record::Recipient {
                    app,
                    class,
                    account: self.name(0)?,
                }
            }
            TAG_TASK => {
                let [head] = self.take()?;
                let kind = if head & 1 == 0 {
                    Kind::Push
                } else {
                    Kind::Message
                };
                Record::Task {
                    app,
                    kind,
                    origin: origin(head >> 1 & 1),
                    id: self.name(1)?,
                }
            }
            TAG_LOSS => {
                let code = i64::from_le_bytes(self.take()?);
                let len = u16::from_le_bytes(self.take()?);
                let text = self.slice(len.into())?;
                Record::Loss {
                    app,
                    code,
                    text: std::str::from_utf8(text).map_err(|_| "a text is not UTF-8")?,
                }
            }
            TAG_RAISE_TASKS => Record::RaiseTasks(u32::from_le_bytes(self.take()?)),
            TAG_RAISE_NUMBERS => Record::RaiseNumbers(app, u32::from_le_bytes(self.take()?)),
            _ => return Err("an unknown tag"),
        }))
    }

    fn name(&mut self, family: usize) -> Result<&str, &'static str> {
        let [shared, short] = self.take()?;
        let len = if short == 255 {
            u16::from_le_bytes(self.take()?)
        } else {
            short.into()
        };
        let rest = self.slice(len.into())?;
        let last = &mut self.last[family];
        if usize::from(shared) > last.len() {
            return Err("a name shares more than there is");
        }
        last.truncate(shared.into());
        last.extend_from_slice(rest);
        std::str::from_utf8(last).map_err(|_| "a name is not UTF-8")
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (head, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or("a record that ends early")?;
        self.bytes = rest;
        Ok(*head)
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (head, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or("a record that ends early")?;
        self.bytes = rest;
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_survive_their_bytes(names in proptest::collection::vec((0..3u32, any::<u8>(), "[a-c\u{4e2d}]{0,300}"), 0..30)) {
            let records: Vec<Record<'_>> = names
                .iter()
                .map(|(app, class, name)| match class % 5 {
                    0 => Record::Task { app: AppId(*app), kind: Kind::Message, origin: Origin::Own, id: name },
                    1 => Record::Loss { app: AppId(*app), code: -2, text: name },
                    2 => Record::RaiseTasks((*class).into()),
                    3 => Record::RaiseNumbers(AppId(*app), 7),
                    _ => Record::Recipient { app: AppId(*app), class: *class, account: name },
                })
                .collect();
            let mut writer = Writer::default();
            records.iter().for_each(|record| writer.put(record));
            let mut reader = Reader::new(writer.bytes());
            for record in &records {
                let read = reader.next().unwrap();
                prop_assert_eq!(read.as_ref(), Some(record));
            }
            prop_assert_eq!(reader.next(), Ok(None));
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(Some(_)) = reader.next() {}
        }
    }
}
