//! Acts on devices, within a transaction. Each looks at everything before it writes anything.

use std::collections::BTreeMap;

use pushtally_model::{Account, AppId, Device, DeviceFacts, Number, RegistrationId, Second, Token};
use pushtally_store::registering::{
    RegisterPlan, Registrant, UpdatePlan, new_device, plan_drop, plan_registration,
    plan_replacement, plan_restoring, plan_unregistration, plan_update, tokens_gained,
    without_token,
};
use pushtally_store::{
    DeadToken, DeviceChange, Phone, Registered, Registration, ReplacedToken, Restoring, SecretHash,
    Unregistered, Updated,
};
use redb::ReadableTable;

use super::holdings::Moved;
use super::numbers::Numbers;
use super::rows::AppRow;
use super::tables::{
    ActError, Bytes, KNOWN, Tables, TokenKey, account_key, encode, number_of, phone_key, row,
    token_key,
};
use super::writer::Outcome;

pub(super) fn phone(
    phones: &impl ReadableTable<Bytes, Bytes>,
    app: AppId,
    registration_id: &RegistrationId,
) -> Result<Option<Phone>, ActError> {
    row("phones", phones, phone_key(app, registration_id).as_slice())
}

pub(super) fn device(
    devices: &impl ReadableTable<(u32, u32), Bytes>,
    app: AppId,
    number: Number,
) -> Result<Option<Device>, ActError> {
    row("devices", devices, (app.0, number.0))
}

/// A phone, and the device that it names.
pub(super) fn pair(
    phones: &impl ReadableTable<Bytes, Bytes>,
    devices: &impl ReadableTable<(u32, u32), Bytes>,
    app: AppId,
    registration_id: &RegistrationId,
) -> Result<(Option<Phone>, Option<Device>), ActError> {
    let phone = phone(phones, app, registration_id)?;
    let number = phone.as_ref().and_then(|phone| phone.device);
    let device = number.map(|number| device(devices, app, number));
    Ok((phone, device.transpose()?.flatten()))
}

pub(super) fn app_row(
    apps: &impl ReadableTable<u32, Bytes>,
    app: AppId,
) -> Result<AppRow, ActError> {
    Ok(row("apps", apps, app.0)?.unwrap_or_default())
}

/// The numbers of an account's devices.
pub(super) fn numbers_of_account(
    accounts: &impl ReadableTable<Bytes, ()>,
    app: AppId,
    account: &Account,
) -> Result<Vec<Number>, ActError> {
    let (from, to) = (
        account_key(app, account, Number(0)),
        account_key(app, account, KNOWN),
    );
    let mut numbers = Vec::new();
    for row in accounts.range(from.as_slice()..to.as_slice())? {
        numbers.extend(number_of(row?.0.value()));
    }
    Ok(numbers)
}

/// The shards that have devices: from each to the first device beyond it.
pub(super) fn shards(
    devices: &impl ReadableTable<(u32, u32), Bytes>,
    app: AppId,
) -> Result<Vec<u16>, ActError> {
    let mut shards = Vec::new();
    let mut from = Some(0);
    while let Some(number) = from {
        let mut rest = devices.range((app.0, number)..=(app.0, u32::MAX))?;
        let Some(row) = rest.next() else {
            break;
        };
        let shard = Number(row?.0.value().1).shard();
        shards.push(shard);
        from = (u32::from(shard) + 1).checked_mul(1 << 16);
    }
    Ok(shards)
}

