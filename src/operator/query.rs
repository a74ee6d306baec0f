//! The query of a request to the operator listener: which tokens, endpoints, countries, tags and times are asked for.

use std::fmt::Write as _;

use crate::catalog::TagFilter;

/// Longest query that is read, in bytes.
const MAX_QUERY: usize = 4_096;
/// Rows in an answer unless `limit` says otherwise.
const ROWS: usize = 1_000;
/// Most rows in an answer.
const MAX_ROWS: usize = 10_000;

/// What is wrong with a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault(pub(super) String);

/// A condition on a word: the word, or its beginning with `*` behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern(pub(super) String);

impl Pattern {
    pub(super) fn admits(&self, word: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == self.0,
        }
    }
}

/// What a request asks for. All conditions must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Query {
    /// Pseudonym or name of the integration.
    pub(super) token: Option<Pattern>,
    /// Template, or `METHOD template`.
    pub(super) endpoint: Option<Pattern>,
    /// Two letters, or `unknown`.
    pub(super) country: Option<String>,
    /// A tag of the token's integration, the endpoint or its service.
    pub(super) tag: Option<TagFilter>,
    /// As typed, for forms.
    pub(super) tag_text: String,
    /// Seconds since the epoch, the end not included.
    pub(super) range: (u64, u64),
    /// Seconds of a step of a series.
    pub(super) step: Option<u64>,
    /// Rows wanted.
    pub(super) limit: usize,
    /// The length of a window of a limit on requests, in seconds.
    pub(super) window: Option<u32>,
    /// A limit on requests.
    pub(super) requests: Option<u32>,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            token: None,
            endpoint: None,
            country: None,
            tag: None,
            tag_text: String::new(),
            range: (0, u64::MAX),
            step: None,
            limit: ROWS,
            window: None,
            requests: None,
        }
    }
}

impl Query {
    /// Reads a query; an unknown name is a fault, since leaving it out would answer another question.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_QUERY {
            return Err(Fault("the query is too long".to_owned()));
        }
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            let value = value.trim();
            // An empty field of a form asks for nothing.
            if !value.is_empty() {
                query.set(name, value)?;
            }
        }
        let (from, to) = query.range;
        if from >= to {
            return Err(Fault("`from` is not before `to`".to_owned()));
        }
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match name {
            "token" => self.token = Some(Pattern(value.to_owned())),
            "endpoint" => self.endpoint = Some(Pattern(value.to_owned())),
            "country" => self.country = Some(value.to_owned()),
            "tag" => {
                self.tag = Some(TagFilter::parse(value));
                value.clone_into(&mut self.tag_text);
            }
            "from" => self.range.0 = moment(name, value)?,
            "to" => self.range.1 = moment(name, value)?,
            "step" => self.step = Some(step(value)?),
            "limit" => self.limit = number::<usize>(name, value)?.clamp(1, MAX_ROWS),
            "window" => self.window = Some(number(name, value)?),
            "requests" => self.requests = Some(number(name, value)?),
            _ => {
                return Err(Fault(format!(
                    "`{name}` is unknown; there are token, endpoint, country, tag, from, to, step, limit, window, requests"
                )));
            }
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Fault> {
    let fault = |_| Fault(format!("`{name}` is no number"));
    value.parse().map_err(fault)
}

fn step(value: &str) -> Result<u64, Fault> {
    match value {
        "minute" => Ok(60),
        "hour" => Ok(3_600),
        "day" => Ok(86_400),
        _ => Err(Fault("`step` is minute, hour or day".to_owned())),
    }
}

/// RFC 3339, with `Z` where no zone is given and midnight where no time is; or seconds since 1970.
fn moment(name: &str, value: &str) -> Result<u64, Fault> {
    if let Ok(seconds) = value.parse() {
        return Ok(seconds);
    }
    let whole = match value.len() {
        10 => format!("{value}T00:00:00Z"),
        16 => format!("{value}:00Z"),
        19 => format!("{value}Z"),
        _ => value.to_owned(),
    };
    let stamp = whole.parse::<jiff::Timestamp>().ok();
    stamp
        .and_then(|stamp| u64::try_from(stamp.as_second()).ok())
        .ok_or_else(|| {
            Fault(format!(
                "`{name}` is no moment such as 2026-11-22T06:53:00Z"
            ))
        })
}

/// Undoes percent escapes and `+`.
fn decoded(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        let byte = match (byte, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, behind @ ..]) => {
                rest = behind;
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let value = digit(high)
                    .zip(digit(low))
                    .map(|(high, low)| high * 16 + low);
                value
                    .and_then(|value| u8::try_from(value).ok())
                    .ok_or_else(|| Fault("a percent escape is broken".to_owned()))?
            }
            (byte, _) => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| Fault("the query is not UTF-8".to_owned()))
}

/// The value of a query parameter, escaped.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_is_read() {
        let text = "token=tk_7*&endpoint=GET+%2Fv1%2Fusers%2F%7Bid%7D&country=DE&tag=tier:gold\
                    &from=2026-11-22&to=2026-11-22T06:00&step=hour&limit=5&window=";
        let query = Query::parse(text).unwrap();
        assert!(query.token.unwrap().admits("tk_7abc"));
        assert!(query.endpoint.unwrap().admits("GET /v1/users/{id}"));
        assert_eq!(query.range.1 - query.range.0, 6 * 3_600);
        assert_eq!((query.step, query.limit), (Some(3_600), 5));
        assert_eq!((query.tag_text.as_str(), query.window), ("tier:gold", None));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in [
            "colour=red",
            "from=yesterday",
            "from=2026-11-22&to=2026-11-21",
            "limit=many",
            "step=week",
            "token=%zz",
            "token=%ff",
        ] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(text in "[a-z=&%+0-9:*-]{0,80}") {
            let _read = Query::parse(&text);
        }

        #[test]
        fn what_is_escaped_is_read_again(text in "\\PC{0,40}") {
            prop_assert_eq!(decoded(&encoded(&text)).unwrap(), text);
        }
    }
}
