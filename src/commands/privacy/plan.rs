//! `hushtap privacy plan`: the noise of every family in a table, and what to choose. From the configuration and from what the
//! user says of the traffic; nothing is measured.

use std::fmt::Write as _;

use clap::ArgMatches;

use crate::analysis::clip::{OnceFamily, PartnerFamily, VolumeFamily};
use crate::analysis::window::Unit;
use crate::cli::PlanArgs;
use crate::config::{Config, PrivacyUnit};
use crate::error::{Error, Exit};
use crate::release::outlook::{Outlook, Traffic};

/// Ranges of the table, in seconds.
const RANGES: [(&str, u64); 4] = [
    ("1 min", 60),
    ("15 min", 900),
    ("1 h", 3_600),
    ("24 h", 86_400),
];

/// Prints the plan.
pub(super) fn run(args: &PlanArgs, matches: &ArgMatches) -> Result<Exit, Error> {
    let traffic = traffic(args)?;
    let config = Config::load(matches)?;
    let shared = config.anonymizer(config.keys(&config.passing_key()?))?;
    let plan = config.plan(shared.triples(), shared.services())?;
    let outlook = Outlook::new(&plan, traffic);
    let mut hourly = config.clone();
    hourly.settings.privacy.unit = PrivacyUnit::PrincipalHour;
    let hourly = hourly.plan(shared.triples(), shared.services())?;
    let text = page(&config, &outlook, &Outlook::new(&hourly, traffic), args);
    super::super::print(text.as_bytes())
}

fn traffic(args: &PlanArgs) -> Result<Traffic, Error> {
    let positive = |value: f64, flag: &str, most: f64| {
        if value > 0.0 && value <= most {
            Ok(value)
        } else {
            Err(Error::usage(format!(
                "{flag} must be more than 0 and at most {most}"
            )))
        }
    };
    if args.tokens == 0 {
        return Err(Error::usage("--tokens must be at least 1"));
    }
    if let Some(limit) = args.rate_limit {
        positive(limit, "--rate-limit", 1e9)?;
    }
    Ok(Traffic {
        tokens: args.tokens,
        per_minute: positive(args.rate, "--rate", 1e9)?,
        on_endpoint: positive(args.on_endpoint, "--on-endpoint", 1.0)?,
    })
}

fn page(config: &Config, outlook: &Outlook<'_>, hourly: &Outlook<'_>, args: &PlanArgs) -> String {
    let mut text = String::new();
    let privacy = &config.settings.privacy;
    let plan = outlook.plan();
    let (whose, period) = match plan.unit() {
        Unit::PrincipalDay => ("principal-day", "day"),
        Unit::PrincipalHour => ("principal-hour (the weaker unit)", "hour"),
    };
    write!(
        text,
        "In force: unit {whose}, rho {} a {period} (epsilon {:.2} at delta 1e-6), windows of {} s,\n          \
         privacy.requests_per_minute = {}.\n\
         Traffic:  {} active tokens, {} requests a minute each, {} of them on the endpoint you look at.\n\n",
        plan.split().total().decimal(),
        plan.epsilon(),
        plan.schedule().window_seconds(),
        privacy.requests_per_minute,
        args.tokens,
        args.rate,
        percent(args.on_endpoint),
    ).unwrap_or_default();
    text.push_str("Standard deviation of the noise in the increase of a series over a range; in brackets, in parts of what\nthat endpoint adds.\n\n");
    table(&mut text, outlook);
    writeln!(
        text,
        "\nThe bias of the clip on that endpoint: {}.\n\nAdvice",
        percent(1.0 - outlook.kept())
    )
    .unwrap_or_default();
    advise(
        &mut text,
        outlook,
        hourly,
        args,
        privacy.requests_per_minute,
    );
    text
}

