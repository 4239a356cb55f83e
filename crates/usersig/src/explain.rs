//! A UserSig taken apart step by step, for the person who wonders why it is refused.
//!
//! The steps are those of [`crate::check`], but a failed check does not end them: several faults show at once.
//! Neither keys nor the signature are shown.

use std::fmt;

use crate::check::{require_account, require_app, require_signature, require_unexpired};
use crate::document::Document;
use crate::error::Quoted;
use crate::{Claims, Request, UserSigError, armor};

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be, with what was found.
    Passed(String),
    /// Not as it should be; [`crate::check`] ends here.
    Failed(UserSigError),
    /// Not looked at, with the reason.
    Skipped(&'static str),
}

/// One layer or one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// A word for it: `characters`, `base64`, `zlib`, `json`, `app`, `account`, `lifetime`, `signature`.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
}

/// What [`explain`] found. Displays as one line a step and the claims, if they could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The steps in the order of [`crate::check`]; a layer that cannot be read is the last.
    pub steps: Vec<Step>,
    /// What the UserSig says, as far as it could be read. They hold only if no step failed or was skipped.
    pub claims: Option<Claims>,
}

impl Explanation {
    /// The first fault: what [`crate::check`] answers.
    #[must_use]
    pub fn fault(&self) -> Option<&UserSigError> {
        self.steps.iter().find_map(|step| match &step.outcome {
            Outcome::Failed(error) => Some(error),
            Outcome::Passed(_) | Outcome::Skipped(_) => None,
        })
    }

    fn pass(&mut self, name: &'static str, found: String) {
        self.steps.push(Step {
            name,
            outcome: Outcome::Passed(found),
        });
    }

    fn skip(&mut self, name: &'static str, reason: &'static str) {
        self.steps.push(Step {
            name,
            outcome: Outcome::Skipped(reason),
        });
    }

    fn record(&mut self, name: &'static str, found: &str, result: Result<(), UserSigError>) {
        let outcome = result.map_or_else(Outcome::Failed, |()| Outcome::Passed(found.to_owned()));
        self.steps.push(Step { name, outcome });
    }
}

/// Takes a UserSig apart. Without a request, app, account and lifetime are skipped; without both request and keys,
/// so is the signature.
#[must_use]
pub fn explain(usersig: &str, keys: &[&str], request: Option<&Request<'_>>) -> Explanation {
    let mut explanation = Explanation {
        steps: Vec::new(),
        claims: None,
    };
    let mut layer = "characters";
    if let Err(error) = unpack(usersig, keys, request, &mut layer, &mut explanation) {
        explanation.steps.push(Step {
            name: layer,
            outcome: Outcome::Failed(error),
        });
    }
    explanation
}

