//! The parameters of a `/v4` URL: `sdkappid`, `identifier`, `usersig`, `random`, `contenttype`.
//!
//! Names are case-sensitive, the order is free, unknown ones are ignored. A UserSig may be percent-escaped or not.

use std::borrow::Cow;
use std::fmt;

use pushtally_model::AppId;

use crate::WireError;

/// Who calls, as the URL says it: nothing is proved yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// `sdkappid`.
    pub app: AppId,
    /// `identifier`.
    pub identifier: Cow<'a, str>,
    /// `usersig`.
    pub usersig: Cow<'a, str>,
}

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            app,
            identifier,
            usersig: _,
        } = self;
        f.debug_struct("Parameters")
            .field("app", app)
            .field("identifier", identifier)
            .finish_non_exhaustive()
    }
}

impl<'a> Parameters<'a> {
    /// Reads a URL's query (without the `?`). The first fault is returned, in the order sdkappid, identifier,
    /// usersig, random, contenttype.
    pub fn parse(query: &'a str) -> Result<Self, WireError> {
        let mut sdkappid = Parameter::new("sdkappid");
        let mut identifier = Parameter::new("identifier");
        let mut usersig = Parameter::new("usersig");
        let mut random = Parameter::new("random");
        let mut contenttype = Parameter::new("contenttype");
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "sdkappid" => sdkappid.add(value),
                "identifier" => identifier.add(value),
                "usersig" => usersig.add(value),
                "random" => random.add(value),
                "contenttype" => contenttype.add(value),
                _ => {}
            }
        }
        let app = app_id(&sdkappid)?;
        let identifier = identifier.require()?.clone();
        let usersig = usersig.require()?.clone();
        unsigned(&random)?;
        require_json(contenttype.name, contenttype.require()?)?;
        Ok(Self {
            app,
            identifier,
            usersig,
        })
    }
}

/// One known parameter of a query being read.
#[derive(Debug)]
pub(crate) struct Parameter<'a> {
    pub(crate) name: &'static str,
    value: Option<Cow<'a, str>>,
    repeated: bool,
}

impl<'a> Parameter<'a> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            value: None,
            repeated: false,
        }
    }

    pub(crate) fn add(&mut self, value: Cow<'a, str>) {
        self.repeated |= self.value.is_some();
        self.value = Some(value);
    }

    /// The value, if the parameter is there and not empty.
    pub(crate) fn find(&self) -> Result<Option<&Cow<'a, str>>, WireError> {
        if self.repeated {
            return Err(WireError::ParameterRepeated { name: self.name });
        }
        Ok(self.value.as_ref().filter(|value| !value.is_empty()))
    }

    pub(crate) fn require(&self) -> Result<&Cow<'a, str>, WireError> {
        self.find()?
            .ok_or(WireError::ParameterMissing { name: self.name })
    }
}

pub(crate) fn app_id(parameter: &Parameter<'_>) -> Result<AppId, WireError> {
    let value = parameter.require()?;
    decimal(value)
        .filter(|id| *id > 0)
        .map(AppId)
        .ok_or_else(|| WireError::Parameter {
            name: parameter.name,
            wanted: "a decimal number from 1 to 4294967295",
            value: value.to_string(),
        })
}

fn unsigned(parameter: &Parameter<'_>) -> Result<u32, WireError> {
    let value = parameter.require()?;
    decimal(value).ok_or_else(|| WireError::Parameter {
        name: parameter.name,
        wanted: "a decimal number from 0 to 4294967295",
        value: value.to_string(),
    })
}

pub(crate) fn require_json(name: &'static str, value: &str) -> Result<(), WireError> {
    if value == "json" {
        return Ok(());
    }
    Err(WireError::Parameter {
        name,
        wanted: "`json`",
        value: value.to_owned(),
    })
}

