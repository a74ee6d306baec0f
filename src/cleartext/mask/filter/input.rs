//! Input in whatever charset, read as UTF-8.

use std::io::{self, Read};

use crate::cleartext::mask::bytes::{cut, plus, rest};
use crate::cleartext::mask::charset::Transcoder;

/// Bytes needed to tell the charset.
const HEAD: usize = 64;
/// Bytes taken at a time where they have to be transcoded.
const STEP: usize = 16 << 10;

/// A stream in UTF-8: what it was made from may be UTF-16.
pub(super) struct Utf8<R> {
    inner: R,
    transcoder: Option<Transcoder>,
    started: bool,
    ended: bool,
    /// Read, but not given yet from `at` on.
    ready: Vec<u8>,
    at: usize,
}

impl<R: Read> Utf8<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self {
            inner,
            transcoder: None,
            started: false,
            ended: false,
            ready: Vec::new(),
            at: 0,
        }
    }

    /// Looks at the first bytes. A writer may give them one by one: a character is enough to go on.
    fn start(&mut self) -> io::Result<()> {
        self.started = true;
        let mut head = [0; HEAD];
        let mut len = 0_usize;
        while len < 4 {
            match self.inner.read(head.get_mut(len..).unwrap_or_default())? {
                0 => break,
                count => len = plus(len, count),
            }
        }
        let head = cut(&head, 0, len);
        match Transcoder::sniff(head) {
            None => self.ready.extend_from_slice(head),
            Some((mut transcoder, mark)) => {
                transcoder.push(rest(head, mark), false, &mut self.ready);
                self.transcoder = Some(transcoder);
            }
        }
        Ok(())
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let left = rest(&self.ready, self.at);
        let len = left.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(left) {
            *to = *from;
        }
        self.at = plus(self.at, len);
        if self.at >= self.ready.len() {
            self.ready.clear();
            self.at = 0;
        }
        len
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.started {
            self.start()?;
        }
        loop {
            if !self.ready.is_empty() {
                return Ok(self.give(buffer));
            }
            let Some(transcoder) = self.transcoder.as_mut() else {
                return self.inner.read(buffer);
            };
            if self.ended {
                return Ok(0);
            }
            let mut step = [0; STEP];
            let count = self.inner.read(&mut step)?;
            self.ended = count == 0;
            transcoder.push(cut(&step, 0, count), self.ended, &mut self.ready);
        }
    }
}
