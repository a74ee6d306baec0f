//! `hushtap mask`: text in, masked text out, piece by piece with bounded memory. The same rules and formats as on the wire.
//!
//! A piece is what has to be seen at once to be judged: a line of text, a JSON document or some elements of a long array
//! ([`json`]), an HTTP message ([`http`]), an XML document. Input in UTF-16 is read as UTF-8 ([`input`]), and written so.

mod http;
mod input;
mod json;
mod lines;

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::bytes::{cut, trim};
use super::format::Format;
use super::placeholder;
use super::rules::RuleSet;
use super::walk::{Render, State, Stretch, Walk};
use crate::observation::{Part, TextId};
use input::Utf8;

/// Longer lines of text are masked whole.
const LONGEST_LINE: usize = 4 << 20;
/// Longer documents (XML, bodies of HTTP messages, JSON but for arrays) are masked whole, or from there on.
const LONGEST_DOCUMENT: usize = 32 << 20;
/// Input is read in steps of this size.
const INPUT_BUFFER: usize = 1 << 16;
/// The byte order mark of UTF-8 is no text, and goes through.
const MARK: &[u8] = b"\xef\xbb\xbf";
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

/// A text after masking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Masked<'t> {
    /// The text; the one that was given if there was nothing to replace.
    pub text: Cow<'t, [u8]>,
    /// How many sensitive values were in it.
    pub found: usize,
    /// It is JSON that breaks off: something in it is still open.
    pub(super) unfinished: bool,
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

    /// Masks one text, without telling what was found where: for gateways and pipelines in which time counts.
    pub fn masked<'t>(&mut self, text: &'t [u8], format: Format) -> Masked<'t> {
        self.walk(text, format);
        self.rendered(text)
    }

    /// A text after the walk over it.
    fn rendered<'t>(&mut self, text: &'t [u8]) -> Masked<'t> {
        let (found, unfinished) = (self.state.hits.len(), self.state.unfinished);
        let mut walk = Walk {
            rules: &self.rules,
            s: &mut self.state,
        };
        let whole = Stretch::new(0, text.len());
        Masked {
            text: walk.apply_if_needed(text, whole),
            found,
            unfinished,
        }
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

    /// Masks one text and gives only that, as text.
    fn mask_text<'t>(&mut self, text: &'t [u8], format: Format) -> Cow<'t, str> {
        self.walk(text, format);
        let mut walk = Walk {
            rules: &self.rules,
            s: &mut self.state,
        };
        walk.apply_within(text, Stretch::new(0, text.len()))
    }

    /// Looks at a text; what is to be replaced stands in the state then.
    fn walk(&mut self, text: &[u8], format: Format) {
        self.anew().body(text, Stretch::new(0, text.len()), format);
    }

    /// A walk over another text.
    fn anew(&mut self) -> Walk<'_> {
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
        Walk {
            rules: &self.rules,
            s: &mut self.state,
        }
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
    pub fn run<'a>(
        &mut self,
        input: impl Read,
        output: &'a mut dyn Write,
        how: As,
        explain: Option<&'a mut dyn Write>,
    ) -> io::Result<()> {
        let mut job = Job {
            input: BufReader::with_capacity(INPUT_BUFFER, Utf8::new(input)),
            output,
            explain,
        };
        let head = job.input.fill_buf()?;
        if head.starts_with(MARK) {
            job.input.consume(MARK.len());
            job.output.write_all(MARK)?;
        }
        let how = if how == As::Auto {
            guess(job.input.fill_buf()?)
        } else {
            how
        };
        self.line = 0;
        match how {
            As::Http => self.messages(&mut job),
            As::Xml => self.document(&mut job, Format::Xml),
            As::Json => self.json(&mut job),
            As::Form => self.lines(&mut job, Format::Form),
            As::Envelope => self.envelopes(&mut job.input, job.output),
            As::Auto | As::Text => self.lines(&mut job, Format::Text),
        }
    }

    /// A document that has to be seen whole.
    fn document<R: Read>(&mut self, job: &mut Job<'_, R>, format: Format) -> io::Result<()> {
        let mut text = Vec::new();
        let limit = u64::try_from(LONGEST_DOCUMENT).unwrap_or(u64::MAX);
        job.input.by_ref().take(limit).read_to_end(&mut text)?;
        self.line = 1;
        job.masked(self, &text, format)?;
        if io::copy(&mut job.input, &mut io::sink())? > 0 {
            job.output.write_all(placeholder::UNPARSED)?;
        }
        job.output.flush()
    }

    fn envelopes<R: Read>(
        &mut self,
        input: &mut BufReader<R>,
        output: &mut dyn Write,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        let limit = u64::try_from(LONGEST_DOCUMENT).unwrap_or(u64::MAX);
        loop {
            line.clear();
            if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
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

/// What a run reads and writes.
struct Job<'a, R: Read> {
    input: BufReader<Utf8<R>>,
    output: &'a mut dyn Write,
    explain: Option<&'a mut dyn Write>,
}

impl<R: Read> Job<'_, R> {
    /// Writes a text masked.
    fn masked(&mut self, filter: &mut Filter, text: &[u8], format: Format) -> io::Result<()> {
        self.output.write_all(&filter.masked(text, format).text)?;
        self.account(filter)
    }

    /// Writes a line masked, and its end as it is.
    fn line(&mut self, filter: &mut Filter, line: &[u8], format: Format) -> io::Result<()> {
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        self.masked(filter, body, format)?;
        self.output.write_all(cut(line, body.len(), line.len()))
    }

    /// Stands for what is too long to be looked at.
    fn too_long(&mut self, filter: &mut Filter) -> io::Result<()> {
        filter.state.clear(Render::Text);
        self.output.write_all(placeholder::UNPARSED)
    }

    fn account(&mut self, filter: &Filter) -> io::Result<()> {
        filter.explain(&mut self.explain)
    }

    /// Lets out what is done when there is nothing more to do at once, so that a pipe sees every line as it comes.
    fn breathe(&mut self) -> io::Result<()> {
        if self.input.buffer().is_empty() {
            self.output.flush()?;
        }
        Ok(())
    }
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
        // A document a line: lines of text may stand between.
        (Format::Json, line) if json::is_whole(line) => As::Text,
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
mod tests;