pub(super) fn register(
    tables: &mut Tables<'_>,
    numbers: &mut Numbers,
    app: AppId,
    registration: &Registration,
    registrant: Registrant,
    devices_max: u64,
) -> Result<Outcome<Registered>, ActError> {
    let (phone, known) = pair(
        &*tables.phones,
        &*tables.devices,
        app,
        &registration.registration_id,
    )?;
    let mut counts = app_row(&*tables.apps, app)?;
    let at = registration.at;
    let plan = plan_registration(
        phone.as_ref(),
        known.as_ref(),
        registration,
        registrant,
        counts.devices,
        devices_max,
    );
    match plan {
        RegisterPlan::Answer(answer) => Ok(Outcome::of(answer)),
        RegisterPlan::Change(device) => {
            let number = device.number;
            Change::new(tables, app, known, Some(*device), at)?.write(tables)?;
            Ok(Outcome::of(Registered::Changed { number }))
        }
        RegisterPlan::Claim { secret, device } => {
            let number = device.number;
            let phone = phone_row(secret, number)?;
            Change::new(tables, app, known, Some(*device), at)?.write(tables)?;
            let key = phone_key(app, &registration.registration_id);
            tables.phones.insert(key.as_slice(), phone.as_slice())?;
            Ok(Outcome::of(Registered::Claimed { number }))
        }
        RegisterPlan::New { replaced, secret } => {
            let number = numbers.next(app)?;
            let phone = phone_row(secret, number)?;
            counts.devices += u64::from(replaced.is_none());
            counts.numbers_end = counts.numbers_end.max(number.0 + 1);
            let counts = encode("apps", &counts)?;
            let gone = known.map(|known| Change::new(tables, app, Some(known), None, at));
            let gone = gone.transpose()?;
            let device = new_device(registration, number);
            let mut come = Change::new(tables, app, None, Some(device), at)?;
            // What is gone loses no token to its successor: its row is no more.
            come.losers.retain(|loser, _| Some(*loser) != replaced);
            if let Some(gone) = gone {
                gone.write(tables)?;
            }
            come.write(tables)?;
            let key = phone_key(app, &registration.registration_id);
            tables.phones.insert(key.as_slice(), phone.as_slice())?;
            tables.apps.insert(app.0, counts.as_slice())?;
            Ok(Outcome::of(Registered::New { number, replaced }))
        }
    }
}

fn phone_row(secret: SecretHash, number: Number) -> Result<Vec<u8>, ActError> {
    let phone = Phone {
        secret,
        device: Some(number),
    };
    encode("phones", &phone)
}

pub(super) fn update(
    tables: &mut Tables<'_>,
    app: AppId,
    registration_id: &RegistrationId,
    secret: SecretHash,
    change: &DeviceChange,
) -> Result<Outcome<Updated>, ActError> {
    let (phone, known) = pair(&*tables.phones, &*tables.devices, app, registration_id)?;
    match plan_update(phone.as_ref(), known.as_ref(), secret, change) {
        UpdatePlan::Answer(answer) => Ok(Outcome::of(answer)),
        UpdatePlan::Change(device) => {
            let number = device.number;
            Change::new(tables, app, known, Some(*device), change.at)?.write(tables)?;
            Ok(Outcome::of(Updated::Changed(number)))
        }
    }
}

pub(super) fn unregister(
    tables: &mut Tables<'_>,
    app: AppId,
    registration_id: &RegistrationId,
    secret: SecretHash,
    at: Second,
) -> Result<Outcome<Unregistered>, ActError> {
    let (phone, known) = pair(&*tables.phones, &*tables.devices, app, registration_id)?;
    let answer = plan_unregistration(phone.as_ref(), secret);
    if !matches!(answer, Unregistered::Done(_)) {
        return Ok(Outcome::of(answer));
    }
    let phone = Phone {
        secret,
        device: None,
    };
    let phone = encode("phones", &phone)?;
    let mut counts = app_row(&*tables.apps, app)?;
    counts.devices = counts.devices.saturating_sub(1);
    let counts = encode("apps", &counts)?;
    Change::new(tables, app, known, None, at)?.write(tables)?;
    let key = phone_key(app, registration_id);
    tables.phones.insert(key.as_slice(), phone.as_slice())?;
    tables.apps.insert(app.0, counts.as_slice())?;
    Ok(Outcome::of(answer))
}

/// Whether the token was still there, and not registered since.
pub(super) fn drop_token(
    tables: &mut Tables<'_>,
    app: AppId,
    dead: &DeadToken,
    at: Second,
) -> Result<bool, ActError> {
    let known = device(&*tables.devices, app, dead.number)?;
    let plan = known.as_ref().and_then(|known| plan_drop(known, dead, at));
    let Some(without) = plan else {
        return Ok(false);
    };
    Change::new(tables, app, known, Some(without), at)?.write(tables)?;
    Ok(true)
}

/// How many tokens a device was given back.
pub(super) fn restore_tokens(
    tables: &mut Tables<'_>,
    app: AppId,
    number: Number,
    what: &Restoring,
    at: Second,
) -> Result<u64, ActError> {
    let Some(known) = device(&*tables.devices, app, number)? else {
        return Ok(0);
    };
    let is_free = |token: &Token| is_free(tables, app, token);
    let Some((restored, count)) = plan_restoring(&known, what, at, is_free)? else {
        return Ok(0);
    };
    Change::new(tables, app, Some(known), Some(restored), at)?.write(tables)?;
    Ok(count)
}

