//! Live capture from one interface through libpcap, one thread each.
//!
//! libpcap's own read timeout does not fire on an idle link (`TPACKET_V3`), so the handle is non-blocking and this waits on
//! its descriptor, never longer than [`POLL`]. Needs `CAP_NET_RAW` and nothing else.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::timeval;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Device, Error, Precision};

use super::{Drops, LinkType, OpenFault, Packet, Polled, Source, SourceError};
use crate::cleartext::decode;
use crate::cleartext::raw::Raw;
use crate::clock::{EventTime, NANOS_PER_SECOND};

/// Longest wait for a packet, in milliseconds: bounds how late timeouts run and how long a stop takes.
const POLL: u8 = 100;
/// After this many milliseconds the kernel hands over a ring block that is not full.
const BLOCK_MS: i32 = 20;

/// How to capture.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// A BPF filter expression, applied in the kernel.
    pub filter: Option<String>,
    /// Bytes kept of each packet.
    pub snaplen: u32,
    /// Size of the kernel's ring buffer in MiB.
    pub ring_mb: u32,
    /// Also take packets that are not addressed to this machine, which is what a mirror port sends.
    pub promiscuous: bool,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            filter: None,
            snaplen: 262_144,
            ring_mb: 64,
            promiscuous: true,
        }
    }
}

/// An interface, for `hushtap interfaces`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceInfo {
    /// Its name.
    pub name: String,
    /// libpcap's description, if it has one.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is a loopback interface.
    pub loopback: bool,
}

/// The interfaces libpcap knows.
pub fn interfaces() -> Result<Vec<InterfaceInfo>, OpenFault> {
    let devices = Device::list().map_err(|e| refused(&e))?;
    Ok(devices
        .into_iter()
        .map(|device| InterfaceInfo {
            up: device.flags.is_up(),
            loopback: device.flags.is_loopback(),
            addresses: device.addresses.iter().map(|a| a.addr).collect(),
            name: device.name,
            description: device.desc,
        })
        .collect())
}

/// One interface.
pub struct LiveSource {
    capture: Capture<Active>,
    index: usize,
    link: LinkType,
    /// Units of the fraction of a stamp: 1 ns or 1 µs.
    scale: u64,
    /// The last read found nothing: wait before the next.
    dry: bool,
    stop: Arc<AtomicBool>,
    last_drops: Drops,
}

impl LiveSource {
    /// Opens an interface. `index` is its place on the command line; [`Polled::End`] comes once `stop` is set.
    pub fn open(
        index: usize,
        name: &str,
        options: &LiveOptions,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, OpenFault> {
        let (capture, scale) = match activate(name, options, Precision::Nano) {
            Ok(capture) => (capture, 1),
            // Not every interface stamps in nanoseconds; what else may be wrong shows again.
            Err(_) => (
                activate(name, options, Precision::Micro).map_err(|e| refused(&e))?,
                1_000,
            ),
        };
        let mut capture = capture.setnonblock().map_err(|e| refused(&e))?;
        let link = u16::try_from(capture.get_datalink().0).map_or(LinkType(u16::MAX), LinkType);
        if !decode::supports(link) {
            return Err(OpenFault::UnsupportedLink(link));
        }
        if let Some(filter) = &options.filter {
            capture
                .filter(filter, true)
                .map_err(|_| OpenFault::BadFilter)?;
        }
        Ok(Self {
            capture,
            index,
            link,
            scale,
            dry: false,
            stop,
            last_drops: Drops::default(),
        })
    }

    /// The link type of this interface.
    pub const fn link(&self) -> LinkType {
        self.link
    }

    const fn failed(&self, what: &'static str) -> SourceError {
        SourceError::Interface {
            interface: self.index,
            what,
        }
    }
}

impl Source for LiveSource {
    fn poll(&mut self) -> Result<Polled<'_>, SourceError> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(Polled::End);
        }
        if self.dry && !wait(&self.capture).map_err(|()| self.failed("waiting failed"))? {
            return Ok(Polled::Idle);
        }
        self.dry = false;
        let (index, scale) = (self.index, self.scale);
        match self.capture.next_packet() {
            Ok(packet) => Ok(Polled::Packet(Packet {
                time: stamp(&packet.header.ts, scale),
                link: self.link,
                wire_len: packet.header.len,
                data: Raw::new(packet.data),
            })),
            Err(Error::TimeoutExpired) => {
                self.dry = true;
                Ok(Polled::Idle)
            }
            Err(error) => Err(SourceError::Interface {
                interface: index,
                what: why(&error),
            }),
        }
    }

    fn drops(&mut self) -> Drops {
        // A failing statistics call must not look like a fall of the counters.
        if let Ok(stats) = self.capture.stats() {
            self.last_drops = Drops {
                kernel: u64::from(stats.dropped),
                interface: u64::from(stats.if_dropped),
            };
        }
        self.last_drops
    }
}

