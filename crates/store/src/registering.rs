//! What registering, changing and unregistering a device does, decided from what is known: values in, values out.
//!
//! Every engine looks up what these functions ask for, and writes what they answer. They know no storage.

use pushtally_model::{Device, DeviceFacts, DroppedToken, Number, Second, Token};

use crate::ports::{
    DeadToken, DeviceChange, Phone, Registered, Registration, ReplacedToken, Restoring, SecretHash,
    Unregistered, Updated,
};

/// What an engine does with a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterPlan {
    /// It answers this and writes nothing.
    Answer(Registered),
    /// It replaces the device that the phone has by this one.
    Change(Box<Device>),
    /// It gives the phone this secret, and replaces the device that it has by this one, which may be equal.
    Claim {
        /// What the phone had none of.
        secret: SecretHash,
        /// The device.
        device: Box<Device>,
    },
    /// It ends `replaced`, gives a number, and stores [`new_device`] under it.
    New {
        /// The device of another account on the same phone.
        replaced: Option<Number>,
        /// What the phone's secret hashes to from now on.
        secret: SecretHash,
    },
}

/// Who registers a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registrant {
    /// The phone, which must show its secret if it has one.
    Phone,
    /// The operator, who needs none and cannot change one.
    Operator,
}

/// Decides on a registration. `device` is the one that `phone` names; `devices` is how many the app has.
#[must_use]
pub fn plan_registration(
    phone: Option<&Phone>,
    device: Option<&Device>,
    registration: &Registration,
    registrant: Registrant,
    devices: u64,
    devices_max: u64,
) -> RegisterPlan {
    let held = phone.map(|phone| phone.secret);
    let held = held.filter(|held| *held != SecretHash::UNCLAIMED);
    let other = held.is_some_and(|held| !equal(held, registration.secret));
    if other && registrant == Registrant::Phone {
        return RegisterPlan::Answer(Registered::OtherSecret);
    }
    let secret = held.unwrap_or(registration.secret);
    match device {
        Some(known) if known.account == registration.account => {
            let changed = || {
                Box::new(Device {
                    facts: registration.facts.clone(),
                    said_at: registration.at,
                    dropped: Vec::new(),
                    ..known.clone()
                })
            };
            if held.is_none() && secret != SecretHash::UNCLAIMED {
                let device = changed();
                return RegisterPlan::Claim { secret, device };
            }
            if known.facts == registration.facts && known.dropped.is_empty() {
                let number = known.number;
                return RegisterPlan::Answer(Registered::Same { number });
            }
            RegisterPlan::Change(changed())
        }
        // One goes, one comes: the app has no more than before.
        Some(known) => RegisterPlan::New {
            replaced: Some(known.number),
            secret,
        },
        None if devices >= devices_max => RegisterPlan::Answer(Registered::Full),
        None => RegisterPlan::New {
            replaced: None,
            secret,
        },
    }
}

/// The device that a registration makes.
#[must_use]
pub fn new_device(registration: &Registration, number: Number) -> Device {
    Device {
        number,
        registration_id: registration.registration_id.clone(),
        account: registration.account.clone(),
        facts: registration.facts.clone(),
        registered_at: registration.at,
        said_at: registration.at,
        dropped: Vec::new(),
    }
}

/// What an engine does with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdatePlan {
    /// It answers this and writes nothing.
    Answer(Updated),
    /// It replaces the device that the phone has by this one.
    Change(Box<Device>),
}

/// Decides on a change. `device` is the one that `phone` names.
#[must_use]
pub fn plan_update(
    phone: Option<&Phone>,
    device: Option<&Device>,
    secret: SecretHash,
    change: &DeviceChange,
) -> UpdatePlan {
    if !admits(phone, secret) {
        return UpdatePlan::Answer(Updated::OtherSecret);
    }
    let Some(known) = device else {
        return UpdatePlan::Answer(Updated::Nothing);
    };
    let facts = changed(&known.facts, change);
    let says_tokens = change.tokens.is_some() && !known.dropped.is_empty();
    if facts == known.facts && !says_tokens {
        return UpdatePlan::Answer(Updated::Same(known.number));
    }
    let mut device = Device {
        facts,
        ..known.clone()
    };
    if change.tokens.is_some() {
        device.said_at = known.said_at.max(change.at);
        device.dropped.clear();
    }
    UpdatePlan::Change(Box::new(device))
}

/// Decides on unregistering: `Done` ends the device that the phone names, anything else writes nothing.
#[must_use]
pub fn plan_unregistration(phone: Option<&Phone>, secret: SecretHash) -> Unregistered {
    match phone {
        Some(phone) if admits(Some(phone), secret) => phone
            .device
            .map_or(Unregistered::Nothing, Unregistered::Done),
        _ => Unregistered::OtherSecret,
    }
}

