//! The stored form of every row: a version byte, then postcard of a private struct of that version.
//!
//! Postcard has no names: a struct that is stored never changes. To add a field, make a new struct with the field at its
//! end and the next version byte, write only that one, and keep reading the older ones through `From`. Variants may be
//! added at the end of a stored enum without a new version. Later releases read every earlier version.

mod content;
mod forgetting;
mod holding;
mod labels;
mod revocation;
mod task;

use pushtally_model::{
    Account, Addressee, AppId, Channel, Device, DeviceFacts, DroppedToken, Environment, Number,
    Permission, Reach, RegistrationId, Second, Secret, Token, TokenKind,
};
use pushtally_store::{AuditEntry, Phone, SecretHash};
use serde::{Deserialize, Serialize};

pub(crate) use forgetting::NotedForgetting;

/// The first version of every kind of row.
const V1: u8 = 1;
/// The second one, of the kinds that have it.
const V2: u8 = 2;
/// The third one.
const V3: u8 = 3;
/// Tasks only: with the message that a push is of.
const V4: u8 = 4;

/// Why a row is not what was written. Says nothing of its contents: they may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowError {
    #[error("it has version `{0}`, which this release does not know")]
    Version(u8),
    #[error("its bytes do not fit its version")]
    Bytes,
    #[error("its value `{value}` for `{field}` means nothing")]
    Value { field: &'static str, value: u8 },
}

/// The form of one kind of row.
pub(super) trait Row: Sized {
    fn encode(&self) -> Result<Vec<u8>, RowError>;
    fn decode(bytes: &[u8]) -> Result<Self, RowError>;
}

fn write<T: Serialize>(row: &T) -> Result<Vec<u8>, RowError> {
    write_as(V1, row)
}

fn write_as<T: Serialize>(version: u8, row: &T) -> Result<Vec<u8>, RowError> {
    postcard::to_extend(row, vec![version]).map_err(|_| RowError::Bytes)
}

/// A row of a kind that has one version.
fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, RowError> {
    match split(bytes)? {
        (V1, row) => parse(row),
        (version, _) => Err(RowError::Version(version)),
    }
}

fn split(bytes: &[u8]) -> Result<(u8, &[u8]), RowError> {
    let (version, row) = bytes.split_first().ok_or(RowError::Bytes)?;
    Ok((*version, row))
}

fn parse<'a, T: Deserialize<'a>>(row: &'a [u8]) -> Result<T, RowError> {
    postcard::from_bytes(row).map_err(|_| RowError::Bytes)
}

/// What is counted of an app.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AppRow {
    /// Its registered devices.
    pub(super) devices: u64,
    /// One above the highest number ever given to a device.
    pub(super) numbers_end: u32,
    /// Its tasks with jobs left.
    pub(super) open_tasks: u64,
    /// Whether all its tasks are paused.
    pub(super) paused: bool,
    /// The millisecond in which its last broadcast was accepted; `None` also of one from before this was kept.
    pub(super) last_broadcast_ms: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct AppV1 {
    devices: u64,
    numbers_end: u32,
    open_tasks: u64,
    paused: bool,
}

#[derive(Serialize, Deserialize)]
struct AppV2 {
    devices: u64,
    numbers_end: u32,
    open_tasks: u64,
    paused: bool,
    last_broadcast_ms: Option<i64>,
}

impl From<AppV1> for AppV2 {
    fn from(row: AppV1) -> Self {
        Self {
            devices: row.devices,
            numbers_end: row.numbers_end,
            open_tasks: row.open_tasks,
            paused: row.paused,
            last_broadcast_ms: None,
        }
    }
}

