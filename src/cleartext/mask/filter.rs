//! `hushtap mask`: text in, masked text out, line by line with bounded memory. The same rules and formats as on the wire.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::bytes::{at, cut, find, minus, plus, trim};
use super::format::Format;
use super::placeholder;
use super::rules::RuleSet;
use super::walk::{Render, State, Stretch, Walk};
use crate::observation::{Part, TextId};

/// Longer lines are masked whole piece by piece.
const LONGEST_LINE: usize = 4 << 20;
/// Longer documents (HTTP messages, XML, forms, JSON over several lines) are cut: what follows is masked whole.
const LONGEST_DOCUMENT: usize = 64 << 20;
/// Paths remembered for `found`; then the list starts anew.
const MOST_PATHS: usize = 65_536;

/// How the input is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum As {
    /// Found out by looking: lines of text or JSON, or one HTTP message or XML document.
    #[default]
    Auto,
    /// Lines of text: logs, configuration.
    Text,
    /// JSON documents, one a line or over several lines.
    Json,
    /// One HTTP message.
    Http,
    /// One `application/x-www-form-urlencoded` body a line.
    Form,
    /// One XML document.
    Xml,
    /// `{"id", "text", "kind"}` a line, answered by `{"id", "masked", "found"}`.
    Envelope,
}

/// A sensitive value in an envelope's text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FoundValue {
    /// Its type, such as `card-number`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its category.
    pub category: &'static str,
    /// First byte in the input text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Where it stood, such as `$.card.number`.
    pub location: String,
}

/// Why a line is no envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnvelopeError {
    /// The line of the input, from 1.
    pub line: usize,
}

impl std::fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("line ")?;
        self.line.fmt(f)?;
        f.write_str(" is no envelope: a JSON object with `id` and `text`, and optionally `kind`")
    }
}

impl std::error::Error for EnvelopeError {}

#[derive(Deserialize)]
struct Envelope {
    id: serde_json::Value,
    text: String,
    #[serde(default)]
    kind: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    id: serde_json::Value,
    masked: String,
    found: Vec<FoundValue>,
}

/// A line of `--explain`, one JSON object a value: never the value.
#[derive(Serialize)]
struct Explained<'a> {
    line: usize,
    rule: &'a str,
    confidence: &'static str,
    #[serde(flatten)]
    found: FoundValue,
}

type Paths = Arc<Mutex<Vec<String>>>;

/// The masking filter.
pub struct Filter {
    rules: Arc<RuleSet>,
    state: State,
    paths: Paths,
    line: usize,
}

impl Filter {
    /// A filter under `rules`; `key` makes the suffixes of keyed placeholders.
    pub fn new(rules: Arc<RuleSet>, key: [u8; 32]) -> Self {
        let paths = Paths::default();
        let names = Arc::clone(&paths);
        let intern = move |path: &[u8], _known: bool| {
            let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
            names.push(String::from_utf8_lossy(path).into_owned());
            TextId(u64::try_from(names.len()).unwrap_or(0))
        };
        Self {
            rules,
            state: State::new(key, Box::new(intern)),
            paths,
            line: 0,
        }
    }

    /// Masks one text; gives it with what was found.
    pub fn mask(&mut self, text: &[u8], format: Format) -> (String, Vec<FoundValue>) {
        let masked = self.mask_text(text, format).into_owned();
        let found = self
            .found(format == Format::Http)
            .into_iter()
            .map(|(_, found)| found)
            .collect();
        (masked, found)
    }

    /// Where in `text` something would be replaced: disjoint ranges in ascending order, for who replaces in place.
    pub(in crate::cleartext) fn spans(
        &mut self,
        text: &[u8],
        format: Format,
    ) -> Vec<(usize, usize)> {
        self.walk(text, format);
        let mut walk = Walk {
            rules: &self.rules,
            s: &mut self.state,
        };
        walk.edited(Stretch::new(0, text.len()))
    }

