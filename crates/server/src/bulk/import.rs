//! Imports a file: reads it in chunks on a thread of its own and has one act done for each.
//!
//! Invariant: what the progress file says is done was acknowledged, and the report has exactly the bad rows of it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context as _, bail};

use super::bad::{BadRow, Report};
use super::progress::{Progress, Stamp, beside, path_of};
use super::rows::{self, At, Found, Rows};
use super::shown::shown;
use super::{ChunkBounds, Counts, Format, Kind, Row};
use crate::acts::{Act, Done};
use crate::terminal::Bar;

/// Chunks that are read ahead.
const AHEAD: usize = 1;

/// What to import, from where.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) kind: Kind,
    pub(crate) sdkappid: u32,
    /// `-` is standard input.
    pub(crate) file: PathBuf,
    pub(crate) format: Option<Format>,
    /// Where bad rows are reported; default: beside the file.
    pub(crate) bad: Option<PathBuf>,
    pub(crate) from_start: bool,
    /// An account's tags are those of its row and no others.
    pub(crate) replace: bool,
    /// What the app's attributes are called from now on.
    pub(crate) names: Vec<(u8, String)>,
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) counts: Counts,
    /// Where the bad rows are, if there are any.
    pub(crate) bad: Option<PathBuf>,
}

/// Some rows of the file.
struct Chunk {
    rows: Vec<Row>,
    /// Those that are no rows.
    bad: Vec<BadRow>,
    end: At,
}

impl Import {
    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    /// Imports it, going on where an earlier import of the same file was interrupted.
    pub(crate) fn run(
        &self,
        perform: &mut dyn FnMut(Act) -> anyhow::Result<Done>,
        bar: &mut Bar,
    ) -> anyhow::Result<Ended> {
        let read = || format!("`{}` cannot be read", self.file.display());
        let format = self.format.unwrap_or_else(|| Format::of(&self.file));
        if self.is_standard_input() {
            let rows = rows::standard_input(self.kind, format).with_context(read)?;
            let bad = self.bad.clone().unwrap_or_else(|| PathBuf::from("bad"));
            let mut course = Course {
                import: self,
                report: Report::new(bad, 0),
                noted: None,
                progress: Progress::start(self.kind, self.sdkappid, Stamp::default()),
            };
            return course.run(rows, perform, bar);
        }
        let facts = fs::metadata(&self.file).with_context(read)?;
        if !facts.is_file() {
            bail!(
                "`{}` is no file; `-` imports what standard input gives",
                self.file.display()
            );
        }
        let stamp = Stamp::of(&facts);
        let new = Progress::start(self.kind, self.sdkappid, stamp);
        let noted = path_of(&self.file);
        let known = if self.from_start {
            None
        } else {
            Progress::load(&noted, &new)?
        };
        if let Some(known) = &known {
            let (rows, line) = (known.counts.rows(), known.at().line);
            bar.set_rows_before(known.counts.rows());
            bar.note(format_args!(
                "goes on at line {line}, after {rows} rows of an interrupted import"
            ));
        }
        let progress = known.unwrap_or(new);
        bar.set_total(stamp.size());
        let rows = rows::open(&self.file, self.kind, format, progress.at()).with_context(read)?;
        let bad = self.bad.clone();
        let bad = bad.unwrap_or_else(|| beside(&self.file, ".bad"));
        let mut course = Course {
            import: self,
            report: Report::new(bad, progress.bad_len),
            noted: Some(noted),
            progress,
        };
        course.run(rows, perform, bar)
    }
}

/// An import under way.
struct Course<'a> {
    import: &'a Import,
    report: Report,
    /// The progress file, if the import can go on.
    noted: Option<PathBuf>,
    progress: Progress,
}

