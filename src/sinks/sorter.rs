//! Sorts more lines than fit into memory: sorted runs go to a file without a name, and are merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::line::{Key, Lines, Resolver};

/// Takes batches of lines in any order and gives all of them in order of their keys.
pub struct Sorter {
    held: Lines,
    budget: usize,
    scratch: PathBuf,
    spill: Option<Spill>,
}

/// Runs one behind the other in one unlinked file, so that any number of them needs one descriptor.
struct Spill {
    file: File,
    /// Start and end of each run.
    runs: Vec<(u64, u64)>,
    end: u64,
}

impl Sorter {
    /// Bytes of lines held in memory before a run is written out.
    pub const BUDGET: usize = 32 << 20;
    /// Bytes read ahead of each run while merging.
    const READ_AHEAD: usize = 64 << 10;

    /// Spills into the directory `scratch`, when it must.
    pub fn new(scratch: &Path) -> Self {
        Self::with_budget(scratch, Self::BUDGET)
    }

    fn with_budget(scratch: &Path, budget: usize) -> Self {
        Self {
            held: Lines::default(),
            budget,
            scratch: scratch.to_owned(),
            spill: None,
        }
    }

    /// Takes the lines out of a batch.
    pub fn take(&mut self, batch: &mut Lines) -> io::Result<()> {
        for (key, line) in batch.iter() {
            self.held.add(key, |out| out.extend_from_slice(line));
        }
        batch.clear();
        if self.held.bytes() > self.budget {
            self.spill_run()?;
        }
        Ok(())
    }

    fn spill_run(&mut self) -> io::Result<()> {
        self.held.sort();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            empty => empty.insert(Spill::create(&self.scratch)?),
        };
        spill.append(&self.held)?;
        self.held.clear();
        Ok(())
    }

    /// Writes all lines in order, references resolved, and says how many there were.
    pub fn finish(mut self, resolver: &mut Resolver, out: &mut dyn Write) -> io::Result<u64> {
        self.held.sort();
        let mut written = 0;
        let mut emit = |line: &[u8]| {
            written += 1;
            resolver.write(line, out)
        };
        let Some(spill) = &self.spill else {
            for (_, line) in self.held.iter() {
                emit(line)?;
            }
            return Ok(written);
        };
        let mut held = self.held.iter().peekable();
        let mut runs = spill.readers();
        let mut heap = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some((key, line)) = run.next()? {
                heap.push(Reverse((key, line, number)));
            }
        }
        while let Some(Reverse((key, line, number))) = heap.pop() {
            while let Some((_, early)) = held.next_if(|(k, l)| (*k, *l) < (key, &*line)) {
                emit(early)?;
            }
            emit(&line)?;
            if let Some(run) = runs.get_mut(number)
                && let Some((key, line)) = run.next()?
            {
                heap.push(Reverse((key, line, number)));
            }
        }
        for (_, line) in held {
            emit(line)?;
        }
        Ok(written)
    }
}

impl Spill {
    fn create(scratch: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(scratch)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            file,
            runs: Vec::new(),
            end: 0,
        })
    }

    /// A line in a run: its key, its length, its bytes.
    fn append(&mut self, lines: &Lines) -> io::Result<()> {
        let start = self.end;
        let mut out = BufWriter::new(&self.file);
        for (key, line) in lines.iter() {
            for part in key {
                out.write_all(&part.to_le_bytes())?;
            }
            let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
            out.write_all(&len.to_le_bytes())?;
            out.write_all(line)?;
            self.end += 32 + len;
        }
        out.flush()?;
        self.runs.push((start, self.end));
        Ok(())
    }

    fn readers(&self) -> Vec<Run<'_>> {
        let run = |(start, end): &(u64, u64)| Run {
            file: &self.file,
            at: *start,
            end: *end,
            ahead: Vec::new(),
            used: 0,
        };
        self.runs.iter().map(run).collect()
    }
}

/// Reads one run.
struct Run<'a> {
    file: &'a File,
    /// Where to read on, at most `end`.
    at: u64,
    end: u64,
    /// Bytes read and, of them, those already given out.
    ahead: Vec<u8>,
    used: usize,
}

impl Run<'_> {
    fn next(&mut self) -> io::Result<Option<(Key, Box<[u8]>)>> {
        if self.at >= self.end && self.used >= self.ahead.len() {
            return Ok(None);
        }
        let mut key = Key::default();
        for part in &mut key {
            *part = self.number()?;
        }
        let len = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        Ok(Some((key, self.bytes(len)?.into())))
    }

    fn number(&mut self) -> io::Result<u64> {
        let bytes = self.bytes(8)?;
        let bytes = <[u8; 8]>::try_from(bytes).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// The next `len` bytes, read ahead in larger pieces.
    fn bytes(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.ahead.len() - self.used < len {
            self.ahead.drain(..self.used);
            self.used = 0;
            let wanted = (len - self.ahead.len()).max(Sorter::READ_AHEAD);
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            let old = self.ahead.len();
            self.ahead.resize(old + wanted.min(left), 0);
            let fresh = self.ahead.get_mut(old..).unwrap_or_default();
            self.file.read_exact_at(fresh, self.at)?;
            self.at += u64::try_from(fresh.len()).unwrap_or_default();
        }
        let start = self.used;
        self.used += len;
        self.ahead
            .get(start..self.used)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::observation::Admitted;
    use crate::sinks::tests::Plain;

    fn sorted(lines: &[(Key, String)], budget: usize) -> (String, u64, usize) {
        let mut sorter = Sorter::with_budget(&std::env::temp_dir(), budget);
        for chunk in lines.chunks(3) {
            let mut batch = Lines::default();
            for (key, line) in chunk {
                batch.add(*key, |out| out.extend_from_slice(line.as_bytes()));
            }
            sorter.take(&mut batch).unwrap();
            assert!(batch.is_empty());
        }
        let runs = sorter.spill.as_ref().map_or(0, |spill| spill.runs.len());
        let mut out = Vec::new();
        let mut resolver = Resolver::new(Arc::new(Plain), Admitted::default());
        let written = sorter.finish(&mut resolver, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), written, runs)
    }

    proptest! {
        #[test]
        fn spilled_or_not_the_order_is_the_same(
            lines in proptest::collection::vec(([0_u64..9, 0_u64..3, 0_u64..3], "[a-z]{0,40}"), 0..60),
            budget in 1_usize..200,
        ) {
            let (all_in_memory, written, _) = sorted(&lines, usize::MAX);
            let (spilled, also_written, _) = sorted(&lines, budget);
            prop_assert_eq!(&all_in_memory, &spilled);
            prop_assert_eq!(written, also_written);
            let mut expected = lines;
            expected.sort();
            let expected: Vec<_> = expected.iter().map(|(_, line)| line.as_str()).collect();
            prop_assert_eq!(spilled.lines().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn long_lines_span_reads() {
        let lines: Vec<_> = (0..9_u64)
            .rev()
            .map(|n| ([n, 0, 0], format!("{n}").repeat(100_000)))
            .collect();
        let (text, written, runs) = sorted(&lines, 1);
        assert_eq!((written, runs), (9, 3));
        assert!(text.starts_with("000") && text.trim_end().ends_with("888"));
        assert_eq!(text.len(), 9 * 100_001);
    }
}
