//! The body of a webhook: `{"Events": [1..100 events]}`.
//!
//! The plain form that senders write is read first; this is the intake's hot path. Any other body is parsed typed,
//! texts borrowed. Only when that fails is it read again event by event, so that the bad ones are named and the good
//! ones count.

use std::fmt::{self, Write as _};

use pushtally_model::Second;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::WebhookEvent;
use super::event::{Typed, plain};
use crate::field::{self, Raw};
use crate::{EVENTS_MAX, NAMED_EVENTS_MAX, WireError};

/// The events of one body, 1 to [`EVENTS_MAX`], not all of them necessarily sound.
#[derive(Debug)]
pub struct EventBatch<'a>(Events<'a>);

#[derive(Debug)]
enum Events<'a> {
    /// All have the right types.
    Typed(Vec<Typed<'a>>),
    /// Some have not.
    Mixed(Vec<Result<Typed<'a>, WireError>>),
}

#[derive(Deserialize)]
struct Fast<'a> {
    #[serde(borrow, rename = "Events")]
    events: Bounded<Typed<'a>>,
}

#[derive(Deserialize)]
struct Loose<'a> {
    #[serde(borrow, rename = "Events")]
    events: Raw<'a>,
}

impl<'a> EventBatch<'a> {
    /// Reads a body. Fails when nothing of it can count: it is not a JSON object, or `Events` is no array of 1 to
    /// [`EVENTS_MAX`].
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        // Checked once as a whole, texts need no check of their own.
        let text = std::str::from_utf8(body).ok();
        if let Some(events) = text.and_then(plain::read) {
            return Ok(Self(Events::Typed(events)));
        }
        let typed = text.and_then(|text| serde_json::from_str::<Fast<'a>>(text).ok());
        let (events, count) = match typed {
            Some(Fast { events }) => (Events::Typed(events.items), events.count),
            None => {
                let events = Self::read_each(body)?;
                (Events::Mixed(events.items), events.count)
            }
        };
        if count == 0 || count > EVENTS_MAX {
            return Err(WireError::EventsCount { count });
        }
        Ok(Self(events))
    }

    fn read_each(body: &'a [u8]) -> Result<Bounded<Result<Typed<'a>, WireError>>, WireError> {
        let Loose { events } = field::object(body)?;
        let raw = field::present("Events", events)?;
        let Bounded { items, count } = serde_json::from_str::<Bounded<&'a RawValue>>(raw.get())
            .map_err(|_| field::refuse("Events", "an array of objects", raw))?;
        Ok(Bounded {
            items: items.into_iter().map(Typed::read).collect(),
            count,
        })
    }

    /// How many events there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is never none")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Events::Typed(events) => events.len(),
            Events::Mixed(events) => events.len(),
        }
    }

    /// Checks each event, in the order of the body.
    pub fn check(&self, now: Second) -> impl Iterator<Item = Result<WebhookEvent<'_>, WireError>> {
        let (typed, mixed): (&[Typed<'_>], &[Result<Typed<'_>, WireError>]) = match &self.0 {
            Events::Typed(events) => (events, &[]),
            Events::Mixed(events) => (&[], events),
        };
        let mixed = mixed.iter().map(move |event| match event {
            Ok(typed) => typed.check(now),
            Err(error) => Err(error.clone()),
        });
        typed.iter().map(move |event| event.check(now)).chain(mixed)
    }
}

/// The items of an array, at most [`EVENTS_MAX`] of them kept, and how many there were.
struct Bounded<T> {
    items: Vec<T>,
    count: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::with_capacity(EVENTS_MAX);
                while items.len() < EVENTS_MAX {
                    match seq.next_element()? {
                        Some(item) => items.push(item),
                        None => {
                            return Ok(Bounded {
                                count: items.len(),
                                items,
                            });
                        }
                    }
                }
                let mut count = items.len();
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Bounded { items, count })
            }
        }
        deserializer.deserialize_seq(Items(std::marker::PhantomData))
    }
}

/// The text for a body with bad events in it: how many, and the first [`NAMED_EVENTS_MAX`] by index and reason.
/// `refused` is in ascending order of index.
#[must_use]
pub fn describe_refused(refused: &[(usize, String)], len: usize) -> String {
    let mut text = format!(
        "`{}` of `{len}` events are refused, the others count",
        refused.len()
    );
    for (index, reason) in refused.iter().take(NAMED_EVENTS_MAX) {
        // Writing to a String cannot fail.
        let _ = write!(text, "; event `{index}`: {reason}");
    }
    if refused.len() > NAMED_EVENTS_MAX {
        text.push_str("; …");
    }
    text
}

#[cfg(test)]
mod tests;
