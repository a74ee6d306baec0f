//! The wiring: which threads there are, what they hand to each other, and how it all ends. No domain logic.
//!
//! ```text
//!  ht-capture-0 --batches, tick markers--> ht-worker-N --outputs--> this thread (replay) or ht-closer (run)
//! ```
//! Everything ends by dropping the first sender: the capture thread ends the feed, workers finish their shards, and the
//! output channel closes behind the last of them.

mod capture;
mod closer;
mod live;
mod queue;
mod replay;
mod rooms;
mod signals;
mod workers;

pub use live::run;
pub use replay::replay;

use crate::cleartext::capture::OpenFault;
use crate::error::{Error, Exit};

/// Why a capture source could not be opened, in words.
fn open_error(fault: OpenFault) -> Error {
    match fault {
        OpenFault::NotFound => Error::failed("there is no such file"),
        OpenFault::NoPermission => Error::new(Exit::NoPermission, "no permission to open it"),
        OpenFault::Unreadable(kind) => Error::failed(format!("cannot be read: {kind}")),
        OpenFault::Empty => Error::failed("the file is empty").hint("pcap and pcapng files are read, also gzip or zstd compressed"),
        OpenFault::NotCapture => Error::failed("this is no capture file")
            .hint("pcap and pcapng files are read, also gzip or zstd compressed"),
        OpenFault::HeaderCut => Error::failed("the file ends inside its header")
            .hint("it was cut while being written or copied; there is no packet in it"),
        OpenFault::UnsupportedLink(link) => {
            Error::failed(format!("link type {} ({}) is not decoded", link.name(), link.0))
                .hint("Ethernet, Linux cooked (SLL, SLL2), raw IP and BSD loopback captures are")
        }
        OpenFault::BadFilter => Error::usage("the capture filter does not compile")
            .hint("filters are written as for tcpdump: tcp port 80 and host 192.0.2.7"),
        OpenFault::FilterUnavailable => Error::usage("this build has no libpcap, so it takes no capture filter")
            .hint("build with the default features"),
        OpenFault::NoSuchInterface => Error::failed("there is no such interface").hint("`hushtap interfaces` lists them"),
        OpenFault::InterfaceDown => Error::failed("the interface is down").hint("`ip link set IFACE up` brings it up"),
        OpenFault::Refused => Error::failed("libpcap refused to open it"),
    }
}
