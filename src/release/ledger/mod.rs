//! The privacy ledger: what was released, on disk before anyone sees it.
//!
//! One file a namespace: a magic number, then frames `[len u32 | crc32c u32 | payload]`, the first of which is a checkpoint
//! and every other one released window. The checksum covers the length too. The rules:
//! - A window is published only after its frame is synced. A window at or below the high-water mark is never released again.
//! - A torn last frame is a window that was being written when the process died: it was not published, and it counts as
//!   spent. A frame that is damaged anywhere else is corruption, and a corrupt ledger releases nothing.
//! - Live, the file is replaced at every rollover by a checkpoint and the first frame of the new period (write, sync, rename,
//!   sync the directory); that keeps the counters, the charges of the last 400 periods and no window of a past period.
//!   The ledger of a capture keeps every window, so that a second run serves the first run's releases.
//! - There is one writer, by `flock`. The random generator's state is never here.
//!
//! A ledger restored from a snapshot or copied to a second sensor spends twice, and nothing here can tell.

mod codec;
mod committed;
mod counters;
mod record;

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::mechanism::random_id;
use super::plan::Plan;
use crate::analysis::window::Window;
pub(crate) use committed::{Committed, SensorId};
pub(crate) use counters::rounded;
pub(crate) use record::{Numbers, SCHEMA, Tag, TagKey, WindowRecord};

/// Starts every ledger.
const MAGIC: &[u8; 8] = b"HTLEDGR1";
/// Length and checksum.
const HEADER: u64 = 8;
/// No frame is longer: 10,000 series make 100 KB, a checkpoint with many retired cells a few MB.
const MAX_FRAME: u32 = 64 << 20;

/// Which ledger of a state directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Namespace {
    /// Live traffic.
    Live,
    /// A capture, known by the digest of its bytes. The same capture always finds the same releases.
    Capture {
        /// The digest.
        digest: [u8; 32],
        /// Whether to start over with a budget of its own, after a change of configuration.
        new_budget: bool,
    },
}

/// How to open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Which ledger.
    pub namespace: Namespace,
    /// Whether to start a ledger where there is none (`--init-ledger`). One that exists is never touched by this.
    pub init: bool,
}

/// Why the ledger cannot be used. Nothing is released then, and what is public stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is none. It may have been wiped, so the operator must say that a new one is right.
    #[error(
        "there is no privacy ledger in {0}: if this sensor never released anything from here, start one with --init-ledger"
    )]
    Missing(PathBuf),
    /// Another process has it.
    #[error("another process uses the privacy ledger in {0}")]
    Locked(PathBuf),
    /// A frame other than the last is damaged, or one does not follow from those before it.
    #[error(
        "the privacy ledger {path} is damaged at byte {offset}: nothing can be released from it"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// Another version of the program wrote it.
    #[error(
        "the privacy ledger {0} was written by another version of hushtap: at the end of the UTC day move it away and start a new one with --init-ledger"
    )]
    OtherVersion(PathBuf),
    /// The capture was released under another configuration.
    #[error(
        "this capture was already released under another configuration ({found}): the same configuration serves those releases again; --new-budget spends a second budget on the same people"
    )]
    OtherConfig {
        /// The hash of the configuration it was released under.
        found: String,
    },
    /// The operating system refused.
    #[error("{operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An earlier write failed in a way that only a restart can mend.
    #[error("an earlier write to the privacy ledger failed: restart to read it again")]
    Failed,
}

/// An open ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    file: File,
    /// Held as long as the ledger is.
    _lock: File,
    /// Everything up to here is whole, synced frames.
    good: u64,
    /// Captures only: the next stored frame to serve again; equal to `good` when all are.
    recall: u64,
    /// The high-water mark of the file, including a torn frame.
    high_water: Option<Window>,
    committed: Committed,
    keeps_all: bool,
    /// A write or sync failed: what is on disk is uncertain.
    uncertain: bool,
    #[cfg(test)]
    pub(crate) fault: Option<Fault>,
}

/// Where a test lets a write fail.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// After this many bytes, as on a full disk.
    Write(usize),
    /// The bytes are written, the sync fails.
    Sync,
    /// The new file is synced, the rename fails.
    Rename,
}

