//! A condition as algebra over the bitmaps of a shard: values in, values out. Only `evaluate` calls it.

use std::sync::Arc;

use pushtally_model::{AttributeIndex, AttributeValue, Condition, Tag};
use pushtally_store::{IndexKey, Slots};

/// Every registered device, then a key for each tag and attribute, part by part: what [`fitting`] takes the bitmaps of.
pub(crate) fn index_keys(condition: &Condition) -> Vec<IndexKey> {
    let tags = |tags: &[Tag]| tags.iter().cloned().map(IndexKey::Tag).collect::<Vec<_>>();
    let attributes = |attributes: &[(AttributeIndex, AttributeValue)]| {
        let keys = attributes.iter().cloned();
        keys.map(|(index, value)| IndexKey::Attribute(index, value))
            .collect::<Vec<_>>()
    };
    [
        vec![IndexKey::Registered],
        tags(&condition.tags_any),
        tags(&condition.tags_all),
        tags(&condition.tags_none),
        attributes(&condition.attributes_any),
        attributes(&condition.attributes_all),
    ]
    .concat()
}

/// The slots that fit every part that is not empty, from the bitmaps of [`index_keys`] in their order.
pub(crate) fn fitting(condition: &Condition, bitmaps: &[Arc<Slots>]) -> Slots {
    let mut rest = bitmaps.iter();
    let mut part = |len: usize| rest.by_ref().take(len).collect::<Vec<_>>();
    let registered = part(1);
    let any = [condition.tags_any.len(), condition.attributes_any.len()];
    let all = [condition.tags_all.len(), condition.attributes_all.len()];
    let (tags_any, tags_all) = (part(any[0]), part(all[0]));
    let none = part(condition.tags_none.len());
    let (attributes_any, attributes_all) = (part(any[1]), part(all[1]));

    let mut fitting = Fitting(None);
    for all in tags_all.into_iter().chain(attributes_all) {
        fitting.restrict(all);
    }
    for any in [tags_any, attributes_any] {
        if let Some((first, others)) = any.split_first() {
            let mut united = (***first).clone();
            for other in others {
                united |= &***other;
            }
            fitting.restrict(&united);
        }
    }
    for registered in registered {
        fitting.begin(registered);
    }
    let mut slots = fitting.0.unwrap_or_default();
    for gone in none {
        slots -= &**gone;
    }
    slots
}

/// What fits so far; `None` while nothing restricts it.
struct Fitting(Option<Slots>);

impl Fitting {
    fn restrict(&mut self, to: &Slots) {
        match &mut self.0 {
            Some(slots) => *slots &= to,
            None => self.0 = Some(to.clone()),
        }
    }

    /// Whatever is in a bitmap is registered, so this is the beginning only where nothing else is.
    fn begin(&mut self, registered: &Slots) {
        self.0.get_or_insert_with(|| registered.clone());
    }
}
