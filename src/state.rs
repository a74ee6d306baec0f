//! The file in which habits outlive a restart: who may read it, whether it is whole, and how it is replaced.
//!
//! A magic number, then frames `[len u32 | crc32c u32 | payload]` as in the ledger: a header, then the sections of
//! [`Saved`], each in as many frames as it needs (the highest bit of the length says that more follow). Nothing in it is
//! text from the wire but the templates of endpoints, which are made of words of the vocabulary and classes; principals are
//! keyed hashes, and what tells which key is a check value, not the key.
//!
//! A file of another key, of another version or with damage is refused and moved aside, so that a person may look at
//! it; the daemon then learns anew. The file is replaced whole (write, sync, rename, sync the directory): what a crash
//! leaves is the file before.

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::analysis::save::{FORMAT, Kept, Numbering, Saved, Section};
use crate::clock::EventTime;
use crate::observation::{EndpointId, EndpointName, Method};

/// Starts every file.
const MAGIC: &[u8; 8] = b"HTSTATE1";
/// Length and checksum.
const HEADER: usize = 8;
/// The longest payload of a frame in bytes.
const MAX_FRAME: usize = 4 << 20;
/// In the length of a frame: more of its section follows.
const MORE: u32 = 1 << 31;
/// The longest file in bytes; 100,000 principals of few calls take some 50 MB, of many several times as much.
const MAX_FILE: u64 = 2 << 30;
/// Held by whoever reads or writes the files of a state directory.
const LOCK: &str = "state.lock";

/// Names of the files: habits of live traffic, and of captures fed to the daemon.
pub const FILES: [&str; 2] = ["live.state", "capture.state"];

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has the directory.
    #[error("another hushtap uses the state directory {0}")]
    Locked(PathBuf),
    /// Cut, changed, or longer than any is.
    #[error("{0} is damaged")]
    Damaged(PathBuf),
    /// Another version of the program wrote it.
    #[error("{0} was written by another version of hushtap")]
    OtherVersion(PathBuf),
    /// It was written under another state key.
    #[error("{0} was written under another state key")]
    OtherKey(PathBuf),
    /// The operating system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What state is only true under.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Seal {
    /// Tells one state key from another, and says nothing of either.
    pub key: [u8; 16],
    /// Of what numbers mean: services, types of values, words. Under another, what was learned of paths is not restored.
    pub numbering: [u8; 16],
}

#[derive(Serialize, Deserialize)]
struct Header {
    seal: Seal,
    /// The version of the program, for people.
    build: String,
    time: EventTime,
    /// Service, method and template of endpoints.
    endpoints: Vec<(EndpointId, String, String, String)>,
    /// Names of the configuration.
    numbering: Numbering,
}

/// What ids and numbers in a state stand for. No text of the wire.
#[derive(Clone, Debug, Default)]
pub struct Meaning {
    /// What endpoints are called.
    pub endpoints: Vec<(EndpointId, EndpointName)>,
    /// What the configuration calls its numbers.
    pub numbering: Numbering,
}

/// What was read.
#[derive(Debug)]
pub struct State {
    /// Under what it was written.
    pub seal: Seal,
    /// What is meant.
    pub meaning: Meaning,
    /// The habits.
    pub kept: Kept,
    /// When it was saved, in packet time.
    pub time: EventTime,
}

/// A state directory that no other process uses meanwhile.
#[derive(Debug)]
pub struct StateDir {
    dir: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Takes the directory, which must exist.
    pub fn lock(dir: &Path) -> Result<Self, StateError> {
        let path = dir.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                _lock: lock,
            }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StateError::Locked(dir.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(failed("lock", &path)(error)),
        }
    }

    /// Reads one of [`FILES`], if it is there.
    pub fn read(&self, name: &str, key: [u8; 16]) -> Result<Option<State>, StateError> {
        let path = self.dir.join(name);
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => file.take(MAX_FILE + 1).read_to_end(&mut bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
        }
        .map_err(failed("read", &path))?;
        parse(&bytes, key).map(Some).map_err(|fault| match fault {
            Fault::Damaged => StateError::Damaged(path),
            Fault::OtherVersion => StateError::OtherVersion(path),
            Fault::OtherKey => StateError::OtherKey(path),
        })
    }

    /// Replaces one of [`FILES`]; returns its length in bytes.
    pub fn write(
        &self,
        name: &str,
        seal: Seal,
        saved: &Saved,
        meaning: &Meaning,
    ) -> Result<u64, StateError> {
        let path = self.dir.join(name);
        let draft = path.with_extension("new");
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed("create", &draft))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let written = compose(&mut file, seal, saved, meaning).map_err(failed("write", &draft))?;
        let file = file
            .into_inner()
            .map_err(|error| failed("write", &draft)(error.into_error()))?;
        file.sync_all().map_err(failed("sync", &draft))?;
        std::fs::rename(&draft, &path).map_err(failed("replace", &path))?;
        File::open(&self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed("sync", &self.dir))?;
        Ok(written)
    }

    /// Moves a file that was refused out of the way; returns where to.
    pub fn move_aside(&self, name: &str) -> Result<PathBuf, StateError> {
        let path = self.dir.join(name);
        let aside = path.with_extension("refused");
        std::fs::rename(&path, &aside).map_err(failed("move aside", &path))?;
        Ok(aside)
    }
}

