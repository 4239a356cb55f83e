//! What every call of a device has: its app in the URL, its secret in a header, and a short body.

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use pushtally_model::{AppId, Secret};
use pushtally_online::{FRAME_LEN_MAX, OnlineError};

use crate::State;
use crate::admission::query;
use crate::body::read;
use crate::problem::Problem;
use crate::refusal::Refusal;

/// The app that is called.
pub(crate) fn app_of(uri: &Uri) -> Result<AppId, Problem> {
    let parameters = form_urlencoded::parse(query(uri).as_bytes());
    let mut values = parameters.filter_map(|(name, value)| (name == "sdkappid").then_some(value));
    let Some(value) = values.next() else {
        return Err(Problem::bad_request("`sdkappid` is missing in the URL").of("sdkappid"));
    };
    if values.next().is_some() {
        return Err(Problem::bad_request("`sdkappid` must come once in the URL").of("sdkappid"));
    }
    // Rust's own parser would also take a plus sign and leading zeros.
    let number = value.parse().ok();
    let number = number.filter(|number: &u32| number.to_string() == value);
    number.map(AppId).ok_or_else(|| {
        let told = "`sdkappid` must be 0 to 4294967295, in digits without a leading zero";
        Problem::bad_request(told).at("sdkappid", &value)
    })
}

/// The phone's secret: `Authorization: Bearer SECRET`.
pub(crate) fn secret_of(headers: &HeaderMap) -> Result<Secret, Problem> {
    let value = headers.get(AUTHORIZATION).map(|value| value.to_str());
    let Some(Ok(text)) = value else {
        return Err(Problem::unauthorized());
    };
    match text.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Secret::new(secret.trim_start()))
        }
        _ => Err(Problem::unauthorized()),
    }
}

/// The body, whole.
pub(crate) async fn body_of(state: &State, body: axum::body::Body) -> Result<Bytes, Problem> {
    let read = read(body, FRAME_LEN_MAX, state.limits.body_read);
    read.await.map_err(|refusal| match refusal {
        Refusal::BodyTooLong { len_max } => Problem::too_large(len_max),
        refusal => Problem::bad_request(refusal.to_string()),
    })
}

/// What refuses a frame refuses a call too.
impl From<OnlineError> for Problem {
    fn from(error: OnlineError) -> Self {
        let detail = error.to_string();
        match error {
            OnlineError::NotJson | OnlineError::Version => Self::bad_request(detail),
            OnlineError::Field { field, value, .. } => {
                let problem = Self::bad_request(detail);
                match value {
                    Some(value) => problem.at(field, &value),
                    None => problem.of(field),
                }
            }
            OnlineError::Unauthorized => Self::unauthorized(),
            OnlineError::Disabled => Self::disabled(),
            OnlineError::Unregistered => Self::unregistered(),
            OnlineError::Store(error) => Self::from(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_is_a_number_in_the_url() {
        let app = |uri: &str| app_of(&uri.parse().unwrap());
        assert_eq!(
            app("/v1/reports?a=b&sdkappid=1400000000"),
            Ok(AppId(1_400_000_000))
        );
        assert_eq!(
            app("/v1/reports?sdkappid=0&SDKAppID=7&a=b&a=b"),
            Ok(AppId(0))
        );
        for (uri, value) in [
            ("/v1/reports", None),
            ("/v1/reports?sdkappid=-1", Some("-1")),
            ("/v1/reports?sdkappid=4294967296", Some("4294967296")),
            ("/v1/reports?sdkappid=", Some("")),
            ("/v1/reports?sdkappid=%2B1400000001", Some("+1400000001")),
            ("/v1/reports?sdkappid=01400000001", Some("01400000001")),
            ("/v1/reports?sdkappid=00", Some("00")),
            ("/v1/reports?sdkappid=1+", Some("1 ")),
            ("/v1/reports?sdkappid=1&sdkappid=2", None),
            ("/v1/reports?sdkappid=1&a=b&sdkappid=1", None),
        ] {
            let problem = app(uri).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("sdkappid"), "{uri}");
            assert_eq!(problem.value.as_deref(), value, "{uri}");
        }
    }

    #[test]
    fn the_secret_is_a_bearer_token() {
        let secret = |value: &'static str| {
            let headers = [(AUTHORIZATION, value.parse().unwrap())]
                .into_iter()
                .collect();
            secret_of(&headers)
        };
        assert_eq!(secret("Bearer abc"), Ok(Secret::new("abc")));
        assert_eq!(secret("bearer  abc"), Ok(Secret::new("abc")));
        for wrong in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(secret(wrong), Err(Problem::unauthorized()), "{wrong}");
        }
        assert_eq!(secret_of(&HeaderMap::new()), Err(Problem::unauthorized()));
    }
}