/// Several interfaces as one source: the two directions of a split tap must meet in one flow table.
///
/// Packets are handed out by time stamp as far as they are at hand; the kernel hands over blocks every [`BLOCK_MS`], so two
/// interfaces may be that far apart, which reassembly takes for reordering.
pub struct Interfaces {
    sources: Vec<LiveSource>,
    held: Vec<Option<Held>>,
    current: Option<Held>,
}

/// A packet that waits for its turn, copied out of the ring.
struct Held {
    time: EventTime,
    link: LinkType,
    wire_len: u32,
    bytes: Raw<Vec<u8>>,
}

impl Interfaces {
    /// All of them, at least one.
    pub fn new(sources: Vec<LiveSource>) -> Self {
        let held = sources.iter().map(|_| None).collect();
        Self {
            sources,
            held,
            current: None,
        }
    }

    /// Takes a packet from every interface that has one; false if none has.
    fn fill(&mut self) -> Result<bool, SourceError> {
        for (source, held) in self.sources.iter_mut().zip(&mut self.held) {
            if held.is_none() {
                source.dry = false;
                if let Polled::Packet(packet) = source.poll()? {
                    *held = Some(Held {
                        time: packet.time,
                        link: packet.link,
                        wire_len: packet.wire_len,
                        bytes: Raw::new(packet.data.expose().to_vec()),
                    });
                }
            }
        }
        Ok(self.held.iter().any(Option::is_some))
    }

    fn earliest(&mut self) -> Option<Held> {
        let times = self.held.iter().enumerate();
        let (index, _) = times
            .filter_map(|(index, held)| held.as_ref().map(|held| (index, held.time)))
            .min_by_key(|(_, time)| *time)?;
        self.held.get_mut(index)?.take()
    }
}

impl Source for Interfaces {
    fn poll(&mut self) -> Result<Polled<'_>, SourceError> {
        if self.sources.len() == 1 {
            return self
                .sources
                .first_mut()
                .map_or(Ok(Polled::End), Source::poll);
        }
        if self
            .sources
            .iter()
            .any(|source| source.stop.load(Ordering::Relaxed))
        {
            return Ok(Polled::End);
        }
        if !self.fill()? {
            let mut fds: Vec<_> = self
                .sources
                .iter()
                .map(|source| PollFd::new(source.capture.as_fd(), PollFlags::POLLIN))
                .collect();
            // Whether it was a packet, the time or a signal: the next turn looks.
            let _woken = poll(&mut fds, PollTimeout::from(POLL)).is_ok();
            return Ok(Polled::Idle);
        }
        self.current = self.earliest();
        Ok(self.current.as_ref().map_or(Polled::Idle, |held| {
            Polled::Packet(Packet {
                time: held.time,
                link: held.link,
                wire_len: held.wire_len,
                data: Raw::new(held.bytes.expose()),
            })
        }))
    }

    fn drops(&mut self) -> Drops {
        self.sources
            .iter_mut()
            .fold(Drops::default(), |sum, source| {
                let drops = source.drops();
                Drops {
                    kernel: sum.kernel.saturating_add(drops.kernel),
                    interface: sum.interface.saturating_add(drops.interface),
                }
            })
    }
}

fn activate(
    name: &str,
    options: &LiveOptions,
    precision: Precision,
) -> Result<Capture<Active>, Error> {
    let ring = options.ring_mb.saturating_mul(1024 * 1024);
    Capture::from_device(name)?
        .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
        .promisc(options.promiscuous)
        .buffer_size(i32::try_from(ring).unwrap_or(i32::MAX))
        .timeout(BLOCK_MS)
        .precision(precision)
        .open()
}

/// Waits for packets; false if none came in time.
fn wait(capture: &Capture<Active>) -> Result<bool, ()> {
    let mut fds = [PollFd::new(capture.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::from(POLL)) {
        Ok(n) => Ok(n > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(_) => Err(()),
    }
}

fn stamp(time: &timeval, scale: u64) -> EventTime {
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    let fraction = u64::try_from(time.tv_usec).unwrap_or(0);
    EventTime::from_nanos(
        secs.saturating_mul(NANOS_PER_SECOND)
            .saturating_add(fraction.saturating_mul(scale)),
    )
}

/// libpcap says what is wrong in words only.
fn says(error: &Error, words: &[&str]) -> bool {
    matches!(error, Error::PcapError(text) if words.iter().any(|word| text.contains(word)))
}

fn refused(error: &Error) -> OpenFault {
    if says(error, &["ermission", "not permitted"]) {
        OpenFault::NoPermission
    } else if says(error, &["No such device", "doesn't exist", "SIOCGIFINDEX"]) {
        OpenFault::NoSuchInterface
    } else if says(error, &["not up", "is down"]) {
        OpenFault::InterfaceDown
    } else {
        OpenFault::Refused
    }
}

fn why(error: &Error) -> &'static str {
    if says(error, &["went down", "is down"]) {
        "the interface went down"
    } else if says(error, &["disappeared", "No such device"]) {
        "the interface is gone"
    } else {
        "reading from the interface failed"
    }
}

#[cfg(test)]
mod tests;
