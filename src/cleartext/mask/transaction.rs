//! A whole transaction: consumed, every field of it decided.

use std::sync::Arc;

use super::charset::{self, Reading};
use super::exposure::{self, Setting};
use super::format::Format;
use super::placeholder;
use super::rules::{Exception, RuleSet};
use super::walk::{Hit, PathNames, Render, State, Stretch, Walk};
use crate::cleartext::http::transaction::{Field, Message, Span, Storage, Transaction};
use crate::masked::{Masked, MaskedText};
use crate::observation::{Finding, Part, TextId};
use crate::tally::{Tally, TallySheet};

/// A body as the worker hands it over: content coding removed.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// None was seen, or it is empty.
    None,
    /// No content coding: the bytes of the transaction itself.
    AsSent,
    /// Decoded bytes, as far as they were kept.
    Bytes(&'a [u8]),
    /// Its coding could not be undone: masked whole.
    Undecodable,
}

/// Both bodies of a transaction.
#[derive(Clone, Copy)]
pub struct Bodies<'a> {
    /// Of the request.
    pub request: Body<'a>,
    /// Of the response.
    pub response: Body<'a>,
}

/// Masks transactions under the rules in force. One a worker.
pub struct Masker {
    rules: Arc<RuleSet>,
    state: State,
    /// For rules in dry run: caches of their own, and no paths.
    trial: State,
    tally: Arc<TallySheet>,
    spent: Vec<Storage>,
    /// A body in UTF-8 that came in another charset.
    transcoded: Vec<u8>,
}

/// A larger buffer is given back after use.
const KEPT_BUFFER: usize = 1 << 20;

impl Masker {
    /// A masker under `rules`. `key` makes the suffixes of keyed placeholders, `names` gives field paths their ids, what had
    /// to be masked whole is counted in `tally`, the sheet of the calling thread.
    pub fn new(
        rules: Arc<RuleSet>,
        key: [u8; 32],
        names: PathNames,
        tally: Arc<TallySheet>,
    ) -> Self {
        Self {
            rules,
            state: State::new(key, names),
            trial: State::new(key, Box::new(|_, _| TextId::NONE)),
            tally,
            spent: Vec::new(),
            transcoded: Vec::new(),
        }
    }

    /// Puts other rules in force from the next transaction on.
    pub fn set_rules(&mut self, rules: Arc<RuleSet>) {
        self.rules = rules;
        self.state.forget();
        self.trial.forget();
    }

    /// The exceptions of the endpoint that the next transaction is of.
    pub fn set_exception(&mut self, exception: Option<Arc<Exception>>) {
        self.state.exception = exception;
    }

    /// Masks a transaction: appends what was found to `findings`, and gives the masked text if `render` asks for it.
    pub fn mask(
        &mut self,
        tx: Transaction,
        bodies: Bodies<'_>,
        render: Render,
        findings: &mut Vec<Finding>,
    ) -> Option<MaskedText> {
        // No `..`: whoever adds a field has to decide here how it is masked.
        let Transaction {
            flow: _,
            index: _,
            client: _,  // an address: never leaves but as a pseudonym (anonymize)
            claimed: _, // likewise
            server: _,  // likewise
            request,
            response,
            protocol: _,
            start: _,
            request_end: _,
            response_start: _,
            end: _,
            state: _,
            notes: _,
            grpc: _, // numbers
            fields,
            bytes,
        } = tx;
        let bytes = bytes.into_inner();
        let target = request.as_ref().map(|message| stretch(message.target));
        let status = response.as_ref().map_or(0, |message| message.status);
        let target = target.map_or(&b""[..], |target| target.of(&bytes));
        let mut one = One {
            setting: Setting::of(target, status),
            masker: self,
            fields: &fields,
            bytes: &bytes,
            render,
            findings,
        };
        let mut text = MaskedText::default();
        if let Some(message) = request {
            (text.request_head, text.request_body) = one.message(message, bodies.request, false);
        }
        if let Some(message) = response {
            (text.response_head, text.response_body) = one.message(message, bodies.response, true);
        }
        self.spent.extend(Storage::emptied(bytes, fields));
        (render == Render::Text).then_some(text)
    }