impl Ledger {
    /// Opens the ledger of `plan` under `dir`, and reads it.
    pub(crate) fn open(dir: &Path, opening: Opening, plan: &Plan) -> Result<Self, LedgerError> {
        let root = Root::enter(dir, opening.init)?;
        let (path, keeps_all) = root.file(opening);
        if !path.exists() {
            if !(opening.init || keeps_all) {
                return Err(LedgerError::Missing(dir.to_owned()));
            }
            let blank = Committed::empty(root.sensor, plan.config(), plan.layout());
            write_file(&path, &[blank.encode()], Hooks::default())?;
        }
        let ledger = Self::read(path, root.lock, keeps_all)?;
        if keeps_all && ledger.committed.config != plan.config() {
            return Err(LedgerError::OtherConfig {
                found: ledger.committed.config.to_string(),
            });
        }
        Ok(ledger)
    }

    /// What was committed (for a capture: up to the window last served).
    pub(crate) const fn committed(&self) -> &Committed {
        &self.committed
    }

    /// The last window that may have been released: nothing up to it is drawn again.
    pub(crate) const fn high_water(&self) -> Option<Window> {
        self.high_water
    }

    /// Whether stored windows of a capture wait to be served again.
    pub(crate) const fn recalls(&self) -> bool {
        self.recall < self.good
    }

