//! Tokens that somebody lost: who had them, for receipts that come late.
//!
//! A row is written when a device loses a token, never when a device brings one that nobody had before.

use std::collections::BTreeMap;

use pushtally_model::{AppId, Device, Number, Second, Token};
use pushtally_store::holding::Holding;
use pushtally_store::{Addressed, StoreError};
use redb::{ReadTransaction, ReadableTable};

use super::State;
use super::tables::{
    ActError, Bytes, HOLDINGS, TOKENS, Tables, TokenKey, decode, encode, row, token_key,
};
use super::writer::{Class, Outcome};

/// Rows looked at in one reading, and changed in one act: a fraction of what an act may hold.
const SWEEP_LEN: usize = 4096;

/// What changes of holdings with an act, before any of it is written.
pub(super) struct Moved {
    app: AppId,
    at: Second,
    rows: BTreeMap<TokenKey, Holding>,
}

impl Moved {
    pub(super) const fn new(app: AppId, at: Second) -> Self {
        let rows = BTreeMap::new();
        Self { app, at, rows }
    }

    /// A device loses a token.
    pub(super) fn lost(
        &mut self,
        tables: &Tables<'_>,
        device: &Device,
        token: &Token,
    ) -> Result<(), ActError> {
        let key = token_key(self.app, token);
        let holding = match self.rows.remove(&key) {
            Some(holding) => Some(holding),
            None => row("holdings", &*tables.holdings, key)?,
        };
        let mut holding: Holding = holding.unwrap_or_default();
        holding.ceased(device.number, device.registered_at, self.at);
        self.rows.insert(key, holding);
        Ok(())
    }

    /// Somebody has a token now.
    pub(super) fn gained(&mut self, tables: &Tables<'_>, token: &Token) -> Result<(), ActError> {
        let key = token_key(self.app, token);
        if let Some(holding) = self.rows.get_mut(&key) {
            holding.gained(self.at);
        } else if let Some(mut holding) = row::<_, Holding>("holdings", &*tables.holdings, key)? {
            holding.gained(self.at);
            self.rows.insert(key, holding);
        }
        Ok(())
    }

    /// As they are stored.
    pub(super) fn rows(self) -> Result<Vec<(TokenKey, Vec<u8>)>, ActError> {
        let rows = self.rows.into_iter();
        rows.map(|(key, holding)| Ok((key, encode("holdings", &holding)?)))
            .collect()
    }
}

/// Who had tokens when they were sent to.
pub(super) fn holders(
    read: &ReadTransaction,
    asked: &[(TokenKey, Second)],
) -> Result<Vec<Option<Number>>, ActError> {
    let (tokens, holdings) = (read.open_table(TOKENS)?, read.open_table(HOLDINGS)?);
    let holder = |(key, at): &(TokenKey, Second)| {
        let now = tokens.get(*key)?.map(|number| Number(number.value()));
        let known: Option<Holding> = row("holdings", &holdings, *key)?;
        Ok(known.map_or(now, |known| known.holder_at(now, *at)))
    };
    asked.iter().map(holder).collect()
}

/// What is asked of each of these tokens.
pub(super) fn asked(app: AppId, tokens: &[Addressed]) -> Vec<(TokenKey, Second)> {
    use pushtally_model::TokenKind::Alert;
    let asked = tokens.iter().map(|addressed| {
        let Addressed { channel, value, at } = addressed;
        (
            super::tables::token_key_of(app, *channel, Alert, value),
            *at,
        )
    });
    asked.collect()
}

/// The next rows in which somebody is to be forgotten, and after which key to go on; `None` at the end.
fn stale(
    holdings: &impl ReadableTable<TokenKey, Bytes>,
    from: TokenKey,
    before: Second,
) -> Result<(Vec<TokenKey>, Option<TokenKey>), ActError> {
    let (mut stale, mut last, mut seen) = (Vec::new(), None, 0);
    for row in holdings.range(from..)?.take(SWEEP_LEN) {
        let (key, row) = row?;
        let mut holding: Holding = decode("holdings", row.value())?;
        if holding.forget(before) > 0 {
            stale.push(key.value());
        }
        last = Some(key.value());
        seen += 1;
    }
    let next = last.filter(|_| seen == SWEEP_LEN).and_then(after);
    Ok((stale, next))
}

/// The least key above another.
fn after((app, hash): TokenKey) -> Option<TokenKey> {
    let next = u128::from_be_bytes(hash).checked_add(1);
    match next {
        Some(next) => Some((app, next.to_be_bytes())),
        None => app.checked_add(1).map(|app| (app, [0; 16])),
    }
}

fn forget(
    tables: &mut Tables<'_>,
    stale: &[TokenKey],
    before: Second,
) -> Result<Outcome<u64>, ActError> {
    let mut forgotten = 0;
    for key in stale {
        let Some(mut holding) = row::<_, Holding>("holdings", &*tables.holdings, *key)? else {
            continue;
        };
        forgotten += holding.forget(before) as u64;
        if holding.former.is_empty() {
            tables.holdings.remove(key)?;
        } else {
            let row = encode("holdings", &holding)?;
            tables.holdings.insert(key, row.as_slice())?;
        }
    }
    Ok(Outcome::of(forgotten))
}

impl State {
    /// Looks at all rows, a part at a time; between the parts others are served.
    pub(super) async fn sweep_holdings(&self, before: Second) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        let mut from = Some((0, [0; 16]));
        while let Some(key) = from {
            let part = self.read_apart(move |read| stale(&read.open_table(HOLDINGS)?, key, before));
            let (stale, next) = part.await?;
            from = next;
            if !stale.is_empty() {
                let line = (Class::Devices, AppId(stale[0].0));
                let act = self.act(line, move |tables, _| forget(tables, &stale, before));
                forgotten += act.await?;
            }
        }
        Ok(forgotten)
    }
}
