//! The URL of a webhook call: which app, and how the caller proves itself.

use std::borrow::Cow;
use std::fmt;

use pushtally_model::AppId;

use super::CallbackCommand;
use crate::WireError;
use crate::parameters::{Parameter, app_id, require_json};

/// What a webhook's URL says. `ClientIP`, `OptPlatform` and unknown parameters are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackParameters<'a> {
    /// `SdkAppid`, or `sdkappid` as on the server API.
    pub app: AppId,
    /// `CallbackCommand`, if given. Each event says its own, so this one decides nothing.
    pub command: Option<CallbackCommand>,
    /// What proves the caller.
    pub proof: Proof<'a>,
}

/// What proves a webhook's caller: nothing is checked yet.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof<'a> {
    /// `Sign`, made with the app's callback token.
    Signed {
        /// `Sign`.
        sign: Cow<'a, str>,
        /// `RequestTime` as received, which is what was signed.
        request_time: Cow<'a, str>,
        /// The same as a Unix second.
        request_time_s: i64,
    },
    /// An administrator's UserSig.
    Administrator {
        /// `identifier`.
        identifier: Cow<'a, str>,
        /// `usersig`.
        usersig: Cow<'a, str>,
    },
}

impl fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signed { request_time, .. } => f
                .debug_struct("Signed")
                .field("request_time", request_time)
                .finish_non_exhaustive(),
            Self::Administrator { identifier, .. } => f
                .debug_struct("Administrator")
                .field("identifier", identifier)
                .finish_non_exhaustive(),
        }
    }
}

impl<'a> CallbackParameters<'a> {
    /// Reads a URL's query (without the `?`). The first fault is returned, in the order app, content type, command,
    /// proof. Where both proofs are given, the signature counts.
    pub fn parse(query: &'a str) -> Result<Self, WireError> {
        let mut app = Parameter::new("SdkAppid");
        let mut content_type = Parameter::new("contenttype");
        let mut command = Parameter::new("CallbackCommand");
        let mut sign = Parameter::new("Sign");
        let mut request_time = Parameter::new("RequestTime");
        let mut identifier = Parameter::new("identifier");
        let mut usersig = Parameter::new("usersig");
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "SdkAppid" | "sdkappid" => app.add(value),
                "contenttype" => content_type.add(value),
                "CallbackCommand" => command.add(value),
                "Sign" => sign.add(value),
                "RequestTime" => request_time.add(value),
                "identifier" => identifier.add(value),
                "usersig" => usersig.add(value),
                _ => {}
            }
        }
        let app = app_id(&app)?;
        if let Some(value) = content_type.find()? {
            require_json(content_type.name, value)?;
        }
        let command = command.find()?.map(|name| known(name)).transpose()?;
        let proof = if sign.find()?.is_some() || request_time.find()?.is_some() {
            signed(&sign, &request_time)?
        } else if identifier.find()?.is_some() || usersig.find()?.is_some() {
            let identifier = identifier.require()?.clone();
            Proof::Administrator {
                identifier,
                usersig: usersig.require()?.clone(),
            }
        } else {
            return Err(WireError::NoProof);
        };
        Ok(Self {
            app,
            command,
            proof,
        })
    }
}

/// The query of a call that we make, without the `?`: what [`CallbackParameters::parse`] reads. `signed` is `Sign` and
/// `RequestTime`.
#[must_use]
pub fn query(app: AppId, command: CallbackCommand, signed: Option<(&str, u32)>) -> String {
    let mut query = format!(
        "SdkAppid={app}&CallbackCommand={}&contenttype=json",
        command.name()
    );
    if let Some((sign, request_time)) = signed {
        query.push_str(&format!("&Sign={sign}&RequestTime={request_time}"));
    }
    query
}

fn known(name: &str) -> Result<CallbackCommand, WireError> {
    CallbackCommand::from_name(name).ok_or_else(|| WireError::UnknownCommand {
        command: name.to_owned(),
    })
}