    /// Serves `window` again if it is stored: true once [`Self::committed`] is the state after it.
    pub(crate) fn recall(&mut self, window: Window) -> Result<bool, LedgerError> {
        while self.recalls() {
            let mut frames = Frames::at(&self.file, &self.path, self.recall)?;
            let Some(Frame::Whole(payload)) = frames.next()? else {
                return Err(frames.corrupt());
            };
            let (record, _, _) =
                WindowRecord::decode(&payload).ok_or_else(|| frames.unreadable(&payload))?;
            if record.window > window {
                return Ok(false);
            }
            self.committed
                .apply(&record)
                .ok_or_else(|| frames.corrupt())?;
            self.recall = frames.offset;
            if record.window == window {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts a window on disk. When this returns, it is synced, and only then may it be published. When it fails, the window
    /// is spent all the same.
    pub(crate) fn commit(&mut self, record: &WindowRecord, plan: &Plan) -> Result<(), LedgerError> {
        if self.recalls() || (self.keeps_all && self.uncertain) {
            return Err(LedgerError::Failed);
        }
        let rollover = self
            .committed
            .released
            .is_none_or(|last| last.period != record.window.period);
        let mut base = self.committed.clone();
        if base.config != plan.config() && rollover {
            base.adopt(plan.config(), plan.layout());
        }
        let mut next = base.clone();
        next.apply(record).ok_or(LedgerError::Failed)?;
        let payload = record.encode(next.sensor, &next.counters);
        let replace = !self.keeps_all && (rollover || self.uncertain);
        self.high_water = self.high_water.max(Some(record.window));
        self.uncertain = true;
        if replace {
            self.good = write_file(&self.path, &[base.encode(), payload], self.hooks())?;
            self.file = open_file(&self.path)?;
            self.recall = self.good;
        } else {
            self.append(&payload)?;
        }
        self.uncertain = false;
        self.committed = next;
        Ok(())
    }

    fn append(&mut self, payload: &[u8]) -> Result<(), LedgerError> {
        let bytes = frame(payload);
        let hooks = self.hooks();
        let end = self.good + bytes.len() as u64;
        let io = |operation, result: io::Result<()>| {
            result.map_err(|source| LedgerError::Io {
                operation,
                path: self.path.clone(),
                source,
            })
        };
        let seek = self.file.seek(SeekFrom::Start(self.good)).map(drop);
        io("seek in", seek)?;
        io("write to", hooks.write(&mut self.file, &bytes))?;
        // A torn frame that stood here may have been longer.
        io("truncate", self.file.set_len(end))?;
        io("sync", hooks.sync(&self.file))?;
        self.good = end;
        self.recall = end;
        Ok(())
    }

    /// Reads the whole file: every frame must be whole and follow from those before it, but for a torn last one.
    fn read(path: PathBuf, lock: File, keeps_all: bool) -> Result<Self, LedgerError> {
        let file = open_file(&path)?;
        let mut frames = Frames::at(&file, &path, 0)?;
        let start = frames.start()?;
        let mut state = start.clone();
        let first_window = frames.offset;
        let mut torn = None;
        while let Some(found) = frames.next()? {
            match found {
                Frame::Whole(payload) => {
                    let (record, sensor, digest) = WindowRecord::decode(&payload)
                        .ok_or_else(|| frames.unreadable(&payload))?;
                    state.apply(&record).ok_or_else(|| frames.corrupt())?;
                    if sensor != state.sensor || !state.matches(digest) {
                        return Err(frames.corrupt());
                    }
                }
                Frame::Torn(rest) => {
                    torn = Some(torn_window(&rest, state.high_water));
                    break;
                }
            }
        }
        let good = frames.offset;
        if let Some(window) = torn {
            state.high_water = state.high_water.max(window);
        }
        let high_water = state.high_water;
        let committed = if keeps_all { start } else { state };
        Ok(Self {
            recall: if keeps_all { first_window } else { good },
            path,
            file,
            _lock: lock,
            good,
            high_water,
            committed,
            keeps_all,
            uncertain: false,
            #[cfg(test)]
            fault: None,
        })
    }

    #[cfg_attr(
        not(test),
        allow(clippy::unused_self, reason = "the faults are in test builds only")
    )]
    fn hooks(&self) -> Hooks {
        Hooks {
            #[cfg(test)]
            fault: self.fault,
        }
    }
}

/// The window a torn frame was about: as written if that much of it is there and makes sense, else the one after the last.
fn torn_window(rest: &[u8], last: Option<Window>) -> Option<Window> {
    /// A sensor may have been off for long, but a window years ahead is damage, and would block every release until then.
    const PLAUSIBLE_PERIODS: u64 = 3_660;
    let written = rest
        .get(usize::try_from(HEADER).unwrap_or(8)..)
        .and_then(WindowRecord::peek);
    let Some(last) = last else { return written };
    let latest = last.period.saturating_add(PLAUSIBLE_PERIODS);
    written
        .filter(|window| *window > last && window.period <= latest)
        .or(Some(Window {
            period: last.period,
            index: last.index.saturating_add(1),
        }))
}

/// The directory all ledgers of a sensor are in.
struct Root {
    dir: PathBuf,
    lock: File,
    sensor: SensorId,
}

impl Root {
    /// Locks the directory, making it first if `init` says so.
    fn enter(dir: &Path, init: bool) -> Result<Self, LedgerError> {
        let io = |operation, source| LedgerError::Io {
            operation,
            path: dir.to_owned(),
            source,
        };
        let sensor = dir.join("sensor");
        if !sensor.exists() && !init {
            return Err(LedgerError::Missing(dir.to_owned()));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| io("create", error))?;
        if init {
            std::fs::set_permissions(dir, Permissions::from_mode(0o700))
                .map_err(|error| io("restrict", error))?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(dir.join("lock"))
            .map_err(|error| io("lock", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(LedgerError::Locked(dir.to_owned()));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(io("lock", error)),
        }
        if !sensor.exists() {
            let id =
                random_id::<8>().map_err(|error| io("make an id for", io::Error::other(error)))?;
            replace_file(&sensor, &id, Hooks::default())?;
        }
        let id = std::fs::read(&sensor).map_err(|error| io("read the id in", error))?;
        let id = id.try_into().map_err(|_| LedgerError::Corrupt {
            path: sensor,
            offset: 0,
        })?;
        Ok(Self {
            dir: dir.to_owned(),
            lock,
            sensor: SensorId(id),
        })
    }

    /// The file of a namespace, and whether it keeps every window.
    fn file(&self, opening: Opening) -> (PathBuf, bool) {
        let Namespace::Capture { digest, new_budget } = opening.namespace else {
            return (self.dir.join("live.ledger"), false);
        };
        let name = blake3::Hash::from_bytes(digest).to_hex();
        let numbered = |number: u32| self.dir.join(format!("capture-{name}-{number}.ledger"));
        let mut number = 1;
        while numbered(number + 1).exists() {
            number += 1;
        }
        if new_budget && numbered(number).exists() {
            number += 1;
        }
        (numbered(number), true)
    }
}

/// Writes a ledger file anew: magic and frames, complete or not at all. Returns its length.
fn write_file(path: &Path, payloads: &[Vec<u8>], hooks: Hooks) -> Result<u64, LedgerError> {
    let mut bytes = MAGIC.to_vec();
    for payload in payloads {
        bytes.extend_from_slice(&frame(payload));
    }
    replace_file(path, &bytes, hooks)?;
    Ok(bytes.len() as u64)
}

/// Write, sync, rename, sync the directory.
fn replace_file(path: &Path, bytes: &[u8], hooks: Hooks) -> Result<(), LedgerError> {
    let io = |operation| {
        move |source| LedgerError::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&draft)
        .map_err(io("create the draft of"))?;
    hooks
        .write(&mut file, bytes)
        .map_err(io("write the draft of"))?;
    hooks.sync(&file).map_err(io("sync the draft of"))?;
    hooks.rename(&draft, path).map_err(io("replace"))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io("sync the directory of"))
}

fn open_file(path: &Path) -> Result<File, LedgerError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| LedgerError::Io {
            operation: "open",
            path: path.to_owned(),
            source,
        })
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&len), payload);
    [&len, &crc.to_le_bytes(), payload].concat()
}