/// Whether the token was still there, and the other one is nobody's.
pub(super) fn replace_token(
    tables: &mut Tables<'_>,
    app: AppId,
    replaced: &ReplacedToken,
    at: Second,
) -> Result<bool, ActError> {
    let known = device(&*tables.devices, app, replaced.number)?;
    let plan = known
        .as_ref()
        .and_then(|known| plan_replacement(known, replaced));
    let Some(device) = plan else {
        return Ok(false);
    };
    let other = Token {
        value: replaced.value.clone(),
        ..replaced.token.clone()
    };
    if !is_free(tables, app, &other)? {
        return Ok(false);
    }
    Change::new(tables, app, known, Some(device), at)?.write(tables)?;
    Ok(true)
}

fn is_free(tables: &Tables<'_>, app: AppId, token: &Token) -> Result<bool, ActError> {
    Ok(tables.tokens.get(token_key(app, token))?.is_none())
}

/// A device that comes, goes or changes, and everybody who loses a token by it: all rows are ready before the first
/// is written.
pub(super) struct Change {
    app: AppId,
    before: Option<Device>,
    after: Option<(Device, Vec<u8>)>,
    losers: BTreeMap<Number, (Device, Vec<u8>)>,
    /// Of tokens that somebody loses, or lost before.
    holdings: Vec<(TokenKey, Vec<u8>)>,
}

impl Change {
    pub(super) fn new(
        tables: &Tables<'_>,
        app: AppId,
        before: Option<Device>,
        after: Option<Device>,
        at: Second,
    ) -> Result<Self, ActError> {
        let mut losers = BTreeMap::new();
        let mut moved = Moved::new(app, at);
        if let Some(before) = &before {
            let none = DeviceFacts::default();
            let has = after.as_ref().map_or(&none, |after| &after.facts);
            for token in tokens_gained(Some(has), &before.facts) {
                moved.lost(tables, before, token)?;
            }
        }
        if let Some(after) = &after {
            let had = before.as_ref().map(|before| &before.facts);
            for token in tokens_gained(had, &after.facts) {
                let holder = tables.tokens.get(token_key(app, token))?;
                let holder = holder.map(|holder| Number(holder.value()));
                let Some(holder) = holder.filter(|holder| *holder != after.number) else {
                    moved.gained(tables, token)?;
                    continue;
                };
                let known = match losers.remove(&holder) {
                    Some((known, _)) => Some(known),
                    None => device(&*tables.devices, app, holder)?,
                };
                if let Some(known) = known {
                    moved.lost(tables, &known, token)?;
                    let known = without_token(known, token);
                    let row = encode("devices", &known)?;
                    losers.insert(holder, (known, row));
                }
                moved.gained(tables, token)?;
            }
        }
        let after = after.map(|after| {
            let row = encode("devices", &after)?;
            Ok::<_, ActError>((after, row))
        });
        Ok(Self {
            app,
            before,
            after: after.transpose()?,
            losers,
            holdings: moved.rows()?,
        })
    }

    pub(super) fn write(&self, tables: &mut Tables<'_>) -> Result<(), redb::Error> {
        let app = self.app;
        let none = DeviceFacts::default();
        let facts = |device: Option<&Device>| device.map(|device| device.facts.clone());
        let before = facts(self.before.as_ref()).unwrap_or_default();
        let after = self.after.as_ref().map_or(&none, |(after, _)| &after.facts);
        for (number, (_, row)) in &self.losers {
            tables.devices.insert((app.0, number.0), row.as_slice())?;
        }
        for (key, row) in &self.holdings {
            tables.holdings.insert(key, row.as_slice())?;
        }
        for token in tokens_gained(Some(after), &before) {
            tables.tokens.remove(token_key(app, token))?;
        }
        match &self.after {
            Some((device, row)) => {
                for token in tokens_gained(Some(&before), after) {
                    tables
                        .tokens
                        .insert(token_key(app, token), device.number.0)?;
                }
                tables
                    .devices
                    .insert((app.0, device.number.0), row.as_slice())?;
                if let (None, Some(account)) = (&self.before, &device.account) {
                    for number in [device.number, KNOWN] {
                        let key = account_key(app, account, number);
                        tables.accounts.insert(key.as_slice(), ())?;
                    }
                }
            }
            None => {
                if let Some(device) = &self.before {
                    tables.devices.remove((app.0, device.number.0))?;
                    if let Some(account) = &device.account {
                        let key = account_key(app, account, device.number);
                        tables.accounts.remove(key.as_slice())?;
                    }
                }
            }
        }
        Ok(())
    }
}
