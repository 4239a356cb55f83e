//! Reads what clients send: frames of the socket, and the body of a report. Pure, fuzzed.
//!
//! Unknown fields are ignored; `null` is an absent field. A field of a wrong type or out of its bounds is named with
//! what it held, unless that is a secret.

mod fields;

use pushtally_channel::Attention;
use pushtally_model::{Account, AppId, Channel, RegistrationId, Secret, Stage, TaskId};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::fields::repeated_field;
use self::fields::{Field, list, object};
use crate::OnlineError;
use crate::limits::{AGE_MS_MAX, REPORTS_MAX, SEQ_MAX};

/// The version of the protocol that is served.
pub(crate) const VERSION: u64 = 1;

/// A frame that a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Who it is.
    Hello(Hello),
    /// What became of pushes.
    Report {
        /// Repeated in the answer.
        seq: u64,
        /// 1 to 100.
        reports: Vec<ClientReport>,
    },
    /// Whether the app is in front.
    Foreground(Attention),
    /// A sign of life.
    Ping,
}

/// Who opens a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The app.
    pub app: AppId,
    /// The phone.
    pub registration_id: RegistrationId,
    /// What proves it.
    pub proof: Proof,
    /// Whether the app is in front.
    pub attention: Attention,
}

/// What proves that a caller is a phone's device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The phone's secret: 32 hexadecimal digits.
    Secret(Secret),
    /// The account that is bound to the phone.
    UserSig {
        /// Which.
        account: Account,
        /// Its UserSig.
        usersig: Secret,
    },
}

/// What a client says of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientReport {
    /// Which push.
    pub id: TaskId,
    /// `Delivered` or `Clicked`.
    pub stage: Stage,
    /// Which way it came. Never `Unknown`.
    pub channel: Channel,
    /// How long ago, in milliseconds; at most 30 days.
    pub age_ms: u32,
}

/// The body of a report without a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportsBody {
    /// The phone.
    pub registration_id: RegistrationId,
    /// 1 to 100.
    pub reports: Vec<ClientReport>,
}

/// Every field that any frame has.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    version: Option<&'a RawValue>,
    sdkappid: Option<&'a RawValue>,
    registration_id: Option<&'a RawValue>,
    secret: Option<&'a RawValue>,
    account: Option<&'a RawValue>,
    usersig: Option<&'a RawValue>,
    foreground: Option<&'a RawValue>,
    on: Option<&'a RawValue>,
    seq: Option<&'a RawValue>,
    reports: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReportFields<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    stage: Option<&'a RawValue>,
    channel: Option<&'a RawValue>,
    age: Option<&'a RawValue>,
}