fn failed(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> StateError {
    move |source| StateError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// What is wrong with bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Damaged,
    OtherVersion,
    OtherKey,
}

/// Writes a whole file, a frame at a time; returns its length.
fn compose(to: &mut impl Write, seal: Seal, saved: &Saved, meaning: &Meaning) -> io::Result<u64> {
    let endpoints = meaning.endpoints.iter().map(|(id, name)| {
        let (service, method) = (name.service.clone(), name.method.to_owned());
        (*id, service, method, name.template.clone())
    });
    let header = Header {
        seal,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        time: saved.time,
        endpoints: endpoints.collect(),
        numbering: meaning.numbering.clone(),
    };
    // The format goes first, so that it can be read whatever follows.
    let mut first = FORMAT.to_le_bytes().to_vec();
    first.extend(postcard::to_allocvec(&header).unwrap_or_default());
    to.write_all(MAGIC)?;
    let mut written = MAGIC.len() as u64 + write_section(to, &first)?;
    for section in &saved.sections {
        written += write_section(to, &section.bytes())?;
        if written > MAX_FILE {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
    }
    Ok(written)
}

/// Writes a section, as frames all but the last of which say that more of it follows; returns its length.
fn write_section(to: &mut impl Write, section: &[u8]) -> io::Result<u64> {
    let mut written = 0;
    let mut rest = section;
    loop {
        let (payload, after) = rest.split_at(rest.len().min(MAX_FRAME));
        rest = after;
        let more = if rest.is_empty() { 0 } else { MORE };
        let len = u32::try_from(payload.len()).unwrap_or(0) | more;
        let len = len.to_le_bytes();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&len), payload);
        to.write_all(&len)?;
        to.write_all(&crc.to_le_bytes())?;
        to.write_all(payload)?;
        written += (HEADER + payload.len()) as u64;
        if rest.is_empty() {
            return Ok(written);
        }
    }
}

fn parse(bytes: &[u8], key: [u8; 16]) -> Result<State, Fault> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(Fault::Damaged)?;
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let (section, after) = read_section(rest).ok_or(Fault::Damaged)?;
        // Another format may have other sections: said before anything else of them is looked at.
        if sections.is_empty() && !is_of_format(&section) {
            return Err(Fault::OtherVersion);
        }
        sections.push(section);
        rest = after;
    }
    let mut sections = sections.into_iter();
    let first = sections.next().ok_or(Fault::Damaged)?;
    let (_, header) = first.split_first_chunk::<4>().ok_or(Fault::Damaged)?;
    let header: Header = postcard::from_bytes(header).map_err(|_| Fault::Damaged)?;
    if header.seal.key != key {
        return Err(Fault::OtherKey);
    }
    let saved = Saved {
        time: header.time,
        endpoints: Vec::new(),
        sections: sections.map(Section::Bytes).collect(),
    };
    let names = header.endpoints.into_iter();
    let names = names.map(|(id, service, method, template)| {
        let method = Method::from_wire(method.as_bytes()).name();
        let name = EndpointName {
            service,
            method,
            template,
        };
        (id, name)
    });
    Ok(State {
        seal: header.seal,
        meaning: Meaning {
            endpoints: names.collect(),
            numbering: header.numbering,
        },
        kept: Kept::decode(&saved).map_err(|_| Fault::Damaged)?,
        time: header.time,
    })
}

/// Whether a header begins with the number of the format that this program writes.
fn is_of_format(header: &[u8]) -> bool {
    let format = header.first_chunk::<4>();
    format.is_none_or(|format| u32::from_le_bytes(*format) == FORMAT)
}

/// The first section, and what follows it.
fn read_section(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut section = Vec::new();
    let mut rest = bytes;
    loop {
        let (payload, more, after) = frame(rest)?;
        section.extend_from_slice(payload);
        rest = after;
        if !more {
            return Some((section, rest));
        }
    }
}

/// The payload of the first frame, whether more of its section follows, and what follows it.
fn frame(bytes: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let (len, crc) = header.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*len);
    let (payload, rest) = rest.split_at_checked(usize::try_from(size & !MORE).ok()?)?;
    let expected = crc32c::crc32c_append(crc32c::crc32c(len), payload);
    (crc == expected.to_le_bytes()).then_some((payload, size & MORE != 0, rest))
}
