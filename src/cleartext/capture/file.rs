//! Capture files as one stream of packets in time order.
//!
//! Several files are merged by time stamp with a heap, ties by position in the list. Only files whose packets are due are
//! open, so a directory of ten thousand rotated files costs neither descriptors nor memory. A damaged file gives all
//! packets before the damage; the other files go on; the damage is told at the end. Order within a file is kept as it is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::filter::Filter;
use super::input;
use super::records::{Damage, Record, Records, Step};
use super::{LinkType, OpenError, OpenFault, Packet, Polled, Source, SourceError};
use crate::cleartext::decode;
use crate::cleartext::raw::Raw;
use crate::cleartext::tls::KeyStore;
use crate::clock::EventTime;
use crate::tally::{Tally, TallySheet};

/// How to read files.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// A BPF filter expression; packets that do not match are counted as filtered.
    pub filter: Option<String>,
    /// Packets before this time are counted as filtered.
    pub from: Option<EventTime>,
    /// Packets at or after this time are counted as filtered.
    pub to: Option<EventTime>,
    /// At the end of a plain file wait for more, as `tail -f` does. Compressed files and pipes end.
    pub follow: bool,
    /// Bytes of block buffers over all files.
    pub buffer: usize,
    /// Where TLS secrets in the files go.
    pub keys: Option<KeyStore>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            filter: None,
            from: None,
            to: None,
            follow: false,
            buffer: 1024 * 1024,
            keys: None,
        }
    }
}

/// How far reading has come, in bytes as they are on disk. Shared with whoever draws the progress bar.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    /// Total size; none if standard input is among the files.
    pub total: Option<u64>,
}

impl Progress {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// What came out of one file, for the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FileSummary {
    /// Packets, filtered ones included.
    pub packets: u64,
    /// Bytes these packets had on the wire.
    pub bytes: u64,
    /// Stamp of the first packet.
    pub first: Option<EventTime>,
    /// Latest stamp.
    pub last: Option<EventTime>,
}

/// Files beyond this number are closed between looking at their first packet and reading them.
const KEEP_OPEN: usize = 16;
/// How long a followed file is left alone before looking again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(50);

/// Replaces directories by the files in them, sorted by name; hidden files are left out. `-` is standard input.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, OpenError> {
    let mut files = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        if path.is_dir() {
            let inside = list(path).map_err(|fault| OpenError { index, fault })?;
            files.extend(inside);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, OpenFault> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|e| input::fault(&e))? {
        let path = entry.map_err(|e| input::fault(&e))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(OpenFault::NotFound);
    }
    Ok(files)
}

/// Capture files, merged by time.
pub struct FileSource {
    files: Vec<CaptureFile>,
    /// Files with a packet ready, by its time.
    ready: BinaryHeap<Reverse<(EventTime, usize)>>,
    /// The file whose packet was handed out last.
    current: Option<usize>,
    /// Damage found, to be told at the end.
    damaged: Vec<SourceError>,
    starved: Vec<usize>,
    filter: Filter,
    options: FileOptions,
    progress: Progress,
    tally: Arc<TallySheet>,
}

struct CaptureFile {
    path: PathBuf,
    state: State,
    summary: FileSummary,
}

enum State {
    /// Known to begin at the time in the heap; opened when that is due.
    Dormant,
    /// Open, with the packet to be handed out next, if one is there.
    Open(Box<Records>, Option<Record>),
    Done,
}

impl FileSource {
    /// Opens files (see [`expand`] for directories). Fails if any of them is no capture at all.
    ///
    /// `tally` counts packets that the options filter out.
    pub fn open(
        files: &[PathBuf],
        options: FileOptions,
        tally: Arc<TallySheet>,
    ) -> Result<Self, OpenError> {
        let filter = Filter::new(options.filter.as_deref())
            .map_err(|fault| OpenError { index: 0, fault })?;
        let mut source = Self {
            files: Vec::new(),
            ready: BinaryHeap::new(),
            current: None,
            damaged: Vec::new(),
            starved: Vec::new(),
            filter,
            options,
            progress: Progress::default(),
            tally,
        };
        source.progress.total = total_size(files);
        let many = files.len() > KEEP_OPEN;
        for (index, path) in files.iter().enumerate() {
            source
                .add(path, many && is_regular(path))
                .map_err(|fault| OpenError { index, fault })?;
        }
        Ok(source)
    }

    /// How far reading has come.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// What came out of each file so far, in the order of the list.
    pub fn summaries(&self) -> impl Iterator<Item = FileSummary> {
        self.files.iter().map(|file| file.summary)
    }

    /// Opens one file and looks at its first packet.
    fn add(&mut self, path: &Path, sleep: bool) -> Result<(), OpenFault> {
        // What is read only to look at the first packet is read again later: it counts then.
        let meter = if sleep {
            Arc::default()
        } else {
            Arc::clone(&self.progress.read)
        };
        let mut records = Box::new(self.records(path, &meter)?);
        let index = self.files.len();
        let first = self.advance(index, &mut records);
        let links: Vec<LinkType> = records.links().collect();
        if let Some(link) = links.first()
            && !links.iter().any(|link| decode::supports(*link))
        {
            return Err(OpenFault::UnsupportedLink(*link));
        }
        for link in links {
            self.filter.prepare(link)?;
        }
        let state = match first {
            Some(record) => {
                self.ready.push(Reverse((record.time, index)));
                if sleep {
                    State::Dormant
                } else {
                    State::Open(records, Some(record))
                }
            }
            None if self.starved.last() == Some(&index) => State::Open(records, None),
            None => State::Done,
        };
        self.files.push(CaptureFile {
            path: path.to_owned(),
            state,
            summary: FileSummary::default(),
        });
        Ok(())
    }

