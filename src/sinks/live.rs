//! A file that grows while the daemon runs: written tick by tick, rotated by size, readable by its owner only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::line::{Lines, Resolver};
use super::open_private;

/// When a file is put aside and how many are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    /// Bytes after which a new file is begun; a line is never cut.
    pub size: u64,
    /// Files put aside that are kept: `FILE.1` is the newest.
    pub keep: u32,
}

/// An open records or alerts file.
pub struct LiveFile {
    path: PathBuf,
    rotation: Rotation,
    out: BufWriter<File>,
    written: u64,
}

impl LiveFile {
    /// Opens to append.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let (file, written) = append_to(path)?;
        Ok(Self {
            path: path.to_owned(),
            rotation,
            out: BufWriter::new(file),
            written,
        })
    }

    /// Writes a tick's lines in order and flushes them, so that whoever follows the file sees whole lines.
    pub fn write(&mut self, lines: &mut Lines, resolver: &mut Resolver) -> io::Result<()> {
        lines.sort();
        for (_, line) in lines.iter() {
            if self.written >= self.rotation.size {
                self.rotate()?;
            }
            let mut counted = Counted {
                out: &mut self.out,
                written: &mut self.written,
            };
            resolver.write(line, &mut counted)?;
        }
        lines.clear();
        self.out.flush()
    }

    /// Begins the file anew under its name (after a log rotator moved it).
    pub fn reopen(&mut self) -> io::Result<()> {
        self.out.flush()?;
        let (file, written) = append_to(&self.path)?;
        self.out = BufWriter::new(file);
        self.written = written;
        Ok(())
    }

    /// `FILE.n` becomes `FILE.n+1` from the oldest on, `FILE` becomes `FILE.1`.
    fn rotate(&mut self) -> io::Result<()> {
        self.out.flush()?;
        for number in (1..self.rotation.keep).rev() {
            rename_if_there(&self.aside(number), &self.aside(number + 1))?;
        }
        if self.rotation.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            rename_if_there(&self.path, &self.aside(1))?;
        }
        self.reopen()
    }

    fn aside(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = open_private(path, &options)?;
    let written = file.metadata()?.len();
    Ok((file, written))
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

struct Counted<'a> {
    out: &'a mut BufWriter<File>,
    written: &'a mut u64,
}

impl io::Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        *self.written += u64::try_from(count).unwrap_or_default();
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use super::*;
    use crate::observation::Admitted;
    use crate::sinks::tests::Plain;

    fn write(file: &mut LiveFile, numbers: std::ops::Range<u64>) {
        let mut lines = Lines::default();
        for number in numbers.rev() {
            lines.add([number, 0, 0], |out| {
                out.extend_from_slice(format!("line {number}").as_bytes());
            });
        }
        let mut resolver = Resolver::new(Arc::new(Plain), Admitted::default());
        file.write(&mut lines, &mut resolver).unwrap();
    }

    #[test]
    fn rotates_by_size_and_keeps_lines_whole_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.ndjson");
        let rotation = Rotation { size: 14, keep: 2 };
        let mut file = LiveFile::open(&path, rotation).unwrap();
        write(&mut file, 0..7);
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("records.ndjson"), "line 6\n");
        assert_eq!(read("records.ndjson.1"), "line 4\nline 5\n");
        assert_eq!(read("records.ndjson.2"), "line 2\nline 3\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts.ndjson");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let rotation = Rotation {
            size: 1 << 20,
            keep: 2,
        };
        let mut file = LiveFile::open(&path, rotation).unwrap();
        write(&mut file, 0..1);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\nline 0\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
