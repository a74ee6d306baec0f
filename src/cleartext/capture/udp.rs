//! Mirrored packets that come in UDP datagrams to a socket of our own: VXLAN and Geneve, as cloud mirrors send them.
//!
//! No interface has to be opened, so no capability is needed. Each datagram is handed on as it is; the tunnel header in front
//! is read by [`decode`](crate::cleartext::decode). Stamps and the number of datagrams the kernel dropped come from the
//! kernel with every datagram (`SO_TIMESTAMPNS`, `SO_RXQ_OVFL`). `SO_REUSEPORT` lets several sensors share a port.

use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrStorage, bind,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use super::{Drops, LinkType, OpenError, OpenFault, Packet, Polled, Source, SourceError};
use crate::cleartext::raw::Raw;
use crate::clock::{EventTime, NANOS_PER_SECOND, wall_now};

/// Longest wait for a datagram, in milliseconds.
const POLL: u8 = 100;
/// No datagram is longer (bytes): jumbo frames and what offload put together fit.
const LONGEST: usize = 65_535;

/// Where mirrored packets are received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// Address and port.
    pub address: SocketAddr,
    /// [`LinkType::VXLAN`] or [`LinkType::GENEVE`].
    pub link: LinkType,
}

/// Sockets as one source.
pub struct UdpSource {
    sockets: Vec<Socket>,
    /// The socket to be asked next.
    turn: usize,
    /// None of them had anything when asked last.
    dry: bool,
    buffer: Raw<Vec<u8>>,
    control: Vec<u8>,
    stop: Arc<AtomicBool>,
}

struct Socket {
    fd: OwnedFd,
    link: LinkType,
    dropped: u32,
}

impl UdpSource {
    /// Opens a socket for each address; the kernel may buffer so many bytes for each. [`Polled::End`] comes once `stop` is
    /// set. On a fault its index says which address it was.
    pub fn open(list: &[Listen], buffer: usize, stop: Arc<AtomicBool>) -> Result<Self, OpenError> {
        let open = |(index, listen): (usize, &Listen)| {
            open(listen, buffer).map_err(|errno| OpenError {
                index,
                fault: fault(errno),
            })
        };
        Ok(Self {
            sockets: list
                .iter()
                .enumerate()
                .map(open)
                .collect::<Result<_, _>>()?,
            turn: 0,
            dry: false,
            buffer: Raw::new(vec![0; LONGEST]),
            control: nix::cmsg_space!(TimeSpec, u32),
            stop,
        })
    }

    fn wait(&self) {
        let mut fds: Vec<_> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(socket.fd.as_fd(), PollFlags::POLLIN))
            .collect();
        // Whether it was a datagram, the time or a signal: the next turn looks.
        let _woken = poll(&mut fds, PollTimeout::from(POLL)).is_ok();
    }

    /// Asks each socket once; gives the index of the one that had something, with its stamp and length.
    fn receive(&mut self) -> Result<Option<(usize, EventTime, usize)>, SourceError> {
        for _ in 0..self.sockets.len() {
            let index = self.turn;
            self.turn = index
                .saturating_add(1)
                .checked_rem(self.sockets.len())
                .unwrap_or(0);
            let Some(socket) = self.sockets.get_mut(index) else {
                continue;
            };
            match socket.receive(self.buffer.expose_mut(), &mut self.control) {
                Ok((time, len)) => return Ok(Some((index, time, len))),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(_) => {
                    return Err(SourceError::Interface {
                        interface: index,
                        what: "reading from the socket failed",
                    });
                }
            }
        }
        Ok(None)
    }
}

