//! The operator's `/metrics`: exact sensor health, exact endpoint counts without tokens, alerts by pseudonym.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use prometheus::proto::{
    Bucket, Counter, Gauge as GaugeValue, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};

use super::OperatorState;
use crate::analysis::alert::{Alert, Severity, Subject};
use crate::analysis::exact::Exact;
use crate::analysis::summary::{LATENCY_BOUNDS, Summary};
use crate::gauge::{Gauge, GaugeKind};
use crate::observation::{Names, Status};
use crate::tally::{Group, Tally};

/// An alert is active for this long after its last update, in nanoseconds.
const ACTIVE_NANOS: u64 = 3_600 * crate::clock::NANOS_PER_SECOND;

/// The whole page, in the text format.
pub(super) fn render(state: &OperatorState) -> Result<String, prometheus::Error> {
    let summary = state.summary.load();
    let mut families = Families::default();
    packets(state, &mut families);
    levels(state, &mut families);
    transactions(&summary, &mut families);
    masking(state.names.as_ref(), &summary, &mut families);
    endpoints(state.names.as_ref(), &summary, &mut families);
    alerts(state, &summary, &mut families);
    process(&mut families);
    let mut text = Vec::new();
    TextEncoder::new().encode(&families.finish(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Families by name, each with its series; rendered sorted.
#[derive(Default)]
struct Families(BTreeMap<&'static str, (MetricType, &'static str, Vec<Metric>)>);

impl Families {
    fn push(&mut self, name: &'static str, kind: MetricType, help: &'static str, metric: Metric) {
        self.0
            .entry(name)
            .or_insert_with(|| (kind, help, Vec::new()))
            .2
            .push(metric);
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "counts above 2^53 are beyond any sensor's life"
    )]
    fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        value: u64,
    ) {
        let mut metric = labelled(labels);
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        metric.set_counter(counter);
        self.push(name, MetricType::COUNTER, help, metric);
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "levels above 2^53 are beyond any machine"
    )]
    fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        value: u64,
    ) {
        let mut metric = labelled(labels);
        let mut gauge = GaugeValue::default();
        gauge.set_value(value as f64);
        metric.set_gauge(gauge);
        self.push(name, MetricType::GAUGE, help, metric);
    }

    fn finish(self) -> Vec<MetricFamily> {
        let families = self.0.into_iter().map(|(name, (kind, help, metrics))| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            family.set_metric(metrics);
            family
        });
        families.collect()
    }
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut metric = Metric::default();
    metric.set_label(pairs.collect());
    metric
}

fn packets(state: &OperatorState, families: &mut Families) {
    let lost = "Packets and bytes not analysed, by stage and reason.";
    for tally in Tally::ALL {
        let count = state.tallies.total(*tally);
        match (tally, tally.group()) {
            (Tally::PacketsIn | Tally::PacketsAnalysed, _) => {
                let help = "Packets captured (in) and analysed.";
                let result = if *tally == Tally::PacketsIn {
                    "in"
                } else {
                    "analysed"
                };
                families.counter(
                    "hushtap_capture_packets_total",
                    help,
                    &[("result", result)],
                    count,
                );
            }
            (Tally::StreamBytesIn, _) => {
                let help = "TCP payload bytes captured.";
                families.counter("hushtap_capture_bytes_total", help, &[], count);
            }
            (Tally::StreamBytesAnalysed, _) | (_, Group::Http) => {}
            (_, Group::Tls) => {
                let help = "TLS flows, by what became of them.";
                let labels = [("result", tally.name())];
                families.counter("hushtap_tls_flows_total", help, &labels, count);
            }
            (Tally::KernelDropped, _) => {
                let labels = [("stage", "capture"), ("reason", "kernel")];
                families.counter("hushtap_packets_lost_total", lost, &labels, count);
            }
            (Tally::InterfaceDropped, _) => {
                let labels = [("stage", "capture"), ("reason", "interface")];
                families.counter("hushtap_packets_lost_total", lost, &labels, count);
            }
            (_, Group::Packet) => {
                let labels = [("stage", "decode"), ("reason", tally.name())];
                families.counter("hushtap_packets_lost_total", lost, &labels, count);
            }
            (_, Group::StreamByte) => {
                let help = "Bytes of TCP payload not analysed, by reason.";
                families.counter(
                    "hushtap_stream_bytes_lost_total",
                    help,
                    &[("reason", tally.name())],
                    count,
                );
            }
            (_, Group::Flow | Group::Limit) => {
                let help = "Facts about flows and limits that were hit, by event.";
                families.counter(
                    "hushtap_events_total",
                    help,
                    &[("event", tally.name())],
                    count,
                );
            }
        }
    }
}

