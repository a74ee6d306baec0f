//! The operator channel: alerts, pseudonyms and sensor health, restricted and outside the privacy claim.
//!
//! It shows what the analysis room knows ([`Summary`]), in words given by [`Names`]: pseudonyms of tokens and clients, path
//! templates, masked-value counts by type. It is always authenticated, and nothing on the public listener depends on it.

mod api;
mod console;
mod history;
mod metrics;
mod page;
mod query;
mod site;
mod token;

pub use site::OperatorSite;
pub use token::{OperatorToken, TokenError};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use hyper::body::Bytes;
use tokio::sync::mpsc;

use crate::analysis::alert::Alert;
use crate::analysis::summary::Summary;
use crate::catalog::{Catalog, Documented};
use crate::clock::EventTime;
use crate::gauge::Gauges;
use crate::observation::Names;
use crate::tally::Tallies;
use crate::views::inventory::{self, InventoryView};

/// What the operator channel shows, fed by the pipeline.
pub struct OperatorState {
    names: Arc<dyn Names>,
    catalog: Catalog,
    documents: Option<Vec<Documented>>,
    tallies: Tallies,
    gauges: Gauges,
    summary: ArcSwap<Summary>,
    now: ArcSwap<EventTime>,
    raised: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    listeners: Mutex<Vec<mpsc::Sender<Bytes>>>,
}

/// Event streams open at once; one more replaces none and is refused.
const MAX_STREAMS: usize = 16;
/// Alerts a slow reader may lag behind before its stream is closed.
const STREAM_BACKLOG: usize = 256;

impl OperatorState {
    /// With nothing seen yet.
    pub fn new(names: Arc<dyn Names>, catalog: Catalog, tallies: Tallies, gauges: Gauges) -> Self {
        Self {
            names,
            catalog,
            documents: None,
            tallies,
            gauges,
            summary: ArcSwap::default(),
            now: ArcSwap::default(),
            raised: Mutex::default(),
            listeners: Mutex::default(),
        }
    }

    /// With what OpenAPI documents describe; none where there is no document.
    #[must_use]
    pub fn with_documents(self, documents: Option<Vec<Documented>>) -> Self {
        Self { documents, ..self }
    }

    /// What documents and traffic say of each other; none where there is no document.
    fn inventory(&self, summary: &Summary) -> Option<InventoryView> {
        let documents = self.documents.as_ref()?;
        Some(inventory::of(documents, summary, self.names.as_ref()))
    }

    /// Replaces what is shown.
    pub fn publish(&self, summary: Summary, now: EventTime) {
        self.summary.store(Arc::new(summary));
        self.now.store(Arc::new(now));
    }

    /// Counts alerts by signal and the severity they were raised with; updates of them are not counted again.
    pub fn count_alerts(&self, alerts: &[Alert]) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        for alert in alerts.iter().filter(|alert| alert.update == 0) {
            let key = (alert.signal.name(), alert.severity.name());
            *raised.entry(key).or_default() += 1;
        }
    }

    /// Sends an alert (one line of JSON) to every open event stream.
    pub fn send_alert(&self, json: &str) {
        let event = Bytes::from(format!("event: alert\ndata: {json}\n\n"));
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A reader that lags by the whole backlog is dropped; it reconnects and reads the alerts of the summary.
        listeners.retain(|listener| listener.try_send(event.clone()).is_ok());
    }

    fn subscribe(&self) -> Option<mpsc::Receiver<Bytes>> {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| !listener.is_closed());
        if listeners.len() >= MAX_STREAMS {
            return None;
        }
        let (sender, receiver) = mpsc::channel(STREAM_BACKLOG);
        // The first comment makes proxies and browsers believe in the stream at once.
        drop(sender.try_send(Bytes::from_static(b": hushtap alerts\n\n")));
        listeners.push(sender);
        Some(receiver)
    }
}
