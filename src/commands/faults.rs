//! Faults of capture sources in words. The cleartext room says what is wrong by enum; which file or interface it was, and
//! how to mend it, is said here.

use std::path::Path;

use crate::cleartext::capture::{LinkType, OpenFault, SourceError};
use crate::error::{Error, Exit};
use crate::report::Damage;

/// A capture file that could not be opened.
pub fn file(path: &Path, fault: OpenFault) -> Error {
    let place = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let (what, hint) = match fault {
        OpenFault::NotFound => (
            "there is no such file".to_owned(),
            "give a capture file, a directory of them, or - for standard input".to_owned(),
        ),
        OpenFault::NoPermission => {
            return Error::new(Exit::NoPermission, "this user may not read the file")
                .hint(format!("`ls -l {place}` shows who may"))
                .at(place);
        }
        OpenFault::Unreadable(kind) => (
            format!("the file cannot be read: {kind}"),
            "try whether `tcpdump -r` can read it".to_owned(),
        ),
        OpenFault::Empty => ("the file is empty".to_owned(), FORMATS.to_owned()),
        OpenFault::NotCapture => (
            "this is no capture: neither pcap nor pcapng".to_owned(),
            FORMATS.to_owned(),
        ),
        OpenFault::BadCompression => (
            "the compressed data is damaged at its start".to_owned(),
            "test it with: gzip -t, or zstd -t".to_owned(),
        ),
        OpenFault::HeaderCut => (
            "this is no capture: it ends inside the file header".to_owned(),
            FORMATS.to_owned(),
        ),
        OpenFault::UnsupportedLink(link) => link_words(link),
        OpenFault::BadFilter | OpenFault::FilterUnavailable => return filter(fault).at(place),
        OpenFault::NoSuchInterface | OpenFault::InterfaceDown | OpenFault::Refused => (
            "the capture cannot be opened".to_owned(),
            FORMATS.to_owned(),
        ),
    };
    Error::failed(what).at(place).hint(hint)
}

const FORMATS: &str = "hushtap reads pcap and pcapng, as tcpdump -w and Wireshark write them, also inside gzip or zstd";

/// An interface that could not be opened.
pub fn interface(name: &str, fault: OpenFault) -> Error {
    let error = match fault {
        OpenFault::NoPermission => {
            Error::new(Exit::NoPermission, "no permission to capture").hint(format!(
                "grant it once with: sudo setcap cap_net_raw=ep {}\n      \
                 or run it under deploy/systemd/hushtap.service, which grants it",
                program()
            ))
        }
        OpenFault::NoSuchInterface | OpenFault::NotFound => {
            Error::failed("there is no such interface").hint(format!("there are: {}", known()))
        }
        OpenFault::InterfaceDown => Error::failed("the interface is down")
            .hint(format!("bring it up with: ip link set {name} up")),
        OpenFault::UnsupportedLink(link) => {
            let (what, hint) = link_words(link);
            Error::failed(what).hint(hint)
        }
        OpenFault::BadFilter | OpenFault::FilterUnavailable => filter(fault),
        OpenFault::Unreadable(_)
        | OpenFault::Empty
        | OpenFault::NotCapture
        | OpenFault::BadCompression
        | OpenFault::HeaderCut
        | OpenFault::Refused => Error::failed("libpcap refuses to capture from it")
            .hint(format!("try: tcpdump -c 1 -i {name}")),
    };
    error.at(name)
}

/// A socket that could not be opened.
pub fn socket(address: &str, fault: OpenFault) -> Error {
    let error = if fault == OpenFault::NoPermission {
        Error::new(Exit::NoPermission, "this user may not listen there")
            .hint("ports under 1024 need CAP_NET_BIND_SERVICE; those of VXLAN and Geneve are above")
    } else if fault == OpenFault::NoSuchInterface {
        Error::failed("no interface has this address")
            .hint("`hushtap interfaces` lists addresses; 0.0.0.0 is all of IPv4, [::] all of IPv6")
    } else {
        Error::failed("the address cannot be listened on")
            .hint("another program may have it: `ss -ulnp` shows which")
    };
    error.at(address)
}

fn link_words(link: LinkType) -> (String, String) {
    (
        format!("link type {} ({}) is not decoded", link.name(), link.0),
        "decoded are Ethernet, Linux cooked, raw IP, loopback, PPP, C-HDLC, frame relay, 802.11, NFLOG and others that carry IP"
            .to_owned(),
    )
}

fn filter(fault: OpenFault) -> Error {
    if fault == OpenFault::FilterUnavailable {
        return Error::usage("this build cannot compile capture filters")
            .hint("build with the default features, or leave the filter out");
    }
    Error::usage("the capture filter does not compile for this link type")
        .hint("for example: tcp port 80 or port 8080; `tcpdump -d FILTER` tells what is wrong")
}

/// A source that failed on the way. Damage of a file is no failure of the run: see [`damage`].
pub fn source(names: &[String], error: SourceError) -> Error {
    match error {
        SourceError::Interface { interface, what } => {
            let name = names.get(interface).map_or("interface", String::as_str);
            Error::failed(format!("capturing ended: {what}"))
                .at(name)
                .hint("`ip link show` tells whether the interface is still there and up")
        }
        SourceError::Damaged { file, offset, what } => {
            let name = names.get(file).map_or("capture", String::as_str);
            Error::new(
                Exit::Damaged,
                format!("damaged at byte offset {offset}: {what}"),
            )
            .at(name)
            .hint("everything before the damage was analysed")
        }
    }
}

/// The damage of a file and its place in the list of files.
pub fn damage(error: SourceError) -> Option<(usize, Damage)> {
    match error {
        SourceError::Damaged { file, offset, what } => Some((file, Damage { offset, what })),
        SourceError::Interface { .. } => None,
    }
}

/// The program's own path, for a command the user can paste.
fn program() -> String {
    std::env::current_exe().map_or_else(
        |_| "$(command -v hushtap)".to_owned(),
        |path| path.display().to_string(),
    )
}

/// Names of the interfaces there are.
fn known() -> String {
    #[cfg(feature = "live")]
    let names = crate::cleartext::capture::interfaces()
        .map(|list| list.into_iter().map(|one| one.name).collect::<Vec<_>>())
        .unwrap_or_default();
    #[cfg(not(feature = "live"))]
    let names: Vec<String> = Vec::new();
    if names.is_empty() {
        "none that this user may see".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_place_and_a_hint() {
        use std::io::ErrorKind;
        for fault in [
            OpenFault::NotFound,
            OpenFault::NoPermission,
            OpenFault::Unreadable(ErrorKind::IsADirectory),
            OpenFault::Empty,
            OpenFault::NotCapture,
            OpenFault::HeaderCut,
            OpenFault::BadCompression,
            OpenFault::UnsupportedLink(LinkType(147)),
            OpenFault::BadFilter,
            OpenFault::FilterUnavailable,
            OpenFault::NoSuchInterface,
            OpenFault::InterfaceDown,
            OpenFault::Refused,
        ] {
            for error in [file(Path::new("x.pcap"), fault), interface("x.pcap", fault)] {
                let shown = error.to_string();
                assert!(shown.starts_with("x.pcap: "), "{shown}");
                assert!(shown.contains("\n\nhint: "), "{shown}");
                let is_permission = fault == OpenFault::NoPermission;
                assert_eq!(error.exit() == Exit::NoPermission, is_permission);
            }
        }
        assert!(
            interface("eth1", OpenFault::NoPermission)
                .to_string()
                .contains("setcap")
        );
    }
}