    /// The memory of the transactions masked since the last call, to be used again.
    pub fn take_spent(&mut self) -> Vec<Storage> {
        std::mem::take(&mut self.spent)
    }
}

/// One transaction on its way through.
struct One<'a> {
    setting: Setting,
    masker: &'a mut Masker,
    fields: &'a [Field],
    bytes: &'a [u8],
    render: Render,
    findings: &'a mut Vec<Finding>,
}

impl One<'_> {
    fn message(
        &mut self,
        message: Message,
        body: Body<'_>,
        response: bool,
    ) -> (Option<Masked>, Option<Masked>) {
        let Message {
            head,
            first: _, // the method or the reason phrase: in `head`
            target,
            status: _,
            protocol: _,
            fields,
            trailers: _, // at the end of `fields`
            body: sent,
            body_bytes: _,
            body_whole: _,
        } = message;
        let fields = self.fields.get(fields).unwrap_or_default();
        let head = self.head(head, target, fields, response);
        let declared = fields
            .iter()
            .find(|field| {
                stretch(field.name)
                    .of(self.bytes)
                    .eq_ignore_ascii_case(b"content-type")
            })
            .map_or(&b""[..], |field| stretch(field.value).of(self.bytes));
        let bytes = self.bytes;
        let body = match body {
            Body::AsSent => Body::Bytes(stretch(sent).of(bytes)),
            Body::None | Body::Bytes(_) | Body::Undecodable => body,
        };
        (head, self.read(body, declared, response))
    }

    /// Masks a body in whatever charset it came.
    fn read(&mut self, body: Body<'_>, declared: &[u8], response: bool) -> Option<Masked> {
        let format = Format::from_content_type(declared);
        let text = !matches!(format, Format::Binary | Format::Protobuf | Format::Grpc);
        let (Body::Bytes(bytes), true) = (body, text) else {
            return self.body(body, format, response);
        };
        let mut buffer = std::mem::take(&mut self.masker.transcoded);
        let masked = match charset::read(bytes, declared, &mut buffer) {
            Reading::As(text) => self.body(Body::Bytes(text), format, response),
            Reading::Transcoded => self.body(Body::Bytes(&buffer), format, response),
            Reading::Unreadable => {
                self.masker.tally.one(Tally::LimitMasking);
                self.body(Body::Undecodable, format, response)
            }
        };
        if buffer.capacity() <= KEPT_BUFFER {
            buffer.clear();
            self.masker.transcoded = buffer;
        }
        masked
    }

    fn head(
        &mut self,
        head: Span,
        target: Span,
        fields: &[Field],
        response: bool,
    ) -> Option<Masked> {
        let (bytes, render) = (self.bytes, self.render);
        let go = |walk: &mut Walk<'_>| {
            if !response {
                let connect = stretch(head).of(bytes).starts_with(b"CONNECT ");
                walk.target(bytes, stretch(target), connect);
            }
            for field in fields {
                let before = walk.s.hits.len();
                walk.field(bytes, stretch(field.name), stretch(field.value), response);
                if exposure::is_referer(stretch(field.name).of(bytes)) {
                    let hits = walk.s.hits.get_mut(before..).unwrap_or_default();
                    for hit in hits {
                        hit.in_referer = true;
                    }
                }
            }
        };
        let mut walk = self.start(render);
        go(&mut walk);
        let text = (render == Render::Text).then(|| {
            let head = stretch(head);
            walk.render(bytes, head)
        });
        self.finish();
        self.try_out(go);
        text
    }

    /// Runs the rules in dry run over what the rules in force have gone over.
    fn try_out(&mut self, go: impl Fn(&mut Walk<'_>)) {
        let rules = Arc::clone(&self.masker.rules);
        let Some(trial) = rules.trial() else { return };
        let state = &mut self.masker.trial;
        state.clear(Render::Count);
        go(&mut Walk {
            rules: trial,
            s: state,
        });
        let hits = std::mem::take(&mut self.masker.trial.hits);
        let from = self.findings.len();
        for hit in &hits {
            self.note(trial, *hit, from, true);
        }
        self.masker.trial.hits = hits;
    }

    fn body(&mut self, body: Body<'_>, format: Format, response: bool) -> Option<Masked> {
        let render = self.render;
        match body {
            Body::None | Body::AsSent | Body::Bytes([]) => None,
            // Counted where the decoding failed (http).
            Body::Undecodable => {
                let whole = String::from_utf8_lossy(placeholder::BINARY).into_owned();
                (render == Render::Text).then(|| Masked::vouch(whole))
            }
            Body::Bytes(bytes) => {
                let all = Stretch::new(0, bytes.len());
                let go = |walk: &mut Walk<'_>| {
                    walk.s.part = if response {
                        Part::ResponseBody
                    } else {
                        Part::RequestBody
                    };
                    walk.body(bytes, all, format);
                };
                let mut walk = self.start(render);
                go(&mut walk);
                let text = (render == Render::Text).then(|| walk.render(bytes, all));
                self.finish();
                self.try_out(go);
                text
            }
        }
    }

    fn start(&mut self, render: Render) -> Walk<'_> {
        let Masker {
            rules,
            state,
            trial: _,
            tally: _,
            spent: _,
            transcoded: _,
        } = &mut *self.masker;
        state.clear(render);
        Walk { rules, s: state }
    }

    /// Turns hits into findings and counts what failed closed.
    fn finish(&mut self) {
        let state = &mut self.masker.state;
        let failed = std::mem::take(&mut state.failed_closed);
        let hits = std::mem::take(&mut state.hits);
        if failed > 0 {
            self.masker.tally.add(Tally::LimitMasking, failed);
        }
        let rules = Arc::clone(&self.masker.rules);
        let from = self.findings.len();
        for hit in &hits {
            self.note(&rules, *hit, from, false);
        }
        self.masker.state.hits = hits;
    }

    /// Adds a hit to the findings of the message at hand, which start at `from`.
    fn note(&mut self, rules: &RuleSet, hit: Hit, from: usize, dry_run: bool) {
        let Some(rule) = rules.rule(hit.slot) else {
            return;
        };
        let found = Finding {
            part: hit.part,
            path: hit.path,
            kind: rule.kind,
            category: rule.category,
            rule: rule.id,
            count: 1,
            exposure: self.setting.judge(rule, &hit).filter(|_| !dry_run),
            dry_run,
        };
        let same = |known: &&mut Finding| {
            known.rule == found.rule
                && known.path == found.path
                && known.part == found.part
                && known.exposure == found.exposure
        };
        // Findings of one message are few: the same field many times is one entry.
        let kept = self.findings.len().saturating_sub(from);
        match self.findings.iter_mut().skip(from).find(same) {
            Some(known) => known.count = known.count.saturating_add(1),
            None if kept < MOST_FINDINGS => self.findings.push(found),
            None => self.masker.tally.one(Tally::LimitMasking),
        }
    }
}

/// Distinct findings kept of one message.
const MOST_FINDINGS: usize = 256;

impl Walk<'_> {
    /// The part of `buffer` at `at` with every edit applied.
    fn render(&mut self, buffer: &[u8], at: Stretch) -> Masked {
        Masked::vouch(self.apply_within(buffer, at).into_owned())
    }
}

fn stretch(span: Span) -> Stretch {
    let index = |i: u32| usize::try_from(i).unwrap_or(usize::MAX);
    Stretch::new(index(span.start), index(span.end))
}