impl Row for AppRow {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        write_as(
            V2,
            &AppV2 {
                devices: self.devices,
                numbers_end: self.numbers_end,
                open_tasks: self.open_tasks,
                paused: self.paused,
                last_broadcast_ms: self.last_broadcast_ms,
            },
        )
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: AppV2 = match split(bytes)? {
            (V1, row) => parse::<AppV1>(row)?.into(),
            (V2, row) => parse(row)?,
            (version, _) => return Err(RowError::Version(version)),
        };
        Ok(Self {
            devices: row.devices,
            numbers_end: row.numbers_end,
            open_tasks: row.open_tasks,
            paused: row.paused,
            last_broadcast_ms: row.last_broadcast_ms,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct PhoneV1 {
    secret: [u8; 32],
    device: Option<u32>,
}

impl Row for Phone {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        write(&PhoneV1 {
            secret: self.secret.0,
            device: self.device.map(|number| number.0),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: PhoneV1 = read(bytes)?;
        Ok(Self {
            secret: SecretHash(row.secret),
            device: row.device.map(Number),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct TokenV1<'a> {
    channel: u8,
    kind: u8,
    value: &'a str,
    cert_id: u32,
    environment: u8,
}

#[derive(Serialize, Deserialize)]
struct DeviceV1<'a> {
    number: u32,
    registration_id: &'a str,
    account: Option<&'a str>,
    #[serde(borrow)]
    tokens: Vec<TokenV1<'a>>,
    vendor: Option<u8>,
    model: &'a str,
    system: &'a str,
    system_version: &'a str,
    app_version: &'a str,
    sdk_version: &'a str,
    notifications: u8,
    language: &'a str,
    registered_at: u32,
}

#[derive(Serialize, Deserialize)]
struct DeviceV2<'a> {
    #[serde(borrow)]
    first: DeviceV1<'a>,
    #[serde(borrow)]
    dropped: Vec<TokenV1<'a>>,
    said_at: u32,
}

#[derive(Serialize, Deserialize)]
struct DroppedV1<'a> {
    #[serde(borrow)]
    token: TokenV1<'a>,
    at: u32,
}

#[derive(Serialize, Deserialize)]
struct DeviceV3<'a> {
    #[serde(borrow)]
    first: DeviceV1<'a>,
    #[serde(borrow)]
    dropped: Vec<DroppedV1<'a>>,
    said_at: u32,
}

impl DeviceV1<'_> {
    fn vendor(&self) -> Result<Option<Channel>, RowError> {
        self.vendor.map(channel).transpose()
    }
}

impl<'a> DeviceV3<'a> {
    /// Of a row of any version.
    fn of(bytes: &'a [u8]) -> Result<Self, RowError> {
        Ok(match split(bytes)? {
            (V1, row) => parse::<DeviceV1<'_>>(row)?.into(),
            (V2, row) => parse::<DeviceV2<'_>>(row)?.into(),
            (V3, row) => parse(row)?,
            (version, _) => return Err(RowError::Version(version)),
        })
    }

    /// As [`Reach::of`] the device.
    fn reach(&self) -> Result<Reach, RowError> {
        let alert = TokenKind::Alert as u8;
        let token = self.first.tokens.iter().find(|token| token.kind == alert);
        Ok(Reach {
            token: token.map(|token| channel(token.channel)).transpose()?,
            vendor: self.first.vendor()?,
            is_dropped: token.is_none()
                && self
                    .dropped
                    .iter()
                    .any(|dropped| dropped.token.kind == alert),
        })
    }
}

/// How the device of a row can be reached, without reading the rest of it.
pub(super) fn reach_of(bytes: &[u8]) -> Result<(Number, Reach), RowError> {
    let row = DeviceV3::of(bytes)?;
    Ok((Number(row.first.number), row.reach()?))
}

/// As [`Addressee::of`] the device of a row, without reading the rest of it.
pub(super) fn addressee_of(bytes: &[u8], on: Channel) -> Result<Addressee, RowError> {
    let row = DeviceV3::of(bytes)?;
    let is_on = |token: &&TokenV1<'_>| token.channel == on as u8;
    let tokens = row.first.tokens.iter().filter(is_on);
    let dropped = row.dropped.iter().map(|dropped| &dropped.token);
    Ok(Addressee {
        number: Number(row.first.number),
        reach: row.reach()?,
        tokens: tokens.map(token).collect::<Result<_, _>>()?,
        dropped: dropped
            .filter(is_on)
            .map(TokenV1::kind)
            .collect::<Result<_, _>>()?,
        language: row.first.language.to_owned(),
    })
}

impl<'a> From<DeviceV1<'a>> for DeviceV3<'a> {
    fn from(first: DeviceV1<'a>) -> Self {
        Self {
            said_at: first.registered_at,
            first,
            dropped: Vec::new(),
        }
    }
}

impl<'a> From<DeviceV2<'a>> for DeviceV3<'a> {
    fn from(row: DeviceV2<'a>) -> Self {
        let dropped = row.dropped.into_iter();
        Self {
            first: row.first,
            dropped: dropped.map(|token| DroppedV1 { token, at: 0 }).collect(),
            said_at: row.said_at,
        }
    }
}

impl<'a> From<&'a Token> for TokenV1<'a> {
    fn from(token: &'a Token) -> Self {
        Self {
            channel: token.channel as u8,
            kind: token.kind as u8,
            value: token.value.expose(),
            cert_id: token.cert_id,
            environment: token.environment as u8,
        }
    }
}

