//! The commands on tags and attributes, of `/v4/timpush/` and, under older names, of `/v4/all_member_push/im_…`.

mod change;
mod look;
mod names;

use pushtally_model::Account;

pub(crate) use change::{add_tag, clear_all_tags, remove_attr, remove_tag, set_attr};
pub(crate) use look::{get_attr, get_tag};
pub(crate) use names::{get_attr_name, set_attr_name};

/// Names with what was answered for each that an account can have; `None` is a name that none can have.
pub(crate) fn joined<'a, T>(
    names: impl Iterator<Item = &'a str>,
    answers: Vec<T>,
) -> impl Iterator<Item = (&'a str, Option<T>)> {
    let mut answers = answers.into_iter();
    names.map(move |name| {
        let possible = Account::new(name).is_ok();
        (name, possible.then(|| answers.next()).flatten())
    })
}

/// The names that an account can have.
pub(crate) fn possible<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Account> {
    names.filter_map(|name| Account::new(name).ok()).collect()
}
