//! Where calls are passed on to: a checked URL, and how a call's query joins it.

use http::Uri;

/// A receiver's URL: `http` or `https`, with a host, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    secure: bool,
}

/// Why a text is no receiver's URL. The text itself is not repeated: it may hold a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be read as a URL with a host.
    #[error("not a URL")]
    Malformed,
    /// It is something other than `http://` or `https://`.
    #[error("does not start with `http://` or `https://`")]
    Scheme,
    /// It has a user name, which would end up in logs.
    #[error("has a user name or password; put a token into its path or query instead")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("has a `#`, which is never sent")]
    Fragment,
}

impl Target {
    /// Checks a URL.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        if url.contains('#') {
            return Err(TargetError::Fragment);
        }
        let uri: Uri = url.parse().map_err(|_| TargetError::Malformed)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(TargetError::Scheme),
        };
        let authority = uri.authority().ok_or(TargetError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(TargetError::Malformed);
        }
        // The parsed form always has a path, which the query needs before it.
        Ok(Self {
            url: uri.to_string(),
            secure,
        })
    }

    /// Whether calls travel encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The URL of a call: ours, then the call's query unchanged behind `?` or, if ours has a query, `&`.
    pub(crate) fn with_query(&self, query: &str) -> Result<Uri, http::uri::InvalidUri> {
        if query.is_empty() {
            return self.url.parse();
        }
        let glue = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{glue}{query}", self.url).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_join_unchanged() {
        let check = |url: &str, query: &str, expected: &str| {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.with_query(query).unwrap().to_string(), expected);
        };
        check("http://a", "", "http://a/");
        check("http://a", "b=%2B+c&b", "http://a/?b=%2B+c&b");
        check(
            "https://a:8443/im/callback",
            "b=1",
            "https://a:8443/im/callback?b=1",
        );
        check("https://a/?token=x", "Sign=y", "https://a/?token=x&Sign=y");
        check("https://a/?token=x", "", "https://a/?token=x");
    }

    #[test]
    fn what_is_no_receiver_is_refused_with_the_reason() {
        let check = |url: &str, expected: TargetError| {
            assert_eq!(Target::parse(url), Err(expected), "{url}");
        };
        check("ftp://a/", TargetError::Scheme);
        check("/callback", TargetError::Scheme);
        check("localhost:80", TargetError::Scheme);
        check("http://a b/", TargetError::Malformed);
        check("http://", TargetError::Malformed);
        check("http://me:pass@a/", TargetError::Credentials);
        check("http://a/#top", TargetError::Fragment);
    }
}
