//! `pushtally import` and `pushtally export`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::UsageError;
use super::perform::perform_all;
use crate::bulk::{Export, Format, Import, Kind};
use crate::config::Config;
use crate::engine::Purpose;
use crate::terminal::{Bar, sayln};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// What the file is of.
    kind: Kind,
    /// The SDKAppID.
    sdkappid: u32,
    /// The file; `-` is standard input, which cannot be gone on with after an interruption.
    file: PathBuf,
    /// What it is written in; default: `csv` if its name ends so, else `ndjson`.
    #[arg(long)]
    format: Option<Format>,
    /// Where to report rows that were not taken in; default: the file's name with `.bad` added.
    #[arg(long, value_name = "FILE")]
    bad: Option<PathBuf>,
    /// Begin anew, although an import of this file was interrupted.
    #[arg(long)]
    from_start: bool,
    /// An account's tags are those of its row and no others (tags only).
    #[arg(long)]
    replace: bool,
    /// Call an attribute so before, such as `0=city`; repeat for several (attributes only).
    #[arg(long, value_name = "INDEX=NAME")]
    name: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// What to export.
    kind: Kind,
    /// The SDKAppID.
    sdkappid: u32,
    /// The file, which must be new; default: standard output.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What to write it in; default: `csv` if its name ends so, else `ndjson`.
    #[arg(long)]
    format: Option<Format>,
    /// Devices with their tokens, which are secrets.
    #[arg(long)]
    with_tokens: bool,
}

pub(super) fn import(arguments: ImportArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let ImportArgs {
        kind,
        sdkappid,
        file,
        format,
        bad,
        from_start,
        replace,
        name,
    } = arguments;
    if replace && kind != Kind::Tags {
        return Err(UsageError("`--replace` is for tags".to_owned()).into());
    }
    if !name.is_empty() && kind != Kind::Attributes {
        return Err(UsageError("`--name` is for attributes".to_owned()).into());
    }
    let named = |text: &String| {
        let pair = text.split_once('=');
        let pair = pair.and_then(|(index, name)| Some((index.parse().ok()?, name.to_owned())));
        pair.ok_or_else(|| UsageError(format!("`{text}` is not INDEX=NAME")))
    };
    let names = name.iter().map(named).collect::<Result<_, _>>()?;
    let asked = Import {
        kind,
        sdkappid,
        file,
        format,
        bad,
        from_start,
        replace,
        names,
    };
    let mut bar = Bar::new();
    let ended = perform_all(config, Purpose::Bulk, |perform| {
        asked.run(perform, &mut bar)
    })?;
    let counts = ended.counts;
    sayln!(
        "{} rows: {} new, {} changed, {} same, {} bad",
        counts.rows(),
        counts.new,
        counts.changed,
        counts.same,
        counts.bad
    );
    let Some(bad) = ended.bad else {
        return Ok(ExitCode::SUCCESS);
    };
    sayln!("bad rows are in {}", bad.display());
    Ok(ExitCode::FAILURE)
}

pub(super) fn export(arguments: ExportArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let ExportArgs {
        kind,
        sdkappid,
        file,
        format,
        with_tokens,
    } = arguments;
    if with_tokens && kind != Kind::Devices {
        return Err(UsageError("`--with-tokens` is for devices".to_owned()).into());
    }
    let asked = Export {
        kind,
        sdkappid,
        file,
        format,
        with_tokens,
    };
    let mut bar = Bar::new();
    let written = perform_all(config, Purpose::Bulk, |perform| {
        asked.run(perform, &mut bar)
    })?;
    // Standard output may be the export itself.
    bar.note(format_args!("{} rows", written.rows));
    if written.cut == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    bar.note(format_args!(
        "{} devices have more than one token, of which CSV shows the first: `--format ndjson` shows all",
        written.cut
    ));
    Ok(ExitCode::FAILURE)
}
