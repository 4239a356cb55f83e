//! Some devices' events out of a batch's bytes. Runs without any of them are stepped over: their devices are looked at, their times
//! added up, and nothing is made of them. Who calls: engines, for histories.

use std::collections::BTreeSet;

use pushtally_model::{AppId, Event, Number, Second, Source};

use super::calls::split_calls;
use super::task::skip_after_numbers;
use super::{
    DecodeError, Last, Reader, Recorded, TAG_CALLS, TAG_EVENTS, decode_control, decode_head,
    decode_run, open, run_head,
};

/// Takes an app and a shard that has devices of it.
pub type ShardNamed<'a> = dyn FnMut(AppId, u16) + 'a;

/// Visits the events of some devices of an app in the order of recording. If somebody asks, names every shard of an app of
/// which the batch has a device, each at least once.
pub fn visit_devices(
    bytes: &[u8],
    (app, devices): (AppId, &BTreeSet<Number>),
    mut named: Option<&mut ShardNamed<'_>>,
    visit: &mut impl FnMut(Recorded),
) -> Result<(), DecodeError> {
    let (mut reader, recorded_ms) = open(bytes)?;
    for _ in 0..reader.len()? {
        match reader.byte()? {
            TAG_EVENTS => {
                let named = named
                    .as_mut()
                    .map(|named| &mut **named as &mut ShardNamed<'_>);
                visit_section(&mut reader, recorded_ms, (app, devices), named, visit)?;
            }
            TAG_CALLS => {
                split_calls(&mut reader)?;
            }
            tag => {
                decode_control(tag, &mut reader)?;
            }
        }
    }
    if reader.is_empty() {
        Ok(())
    } else {
        Err(reader.impossible("tail"))
    }
}

fn visit_section(
    reader: &mut Reader<'_>,
    recorded_ms: i64,
    (app, devices): (AppId, &BTreeSet<Number>),
    mut named: Option<&mut ShardNamed<'_>>,
    visit: &mut impl FnMut(Recorded),
) -> Result<(), DecodeError> {
    let source = Source::from_number(reader.byte()?).ok_or_else(|| reader.impossible("source"))?;
    let mut left = reader.len()?;
    let mut last = Last::new(Second::from_millis(recorded_ms).unwrap_or_default());
    let mut run: Vec<Event> = Vec::new();
    while left > 0 {
        let (task, runs) = decode_head(reader, &mut last)?;
        for _ in 0..runs {
            let mut ahead = reader.clone();
            let (cell, len, same_at) = run_head(&mut ahead, left)?;
            left -= len;
            let is_wanted = if last.app == app || named.is_some() {
                let mut of_app = |shard| {
                    if let Some(named) = &mut named {
                        named(last.app, shard);
                    }
                };
                look(&mut ahead, len, devices, &mut of_app)? && last.app == app
            } else {
                ahead.skip_varints(len)?;
                false
            };
            if !is_wanted {
                skip_after_numbers(&mut ahead, (cell, len, same_at), &mut last.at)?;
                *reader = ahead;
                continue;
            }
            run.clear();
            decode_run(reader, (last.app, task), &mut last.at, len, &mut run)?;
            for event in run.iter().filter(|event| devices.contains(&event.number)) {
                visit(Recorded {
                    recorded_ms,
                    source,
                    event: *event,
                });
            }
        }
    }
    Ok(())
}

/// Looks at the devices of a run, which are ascending; answers whether one of them is wanted.
fn look(
    reader: &mut Reader<'_>,
    len: usize,
    wanted: &BTreeSet<Number>,
    named: &mut impl FnMut(u16),
) -> Result<bool, DecodeError> {
    let (mut number, mut shard, mut found) = (Number(0), None, false);
    // The first wanted one from here on.
    let mut next = wanted.first();
    for _ in 0..len {
        let sum = number.0.checked_add(reader.u32()?);
        number = Number(sum.ok_or_else(|| reader.impossible("device"))?);
        if shard != Some(number.shard()) {
            shard = Some(number.shard());
            named(number.shard());
        }
        if next.is_some_and(|one| *one < number) {
            next = wanted.range(number..).next();
        }
        found |= next == Some(&number);
    }
    Ok(found)
}
