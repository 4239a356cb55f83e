//! The bodies of `get_attr`, `get_tag` and `clear_all_tags`: only names.

use std::collections::HashSet;

use super::entries::account_names;
use super::malformed;
use crate::WireError;
use crate::object::Object;

/// Names of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountsRequest {
    /// 1 to [`crate::ENTRIES_MAX`] names, each once, in the order of the request. Not all of them need be names that an
    /// account can have.
    pub names: Vec<String>,
}

impl AccountsRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let read = || {
            let body = Object::of_body(body)?;
            account_names(&body.require("To_Account")?)
        };
        let mut names = read().map_err(malformed)?;
        let mut seen = HashSet::with_capacity(names.len());
        names.retain(|name| seen.insert(name.clone()));
        Ok(Self { names })
    }
}