impl Row for Device {
    /// In the first version while it says all: so it does of nearly every device, and releases before can read it.
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        let facts = &self.facts;
        let first = DeviceV1 {
            number: self.number.0,
            registration_id: self.registration_id.as_str(),
            account: self.account.as_ref().map(Account::as_str),
            tokens: facts.tokens.iter().map(TokenV1::from).collect(),
            vendor: facts.vendor.map(|channel| channel as u8),
            model: &facts.model,
            system: &facts.system,
            system_version: &facts.system_version,
            app_version: &facts.app_version,
            sdk_version: &facts.sdk_version,
            notifications: facts.notifications as u8,
            language: &facts.language,
            registered_at: self.registered_at.0,
        };
        if self.dropped.is_empty() && self.said_at == self.registered_at {
            return write(&first);
        }
        let dropped = self.dropped.iter().map(|dropped| DroppedV1 {
            token: TokenV1::from(&dropped.token),
            at: dropped.at.0,
        });
        let row = DeviceV3 {
            first,
            dropped: dropped.collect(),
            said_at: self.said_at.0,
        };
        write_as(V3, &row)
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let DeviceV3 {
            first: row,
            dropped,
            said_at,
        } = DeviceV3::of(bytes)?;
        let dropped = dropped.iter().map(|dropped| {
            Ok(DroppedToken {
                token: token(&dropped.token)?,
                at: Second(dropped.at),
            })
        });
        let dropped = dropped.collect::<Result<_, RowError>>()?;
        let account = row.account.map(Account::new).transpose();
        let tokens = row.tokens.iter().map(token).collect::<Result<_, _>>()?;
        Ok(Self {
            number: Number(row.number),
            registration_id: RegistrationId::new(row.registration_id)
                .map_err(|_| RowError::Bytes)?,
            account: account.map_err(|_| RowError::Bytes)?,
            facts: DeviceFacts {
                tokens,
                vendor: row.vendor()?,
                model: row.model.to_owned(),
                system: row.system.to_owned(),
                system_version: row.system_version.to_owned(),
                app_version: row.app_version.to_owned(),
                sdk_version: row.sdk_version.to_owned(),
                notifications: match row.notifications {
                    0 => Permission::Unknown,
                    1 => Permission::Granted,
                    2 => Permission::Denied,
                    value => return Err(unknown("notifications", value)),
                },
                language: row.language.to_owned(),
            },
            registered_at: Second(row.registered_at),
            said_at: Second(said_at),
            dropped,
        })
    }
}

impl TokenV1<'_> {
    fn kind(&self) -> Result<TokenKind, RowError> {
        match self.kind {
            0 => Ok(TokenKind::Alert),
            1 => Ok(TokenKind::Voip),
            2 => Ok(TokenKind::LiveActivity),
            value => Err(unknown("kind", value)),
        }
    }
}

fn token(row: &TokenV1<'_>) -> Result<Token, RowError> {
    Ok(Token {
        channel: channel(row.channel)?,
        kind: row.kind()?,
        value: Secret::new(row.value),
        cert_id: row.cert_id,
        environment: match row.environment {
            0 => Environment::Production,
            1 => Environment::Sandbox,
            value => return Err(unknown("environment", value)),
        },
    })
}

fn channel(value: u8) -> Result<Channel, RowError> {
    Channel::from_number(value).ok_or_else(|| unknown("channel", value))
}

const fn unknown(field: &'static str, value: u8) -> RowError {
    RowError::Value { field, value }
}

/// Devices, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Called(pub(super) Vec<Number>);

#[derive(Serialize, Deserialize)]
struct CalledV1(Vec<u32>);

impl Row for Called {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        write(&CalledV1(self.0.iter().map(|number| number.0).collect()))
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let CalledV1(numbers) = read(bytes)?;
        Ok(Self(numbers.into_iter().map(Number).collect()))
    }
}

#[derive(Serialize, Deserialize)]
struct AuditV1<'a> {
    at: u64,
    when: u32,
    app: Option<u32>,
    who: &'a str,
    from: &'a str,
    what: &'a str,
    target: &'a str,
    body_hash: &'a str,
    code: u32,
}

impl Row for AuditEntry {
    fn encode(&self) -> Result<Vec<u8>, RowError> {
        write(&AuditV1 {
            at: self.at,
            when: self.when.0,
            app: self.app.map(|app| app.0),
            who: &self.who,
            from: &self.from,
            what: &self.what,
            target: &self.target,
            body_hash: &self.body_hash,
            code: self.code,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        let row: AuditV1<'_> = read(bytes)?;
        Ok(Self {
            at: row.at,
            when: Second(row.when),
            app: row.app.map(AppId),
            who: row.who.to_owned(),
            from: row.from.to_owned(),
            what: row.what.to_owned(),
            target: row.target.to_owned(),
            body_hash: row.body_hash.to_owned(),
            code: row.code,
        })
    }
}

#[cfg(test)]
mod tests;