fn levels(state: &OperatorState, families: &mut Families) {
    for gauge in Gauge::ALL {
        let (kind, label) = gauge.label();
        let value = state.gauges.get(*gauge);
        match kind {
            GaugeKind::Memory => {
                families.gauge(
                    "hushtap_memory_bytes",
                    "Bytes held, by part.",
                    &[("part", label)],
                    value,
                );
            }
            GaugeKind::MemoryLimit => {
                let help = "Most bytes a part may hold.";
                families.gauge(
                    "hushtap_memory_limit_bytes",
                    help,
                    &[("part", label)],
                    value,
                );
            }
            GaugeKind::Queue => {
                families.gauge(
                    "hushtap_queue_depth",
                    "Items waiting, by queue.",
                    &[("queue", label)],
                    value,
                );
            }
            GaugeKind::Flows => {
                families.gauge(
                    "hushtap_flows",
                    "Flows in the table, by state.",
                    &[("state", label)],
                    value,
                );
            }
        }
    }
}

fn transactions(summary: &Summary, families: &mut Families) {
    let help = "HTTP transactions by protocol and by how whole they are.";
    for (protocol, counts) in &summary.protocols {
        for (state, count) in counts.by_state() {
            let labels = [("protocol", protocol.name()), ("state", state.name())];
            families.counter("hushtap_transactions_total", help, &labels, count);
        }
    }
}

fn masking(names: &dyn Names, summary: &Summary, families: &mut Families) {
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for entry in &summary.sensitive {
        *counts
            .entry((names.sensitive_type(entry.kind), entry.category.name()))
            .or_default() += entry.count;
    }
    for ((kind, category), count) in counts {
        let labels = [("type", kind.as_str()), ("category", category)];
        families.counter(
            "hushtap_masked_values_total",
            "Sensitive values masked, by type.",
            &labels,
            count,
        );
    }
    for (rule, hits) in &summary.rules {
        families.counter(
            "hushtap_masking_rule_hits_total",
            "Values found by each masking rule; of a rule in dry run, those that it would have masked.",
            &[("rule", names.rule(*rule).as_str())],
            *hits,
        );
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "microseconds to seconds; display only"
)]
fn endpoints(names: &dyn Names, summary: &Summary, families: &mut Families) {
    // Two templates may read the same: they are one series.
    let mut all: BTreeMap<(String, String, &str), Exact> = BTreeMap::new();
    for endpoint in &summary.exact {
        let Some(name) = endpoint.name(names) else {
            continue;
        };
        if endpoint.counts.by_class != [0; 6] {
            let labels = (name.service, name.template, name.method);
            all.entry(labels).or_default().merge(&endpoint.counts);
        }
    }
    for ((service, template, method), counts) in &all {
        let labels = [
            ("service", service.as_str()),
            ("endpoint", template),
            ("method", method),
        ];
        for (class, count) in Status::CLASSES.iter().zip(counts.by_class) {
            if count > 0 {
                let labels = [labels[0], labels[1], labels[2], ("code", class)];
                let help = "Exact requests by endpoint, without tokens; outside the privacy claim.";
                families.counter("hushtap_exact_requests_total", help, &labels, count);
            }
        }
        let mut histogram = Histogram::default();
        let mut buckets = Vec::with_capacity(counts.latency_buckets.len());
        let mut cumulative = 0;
        for (bound, count) in LATENCY_BOUNDS.iter().zip(counts.latency_buckets) {
            cumulative += count;
            // The open bucket is the count: the encoder writes it as `+Inf`.
            if bound.is_finite() {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(cumulative);
                buckets.push(bucket);
            }
        }
        histogram.set_bucket(buckets);
        histogram.set_sample_count(cumulative);
        histogram.set_sample_sum(counts.latency_sum_us as f64 / 1e6);
        let mut metric = labelled(&labels);
        metric.set_histogram(histogram);
        let help = "Exact latency by endpoint, without tokens; outside the privacy claim.";
        families.push(
            "hushtap_exact_request_duration_seconds",
            MetricType::HISTOGRAM,
            help,
            metric,
        );
    }
}

