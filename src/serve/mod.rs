//! HTTP listeners: hyper on a thread of its own, plain or TLS (rustls), with basic or bearer authentication.
//!
//! This module knows nothing of what is served: a [`Site`] answers requests from memory, synchronously. It owns limits on
//! connections, heads and time, so that a slow or hostile scraper costs a bounded amount.

mod auth;
mod listener;
mod web_config;

pub use auth::{Auth, Credentials};
pub use listener::{ListenError, Listener, Server};
pub use web_config::{WebConfig, WebConfigError};

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;

/// What a request asks for, as far as sites need to know. Bodies are never read.
#[derive(Debug)]
pub struct Request<'a> {
    /// `GET` or `HEAD`; anything else was already answered with 405, but for sites that allow `POST`.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Query without `?`, or the empty string.
    pub query: &'a str,
    /// The fields.
    pub headers: &'a hyper::HeaderMap,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl Request<'_> {
    /// A field as text; the empty string where absent or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Fields, by name.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: ReplyBody,
}

impl Reply {
    /// A short plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(
            status,
            "text/plain; charset=utf-8",
            Bytes::from(text.into()),
        )
    }

    /// A page.
    pub fn html(text: impl Into<String>) -> Self {
        Self::bytes(200, "text/html; charset=utf-8", Bytes::from(text.into()))
    }

    /// Bytes of a type.
    pub fn bytes(status: u16, content_type: &str, bytes: Bytes) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: ReplyBody::Whole(Some(bytes)),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A body that is in memory, or one that comes piece by piece (server-sent events).
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// Pieces, until the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(pieces) => pieces
                .poll_recv(cx)
                .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Answers requests. Must be quick: it runs on the listener's only thread.
pub trait Site: Send + Sync + 'static {
    /// The answer to a request that passed authentication.
    fn respond(&self, request: &Request<'_>) -> Reply;

    /// Paths that are answered without authentication.
    fn is_open(&self, _path: &str) -> bool {
        false
    }
}
