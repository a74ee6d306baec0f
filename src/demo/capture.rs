//! The capture file: classic pcap, written as a stream. Frames may come in out of order within the reach of one
//! [`CaptureWriter::flush_until`]; they leave ordered by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufWriter, Write};

use crate::clock::EventTime;

/// Sorts frames by time and writes them.
pub(super) struct CaptureWriter<W: Write> {
    out: BufWriter<W>,
    waiting: BinaryHeap<Reverse<Frame>>,
    /// Frames pushed so far; ties in time keep this order.
    pushed: u64,
    packets: u64,
    bytes: u64,
}

/// Ordered by its fields from the top: time, then order of arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    at: EventTime,
    order: u64,
    bytes: Vec<u8>,
}

impl<W: Write> CaptureWriter<W> {
    /// Writes the file header.
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
        out.write_all(&MAGIC_MICROSECONDS.to_le_bytes())?;
        out.write_all(&2_u16.to_le_bytes())?;
        out.write_all(&4_u16.to_le_bytes())?;
        out.write_all(&[0; 8])?;
        out.write_all(&SNAPLEN.to_le_bytes())?;
        out.write_all(&LINKTYPE_ETHERNET.to_le_bytes())?;
        Ok(Self {
            out,
            waiting: BinaryHeap::new(),
            pushed: 0,
            packets: 0,
            bytes: FILE_HEADER_BYTES,
        })
    }

    /// Takes a frame.
    pub(super) fn push(&mut self, at: EventTime, bytes: Vec<u8>) {
        let order = self.pushed;
        self.pushed += 1;
        self.waiting.push(Reverse(Frame { at, order, bytes }));
    }

    /// Writes all frames before `until`: the caller promises to push none earlier any more.
    pub(super) fn flush_until(&mut self, until: EventTime) -> io::Result<()> {
        while let Some(Reverse(next)) = self.waiting.peek() {
            if next.at >= until {
                break;
            }
            if let Some(Reverse(frame)) = self.waiting.pop() {
                self.write(&frame)?;
            }
        }
        Ok(())
    }

    /// Writes what is left and returns the number of packets and bytes of the file.
    pub(super) fn finish(mut self) -> io::Result<(u64, u64)> {
        self.flush_until(EventTime::from_nanos(u64::MAX))?;
        self.out.flush()?;
        Ok((self.packets, self.bytes))
    }

    fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let too_long = |_| io::Error::other("a frame does not fit a pcap record");
        let length = u32::try_from(frame.bytes.len()).map_err(too_long)?;
        let seconds = u32::try_from(frame.at.secs()).map_err(too_long)?;
        let micros = u32::try_from(frame.at.nanos() / 1_000 % 1_000_000).map_err(too_long)?;
        for word in [seconds, micros, length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&frame.bytes)?;
        self.packets += 1;
        self.bytes += RECORD_HEADER_BYTES + u64::from(length);
        Ok(())
    }
}

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const LINKTYPE_ETHERNET: u32 = 1;
const SNAPLEN: u32 = 262_144;
const FILE_HEADER_BYTES: u64 = 24;
const RECORD_HEADER_BYTES: u64 = 16;
const BUFFER_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_in_time_order() {
        let mut file = Vec::new();
        let mut writer = CaptureWriter::new(&mut file).unwrap();
        writer.push(EventTime::from_secs(2), vec![2; 3]);
        writer.push(EventTime::from_secs(1), vec![1; 3]);
        writer.flush_until(EventTime::from_secs(2)).unwrap();
        writer.push(EventTime::from_secs(2), vec![3; 3]);
        let (packets, bytes) = writer.finish().unwrap();
        assert_eq!((packets, bytes), (3, 24 + 3 * 19));
        assert_eq!(bytes, file.len() as u64);
        let bodies: Vec<u8> = file[24..].chunks(19).map(|record| record[16]).collect();
        assert_eq!(bodies, [1, 2, 3]);
    }
}
