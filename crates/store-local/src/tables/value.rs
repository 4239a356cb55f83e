//! What a table stores for a key: a byte for the form, then the page; nothing at all for a removal.

use pushtally_ledger::{DecodeError, Form, Page, PageKey};

use super::table::Table;
use crate::error::LocalError;

const WHOLE: u8 = 0;
const ADDITION: u8 = 1;

/// Appends the value of a page.
pub(super) fn encode(form: Form, page: &Page, out: &mut Vec<u8>) {
    if *page == Page::Gone {
        return;
    }
    out.push(match form {
        Form::Whole => WHOLE,
        Form::Addition => ADDITION,
    });
    page.encode(out);
}

/// Whether older versions of the key still matter.
pub(super) fn is_addition(value: &[u8]) -> bool {
    value.first() == Some(&ADDITION)
}

/// Appends the value that several values of one key make up, newest first; a single one is copied as it is.
pub(super) fn unite<'a>(
    key: PageKey,
    values: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let mut pages = Vec::new();
    let mut form = ADDITION;
    for value in values {
        let Some((first, page)) = value.split_first() else {
            form = WHOLE;
            break;
        };
        pages.push(page);
        if *first != ADDITION {
            form = WHOLE;
            break;
        }
    }
    pages.reverse();
    match pages.as_slice() {
        [] => return Ok(()),
        [page] => {
            out.push(form);
            out.extend_from_slice(page);
        }
        pages => {
            out.push(form);
            Page::unite(key, pages, out)?;
        }
    }
    Ok(())
}

/// The versions of one key, newest first.
#[derive(Debug, Default)]
pub(super) struct Versions(Vec<Page>);

impl Versions {
    /// Takes the next older version in; `true` when no older one matters.
    pub(super) fn take(
        &mut self,
        key: PageKey,
        value: &[u8],
        table: &Table,
    ) -> Result<bool, LocalError> {
        let Some((_, page)) = value.split_first() else {
            return Ok(true);
        };
        self.0.push(table.decode(key, page)?);
        Ok(!is_addition(value))
    }

    /// The page that they make up; empties the list.
    pub(super) fn unite(&mut self) -> Option<Page> {
        let mut page = self.0.pop()?;
        while let Some(newer) = self.0.pop() {
            page.absorb(newer);
        }
        Some(page)
    }
}
