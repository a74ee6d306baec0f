//! OpenMetrics 1.0 text. Differs from 0.0.4 in that counters' families lose their `_total`, units are declared, numbers of
//! `le` are always floats, and the text ends with `# EOF`.

use std::fmt::Write;

use prometheus::proto::{LabelPair, MetricFamily, MetricType};

use crate::release::metric::Metric;

/// Writes sorted families.
pub(super) fn encode(families: &[MetricFamily]) -> Vec<u8> {
    let mut text = String::new();
    for family in families {
        let sample = family.name();
        let name = if family.get_field_type() == MetricType::COUNTER {
            sample.strip_suffix("_total").unwrap_or(sample)
        } else {
            sample
        };
        header(&mut text, name, family);
        for metric in family.get_metric() {
            let labels = metric.get_label();
            match family.get_field_type() {
                MetricType::COUNTER => {
                    let value = metric.get_counter().get_value();
                    line(&mut text, sample, labels, None, value);
                }
                MetricType::HISTOGRAM => {
                    let histogram = metric.get_histogram();
                    let buckets = format!("{name}_bucket");
                    for bucket in histogram.get_bucket() {
                        let le = float(bucket.upper_bound());
                        let count = super::number(bucket.cumulative_count());
                        line(&mut text, &buckets, labels, Some(&le), count);
                    }
                    let count = super::number(histogram.get_sample_count());
                    line(&mut text, &buckets, labels, Some("+Inf"), count);
                    line(&mut text, &format!("{name}_count"), labels, None, count);
                    let sum = histogram.get_sample_sum();
                    line(&mut text, &format!("{name}_sum"), labels, None, sum);
                }
                MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => {
                    let value = metric.get_gauge().get_value();
                    line(&mut text, sample, labels, None, value);
                }
            }
        }
    }
    text.push_str("# EOF\n");
    text.into_bytes()
}

fn header(text: &mut String, name: &str, family: &MetricFamily) {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => "gauge",
    };
    push(text, format_args!("# TYPE {name} {kind}\n"));
    let unit = Metric::CATALOGUE
        .iter()
        .find(|spec| spec.name == family.name())
        .map_or("", |spec| spec.unit);
    if !unit.is_empty() {
        push(text, format_args!("# UNIT {name} {unit}\n"));
    }
    push(
        text,
        format_args!("# HELP {name} {}\n", escaped(family.help())),
    );
}

fn line(text: &mut String, name: &str, labels: &[LabelPair], le: Option<&str>, value: f64) {
    text.push_str(name);
    let pairs = labels.iter().map(|pair| (pair.name(), pair.value()));
    let mut open = '{';
    for (name, value) in pairs.chain(le.map(|le| ("le", le))) {
        push(text, format_args!("{open}{name}=\"{}\"", escaped(value)));
        open = ',';
    }
    if open == ',' {
        text.push('}');
    }
    push(text, format_args!(" {value}\n"));
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('"', "\\\"")
}

/// A float that looks like one, as `le` must.
fn float(value: f64) -> String {
    if value.is_infinite() {
        "+Inf".to_owned()
    } else {
        format!("{value:?}")
    }
}

/// Writing to a string cannot fail.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok());
}