/// The tokens of a device that it did not have before: whoever else has them loses them.
pub fn tokens_gained<'a>(
    before: Option<&'a DeviceFacts>,
    after: &'a DeviceFacts,
) -> impl Iterator<Item = &'a Token> {
    let had = move |token: &Token| {
        before.is_some_and(|before| before.tokens.iter().any(|other| same(other, token)))
    };
    after.tokens.iter().filter(move |token| !had(token))
}

/// The device without a token: what it is after that token has moved to another.
#[must_use]
pub fn without_token(mut device: Device, token: &Token) -> Device {
    device.facts.tokens.retain(|other| !same(other, token));
    device
}

/// The device without a token that reaches nobody any more; `None` when it does not have it, or has said so after the
/// vendor knew.
#[must_use]
pub fn plan_drop(device: &Device, dead: &DeadToken, at: Second) -> Option<Device> {
    if has_spoken_since(device, dead.since_ms.unwrap_or(i64::MAX)) {
        return None;
    }
    let held = device.facts.tokens.iter();
    let held = held.filter(|token| same(token, &dead.token)).cloned();
    let dropped: Vec<DroppedToken> = held.map(|token| DroppedToken { token, at }).collect();
    if dropped.is_empty() {
        return None;
    }
    let mut device = without_token(device.clone(), &dead.token);
    device.dropped.extend(dropped);
    Some(device)
}

/// The device with the tokens that it is given back, and how many they are; `None` when there are none. `is_free` is
/// whether nobody else has a token. What the device said counts from now on, so that what a vendor knew before takes
/// nothing from it again.
pub fn plan_restoring<E>(
    device: &Device,
    what: &Restoring,
    at: Second,
    mut is_free: impl FnMut(&Token) -> Result<bool, E>,
) -> Result<Option<(Device, u64)>, E> {
    let mut restored = device.clone();
    restored.dropped.clear();
    let mut count = 0;
    for dropped in &device.dropped {
        let DroppedToken { token, at } = dropped;
        let has_other = restored
            .facts
            .tokens
            .iter()
            .any(|held| addresses(held, token));
        let is_meant = token.channel == what.channel
            && what.cert_id.is_none_or(|cert_id| cert_id == token.cert_id)
            && *at >= what.since;
        if is_meant && !has_other && is_free(token)? {
            restored.facts.tokens.push(token.clone());
            count += 1;
        } else {
            restored.dropped.push(dropped.clone());
        }
    }
    if count == 0 {
        return Ok(None);
    }
    let order = |token: &Token| (token.channel, token.kind);
    restored.facts.tokens.sort_by_key(order);
    restored.said_at = restored.said_at.max(at);
    Ok(Some((restored, count)))
}

/// The device with another token in place of the one that it was sent to; `None` when it does not have that, has said so
/// after the vendor knew, or has the other already.
#[must_use]
pub fn plan_replacement(device: &Device, replaced: &ReplacedToken) -> Option<Device> {
    if has_spoken_since(device, replaced.since_ms) || replaced.token.value == replaced.value {
        return None;
    }
    let mut held = device.facts.tokens.iter();
    let place = held.position(|token| same(token, &replaced.token))?;
    let mut device = device.clone();
    let token = device.facts.tokens.get_mut(place)?;
    token.value = replaced.value.clone();
    Some(device)
}

/// Whether a phone has said which tokens it has after a moment of its vendor's clock.
fn has_spoken_since(device: &Device, since_ms: i64) -> bool {
    i64::from(device.said_at.0) * 1000 > since_ms
}

/// Whether two tokens are of one kind: a device has at most one of them.
fn addresses(one: &Token, other: &Token) -> bool {
    (one.channel, one.kind) == (other.channel, other.kind)
}

/// Whether two tokens address the same thing, whatever else is said of them.
fn same(one: &Token, other: &Token) -> bool {
    addresses(one, other) && one.value == other.value
}

fn admits(phone: Option<&Phone>, secret: SecretHash) -> bool {
    phone.is_some_and(|phone| phone.secret != SecretHash::UNCLAIMED && equal(phone.secret, secret))
}

/// Takes as long for the first differing byte as for the last.
fn equal(one: SecretHash, other: SecretHash) -> bool {
    let differ = one
        .0
        .iter()
        .zip(other.0)
        .fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differ) == 0
}

fn changed(facts: &DeviceFacts, change: &DeviceChange) -> DeviceFacts {
    let text = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).clone();
    DeviceFacts {
        tokens: change.tokens.as_ref().unwrap_or(&facts.tokens).clone(),
        vendor: change.vendor.unwrap_or(facts.vendor),
        model: text(&change.model, &facts.model),
        system: text(&change.system, &facts.system),
        system_version: text(&change.system_version, &facts.system_version),
        app_version: text(&change.app_version, &facts.app_version),
        sdk_version: text(&change.sdk_version, &facts.sdk_version),
        notifications: change.notifications.unwrap_or(facts.notifications),
        language: text(&change.language, &facts.language),
    }
}
