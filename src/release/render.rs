//! The public text of a [`Release`]: Prometheus text format 0.0.4 and OpenMetrics 1.0.
//!
//! [`render`] takes a release and a format, and nothing else: no clock, no counter of the process, no traffic. The exporter
//! renders each release once and serves the same bytes to every scraper. There are no timestamps and no `_created` lines.
//! Every public cell is there from the first scrape, zeros included, so that presence says nothing.
//!
//! A fresh `prometheus` registry collects, sorts and checks the families; the default registry with its process metrics is
//! never used. The crate writes the 0.0.4 text; OpenMetrics is written here, from the same families.

mod openmetrics;

use std::collections::BTreeMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, MetricFamily, MetricType};
use prometheus::{Encoder, Registry, TextEncoder};

use super::budget::{DELTA, Line, decimal};
use super::layout::Layout;
use super::ledger::{Committed, rounded};
use super::metric::{Kind, Metric};
use super::plan::{Plan, category, direction, line, once_line};
use super::releaser::Release;
use crate::analysis::clip::{
    BODY_UNIT, LATENCY_BOUNDS_US, LATENCY_BUCKETS, OnceFamily, PartnerFamily, VolumeFamily,
};
use crate::analysis::country;
use crate::clock::Tick;
use crate::observation::{PublicTriple, Status};

/// What a scraper may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` to serve it with.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Seconds from the end of a window to its release, by schedule.
pub const RELEASE_DELAY: u64 = 2;

/// Writes the text of a release.
pub fn render(release: &Release, format: Format) -> Vec<u8> {
    let families = gather(release);
    match format {
        Format::Text => {
            let mut text = Vec::new();
            // Writing to memory cannot fail, and every family has a metric; a test scrapes all of them.
            if TextEncoder::new().encode(&families, &mut text).is_err() {
                text.clear();
            }
            text
        }
        Format::OpenMetrics => openmetrics::encode(&families),
    }
}

/// All families of a release, sorted.
fn gather(release: &Release) -> Vec<MetricFamily> {
    let mut page = Page::default();
    page.info(release.plan(), release);
    if let Some(committed) = release.committed() {
        page.traffic(committed);
        page.principals(committed);
        page.integrations(release.plan(), committed);
    }
    let registry = Registry::new();
    // The registry only refuses names that are no names and collectors that are there twice; the catalogue has neither.
    match registry.register(Box::new(page)) {
        Ok(()) => registry.gather(),
        Err(_) => Vec::new(),
    }
}

/// The families under construction, by metric.
#[derive(Clone, Default)]
struct Page {
    families: BTreeMap<Metric, Vec<prometheus::proto::Metric>>,
}

impl Collector for Page {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families
            .iter()
            .map(|(metric, samples)| {
                let spec = metric.spec();
                let mut family = MetricFamily::default();
                family.set_name(spec.name.to_owned());
                family.set_help(spec.help.to_owned());
                family.set_field_type(match spec.kind {
                    Kind::Counter => MetricType::COUNTER,
                    Kind::Gauge => MetricType::GAUGE,
                    Kind::Histogram => MetricType::HISTOGRAM,
                });
                family.set_metric(samples.clone());
                family
            })
            .collect()
    }
}

impl Page {
    /// What depends on configuration and schedule only.
    fn info(&mut self, plan: &Plan, release: &Release) {
        let build = plan.build();
        let labels = [&*build.version, &*build.revision, &*build.rustc];
        self.value(Metric::BuildInfo, &labels, 1.0);
        let config = release
            .committed()
            .map_or_else(|| plan.config(), |state| state.config);
        self.value(
            Metric::DpInfo,
            &[
                plan.unit().name(),
                &plan.split().total().decimal(),
                &plan.epsilon().to_string(),
                &format!("{DELTA:e}"),
                &plan.schedule().window_seconds().to_string(),
                &config.to_string(),
            ],
            1.0,
        );
        for of in Line::all() {
            let limit = plan.split().part(of).micro();
            self.value(Metric::DpRhoLimit, &[of.name()], rho(limit));
            let spent = release
                .committed()
                .map_or([0; Line::COUNT], |state| state.spent);
            let spent = spent.get(of as usize).copied().unwrap_or(0);
            self.value(Metric::DpRhoSpent, &[of.name()], rho(spent));
        }
        for family in VolumeFamily::ALL {
            let unit = if family == VolumeFamily::Bytes {
                1_024.0
            } else {
                1.0
            };
            let stddev = plan.variance(family).stddev() * unit;
            self.value(Metric::DpNoiseStddev, &[line(family).name()], stddev);
        }
        // Of a running total, at the end of the period.
        for family in OnceFamily::ALL {
            let blt = plan.layout().once();
            let stddev = blt.stddev(plan.once_variance(family), plan.layout().windows);
            self.value(Metric::DpNoiseStddev, &[once_line(family).name()], stddev);
        }
        let window = release.window();
        let due = window.map_or(Tick(0), |last| {
            Tick(plan.schedule().end(last).0.saturating_add(RELEASE_DELAY))
        });
        self.value(Metric::DpLastRelease, &[], number(due.0));
        let index = window.map_or(0, |last| last.index);
        self.value(Metric::DpWindowIndex, &[], index.into());
        let skipped = release.committed().map_or(0, |state| state.skipped);
        self.value(Metric::DpWindowsSkipped, &[], number(skipped));
        self.value(Metric::DpStale, &[], u8::from(release.is_stale()).into());
    }