fn alerts(state: &OperatorState, summary: &Summary, families: &mut Families) {
    let mut active: BTreeMap<u64, &Alert> = BTreeMap::new();
    let now = **state.now.load();
    for alert in &summary.alerts {
        if now.nanos_since(alert.time) <= ACTIVE_NANOS && alert.severity > Severity::Info {
            active.insert(alert.id, alert);
        }
    }
    let raised = state.raised.lock().unwrap_or_else(PoisonError::into_inner);
    for ((signal, severity), count) in raised.iter() {
        let labels = [("signal", *signal), ("severity", *severity)];
        let help = "Alerts raised, by the severity they began with.";
        families.counter("hushtap_alerts_total", help, &labels, *count);
    }
    drop(raised);
    // An alert that ended within the hour and one that followed it may read the same: they are one series.
    let mut told = BTreeSet::new();
    for alert in active.values() {
        let words = SubjectWords::of(alert, state.names.as_ref());
        let labels = [
            ("signal", alert.signal.name()),
            ("severity", alert.severity.name()),
            ("token", words.token.as_str()),
            ("client", words.client.as_str()),
            ("endpoint", words.endpoint.as_str()),
            ("country", alert.country.code()),
        ];
        if !told.insert(labels.map(|(_, value)| value.to_owned())) {
            continue;
        }
        families.gauge(
            "hushtap_alert_active",
            "1 while an alert is active.",
            &labels,
            1,
        );
    }
}

/// The parties of an alert in words; empty where there is none.
pub(super) struct SubjectWords {
    pub(super) token: String,
    pub(super) client: String,
    pub(super) endpoint: String,
}

impl SubjectWords {
    pub(super) fn of(alert: &Alert, names: &dyn Names) -> Self {
        let (mut token, mut client) = (alert.token, alert.client);
        match alert.subject {
            Subject::Token(key) => token = Some(key),
            Subject::Client(key) => client = Some(key),
            Subject::Endpoint(_) => {}
        }
        let endpoint = alert.endpoint_name(names);
        Self {
            token: token.map(|key| names.token(key)).unwrap_or_default(),
            client: client.map(|key| names.client(key)).unwrap_or_default(),
            endpoint: endpoint
                .map(|name| format!("{} {}", name.method, name.template))
                .unwrap_or_default(),
        }
    }
}

fn process(families: &mut Families) {
    let read = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
    let number = |text: &str, place: usize| -> Option<u64> {
        text.split_whitespace().nth(place)?.parse().ok()
    };
    if let Some(pages) = number(&read("/proc/self/statm"), 1) {
        let help = "Resident memory of the process.";
        families.gauge(
            "process_resident_memory_bytes",
            help,
            &[],
            pages * PAGE_BYTES,
        );
    }
    // proc_pid_stat(5): behind the name in parentheses, user and system time are the 12th and 13th field.
    let stat = read("/proc/self/stat");
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    if let (Some(user), Some(system)) = (number(behind, 11), number(behind, 12)) {
        let help = "CPU time of the process.";
        families.counter(
            "process_cpu_seconds_total",
            help,
            &[],
            (user + system) / TICKS_PER_SECOND,
        );
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        families.gauge(
            "process_open_fds",
            "Open file descriptors.",
            &[],
            open.count() as u64,
        );
    }
}

/// Memory pages of the platforms hushtap runs on.
const PAGE_BYTES: u64 = 4_096;
/// `USER_HZ`, fixed at 100 on every platform hushtap runs on.
const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sinks::tests::{Plain, alert};

    #[test]
    fn alerts_that_read_the_same_are_one_series_and_notes_are_none() {
        let state = OperatorState::new(
            Arc::new(Plain),
            crate::catalog::Catalog::default(),
            crate::tally::Tallies::default(),
            crate::gauge::Gauges::default(),
        );
        let mut first = alert();
        first.update = 0;
        let mut next = first.clone();
        next.id += 1;
        let mut note = first.clone();
        (note.id, note.severity) = (first.id + 2, Severity::Info);
        let mut over = first.clone();
        over.id += 3;
        over.subject = Subject::Token(crate::observation::PrincipalKey(99));
        over.token = None;
        over.time = crate::clock::EventTime::from_nanos(first.time.nanos() - 2 * ACTIVE_NANOS);
        let alerts = vec![over, first.clone(), next, note];
        state.count_alerts(&alerts);
        let summary = Summary {
            alerts,
            ..Summary::default()
        };
        state.publish(summary, first.time);
        let text = render(&state).unwrap();
        let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(series("hushtap_alert_active{"), 1, "{text}");
        assert_eq!(series("hushtap_alerts_total{"), 2, "{text}");
    }
}
