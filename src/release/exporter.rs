//! The public listener's site: the last release, rendered once, the same bytes for every scraper.
//!
//! A scrape draws no noise, spends no budget and takes no lock that traffic could hold: it copies a pointer. Compressed forms
//! are made once too, so that neither sizes nor times tell scrapers apart. `/`, `/-/healthy` and `/-/ready` are constants of
//! the process's life, not of its load.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;

use super::releaser::{Exportable, Release};
use super::render::Format;
use crate::serve::{Reply, Request, Site};

/// Content type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Content type of `OpenMetrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const LANDING: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>hushtap</title></head><body>\
<h1>hushtap</h1><p>Differentially private metrics of API traffic.</p>\
<ul><li><a href=\"/metrics\">/metrics</a></li><li><a href=\"/-/healthy\">/-/healthy</a></li>\
<li><a href=\"/-/ready\">/-/ready</a></li></ul></body></html>\n";

/// One release in every form it is served in.
#[derive(Debug, Default)]
pub struct Exposition {
    text: Bytes,
    text_gzip: Bytes,
    open_metrics: Bytes,
    open_metrics_gzip: Bytes,
}

impl Exposition {
    /// Of a release. The one thing that may be published.
    pub fn of(release: &Release) -> Self {
        Self::new(
            release.render(Format::Text),
            release.render(Format::OpenMetrics),
        )
    }

    /// From the two formats; compresses both.
    fn new(text: Vec<u8>, open_metrics: Vec<u8>) -> Self {
        Self {
            text_gzip: gzip(&text),
            text: Bytes::from(text),
            open_metrics_gzip: gzip(&open_metrics),
            open_metrics: Bytes::from(open_metrics),
        }
    }
}

/// Compression into memory cannot fail; were it to, the plain bytes are still served.
fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.map(Bytes::from).unwrap_or_default()
}

/// Serves the last [`Exposition`].
#[derive(Debug, Default)]
pub struct PublicSite {
    current: ArcSwap<Exposition>,
    ready: AtomicBool,
}

impl PublicSite {
    /// Replaces what is served, from the next scrape on.
    pub fn publish(&self, exposition: Exposition) {
        self.current.store(Arc::new(exposition));
    }

    /// The capture is open and the ledger is loaded.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    fn metrics(&self, request: &Request<'_>) -> Reply {
        let current = self.current.load();
        let open_metrics = request
            .header("accept")
            .contains("application/openmetrics-text");
        let wants_gzip = request.header("accept-encoding").split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip") && weight.replace(' ', "") != "q=0"
        });
        let (content_type, plain, packed) = if open_metrics {
            (
                OPEN_METRICS,
                &current.open_metrics,
                &current.open_metrics_gzip,
            )
        } else {
            (TEXT, &current.text, &current.text_gzip)
        };
        let reply = if wants_gzip && !packed.is_empty() {
            Reply::bytes(200, content_type, packed.clone()).with("content-encoding", "gzip")
        } else {
            Reply::bytes(200, content_type, plain.clone())
        };
        reply.with("vary", "accept, accept-encoding")
    }
}

impl Site for PublicSite {
    fn respond(&self, request: &Request<'_>) -> Reply {
        match request.path {
            "/metrics" => self.metrics(request),
            "/-/healthy" => Reply::text(200, "healthy\n"),
            "/-/ready" if self.ready.load(Ordering::Acquire) => Reply::text(200, "ready\n"),
            "/-/ready" => Reply::text(503, "starting\n"),
            "/" => Reply::html(LANDING).with("content-security-policy", "default-src 'none'"),
            _ => Reply::text(
                404,
                "Not found. There are: / /metrics /-/healthy /-/ready\n",
            ),
        }
    }

    fn is_open(&self, path: &str) -> bool {
        matches!(path, "/-/healthy" | "/-/ready")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::analysis::clip::WindowSums;
    use crate::analysis::window::Window;
    use crate::release::ledger::{Namespace, Opening};
    use crate::release::plan::{Plan, Settings};
    use crate::release::releaser::Releaser;
    use crate::serve::ReplyBody;

    fn scrape(
        site: &PublicSite,
        accept: &str,
        encoding: &str,
    ) -> (Vec<(&'static str, String)>, Bytes) {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("accept", accept.parse().unwrap());
        headers.insert("accept-encoding", encoding.parse().unwrap());
        let request = Request {
            method: "GET",
            path: "/metrics",
            query: "",
            headers: &headers,
            tls: false,
        };
        let reply = site.respond(&request);
        let ReplyBody::Whole(Some(bytes)) = reply.body else {
            panic!("a whole body")
        };
        (reply.headers, bytes)
    }

    /// Averaging over scrapes gains nothing: three scrapers of any phase see, in each of a thousand windows, one body.
    #[test]
    fn scrapers_of_any_phase_see_one_body_a_window() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Arc::new(Plan::new(&Settings::default()).unwrap());
        let opening = Opening {
            namespace: Namespace::Live,
            init: true,
        };
        let (mut releaser, _) = Releaser::open(Arc::clone(&plan), dir.path(), opening).unwrap();
        let site = PublicSite::default();
        let mut bodies = BTreeSet::new();
        for index in 1..=1_000 {
            let window = Window { period: 1, index };
            let outcome = releaser.release(window, &WindowSums::default());
            assert!(outcome.fault.is_none());
            site.publish(Exposition::of(&outcome.release));
            let scrapes = rand::random_range(3..12);
            let seen: BTreeSet<_> = (0..scrapes)
                .map(|_| scrape(&site, "*/*", "gzip").1)
                .collect();
            assert_eq!(seen.len(), 1, "window {index}");
            bodies.extend(seen);
        }
        assert_eq!(bodies.len(), 1_000, "and another in every window");
    }

    #[test]
    fn every_scraper_gets_the_same_bytes_in_the_format_it_asks_for() {
        let site = PublicSite::default();
        site.publish(Exposition::new(b"text\n".to_vec(), b"# EOF\n".to_vec()));
        let (_, first) = scrape(&site, "*/*", "identity");
        let (_, second) = scrape(&site, "text/plain", "gzip;q=0");
        assert_eq!(
            (first.as_ref(), second.as_ref()),
            (b"text\n".as_ref(), b"text\n".as_ref())
        );
        let (headers, open) = scrape(&site, "application/openmetrics-text;version=1.0.0", "");
        assert_eq!(open.as_ref(), b"# EOF\n");
        assert!(headers.contains(&("content-type", OPEN_METRICS.to_owned())));
        let (headers, packed) = scrape(&site, "*/*", "deflate, gzip");
        assert!(headers.contains(&("content-encoding", "gzip".to_owned())));
        assert_eq!(packed.get(..2), Some([0x1f, 0x8b].as_slice()));
    }
}