/// Decimal digits only: Rust's own parser would also take a `+`.
fn decimal(value: &str) -> Option<u32> {
    value
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| value.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    const GOOD: &str =
        "sdkappid=1400000000&identifier=admin&usersig=eJy*a-b_&random=99999999&contenttype=json";

    #[test]
    fn order_is_free_and_escapes_are_undone() {
        let check = |query: &str| {
            let parameters = Parameters::parse(query).unwrap();
            assert_eq!(parameters.app, AppId(1_400_000_000));
            assert_eq!(parameters.identifier, "admin");
            assert_eq!(parameters.usersig, "eJy*a-b_");
        };
        check(GOOD);
        check("usersig=eJy*a-b_&identifier=admin&contenttype=json&random=0&sdkappid=1400000000");
        check(
            "sdkappid=1400000000&identifier=%61dmin&usersig=eJy%2Aa%2Db%5F&random=4294967295&contenttype=json",
        );
        check(&format!("{GOOD}&extra=1&extra=2&SDKAppID=7&"));
    }

    #[test]
    fn faults_name_the_parameter() {
        let check = |query: &str, code: Code, expected: &str| {
            let error = Parameters::parse(query).unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                (code, expected),
                "{query}"
            );
        };
        let without = |name: &str| {
            let kept: Vec<&str> = GOOD
                .split('&')
                .filter(|pair| !pair.starts_with(name))
                .collect();
            kept.join("&")
        };
        let with = |pair: &str| format!("{}&{pair}", without(pair.split('=').next().unwrap()));
        let missing = |name: &str| format!("URL parameter `{name}` is missing or empty");
        check("", Code::AppIdMissing, &missing("sdkappid"));
        check(&with("sdkappid="), Code::AppIdMissing, &missing("sdkappid"));
        check(
            &without("sdkappid").replace("identifier", "SDKAPPID"),
            Code::AppIdMissing,
            &missing("sdkappid"),
        );
        for name in ["identifier", "usersig", "random", "contenttype"] {
            check(&without(name), Code::BadParameter, &missing(name));
            check(
                &with(&format!("{name}=")),
                Code::BadParameter,
                &missing(name),
            );
            let repeated = format!("URL parameter `{name}` is given more than once");
            check(&format!("{GOOD}&{name}=1"), Code::BadParameter, &repeated);
        }
        let id = "URL parameter `sdkappid` must be a decimal number from 1 to 4294967295, not";
        for value in [
            "0",
            "-1",
            "x",
            "1.0",
            "0x10",
            "4294967296",
            "99999999999999999999",
        ] {
            check(
                &with(&format!("sdkappid={value}")),
                Code::BadParameter,
                &format!("{id} `{value}`"),
            );
        }
        check(
            &with("sdkappid=%2B5"),
            Code::BadParameter,
            &format!("{id} `+5`"),
        );
        let random = "URL parameter `random` must be a decimal number from 0 to 4294967295, not";
        check(
            &with("random=4294967296"),
            Code::BadParameter,
            &format!("{random} `4294967296`"),
        );
        check(
            &with("random=-1"),
            Code::BadParameter,
            &format!("{random} `-1`"),
        );
        let json = "URL parameter `contenttype` must be `json`, not";
        check(
            &with("contenttype=JSON"),
            Code::BadParameter,
            &format!("{json} `JSON`"),
        );
    }

    #[test]
    fn the_first_fault_in_documented_order_is_told() {
        let error =
            Parameters::parse("contenttype=xml&usersig=&random=x&identifier=a&identifier=b")
                .unwrap_err();
        assert_eq!(error.code(), Code::AppIdMissing);
        let error = Parameters::parse("sdkappid=1&contenttype=xml&usersig=&random=x&identifier=a")
            .unwrap_err();
        assert_eq!(error, WireError::ParameterMissing { name: "usersig" });
    }

    #[test]
    fn debug_hides_the_usersig() {
        assert!(!format!("{:?}", Parameters::parse(GOOD).unwrap()).contains("eJy"));
    }
}