/// Reads a frame. The first fault is the error.
pub fn parse(frame: &[u8]) -> Result<ClientFrame, OnlineError> {
    let fields: Fields<'_> = object(frame)?;
    let kind = Field::new("type", fields.r#type);
    match kind.text()?.as_str() {
        "hello" => hello(&fields).map(ClientFrame::Hello),
        "report" => Ok(ClientFrame::Report {
            seq: Field::new("seq", fields.seq).number(SEQ_MAX, "must be 0 to 9007199254740991")?,
            reports: reports(fields.reports)?,
        }),
        "foreground" => {
            let on = Field::new("on", fields.on);
            on.switch().map(attention).map(ClientFrame::Foreground)
        }
        "ping" => Ok(ClientFrame::Ping),
        _ => Err(kind.fault("must be hello, report, foreground or ping")),
    }
}

/// Reads the body of a report without a socket. The first fault is the error.
pub fn parse_reports(body: &[u8]) -> Result<ReportsBody, OnlineError> {
    let fields: Fields<'_> = object(body)?;
    Ok(ReportsBody {
        registration_id: registration_id(&fields)?,
        reports: reports(fields.reports)?,
    })
}

fn hello(fields: &Fields<'_>) -> Result<Hello, OnlineError> {
    // First of all: of a later version nothing else is known to mean the same.
    let version = Field::new("version", fields.version);
    if version.number(u64::MAX, "must be a whole number")? != VERSION {
        return Err(OnlineError::Version);
    }
    let app = Field::new("sdkappid", fields.sdkappid);
    let foreground = Field::new("foreground", fields.foreground);
    Ok(Hello {
        app: AppId(app.number(u32::MAX, "must be 0 to 4294967295")?),
        registration_id: registration_id(fields)?,
        proof: proof(fields)?,
        attention: attention(foreground.is_absent() || foreground.switch()?),
    })
}

fn registration_id(fields: &Fields<'_>) -> Result<RegistrationId, OnlineError> {
    let field = Field::new("registration_id", fields.registration_id);
    let rule = "must be 1 to 128 bytes without control characters";
    RegistrationId::new(field.text()?).map_err(|_| field.fault(rule))
}

fn proof(fields: &Fields<'_>) -> Result<Proof, OnlineError> {
    let secret = Field::secret("secret", fields.secret);
    if !secret.is_absent() {
        let text = secret.text()?;
        let fits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if fits {
            Ok(Proof::Secret(Secret::new(text)))
        } else {
            Err(secret.fault("must be 32 hexadecimal digits"))
        };
    }
    let account = Field::new("account", fields.account);
    let usersig = Field::secret("usersig", fields.usersig);
    if account.is_absent() {
        return Err(secret.fault("or account and usersig must be there"));
    }
    let rule = "must be 1 to 128 bytes without control characters";
    Ok(Proof::UserSig {
        account: Account::new(account.text()?).map_err(|_| account.fault(rule))?,
        usersig: Secret::new(usersig.text()?),
    })
}

fn attention(foreground: bool) -> Attention {
    if foreground {
        Attention::Foreground
    } else {
        Attention::Background
    }
}

fn reports(field: Option<&RawValue>) -> Result<Vec<ClientReport>, OnlineError> {
    let field = Field::new("reports", field);
    let rule = "must be a list of 1 to 100 objects";
    let items = list(&field, rule)?;
    if items.is_empty() || items.len() > REPORTS_MAX {
        return Err(OnlineError::Field {
            field: "reports".into(),
            value: Some(format!("{} of them", items.len())),
            rule,
        });
    }
    let items = items.into_iter().enumerate();
    items.map(|(at, item)| report(at, item)).collect()
}

fn report(at: usize, item: &RawValue) -> Result<ClientReport, OnlineError> {
    let field = |name: &str, value| Field::new(format!("reports[{at}].{name}"), value);
    let fields: ReportFields<'_> = object(item.get().as_bytes()).map_err(|_| {
        let whole = Field::new(format!("reports[{at}]"), Some(item));
        whole.fault("must be an object in which no field comes twice")
    })?;
    let id = field("id", fields.id);
    let stage = field("stage", fields.stage);
    let channel = field("channel", fields.channel);
    let age = field("age", fields.age);
    Ok(ClientReport {
        id: TaskId::new(id.text()?)
            .map_err(|_| id.fault("must be 1 to 128 bytes without control characters"))?,
        stage: match stage.text()?.as_str() {
            "delivered" => Stage::Delivered,
            "clicked" => Stage::Clicked,
            _ => return Err(stage.fault("must be delivered or clicked")),
        },
        channel: if channel.is_absent() {
            Channel::Online
        } else {
            let name = channel.text()?;
            let known = |channel: &Channel| *channel != Channel::Unknown && channel.name() == name;
            let rule = "must be online or a vendor's name";
            let found = Channel::ALL.into_iter().find(known);
            found.ok_or_else(|| channel.fault(rule))?
        },
        age_ms: if age.is_absent() {
            0
        } else {
            age.number(AGE_MS_MAX, "must be 0 to 2592000000")?
        },
    })
}

#[cfg(test)]
mod tests;