    /// The released counters.
    fn traffic(&mut self, committed: &Committed) {
        let published = &committed.counters.published;
        let of = |family| cells(committed, published, family);
        let window = cells(
            committed,
            &committed.counters.window,
            VolumeFamily::Requests,
        );
        // Places without a learned triple have nothing to show.
        let with = |(triple, _): &(&PublicTriple, &[i64])| !triple.is_blank();
        let triples = committed.layout.triples.iter();
        let requests = of(VolumeFamily::Requests).chunks(6);
        let requests = triples.clone().zip(requests).zip(window.chunks(6));
        for ((triple, counts), last) in requests.filter(|(pair, _)| with(pair)) {
            for ((code, count), last) in Status::CLASSES.into_iter().zip(counts).zip(last) {
                self.cell(Metric::Requests, triple, &[code], *count);
                self.cell(Metric::RequestsWindow, triple, &[code], *last);
            }
        }
        let latency = of(VolumeFamily::Latency).chunks(LATENCY_BUCKETS);
        for (triple, buckets) in triples.clone().zip(latency).filter(with) {
            let metric = histogram(Metric::RequestDuration, &labels(triple, &[]), buckets);
            self.push(Metric::RequestDuration, metric);
        }
        let bytes = of(VolumeFamily::Bytes).chunks(2);
        let directions = [Metric::RequestBodyBytes, Metric::ResponseBodyBytes];
        for (triple, kib) in triples.clone().zip(bytes).filter(with) {
            for (metric, kib) in directions.into_iter().zip(kib) {
                self.cell(metric, triple, &[], kib.saturating_mul(1_024));
            }
        }
        for (cell, count) in of(VolumeFamily::Countries).iter().enumerate() {
            self.value(
                Metric::CountryRequests,
                &[country::label(cell)],
                signed(*count),
            );
        }
        let sensitive = of(VolumeFamily::Sensitive).chunks(8);
        for (triple, counts) in triples.zip(sensitive).filter(with) {
            for (slot, count) in counts.iter().enumerate() {
                let labels = [category(slot), direction(slot)];
                self.cell(Metric::SensitiveValues, triple, &labels, *count);
            }
        }
    }

    /// Distinct principals of the period.
    fn principals(&mut self, committed: &Committed) {
        for (cell, series) in committed.counters.once.iter().enumerate() {
            let (family, name) = Layout::once_name(cell);
            let value = signed(rounded(series.total));
            match family {
                OnceFamily::Tokens => self.value(Metric::TokensToday, &[], value),
                OnceFamily::Anomalous => self.value(Metric::TokensAnomalousToday, &[name], value),
                OnceFamily::Exposed => self.value(Metric::TokensExposedToday, &[name], value),
            }
        }
    }

    /// Named integrations. Costs and bytes follow from released counts.
    fn integrations(&mut self, plan: &Plan, committed: &Committed) {
        let pairs = committed.layout.pairs();
        let cells = &committed.counters.partners_published;
        let mut of_partner = cells.chunks(pairs.len().max(1) * PartnerFamily::CELLS);
        for partner in &committed.layout.partners {
            let counts = of_partner.next().unwrap_or_default();
            let settings = plan.integrations().iter().find(|i| i.name == partner.name);
            let tags: Vec<(&str, &str)> = plan
                .tags()
                .iter()
                .map(|tag| {
                    let value = settings.and_then(|i| i.tags.get(tag));
                    (&**tag, value.map_or("", |value| value))
                })
                .collect();
            let mut cost = 0.0;
            let name = &*partner.name;
            for ((endpoint, method), counts) in
                pairs.iter().zip(counts.chunks(PartnerFamily::CELLS))
            {
                let of = |family: PartnerFamily| counts.get(family.cells()).unwrap_or_default();
                let requests = of(PartnerFamily::Requests);
                let labels = [name, endpoint, method];
                for (code, count) in Status::CLASSES.into_iter().zip(requests) {
                    let labels = [name, endpoint, method, code];
                    let metric = Metric::IntegrationRequests;
                    self.tagged(metric, &labels, &tags, signed(*count));
                }
                let metric = Metric::IntegrationDuration;
                let mut sample = histogram(metric, &labels, of(PartnerFamily::Latency));
                tag(&mut sample, &tags);
                self.push(metric, sample);
                let units: i64 = of(PartnerFamily::Bytes).iter().sum();
                let bytes = signed(units) * number(BODY_UNIT);
                self.tagged(Metric::IntegrationBodyBytes, &labels, &tags, bytes);
                let weight = settings.and_then(|i| i.costs.get(&format!("{method} {endpoint}")));
                let whole: i64 = requests.iter().sum();
                cost += weight.copied().unwrap_or(0.0) * signed(whole);
            }
            self.tagged(Metric::IntegrationCostUnits, &[name], &tags, cost);
        }
    }