impl Course<'_> {
    fn run(
        &mut self,
        rows: Box<dyn Rows>,
        perform: &mut dyn FnMut(Act) -> anyhow::Result<Done>,
        bar: &mut Bar,
    ) -> anyhow::Result<Ended> {
        let &Import { kind, sdkappid, .. } = self.import;
        let file = self.import.file.display().to_string();
        let started = perform(Act::ImportStart {
            sdkappid,
            kind,
            file: file.clone(),
            names: self.import.names.clone(),
        })?;
        let Done::ImportStarted { bounds } = started else {
            bail!("the server gave an answer that this release does not know");
        };
        std::thread::scope(|scope| {
            let (chunks, next) = sync_channel(AHEAD);
            scope.spawn(move || read(rows, bounds, &chunks));
            self.take_in(&next, perform, bar)
        })?;
        bar.end();
        let counts = self.progress.counts;
        perform(Act::ImportEnd {
            sdkappid,
            kind,
            file,
            counts,
        })?;
        if let Some(noted) = &self.noted {
            match fs::remove_file(noted) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let told = || format!("`{}` cannot be removed", noted.display());
                    return Err(error).with_context(told);
                }
                Ok(()) | Err(_) => {}
            }
        }
        let bad = (counts.bad > 0).then(|| self.report.path().to_owned());
        Ok(Ended { counts, bad })
    }

    fn take_in(
        &mut self,
        chunks: &Receiver<io::Result<Chunk>>,
        perform: &mut dyn FnMut(Act) -> anyhow::Result<Done>,
        bar: &mut Bar,
    ) -> anyhow::Result<()> {
        while let Ok(chunk) = chunks.recv() {
            let line = self.progress.at().line;
            let read = || {
                let file = self.import.file.display();
                format!("`{file}` cannot be read on after line {line}")
            };
            let chunk = chunk.with_context(read)?;
            let end = chunk.end;
            let (counts, bad) = self.perform(chunk, perform)?;
            self.progress.counts += counts;
            self.progress.bad_len = self
                .report
                .write(&bad)
                .with_context(|| format!("`{}` cannot be written", self.report.path().display()))?;
            self.progress.reach(end);
            if let Some(noted) = &self.noted {
                let told = || format!("`{}` cannot be written", noted.display());
                self.progress.save(noted).with_context(told)?;
            }
            let counts = self.progress.counts;
            bar.tick(end.offset, counts.rows(), counts.bad);
        }
        Ok(())
    }

    /// Has the rows of a chunk taken in; answers what became of them and which are bad.
    fn perform(
        &self,
        chunk: Chunk,
        perform: &mut dyn FnMut(Act) -> anyhow::Result<Done>,
    ) -> anyhow::Result<(Counts, Vec<BadRow>)> {
        let Chunk { rows, mut bad, .. } = chunk;
        let mut counts = Counts {
            bad: bad.len() as u64,
            ..Counts::default()
        };
        if rows.is_empty() {
            return Ok((counts, bad));
        }
        let kind = self.import.kind;
        let act = Act::Import {
            sdkappid: self.import.sdkappid,
            kind,
            replace: self.import.replace,
            rows: rows.clone(),
        };
        let Done::Imported {
            counts: done,
            faults,
        } = perform(act)?
        else {
            bail!("the server gave an answer that this release does not know");
        };
        counts += done;
        if !faults.is_empty() {
            let texts: HashMap<u64, &str> = rows
                .iter()
                .map(|row| (row.line, row.json.as_str()))
                .collect();
            bad.extend(faults.into_iter().map(|(line, fault)| BadRow {
                line,
                fault,
                row: texts.get(&line).and_then(|json| shown(kind, json)),
            }));
            bad.sort_by_key(|bad| bad.line);
        }
        Ok((counts, bad))
    }
}

/// Reads chunks until the end, an error, or nobody takes them any more.
fn read(mut rows: Box<dyn Rows>, bounds: ChunkBounds, chunks: &SyncSender<io::Result<Chunk>>) {
    loop {
        let chunk = next_chunk(&mut *rows, bounds);
        let more = matches!(chunk, Ok(Some(_)));
        let Some(chunk) = chunk.transpose() else {
            return;
        };
        if chunks.send(chunk).is_err() || !more {
            return;
        }
    }
}

fn next_chunk(rows: &mut dyn Rows, bounds: ChunkBounds) -> io::Result<Option<Chunk>> {
    let mut chunk: Option<Chunk> = None;
    let mut len = 0;
    while let Some(Found { line, end, json }) = rows.next()? {
        let chunk = chunk.get_or_insert_with(|| Chunk {
            rows: Vec::new(),
            bad: Vec::new(),
            end,
        });
        chunk.end = end;
        match json {
            Ok(json) => {
                len += json.len();
                chunk.rows.push(Row { line, json });
            }
            // Of what could not be read as a row nothing is shown: nobody knows what it is.
            Err(fault) => chunk.bad.push(BadRow {
                line,
                fault,
                row: None,
            }),
        }
        if bounds.is_full(chunk.rows.len() + chunk.bad.len(), len) {
            break;
        }
    }
    Ok(chunk)
}