    /// Masks one text and gives only that: the text itself where nothing in it is replaced. [`Self::hits`] says how many
    /// values were found.
    pub fn mask_text<'t>(&mut self, text: &'t [u8], format: Format) -> Cow<'t, str> {
        self.walk(text, format);
        let mut walk = Walk {
            rules: &self.rules,
            s: &mut self.state,
        };
        walk.apply_within(text, Stretch::new(0, text.len()))
    }

    /// How many sensitive values the last text held.
    pub fn hits(&self) -> usize {
        self.state.hits.len()
    }

    /// Looks at a text; what is to be replaced stands in the state then.
    fn walk(&mut self, text: &[u8], format: Format) {
        if self
            .paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
            > MOST_PATHS
        {
            self.paths
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            self.state.forget_paths();
        }
        self.state.clear(Render::Text);
        self.state.part = Part::RequestBody;
        let mut walk = Walk {
            rules: &self.rules,
            s: &mut self.state,
        };
        walk.body(text, Stretch::new(0, text.len()), format);
    }

    fn found(&self, parts: bool) -> Vec<(super::names::Slot, FoundValue)> {
        if self.state.hits.is_empty() {
            return Vec::new();
        }
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::with_capacity(self.state.hits.len());
        for hit in &self.state.hits {
            let Some(rule) = self.rules.rule(hit.slot) else {
                continue;
            };
            let path = usize::try_from(hit.path.0)
                .ok()
                .and_then(|i| paths.get(i.checked_sub(1)?))
                .cloned()
                .unwrap_or_default();
            let location = if parts {
                [hit.part.name(), ":", &path].concat()
            } else {
                path
            };
            let kind = self
                .rules
                .type_name(rule.kind)
                .unwrap_or_default()
                .to_owned();
            let found = FoundValue {
                kind,
                category: rule.category.name(),
                start: hit.at.start,
                end: hit.at.end,
                location,
            };
            all.push((hit.slot, found));
        }
        all
    }

    /// Masks `input` to `output`; with `explain`, one JSON line a value goes there. Output is flushed whenever the input has
    /// nothing more to give at once, so that a pipe sees every line as it comes.
    pub fn run(
        &mut self,
        input: impl Read,
        output: &mut dyn Write,
        how: As,
        mut explain: Option<&mut dyn Write>,
    ) -> io::Result<()> {
        let mut input = BufReader::with_capacity(1 << 16, input);
        let how = if how == As::Auto {
            guess(input.fill_buf()?)
        } else {
            how
        };
        self.line = 0;
        match how {
            As::Http => self.document(&mut input, output, Format::Http, &mut explain),
            As::Xml => self.document(&mut input, output, Format::Xml, &mut explain),
            As::Json => self.lines(&mut input, output, &mut explain, Self::json_lines),
            As::Form => self.lines(&mut input, output, &mut explain, |_, _| Ok(Format::Form)),
            As::Envelope => self.envelopes(&mut input, output),
            As::Auto | As::Text => self.lines(&mut input, output, &mut explain, Self::text_lines),
        }
    }

    fn document(
        &mut self,
        input: &mut dyn Read,
        output: &mut dyn Write,
        format: Format,
        explain: &mut Option<&mut dyn Write>,
    ) -> io::Result<()> {
        let mut text = Vec::new();
        let limit = u64::try_from(LONGEST_DOCUMENT).unwrap_or(u64::MAX);
        input.take(limit).read_to_end(&mut text)?;
        self.line = 1;
        let masked = self.mask_text(&text, format);
        output.write_all(masked.as_bytes())?;
        if io::copy(input, &mut io::sink())? > 0 {
            output.write_all(placeholder::UNPARSED)?;
        }
        self.explain(explain)?;
        output.flush()
    }

    /// Goes through lines; `more` may take further ones into the buffer and says how to read it.
    fn lines<R: Read>(
        &mut self,
        input: &mut BufReader<R>,
        output: &mut dyn Write,
        explain: &mut Option<&mut dyn Write>,
        more: fn(&mut BufReader<R>, &mut Vec<u8>) -> io::Result<Format>,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let whole = read_line(input, &mut line)?;
            if line.is_empty() {
                return output.flush();
            }
            self.line = self.line.saturating_add(1);
            if whole {
                let format = more(input, &mut line)?;
                let body = line.strip_suffix(b"\n").unwrap_or(&line);
                let body = body.strip_suffix(b"\r").unwrap_or(body);
                let masked = self.mask_text(body, format);
                output.write_all(masked.as_bytes())?;
                output.write_all(cut(&line, body.len(), line.len()))?;
            } else {
                output.write_all(placeholder::UNPARSED)?;
                self.state.clear(Render::Text);
            }
            self.explain(explain)?;
            if input.buffer().is_empty() {
                output.flush()?;
            }
        }
    }

    /// A line of text; a PEM block is taken whole, since its lines do not show what they are.
    fn text_lines<R: Read>(input: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<Format> {
        let open = |text: &[u8]| {
            find(text, 0, b"-----BEGIN ").is_some_and(|begin| {
                let label = cut(text, begin, text.len().min(plus(begin, 80)));
                find(label, 0, b"PRIVATE KEY").is_some()
                    && find(text, plus(begin, 11), b"-----END ").is_none()
            })
        };
        if !open(line) {
            return Ok(if at(trim(line), 0) == b'{' {
                Format::Json
            } else {
                Format::Text
            });
        }
        while open(line) && line.len() < LONGEST_LINE {
            let before = line.len();
            read_line(input, line)?;
            if line.len() == before {
                break;
            }
        }
        Ok(Format::Text)
    }

    /// A JSON document: a line, or as many as it takes for its brackets to close.
    fn json_lines<R: Read>(input: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<Format> {
        let mut balance = Balance::default();
        let mut seen = 0;
        loop {
            balance.take(cut(line, seen, line.len()));
            seen = line.len();
            if balance.depth == 0 || line.len() >= LONGEST_DOCUMENT {
                return Ok(Format::Json);
            }
            read_line(input, line)?;
            if line.len() == seen {
                return Ok(Format::Json);
            }
        }
    }

    fn envelopes<R: Read>(
        &mut self,
        input: &mut BufReader<R>,
        output: &mut dyn Write,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return output.flush();
            }
            self.line = self.line.saturating_add(1);
            if trim(&line).is_empty() {
                continue;
            }
            let error = EnvelopeError { line: self.line };
            let envelope: Envelope = serde_json::from_slice(&line)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let format = envelope_format(envelope.kind.as_deref());
            let (masked, found) = self.mask(envelope.text.as_bytes(), format);
            serde_json::to_writer(
                &mut *output,
                &Answer {
                    id: envelope.id,
                    masked,
                    found,
                },
            )?;
            output.write_all(b"\n")?;
            if input.buffer().is_empty() {
                output.flush()?;
            }
        }
    }

    fn explain(&self, explain: &mut Option<&mut dyn Write>) -> io::Result<()> {
        let Some(out) = explain else {
            return Ok(());
        };
        for (slot, found) in self.found(false) {
            let Some(rule) = self.rules.rule(slot) else {
                continue;
            };
            let id = self.rules.rule_name(rule.id).unwrap_or_default();
            serde_json::to_writer(
                &mut *out,
                &Explained {
                    line: self.line,
                    rule: id,
                    confidence: rule.confidence.name(),
                    found,
                },
            )?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

/// Brackets that are open, strings aside.
#[derive(Default)]
struct Balance {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    fn take(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth = plus(self.depth, 1),
                b'}' | b']' if !self.in_string => self.depth = minus(self.depth, 1),
                _ => {}
            }
        }
    }
}