/// One line a family.
fn table(text: &mut String, outlook: &Outlook<'_>) {
    let mut line = |name: &str, unit: &str, cells: [String; RANGES.len()]| {
        write!(text, "{name:<25}{unit:<10}").unwrap_or_default();
        for cell in cells {
            write!(text, "{cell:>16}").unwrap_or_default();
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    };
    line("family", "unit", RANGES.map(|(name, _)| name.to_owned()));
    for family in VolumeFamily::ALL {
        let (name, unit) = match family {
            VolumeFamily::Requests => ("requests", "requests"),
            VolumeFamily::Latency => ("latency, a bucket", "requests"),
            VolumeFamily::Bytes => ("bytes, a direction", "KiB"),
            VolumeFamily::Countries => ("countries", "requests"),
            VolumeFamily::Sensitive => ("sensitive values", "values"),
        };
        line(
            name,
            unit,
            RANGES.map(|(_, seconds)| {
                let noise = outlook.volume(family, seconds);
                if family == VolumeFamily::Requests {
                    format!(
                        "{} ({})",
                        number(noise),
                        percent(noise / outlook.requests(seconds))
                    )
                } else {
                    number(noise)
                }
            }),
        );
    }
    for family in OnceFamily::ALL {
        let name = match family {
            OnceFamily::Tokens => "tokens_today *",
            OnceFamily::Anomalous => "tokens_anomalous_today *",
            OnceFamily::Exposed => "tokens_exposed_today *",
        };
        line(
            name,
            "tokens",
            RANGES.map(|(_, seconds)| number(outlook.once(family, seconds))),
        );
    }
    for family in PartnerFamily::ALL {
        let (name, unit) = match family {
            PartnerFamily::Requests => ("integration requests", "requests"),
            PartnerFamily::Latency => ("integration latency", "requests"),
            PartnerFamily::Bytes => ("integration bytes", "KiB"),
        };
        line(
            name,
            unit,
            RANGES.map(|(_, seconds)| number(outlook.partner(family, seconds))),
        );
    }
    text.push_str("* of the count itself, so long after midnight UTC\n");
}

fn advise(
    text: &mut String,
    outlook: &Outlook<'_>,
    hourly: &Outlook<'_>,
    args: &PlanArgs,
    in_force: u32,
) {
    let bound = outlook.advised_requests_per_minute();
    let mut point = |words: String| {
        writeln!(text, "- {words}").unwrap_or_default();
    };
    match bound.cmp(&in_force) {
        std::cmp::Ordering::Equal => point(format!(
            "privacy.requests_per_minute = {in_force} fits this traffic."
        )),
        std::cmp::Ordering::Less => point(format!(
            "Set privacy.requests_per_minute = {bound}: such tokens send no more (root mean square), and the noise falls by {}.",
            percent(1.0 - f64::from(bound) / f64::from(in_force))
        )),
        std::cmp::Ordering::Greater => point(format!(
            "Set privacy.requests_per_minute = {bound}: at {in_force} such tokens are clipped. The noise then grows by the factor {:.2}.",
            f64::from(bound) / f64::from(in_force)
        )),
    }
    if let Some(limit) = args.rate_limit {
        point(format!(
            "The limit of {limit} requests a minute is no reason for a higher bound: a token that uses it up in bursts is covered by what it saved while idle. \
             A token that stays at the limit all day needs privacy.requests_per_minute = {limit:.0}, or is a case for [[integration]]."
        ));
    }
    // With the bound that was advised.
    let scale = f64::from(bound) / f64::from(in_force);
    let range = outlook.range_for(0.1) * scale * scale;
    point(format!(
        "Look at this endpoint over {} or more: with that bound the noise is then 10 % of its requests or less (rate(...[{}]) in PromQL).",
        span(range),
        promql(range)
    ));
    if range > 3_600.0 && outlook.plan().unit() == Unit::PrincipalDay {
        point(format!(
            "With so few tokens consider unit = \"principal-hour\", a weaker claim: 10 % at {}. Or list the few large partners as [[integration]].",
            span(hourly.range_for(0.1) * scale * scale)
        ));
    }
    if args.tokens < 300 {
        point("Latency quantiles are rough below 300 active tokens: look at p50 over an hour or more, not at p99.".to_owned());
    }
    let noise = outlook.once(OnceFamily::Anomalous, 86_400);
    point(format!(
        "hushtap_tokens_anomalous_today means something from {} tokens on (three standard deviations); single tokens are for the operator channel.",
        (3.0 * noise).ceil()
    ));
}

/// Three significant digits, without more decimals than that.
fn number(value: f64) -> String {
    if value >= 1_000.0 {
        let digits = format!("{value:.0}");
        let mut grouped = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        return grouped;
    }
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent >= 9.95 || percent.abs() < 0.05 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

/// A length of time in its largest unit.
fn span(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{:.0} s", seconds.ceil())
    } else if seconds < 7_200.0 {
        format!("{:.0} min", (seconds / 60.0).ceil())
    } else if seconds < 172_800.0 {
        format!("{:.0} h", (seconds / 3_600.0).ceil())
    } else {
        format!("{:.0} days", (seconds / 86_400.0).ceil())
    }
}

fn promql(seconds: f64) -> String {
    if seconds < 7_200.0 {
        format!("{:.0}m", (seconds / 60.0).ceil().max(5.0))
    } else {
        format!("{:.0}h", (seconds / 3_600.0).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(1_073.3), "1,073");
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(15.12), "15.1");
        assert_eq!(percent(0.0277), "2.8 %");
        assert_eq!(percent(0.36), "36 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(span(119.5), "120 s");
        assert_eq!(span(3_601.0), "61 min");
        assert_eq!(promql(192.0), "5m");
    }
}