/// The payload of a frame at the start of `bytes`, and how long the frame is.
fn parse_frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*len);
    let payload = rest.get(..usize::try_from(size).ok()?)?;
    let expected = crc32c::crc32c_append(crc32c::crc32c(len), payload);
    (size <= MAX_FRAME && size > 0 && expected == u32::from_le_bytes(*crc))
        .then_some((payload, payload.len() + 8))
}

enum Frame {
    /// Its payload.
    Whole(Vec<u8>),
    /// The last one, not written to its end: all that is there of it.
    Torn(Vec<u8>),
}

/// Reads frames one after another.
struct Frames<'a> {
    path: &'a Path,
    reader: BufReader<&'a File>,
    /// Where the next frame begins.
    offset: u64,
    size: u64,
}

impl<'a> Frames<'a> {
    fn at(file: &'a File, path: &'a Path, offset: u64) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io {
            operation: "read",
            path: path.to_owned(),
            source,
        };
        let size = file.metadata().map_err(io)?.len();
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(offset)).map_err(io)?;
        Ok(Self {
            path,
            reader,
            offset,
            size,
        })
    }

    /// The magic number and the checkpoint. These were renamed into place whole, so nothing about them may be torn.
    fn start(&mut self) -> Result<Committed, LedgerError> {
        let magic = self.take(MAGIC.len() as u64)?;
        if magic != MAGIC {
            return Err(self.corrupt());
        }
        self.offset = MAGIC.len() as u64;
        match self.next()? {
            Some(Frame::Whole(payload)) => {
                Committed::decode(&payload).ok_or_else(|| self.unreadable(&payload))
            }
            Some(Frame::Torn(_)) | None => Err(self.corrupt()),
        }
    }

    fn next(&mut self) -> Result<Option<Frame>, LedgerError> {
        let left = self.size.saturating_sub(self.offset);
        if left == 0 {
            return Ok(None);
        }
        let header = self.take(HEADER.min(left))?;
        let len = header
            .first_chunk::<4>()
            .map_or(u32::MAX, |len| u32::from_le_bytes(*len));
        let fits = len <= MAX_FRAME && HEADER + u64::from(len) <= left;
        let body = self.take(if fits {
            len.into()
        } else {
            left - header.len() as u64
        })?;
        let bytes = [header, body].concat();
        if let Some((payload, size)) = parse_frame(&bytes) {
            self.offset += size as u64;
            return Ok(Some(Frame::Whole(payload.to_vec())));
        }
        self.tail(bytes).map(Some)
    }

    /// A frame that is not whole is torn if it is the last. If a whole frame stands anywhere after it, then windows were
    /// published after it, and to go on from before it would release them again.
    fn tail(&mut self, mut bytes: Vec<u8>) -> Result<Frame, LedgerError> {
        let left = self.size.saturating_sub(self.offset) - bytes.len() as u64;
        bytes.extend(self.take(left)?);
        let followed =
            (1..bytes.len()).any(|start| bytes.get(start..).and_then(parse_frame).is_some());
        if followed {
            return Err(self.corrupt());
        }
        Ok(Frame::Torn(bytes))
    }

    fn take(&mut self, len: u64) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(len).read_to_end(&mut bytes);
        read.map_err(|source| LedgerError::Io {
            operation: "read",
            path: self.path.to_owned(),
            source,
        })?;
        Ok(bytes)
    }

    /// Why a whole frame could not be read.
    fn unreadable(&self, payload: &[u8]) -> LedgerError {
        if Committed::is_of_other_version(payload) || WindowRecord::is_of_other_version(payload) {
            return LedgerError::OtherVersion(self.path.to_owned());
        }
        self.corrupt()
    }

    fn corrupt(&self) -> LedgerError {
        LedgerError::Corrupt {
            path: self.path.to_owned(),
            offset: self.offset,
        }
    }
}

/// The operations on disk that tests let fail.
#[derive(Clone, Copy, Default)]
struct Hooks {
    #[cfg(test)]
    fault: Option<Fault>,
}

#[cfg_attr(
    not(test),
    allow(clippy::unused_self, reason = "the faults are in test builds only")
)]
impl Hooks {
    fn write(self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(Fault::Write(len)) = self.fault {
            file.write_all(&bytes[..len.min(bytes.len())])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(bytes)
    }

    fn sync(self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        if self.fault == Some(Fault::Sync) {
            return Err(io::Error::other("sync"));
        }
        file.sync_all()
    }

    fn rename(self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        if self.fault == Some(Fault::Rename) {
            return Err(io::Error::other("rename"));
        }
        std::fs::rename(from, to)
    }
}

#[cfg(test)]
mod tests;
