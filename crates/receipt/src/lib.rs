//! Imported webhooks and vendors' receipts become events: names are resolved, stages are read as evidence, one report is
//! made.
//!
//! Of webhooks neutral types only: whoever parses one (`http`, through `wire`) hands in what it says. The importer knows
//! neither JSON nor the ledger; it calls the `Identities` and `Report` ports. Receipts are parsed by their vendor's folder.

mod import;
mod inbox;
mod mark;
mod record;

pub use import::{Imported, ImportedEvent, Importer, Refusal};
pub use inbox::{Inbox, InboxError, Taken};
pub use mark::{Mark, Marks};
pub use pushtally_vendor::{RECEIPT_HEADERS, ReceiptError};
pub use record::{Recorded, Recorder};
