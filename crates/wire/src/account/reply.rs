//! The replies of the commands on accounts.

use serde::Serialize;

use crate::Code;
use crate::envelope::{Success, to_json};

#[derive(Serialize)]
struct Nothing {}

/// The reply of `account_import`.
#[must_use]
pub fn done() -> Vec<u8> {
    to_json(&Success::new(Nothing {}))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Imported<'a> {
    fail_accounts: &'a [String],
}

/// The reply of `multiaccount_import`: the names that no account can have.
#[must_use]
pub fn imported(failed: &[String]) -> Vec<u8> {
    to_json(&Success::new(Imported {
        fail_accounts: failed,
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Results<T> {
    result_item: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(rename = "UserID")]
    user_id: &'a str,
    result_code: u32,
    result_info: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_status: Option<&'static str>,
}

/// A name, and whether it is, or was, an account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked<'a> {
    /// The name, as received.
    pub name: &'a str,
    /// Whether it is an account's.
    pub known: bool,
}

/// The reply of `account_check`.
#[must_use]
pub fn checked(names: &[Looked<'_>]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(names.len());
    for looked in names {
        let status = if looked.known {
            "Imported"
        } else {
            "NotImported"
        };
        rows.push(Row {
            user_id: looked.name,
            result_code: Code::Ok.number(),
            result_info: "",
            account_status: Some(status),
        });
    }
    result_items(rows)
}

/// The reply of `account_delete`.
#[must_use]
pub fn deleted(names: &[Looked<'_>]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(names.len());
    for looked in names {
        let (code, info) = if looked.known {
            (Code::Ok, "")
        } else {
            (Code::AccountUnknown, Code::AccountUnknown.text())
        };
        rows.push(Row {
            user_id: looked.name,
            result_code: code.number(),
            result_info: info,
            account_status: None,
        });
    }
    result_items(rows)
}

fn result_items(result_item: Vec<Row<'_>>) -> Vec<u8> {
    to_json(&Success::new(Results { result_item }))
}
