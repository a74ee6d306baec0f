//! One HTTP exchange as it was seen, all bytes still raw.

use std::cell::RefCell;
use std::net::IpAddr;

use crate::cleartext::raw::Raw;
use crate::clock::EventTime;
use crate::observation::{FlowId, Notes, Protocol, TxState};

/// A range of the transaction's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One header field (RFC 9110 section 5), as spans of the transaction's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Name as sent.
    pub name: Span,
    /// Value without surrounding white space; an obs-fold is still in it.
    pub value: Span,
}

/// A request or a response.
#[derive(Debug)]
pub struct Message {
    /// Start line and fields as sent.
    pub head: Span,
    /// The method of a request, the reason phrase of a response.
    pub first: Span,
    /// The target of a request; empty in a response.
    pub target: Span,
    /// The status of a response; 0 in a request or where unreadable.
    pub status: u16,
    /// Its version.
    pub protocol: Protocol,
    /// Fields of the head and, behind them, of the trailer: a range of [`Transaction::fields`].
    pub fields: std::ops::Range<usize>,
    /// How many of `fields` came in the trailer.
    pub trailers: usize,
    /// The body as far as it was kept: transfer coding removed, content coding still on.
    pub body: Span,
    /// Length of the whole body after transfer coding, kept or not, holes included.
    pub body_bytes: u64,
    /// Whether `body` is all of it, without hole or cut.
    pub body_whole: bool,
}

/// What became of a gRPC call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Grpc {
    /// `grpc-status`, if it was seen.
    pub status: Option<u8>,
    /// Messages of the client; none if it is not known.
    pub request_messages: Option<u32>,
    /// Messages of the server; none if it is not known.
    pub response_messages: Option<u32>,
}

/// One exchange. Owned, size-capped by the limits of the HTTP layer, and deliberately not `Clone`: whoever masks it consumes it.
pub struct Transaction {
    /// The flow it was on.
    pub flow: FlowId,
    /// Its number within the flow, from 0, by first byte of the request (of the response where there is none).
    pub index: u32,
    /// Address of the client.
    pub client: Raw<IpAddr>,
    /// The address that a PROXY header in front of the connection names as its client. Nobody has vouched for it.
    pub claimed: Option<Box<Raw<IpAddr>>>,
    /// Address and port of the server.
    pub server: Raw<(IpAddr, u16)>,
    /// The request, if one was seen.
    pub request: Option<Message>,
    /// The final response, if one was seen. 1xx other than 101 are folded away.
    pub response: Option<Message>,
    /// Version of the request, else of the response.
    pub protocol: Protocol,
    /// First byte seen.
    pub start: EventTime,
    /// Last byte of the request.
    pub request_end: Option<EventTime>,
    /// First byte of the final response.
    pub response_start: Option<EventTime>,
    /// Last byte seen.
    pub end: EventTime,
    /// How whole it is.
    pub state: TxState,
    /// Flags.
    pub notes: Notes,
    /// Of a gRPC call: what became of it. Boxed, for most transactions are none.
    pub grpc: Option<Box<Grpc>>,
    /// All fields, request first.
    pub fields: Vec<Field>,
    /// All bytes that were kept: heads and bodies. Spans point in here.
    pub bytes: Raw<Vec<u8>>,
}

impl Transaction {
    /// Heap bytes it holds.
    pub fn memory(&self) -> usize {
        let fields = self.fields.capacity().saturating_mul(size_of::<Field>());
        self.bytes.expose().capacity().saturating_add(fields)
    }

    /// The bytes of a span; empty if the span is out of range.
    pub(in crate::cleartext) fn slice(&self, span: Span) -> &[u8] {
        let start = usize::try_from(span.start).unwrap_or(usize::MAX);
        let end = usize::try_from(span.end).unwrap_or(usize::MAX);
        self.bytes.expose().get(start..end).unwrap_or_default()
    }

    /// The fields of a message, head first, then trailer.
    pub(in crate::cleartext) fn fields(
        &self,
        message: &Message,
    ) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.fields.get(message.fields.clone()).unwrap_or_default();
        fields
            .iter()
            .map(|field| (self.slice(field.name), self.slice(field.value)))
    }

    /// The first field of that name, compared without case.
    pub(in crate::cleartext) fn field(&self, message: &Message, name: &str) -> Option<&[u8]> {
        self.fields(message)
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}

/// The memory of a transaction that was masked and forgotten, emptied.
pub struct Storage {
    pub(in crate::cleartext) fields: Vec<Field>,
    pub(in crate::cleartext) bytes: Raw<Vec<u8>>,
}

impl Storage {
    /// More than this many bytes go back to the allocator: the few large bodies must not fill the shelf.
    const LARGEST: usize = 16 << 10;

    /// Empties what a transaction held. None if it is not worth keeping.
    pub(in crate::cleartext) fn emptied(
        mut bytes: Vec<u8>,
        mut fields: Vec<Field>,
    ) -> Option<Self> {
        if bytes.capacity() > Self::LARGEST {
            return None;
        }
        bytes.clear();
        fields.clear();
        Some(Self {
            fields,
            bytes: Raw::new(bytes),
        })
    }
}

/// Where the memory of forgotten transactions waits to be used again.
///
/// Transactions are made on the capture thread and end on workers. Without this every one of them costs allocations that
/// the two threads fight over: a third of the capture thread's time went into the allocator's locks.
#[derive(Default)]
pub struct Spare(RefCell<Vec<Storage>>);

impl Spare {
    /// Storages kept at most; with [`Storage::LARGEST`] this bounds the memory.
    const MOST: usize = 4_096;

    /// Takes back what workers are done with.
    pub fn put(&self, storages: Vec<Storage>) {
        let mut shelf = self.0.borrow_mut();
        let room = Self::MOST.saturating_sub(shelf.len());
        shelf.extend(storages.into_iter().take(room));
    }

    /// Room for a new transaction.
    pub(in crate::cleartext) fn take(&self) -> Storage {
        let kept = self.0.borrow_mut().pop();
        kept.unwrap_or_else(|| Storage {
            fields: Vec::new(),
            bytes: Raw::new(Vec::new()),
        })
    }
}