    fn records(&self, path: &Path, meter: &Arc<AtomicU64>) -> Result<Records, OpenFault> {
        let open = self.files.len().clamp(1, KEEP_OPEN);
        let capacity = self.options.buffer.checked_div(open).unwrap_or(0);
        let mut records = Records::new(input::open(path, meter)?, capacity)?;
        records.set_keys(self.options.keys.clone());
        Ok(records)
    }

    /// The next packet of a file; damage is noted.
    fn advance(&mut self, index: usize, records: &mut Records) -> Option<Record> {
        let damage = match records.step() {
            Ok(Step::Record(record)) => return Some(record),
            Ok(Step::Starved { .. }) if self.options.follow => {
                self.starved.push(index);
                return None;
            }
            Ok(Step::Starved { inside: false }) => return None,
            Ok(Step::Starved { inside: true }) => records.damage("the file ends inside a packet"),
            Err(damage) => damage,
        };
        self.note(index, damage);
        None
    }

    fn note(&mut self, file: usize, damage: Damage) {
        self.damaged.push(SourceError::Damaged {
            file,
            offset: damage.offset,
            what: damage.what,
        });
    }

    /// Moves a file on and puts it back into the heap.
    fn step(&mut self, index: usize) {
        let Some(file) = self.files.get_mut(index) else {
            return;
        };
        let State::Open(mut records, _) = std::mem::replace(&mut file.state, State::Done) else {
            return;
        };
        let starved = self.starved.len();
        let next = self.advance(index, &mut records);
        if let Some(record) = &next {
            self.ready.push(Reverse((record.time, index)));
        }
        let waits = self.starved.len() > starved;
        if let Some(file) = self.files.get_mut(index)
            && (next.is_some() || waits)
        {
            file.state = State::Open(records, next);
        }
    }

    /// Opens a file that was only looked at so far. What was readable then may be gone now.
    fn wake(&mut self, index: usize) {
        let Some(file) = self.files.get(index) else {
            return;
        };
        let path = file.path.clone();
        let meter = Arc::clone(&self.progress.read);
        let state = if let Ok(mut records) = self.records(&path, &meter) {
            self.advance(index, &mut records)
                .map(|record| State::Open(Box::new(records), Some(record)))
        } else {
            let what = "the file changed while it was to be read";
            self.note(index, Damage { offset: 0, what });
            None
        };
        if let Some(file) = self.files.get_mut(index) {
            file.state = state.unwrap_or(State::Done);
        }
    }

    /// Looks again at followed files that had ended.
    fn retry(&mut self) {
        for index in std::mem::take(&mut self.starved) {
            self.step(index);
        }
    }

    /// Whether the packet at hand is wanted; counts it for the report.
    fn wanted(&mut self, index: usize) -> bool {
        let Some(file) = self.files.get_mut(index) else {
            return false;
        };
        let State::Open(records, Some(record)) = &file.state else {
            return false;
        };
        let summary = &mut file.summary;
        summary.packets = summary.packets.wrapping_add(1);
        summary.bytes = summary.bytes.wrapping_add(u64::from(record.wire_len));
        summary.first = summary.first.or(Some(record.time));
        summary.last = summary.last.max(Some(record.time));
        let late = self.options.to.is_some_and(|to| record.time >= to);
        let early = self.options.from.is_some_and(|from| record.time < from);
        let wanted = !late && !early && self.filter.passes(record.link, records.bytes(record));
        if !wanted {
            self.tally.one(Tally::PacketsIn);
            self.tally.one(Tally::PacketFiltered);
        }
        wanted
    }

    /// Finds the file with the next wanted packet.
    fn next_file(&mut self) -> Option<usize> {
        loop {
            if let Some(index) = self.current.take() {
                self.step(index);
            }
            let Reverse((_, index)) = self.ready.pop()?;
            if matches!(
                self.files.get(index).map(|file| &file.state),
                Some(State::Dormant)
            ) {
                self.wake(index);
            }
            self.current = Some(index);
            if self.wanted(index) {
                return Some(index);
            }
        }
    }
}

impl Source for FileSource {
    fn poll(&mut self) -> Result<Polled<'_>, SourceError> {
        if !self.starved.is_empty() && self.ready.is_empty() && self.current.is_none() {
            std::thread::sleep(FOLLOW_PAUSE);
            self.retry();
        }
        let Some(index) = self.next_file() else {
            if !self.starved.is_empty() {
                return Ok(Polled::Idle);
            }
            return match self.damaged.pop() {
                Some(damage) => Err(damage),
                None => Ok(Polled::End),
            };
        };
        Ok(match self.files.get(index).map(|file| &file.state) {
            Some(State::Open(records, Some(record))) => Polled::Packet(Packet {
                time: record.time,
                link: record.link,
                wire_len: record.wire_len,
                data: Raw::new(records.bytes(record)),
            }),
            _ => Polled::End,
        })
    }
}

fn total_size(files: &[PathBuf]) -> Option<u64> {
    files
        .iter()
        .map(|path| {
            let meta = std::fs::metadata(path).ok()?;
            meta.is_file().then_some(meta.len())
        })
        .sum()
}

fn is_regular(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
}

#[cfg(test)]
mod tests;