    /// A counter with the tags of its integration.
    fn tagged(&mut self, metric: Metric, labels: &[&str], tags: &[(&str, &str)], value: f64) {
        let mut sample = labelled(metric, labels);
        tag(&mut sample, tags);
        let mut counter = Counter::default();
        counter.set_value(value);
        sample.set_counter(counter);
        self.push(metric, sample);
    }

    fn cell(&mut self, metric: Metric, triple: &PublicTriple, more: &[&str], count: i64) {
        self.value(metric, &labels(triple, more), signed(count));
    }

    fn value(&mut self, metric: Metric, labels: &[&str], value: f64) {
        let mut sample = labelled(metric, labels);
        if metric.spec().kind == Kind::Counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            sample.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            sample.set_gauge(gauge);
        }
        self.push(metric, sample);
    }

    fn push(&mut self, metric: Metric, sample: prometheus::proto::Metric) {
        self.families.entry(metric).or_default().push(sample);
    }
}

/// The cells of a family, of a vector over the cells of the committed list of triples.
fn cells<'a>(committed: &Committed, all: &'a [i64], family: VolumeFamily) -> &'a [i64] {
    all.get(committed.layout.range(family)).unwrap_or_default()
}

fn labels<'a>(triple: &'a PublicTriple, more: &[&'a str]) -> Vec<&'a str> {
    let mut labels = vec![&*triple.service, &*triple.endpoint, &*triple.method];
    labels.extend(more);
    labels
}

fn labelled(metric: Metric, values: &[&str]) -> prometheus::proto::Metric {
    let names = metric.spec().labels;
    debug_assert_eq!(names.len(), values.len());
    let pairs = names.iter().zip(values).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    prometheus::proto::Metric::from_label(pairs.collect())
}

/// Adds labels, in the order of names that the format asks for.
fn tag(sample: &mut prometheus::proto::Metric, tags: &[(&str, &str)]) {
    let mut pairs = sample.take_label();
    for (name, value) in tags {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pairs.push(pair);
    }
    sample.set_label(pairs);
}

/// A histogram from ratcheted, non-cumulative buckets. Adding them up keeps it monotone in time and in `le`.
fn histogram(metric: Metric, labels: &[&str], buckets: &[i64]) -> prometheus::proto::Metric {
    let mut sum_us: i128 = 0;
    let mut cumulative: u64 = 0;
    let mut shown = Vec::with_capacity(LATENCY_BUCKETS);
    for (index, count) in buckets.iter().enumerate() {
        let count = u64::try_from(*count).unwrap_or(0);
        cumulative = cumulative.saturating_add(count);
        sum_us += i128::from(count) * i128::from(midpoint_us(index));
        // The open bucket is the count: both encoders write it as `+Inf`.
        if let Some(bound) = LATENCY_BOUNDS_US.get(index) {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(seconds(*bound));
            bucket.set_cumulative_count(cumulative);
            shown.push(bucket);
        }
    }
    let mut histogram = Histogram::default();
    histogram.set_sample_count(cumulative);
    histogram.set_sample_sum(micros(sum_us));
    histogram.set_bucket(shown);
    let mut sample = labelled(metric, labels);
    sample.set_histogram(histogram);
    sample
}

/// The middle of a bucket; of the open one, half again its lower bound.
fn midpoint_us(bucket: usize) -> u64 {
    let lower = bucket
        .checked_sub(1)
        .and_then(|below| LATENCY_BOUNDS_US.get(below))
        .copied()
        .unwrap_or(0);
    LATENCY_BOUNDS_US
        .get(bucket)
        .map_or(lower + lower / 2, |upper| lower.midpoint(*upper))
}

#[allow(clippy::cast_precision_loss, reason = "at most 10^7")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus knows floats only")]
fn micros(micros: i128) -> f64 {
    micros as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus knows floats only")]
const fn signed(value: i64) -> f64 {
    value as f64
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus knows floats only")]
const fn number(value: u64) -> f64 {
    value as f64
}

/// Micro-rho as the nearest float to its decimal.
fn rho(micro: u64) -> f64 {
    decimal(micro).parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