impl Socket {
    fn receive(
        &mut self,
        buffer: &mut [u8],
        control: &mut Vec<u8>,
    ) -> Result<(EventTime, usize), Errno> {
        control.clear();
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<()>(
            self.fd.as_raw_fd(),
            &mut parts,
            Some(control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let mut time = None;
        if let Ok(controls) = message.cmsgs() {
            for one in controls {
                #[allow(
                    clippy::wildcard_enum_match_arm,
                    reason = "nothing else was asked of the kernel"
                )]
                match one {
                    ControlMessageOwned::ScmTimestampns(stamp) => time = Some(nanos(stamp)),
                    ControlMessageOwned::RxqOvfl(dropped) => self.dropped = dropped,
                    _ => {}
                }
            }
        }
        Ok((time.unwrap_or_else(wall_now), message.bytes))
    }
}

impl Source for UdpSource {
    fn poll(&mut self) -> Result<Polled<'_>, SourceError> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(Polled::End);
        }
        if std::mem::take(&mut self.dry) {
            self.wait();
        }
        let Some((index, time, len)) = self.receive()? else {
            self.dry = true;
            return Ok(Polled::Idle);
        };
        let link = self
            .sockets
            .get(index)
            .map_or(LinkType::VXLAN, |socket| socket.link);
        let data = self.buffer.expose().get(..len).unwrap_or_default();
        Ok(Polled::Packet(Packet {
            time,
            link,
            wire_len: u32::try_from(len).unwrap_or(u32::MAX),
            data: Raw::new(data),
        }))
    }

    fn drops(&mut self) -> Drops {
        let kernel = self
            .sockets
            .iter()
            .map(|socket| u64::from(socket.dropped))
            .sum();
        Drops {
            kernel,
            interface: 0,
        }
    }
}

fn open(listen: &Listen, buffer: usize) -> Result<Socket, Errno> {
    let family = if listen.address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(&fd, sockopt::RxqOvfl, &1)?;
    // More than net.core.rmem_max takes CAP_NET_ADMIN; without it the kernel gives what it may.
    if setsockopt(&fd, sockopt::RcvBufForce, &buffer).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &buffer)?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(listen.address))?;
    Ok(Socket {
        fd,
        link: listen.link,
        dropped: 0,
    })
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "there are more than a hundred errors, and these two can be mended"
)]
const fn fault(errno: Errno) -> OpenFault {
    match errno {
        Errno::EACCES | Errno::EPERM => OpenFault::NoPermission,
        Errno::EADDRNOTAVAIL => OpenFault::NoSuchInterface,
        _ => OpenFault::Refused,
    }
}

fn nanos(stamp: TimeSpec) -> EventTime {
    let seconds = u64::try_from(stamp.tv_sec()).unwrap_or(0);
    let rest = u64::try_from(stamp.tv_nsec()).unwrap_or(0);
    EventTime::from_nanos(
        seconds
            .saturating_mul(NANOS_PER_SECOND)
            .saturating_add(rest),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn datagrams_come_with_their_link_type_and_time() {
        // Ports of the system's choosing, found by asking for 0 first.
        let free = || {
            UdpSocket::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
        };
        let list = [
            Listen {
                address: free(),
                link: LinkType::VXLAN,
            },
            Listen {
                address: free(),
                link: LinkType::GENEVE,
            },
        ];
        let stop = Arc::new(AtomicBool::new(false));
        let mut source = UdpSource::open(&list, 1 << 20, Arc::clone(&stop)).unwrap();
        assert!(matches!(source.poll(), Ok(Polled::Idle)));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = wall_now();
        sender.send_to(&[8, 0, 0, 0, 1], list[0].address).unwrap();
        sender.send_to(&vec![7; 40_000], list[1].address).unwrap();
        let mut seen = Vec::new();
        while seen.len() < 2 {
            if let Ok(Polled::Packet(packet)) = source.poll() {
                assert!(packet.time.nanos_since(before) < 60 * NANOS_PER_SECOND);
                seen.push((packet.link, packet.data.expose().len()));
            }
        }
        assert_eq!(seen, [(LinkType::VXLAN, 5), (LinkType::GENEVE, 40_000)]);
        assert_eq!(source.drops(), Drops::default());
        stop.store(true, Ordering::Relaxed);
        assert!(matches!(source.poll(), Ok(Polled::End)));
    }
}