/// Appends a line with its end; false if it was too long, in which case only a piece of it was read and dropped.
fn read_line<R: Read>(input: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<bool> {
    let before = line.len();
    let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
    let read = input.by_ref().take(limit).read_until(b'\n', line)?;
    let whole = read < LONGEST_LINE || line.last() == Some(&b'\n');
    if !whole {
        line.truncate(before);
        line.push(b' ');
    }
    Ok(whole)
}

fn guess(head: &[u8]) -> As {
    let line = head
        .split(|b| *b == b'\n')
        .next()
        .map(trim)
        .unwrap_or_default();
    match (Format::guess(head), line) {
        (Format::Http, _) => As::Http,
        (Format::Xml, line)
            if line.starts_with(b"<?xml")
                || line.starts_with(b"<!DOCTYPE")
                || line.starts_with(b"<html") =>
        {
            As::Xml
        }
        (Format::Json, _) => As::Json,
        (Format::Form, _) => As::Form,
        _ => As::Text,
    }
}

fn envelope_format(kind: Option<&str>) -> Format {
    match kind {
        Some("json" | "ndjson") => Format::Json,
        Some("form") => Format::Form,
        Some("http") => Format::Http,
        Some("xml") => Format::Xml,
        Some("multipart") => Format::Multipart,
        Some("sse") => Format::Sse,
        Some("text") => Format::Text,
        _ => Format::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter::new(Arc::new(RuleSet::built_in().unwrap()), [7; 32])
    }

    fn run(input: &str, how: As) -> String {
        let mut out = Vec::new();
        filter().run(input.as_bytes(), &mut out, how, None).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn masks_lines_and_keeps_their_ends() {
        let out = run(
            "a password=hunter2 b\r\nplain\nlast token=0123456789abcdef",
            As::Text,
        );
        assert_eq!(
            out,
            "a password=MASKED-password b\r\nplain\nlast token=MASKED-access-token"
        );
    }

    #[test]
    fn a_pem_block_is_one_value_over_lines() {
        let out = run(
            "x\n-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef\n-----END RSA PRIVATE KEY-----\ny\n",
            As::Text,
        );
        assert_eq!(out, "x\nMASKED-private-key\ny\n");
    }

    #[test]
    fn envelopes_are_answered_in_order_with_offsets() {
        let out = run(
            "{\"id\":1,\"text\":\"{\\\"cvv\\\": 123}\",\"kind\":\"json\"}\n{\"id\":\"b\",\"text\":\"hello\"}\n",
            As::Envelope,
        );
        let lines: Vec<serde_json::Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["masked"], "{\"cvv\": 0}");
        assert_eq!(lines[0]["found"][0]["type"], "card-cvv");
        assert_eq!(
            (&lines[0]["found"][0]["start"], &lines[0]["found"][0]["end"]),
            (&8.into(), &11.into())
        );
        assert_eq!(lines[0]["found"][0]["location"], "$.cvv");
        assert_eq!(lines[1]["id"], "b");
        assert_eq!(lines[1]["masked"], "hello");
    }

    #[test]
    fn json_may_stretch_over_lines() {
        let out = run("{\n \"password\": \"x\"\n}\n{\"a\":1}\n", As::Auto);
        assert_eq!(out, "{\n \"password\": \"MASKED-password\"\n}\n{\"a\":1}\n");
    }

    #[test]
    fn a_line_that_is_no_envelope_is_an_error_with_its_number() {
        let error = filter()
            .run(&b"{\"id\":1}\n"[..], &mut Vec::new(), As::Envelope, None)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("line 1"));
    }
}
