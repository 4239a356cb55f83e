//! Where calls are passed on to: a checked URL, and how a call's query joins it.

use http::Uri;

/// A receiver's URL: `http` or `https`, with a host, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    secure: bool,
}

/// Why a text is no receiver's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be read as a URL.
    #[error("`{url}` is not a URL")]
    Malformed {
        /// The text.
        url: String,
    },
    /// It is something other than `http://` or `https://`.
    #[error("`{url}` does not start with `http://` or `https://`")]
    Scheme {
        /// The text.
        url: String,
    },
    /// It has a user name, which would end up in logs.
    #[error("the URL has a user name or password; put a token into its path or query instead")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("`{url}` has a `#`, which is never sent")]
    Fragment {
        /// The text.
        url: String,
    },
}

impl Target {
    /// Checks a URL.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let told = || url.to_owned();
        if url.contains('#') {
            return Err(TargetError::Fragment { url: told() });
        }
        let uri: Uri = url
            .parse()
            .map_err(|_| TargetError::Malformed { url: told() })?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(TargetError::Scheme { url: told() }),
        };
        let authority = uri
            .authority()
            .ok_or_else(|| TargetError::Malformed { url: told() })?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(TargetError::Malformed { url: told() });
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
        let check = |url: &str, expected: &str| {
            let told = Target::parse(url).unwrap_err().to_string();
            assert!(told.contains(expected), "{url}: {told}");
        };
        check("ftp://a/", "does not start with");
        check("/callback", "does not start with");
        check("localhost:80", "does not start with");
        check("http://a b/", "is not a URL");
        check("http://", "is not a URL");
        check("http://me:pass@a/", "user name");
        check("http://a/#top", "#");
        assert!(
            !Target::parse("http://me:pass@a/")
                .unwrap_err()
                .to_string()
                .contains("pass@")
        );
    }
}