fn signed<'a>(sign: &Parameter<'a>, request_time: &Parameter<'a>) -> Result<Proof<'a>, WireError> {
    let sign = sign.require()?.clone();
    let name = request_time.name;
    let request_time = request_time.require()?.clone();
    let digits = request_time.bytes().all(|byte| byte.is_ascii_digit());
    let request_time_s = digits
        .then(|| request_time.parse().ok())
        .flatten()
        .ok_or_else(|| WireError::Parameter {
            name,
            wanted: "a Unix time in seconds",
            value: request_time.to_string(),
        })?;
    Ok(Proof::Signed {
        sign,
        request_time,
        request_time_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    #[test]
    fn what_is_written_is_read() {
        let command = CallbackCommand::OfflinePush;
        let signed = query(AppId(5), command, Some(("ab", 1_669_872_112)));
        let parameters = CallbackParameters::parse(&signed).unwrap();
        assert_eq!(
            (parameters.app, parameters.command),
            (AppId(5), Some(command))
        );
        let proof = Proof::Signed {
            sign: "ab".into(),
            request_time: "1669872112".into(),
            request_time_s: 1_669_872_112,
        };
        assert_eq!(parameters.proof, proof);
        let unsigned = query(AppId(5), command, None);
        assert_eq!(
            unsigned,
            "SdkAppid=5&CallbackCommand=Push.OfflinePush&contenttype=json"
        );
    }

    #[test]
    fn both_proofs_are_read() {
        let documented = "SdkAppid=888888&CallbackCommand=Push.AllMemberPush&contenttype=json&ClientIP=1.2.3.4&OptPlatform=RESTAPI&Sign=ab&RequestTime=1669872112";
        let parameters = CallbackParameters::parse(documented).unwrap();
        assert_eq!(
            (parameters.app, parameters.command),
            (AppId(888_888), Some(CallbackCommand::AllMemberPush))
        );
        let Proof::Signed {
            sign,
            request_time,
            request_time_s,
        } = parameters.proof
        else {
            panic!("not signed")
        };
        assert_eq!(
            (sign.as_ref(), request_time.as_ref(), request_time_s),
            ("ab", "1669872112", 1_669_872_112)
        );

        let parameters =
            CallbackParameters::parse("sdkappid=5&identifier=admin&usersig=e%2AJ").unwrap();
        let expected = Proof::Administrator {
            identifier: "admin".into(),
            usersig: "e*J".into(),
        };
        assert_eq!(
            (parameters.app, parameters.command, parameters.proof),
            (AppId(5), None, expected)
        );
    }

    #[test]
    fn faults_name_the_parameter() {
        let check = |query: &str, code: Code, expected: &str| {
            let error = CallbackParameters::parse(query).unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                (code, expected),
                "{query}"
            );
        };
        let proof = "neither `Sign` and `RequestTime` nor `identifier` and `usersig` are given";
        check(
            "Sign=a",
            Code::AppIdMissing,
            "URL parameter `SdkAppid` is missing or empty",
        );
        check(
            "SdkAppid=1&sdkappid=1",
            Code::BadParameter,
            "URL parameter `SdkAppid` is given more than once",
        );
        check(
            "SdkAppid=1&contenttype=xml",
            Code::BadParameter,
            "URL parameter `contenttype` must be `json`, not `xml`",
        );
        check(
            "SdkAppid=1&CallbackCommand=Push.Tag",
            Code::UnknownCommand,
            "there is no command `Push.Tag`",
        );
        check(
            "SdkAppid=1&CallbackCommand=Push.OfflinePush",
            Code::BadParameter,
            proof,
        );
        check(
            "SdkAppid=1&Sign=a",
            Code::BadParameter,
            "URL parameter `RequestTime` is missing or empty",
        );
        check(
            "SdkAppid=1&RequestTime=1",
            Code::BadParameter,
            "URL parameter `Sign` is missing or empty",
        );
        let time = "URL parameter `RequestTime` must be a Unix time in seconds, not `-1`";
        check("SdkAppid=1&Sign=a&RequestTime=-1", Code::BadParameter, time);
        check(
            "SdkAppid=1&identifier=a",
            Code::BadParameter,
            "URL parameter `usersig` is missing or empty",
        );
        check(
            "SdkAppid=1&usersig=a",
            Code::BadParameter,
            "URL parameter `identifier` is missing or empty",
        );
    }

    #[test]
    fn debug_hides_proofs() {
        for query in [
            "SdkAppid=1&Sign=s3cret&RequestTime=1",
            "SdkAppid=1&identifier=a&usersig=s3cret",
        ] {
            assert!(!format!("{:?}", CallbackParameters::parse(query).unwrap()).contains("s3cret"));
        }
    }
}
