//! What HTTP says in words about an exchange, as enums and numbers.

/// Request methods by allow-list; junk from the wire is `Other`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[allow(
    missing_docs,
    reason = "the methods of the IANA registry speak for themselves"
)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Query,
    Propfind,
    Proppatch,
    Mkcol,
    Copy,
    Move,
    Lock,
    Unlock,
    Report,
    Search,
    Merge,
    Purge,
    /// Seen, but on no list.
    Other,
    /// No request was seen, or its method could not be read.
    Unknown,
}

impl Method {
    const NAMES: [(Self, &'static str); 22] = [
        (Self::Get, "GET"),
        (Self::Head, "HEAD"),
        (Self::Post, "POST"),
        (Self::Put, "PUT"),
        (Self::Delete, "DELETE"),
        (Self::Connect, "CONNECT"),
        (Self::Options, "OPTIONS"),
        (Self::Trace, "TRACE"),
        (Self::Patch, "PATCH"),
        (Self::Query, "QUERY"),
        (Self::Propfind, "PROPFIND"),
        (Self::Proppatch, "PROPPATCH"),
        (Self::Mkcol, "MKCOL"),
        (Self::Copy, "COPY"),
        (Self::Move, "MOVE"),
        (Self::Lock, "LOCK"),
        (Self::Unlock, "UNLOCK"),
        (Self::Report, "REPORT"),
        (Self::Search, "SEARCH"),
        (Self::Merge, "MERGE"),
        (Self::Purge, "PURGE"),
        (Self::Other, "OTHER"),
    ];

    /// From the bytes of a request line; methods are case-sensitive (RFC 9110 section 9.1). Without any it is unknown: HTTP/2,
    /// joined midstream, may hide it.
    pub fn from_wire(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Unknown;
        }
        Self::NAMES
            .iter()
            .find(|(method, name)| *method != Self::Other && name.as_bytes() == bytes)
            .map_or(Self::Other, |(method, _)| *method)
    }

    /// The name, `OTHER` for unlisted ones and the empty string where no request was seen.
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(method, _)| *method == self)
            .map_or("", |(_, name)| name)
    }
}

/// A status code; 0 where no response was seen.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Status(pub u16);

impl Status {
    /// No response was seen.
    pub const NONE: Self = Self(0);

    /// The label value of `code`: `1xx` to `5xx`, or `none`.
    pub const fn class(self) -> &'static str {
        match self.0 {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => "none",
        }
    }

    /// What a gRPC status code comes to as a status of HTTP, by the table of `google/rpc/code.proto`.
    pub const fn of_grpc(code: u8) -> Self {
        Self(match code {
            0 => 200,
            1 => 499,
            3 | 9 | 11 => 400,
            4 => 504,
            5 => 404,
            6 | 10 => 409,
            7 => 403,
            8 => 429,
            12 => 501,
            14 => 503,
            16 => 401,
            // UNKNOWN, INTERNAL, DATA_LOSS, and what is on no list.
            _ => 500,
        })
    }

    /// Label values of `code` in cell order.
    pub const CLASSES: [&'static str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"];

    /// Index into [`Self::CLASSES`].
    pub const fn class_index(self) -> usize {
        match self.0 {
            100..=199 => 0,
            200..=299 => 1,
            300..=399 => 2,
            400..=499 => 3,
            500..=599 => 4,
            _ => 5,
        }
    }
}

/// Two letters of ISO 3166-1, or [`Country::UNKNOWN`].
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Country([u8; 2]);

impl Country {
    /// No database, or the address is in none.
    pub const UNKNOWN: Self = Self([0, 0]);

    /// From a two-letter code; anything else is unknown.
    pub fn from_code(code: &str) -> Self {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
            }
            _ => Self::UNKNOWN,
        }
    }

    /// The two letters, or `unknown`.
    pub fn code(&self) -> &str {
        if *self == Self::UNKNOWN {
            "unknown"
        } else {
            std::str::from_utf8(&self.0).unwrap_or("unknown")
        }
    }
}

/// The application protocol, as `protocol` in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names are the protocol versions")]
pub enum Protocol {
    Http09,
    Http10,
    Http11,
    H2,
}

impl Protocol {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http09 => "http/0.9",
            Self::Http10 => "http/1.0",
            Self::Http11 => "http/1.1",
            Self::H2 => "h2",
        }
    }
}

/// How whole a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TxState {
    /// Request and response whole.
    Complete,
    /// No response was seen.
    NoResponse,
    /// No request was seen.
    NoRequest,
    /// A gap or the snaplen cut it.
    Truncated,
}

impl TxState {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::NoResponse => "no-response",
            Self::NoRequest => "no-request",
            Self::Truncated => "truncated",
        }
    }
}

/// Facts about a transaction worth a word in its record: a set of flags.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Notes(pub u16);

impl Notes {
    /// The flow was joined midstream.
    pub const MIDSTREAM: Self = Self(1);
    /// A body was longer than the limit and only partly looked into.
    pub const BODY_CUT: Self = Self(1 << 1);
    /// A body could not be decoded and was masked whole.
    pub const UNDECODABLE: Self = Self(1 << 2);
    /// Framing headers contradicted each other.
    pub const ODD_FRAMING: Self = Self(1 << 3);
    /// Segments overlapped with different content.
    pub const OVERLAP_CONFLICT: Self = Self(1 << 4);
    /// The request came in pieces around its response, or the response before the request had ended.
    pub const EARLY_RESPONSE: Self = Self(1 << 5);
    /// The connection was upgraded to another protocol.
    pub const UPGRADED: Self = Self(1 << 6);
    /// Stands inside a CONNECT tunnel.
    pub const IN_TUNNEL: Self = Self(1 << 7);

    /// Was inside TLS and opened with a known key.
    pub const DECRYPTED: Self = Self(1 << 8);
    /// Packets were lost between messages of a pipelined flow: the response may be that of another request.
    pub const PAIR_DOUBTFUL: Self = Self(1 << 9);

    const NAMES: [(Self, &'static str); 10] = [
        (Self::MIDSTREAM, "midstream"),
        (Self::BODY_CUT, "body-cut"),
        (Self::UNDECODABLE, "undecodable"),
        (Self::ODD_FRAMING, "odd-framing"),
        (Self::OVERLAP_CONFLICT, "overlap-conflict"),
        (Self::EARLY_RESPONSE, "early-response"),
        (Self::UPGRADED, "upgraded"),
        (Self::IN_TUNNEL, "in-tunnel"),
        (Self::DECRYPTED, "decrypted"),
        (Self::PAIR_DOUBTFUL, "pair-doubtful"),
    ];

    /// Adds the flags of `other`.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}

/// What kind of program the client is, by its User-Agent.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum AgentClass {
    /// None was sent, or it says nothing.
    #[default]
    Unknown,
    /// A web browser.
    Browser,
    /// An app on a phone, tablet or desktop.
    App,
    /// A library or command-line tool.
    Tool,
    /// A crawler, monitor or scanner that says so.
    Bot,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_errors_are_errors() {
        let classes: Vec<_> = (0..=17).map(|code| Status::of_grpc(code).class()).collect();
        assert_eq!(classes[0], "2xx");
        assert!(
            classes[1..]
                .iter()
                .all(|class| ["4xx", "5xx"].contains(class))
        );
        assert_eq!(Status::of_grpc(16), Status(401));
    }
}