/// Reads layer after layer, with `layer` naming the one that an error is about, then records the checks.
fn unpack(
    usersig: &str,
    keys: &[&str],
    request: Option<&Request<'_>>,
    layer: &mut &'static str,
    explanation: &mut Explanation,
) -> Result<(), UserSigError> {
    let trimmed = armor::trim(usersig)?;
    explanation.pass(layer, trimmed.len().to_string());
    *layer = "base64";
    let deflated = armor::decode(trimmed)?;
    explanation.pass(layer, format!("{} bytes", deflated.len()));
    *layer = "zlib";
    let json = armor::inflate(&deflated)?;
    explanation.pass(layer, format!("inflated to {} bytes", json.len()));
    *layer = "json";
    let document = Document::read(&json)?;
    explanation.claims = Some(document.claims());
    explanation.pass(layer, "one object, version 2.0".to_owned());

    match request {
        Some(request) => {
            explanation.record("app", "as in the request", require_app(&document, request));
            explanation.record(
                "account",
                "as in the request",
                require_account(&document, request),
            );
            let left_s =
                i128::from(document.time) + i128::from(document.expire) - i128::from(request.now_s);
            let found = format!("{left_s} seconds left");
            explanation.record("lifetime", &found, require_unexpired(&document, request));
        }
        None => {
            for name in ["app", "account", "lifetime"] {
                explanation.skip(name, "no request to compare with");
            }
        }
    }
    if request.is_none() && keys.is_empty() {
        explanation.skip("signature", "no key to check with");
    } else {
        explanation.record(
            "signature",
            "made with a key of this app",
            require_signature(&document, keys),
        );
    }
    Ok(())
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { name, outcome } in &self.steps {
            match outcome {
                Outcome::Passed(found) => writeln!(f, "{name:<10}  ok       {found}")?,
                Outcome::Failed(error) => writeln!(f, "{name:<10}  {}    {error}", error.code())?,
                Outcome::Skipped(reason) => writeln!(f, "{name:<10}  skipped  {reason}")?,
            }
        }
        let Some(Claims {
            identifier,
            sdkappid,
            time,
            expire,
            userbuf,
        }) = &self.claims
        else {
            return Ok(());
        };
        writeln!(f, "\nTLS.identifier  {}", Quoted(identifier))?;
        writeln!(f, "TLS.sdkappid    {sdkappid}")?;
        writeln!(f, "TLS.time        {time}")?;
        writeln!(f, "TLS.expire      {expire}")?;
        match userbuf {
            Some(bytes) => writeln!(f, "TLS.userbuf     {} bytes", bytes.len()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make;

    fn usersig() -> String {
        let claims = Claims {
            identifier: "ann\n".to_owned(),
            sdkappid: 1_400_000_000,
            time: 1_700_000_000,
            expire: 60,
            userbuf: Some(b"abc".to_vec()),
        };
        make("key", &claims)
    }

    #[test]
    fn sound_usersig_passes_every_step() {
        let request = Request {
            sdkappid: 1_400_000_000,
            identifier: "ann\n",
            now_s: 1_700_000_050,
        };
        let explanation = explain(&usersig(), &["key"], Some(&request));
        assert_eq!(explanation.fault(), None);
        let names: Vec<_> = explanation.steps.iter().map(|step| step.name).collect();
        let expected = [
            "characters",
            "base64",
            "zlib",
            "json",
            "app",
            "account",
            "lifetime",
            "signature",
        ];
        assert_eq!(names, expected);
        let shown = explanation.to_string();
        assert!(
            shown.contains("lifetime    ok       10 seconds left\n"),
            "{shown}"
        );
        assert!(shown.contains("TLS.identifier  `ann\\n`\n"), "{shown}");
        assert!(shown.ends_with("TLS.userbuf     3 bytes\n"), "{shown}");
    }

    #[test]
    fn every_fault_shows_and_the_first_is_the_answer() {
        let request = Request {
            sdkappid: 1,
            identifier: "bob",
            now_s: 1_800_000_000,
        };
        let explanation = explain(&usersig(), &["another"], Some(&request));
        let codes = explanation
            .steps
            .iter()
            .filter_map(|step| match &step.outcome {
                Outcome::Failed(error) => Some(error.code()),
                _ => None,
            });
        assert_eq!(codes.collect::<Vec<_>>(), [70014, 70013, 70001, 70009]);
        assert_eq!(explanation.fault().map(UserSigError::code), Some(70014));
        assert!(
            explanation
                .to_string()
                .contains("account     70013    request is for account `bob`")
        );
    }

    #[test]
    fn unreadable_layer_is_the_last_step() {
        let check = |usersig: &str, name: &str, code: u32| {
            let explanation = explain(usersig, &[], None);
            assert_eq!(
                explanation.steps.last().map(|step| step.name),
                Some(name),
                "{usersig}"
            );
            assert_eq!(
                explanation.fault().map(UserSigError::code),
                Some(code),
                "{usersig}"
            );
            assert_eq!(explanation.claims, None);
        };
        check("", "characters", 70002);
        check("?", "base64", 70003);
        check("AAAA", "zlib", 70003);
        check(&armor::wrap("[]"), "json", 70003);
    }

    #[test]
    fn missing_request_and_keys_skip_checks() {
        let explanation = explain(&usersig(), &[], None);
        assert_eq!(explanation.fault(), None);
        assert_eq!(explanation.to_string().matches("skipped").count(), 4);
        let explanation = explain(&usersig(), &["key"], None);
        assert_eq!(explanation.to_string().matches("skipped").count(), 3);
        let request = Request {
            sdkappid: 1_400_000_000,
            identifier: "ann\n",
            now_s: 0,
        };
        assert_eq!(
            explain(&usersig(), &[], Some(&request)).fault(),
            Some(&UserSigError::NoKey)
        );
    }

    #[test]
    fn keys_and_signatures_are_never_shown() {
        let signature = "yLAe+w7WUeUuqbV9h";
        let json = format!(
            r#"{{"TLS.ver":"2.0","TLS.identifier":"a","TLS.sdkappid":1,"TLS.expire":1,"TLS.time":"{signature}","TLS.sig":"{signature}"}}"#
        );
        for usersig in [
            armor::wrap(&json),
            armor::wrap(&format!("\"{signature}\"")),
            usersig(),
        ] {
            let request = Request {
                sdkappid: 1,
                identifier: "a",
                now_s: 0,
            };
            let shown = format!("{0} {0:?}", explain(&usersig, &["the-key"], Some(&request)));
            assert!(
                !shown.contains(signature) && !shown.contains("the-key"),
                "{shown}"
            );
        }
    }
}
