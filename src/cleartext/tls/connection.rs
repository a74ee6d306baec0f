//! Both directions of a TLS connection: which key opens the next record.
//!
//! A direction of TLS 1.3 goes through stages (early data, handshake, application traffic, each key update after that); a
//! record that the key at hand does not open is tried with the next ones, from record 0. So what a key log lacks, and early
//! data that the server refused, is passed over. A direction of TLS 1.2 changes keys at ChangeCipherSpec, also when
//! renegotiating. Read first: RFC 8446 sections 4.4, 4.6.3, 5 and 7; RFC 5246 sections 7.1 and 7.3.

use super::cipher::{Opened, Opener};
use super::fingerprint::{self, ja4};
use super::hello::{self, CLIENT_HELLO, Messages, SERVER_HELLO, ServerHello};
use super::keylog::Secrets;
use super::record::{APPLICATION, CHANGE, HANDSHAKE, HEADER, Record, Records};
use super::schedule::{Secret, expand, key_block};
use super::suite::{Suite, suite};
use super::{Outcome, Shared};

/// TLS 1.3.
const TLS13: u16 = 0x0304;
/// Handshake message that ends early data.
const END_OF_EARLY_DATA: u8 = 5;
/// Handshake message that ends the handshake of a direction.
const FINISHED: u8 = 20;
/// Handshake message behind which a direction has other keys.
const KEY_UPDATE: u8 = 24;

/// Plaintext of a direction, in order.
pub(in crate::cleartext) enum Plain<'a> {
    /// The next bytes.
    Data(&'a [u8]),
    /// So many bytes were in a record that was not captured whole.
    Gap(u64),
}

/// A connection whose beginning was seen.
pub(in crate::cleartext) struct Connection {
    client_is_low: bool,
    client: Direction,
    server: Direction,
    random: [u8; 32],
    hello: Option<ServerHello>,
    suite: Option<Suite>,
    greeting: Greeting,
    /// Keys are there.
    keyed: bool,
    /// Generation of the key store when keys were looked for last.
    generation: u64,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    failed: u32,
    /// Application data was opened.
    opened: bool,
    outcome: Option<Outcome>,
}

/// What the client said in clear.
struct Greeting {
    name: Vec<u8>,
    protocol: Vec<u8>,
    ja4: Option<[u8; fingerprint::LENGTH]>,
    early: bool,
}

/// One direction.
#[derive(Default)]
struct Direction {
    records: Records,
    messages: Messages,
    /// Records are protected from here on.
    sealed: bool,
    /// Keys of TLS 1.3 still to come, the one at hand first.
    stages: Vec<Stage>,
    /// TLS 1.2: the key at hand, and the one behind the next ChangeCipherSpec.
    opener: Option<Opener>,
    next: Option<Opener>,
}

struct Stage {
    opener: Opener,
    /// Application traffic: the secret from which an update is made.
    secret: Option<Secret>,
}

/// A record that waits for keys.
struct Waiting {
    from_client: bool,
    kind: u8,
    header: [u8; HEADER],
    version: u16,
    body: Vec<u8>,
}

impl Connection {
    /// A connection whose ClientHello comes from the smaller peer, or the larger one.
    pub(in crate::cleartext) fn new(client_is_low: bool) -> Self {
        Self {
            client_is_low,
            client: Direction::default(),
            server: Direction::default(),
            random: [0; 32],
            hello: None,
            suite: None,
            greeting: Greeting {
                name: Vec::new(),
                protocol: Vec::new(),
                ja4: None,
                early: false,
            },
            keyed: false,
            generation: 0,
            waiting: Vec::new(),
            waiting_bytes: 0,
            failed: 0,
            opened: false,
            outcome: None,
        }
    }

    /// Heap bytes held.
    pub(in crate::cleartext) fn memory(&self) -> usize {
        let direction = |side: &Direction| {
            side.records
                .memory()
                .saturating_add(side.messages.memory())
                .saturating_add(side.stages.capacity().saturating_mul(size_of::<Stage>()))
        };
        size_of::<Self>()
            .saturating_add(direction(&self.client))
            .saturating_add(direction(&self.server))
            .saturating_add(self.waiting_bytes)
    }

    /// Why there is nothing more to come, once that is known.
    pub(in crate::cleartext) const fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// Takes in-order bytes of a direction; plaintext goes to `sink` with whether the smaller peer sent it.
    pub(in crate::cleartext) fn data(
        &mut self,
        from_low: bool,
        bytes: &[u8],
        room: &Shared,
        sink: &mut dyn FnMut(bool, Plain<'_>),
    ) {
        if self.outcome.is_some() {
            return;
        }
        self.retry(room, sink);
        let from_client = from_low == self.client_is_low;
        let mut records = std::mem::take(&mut self.side(from_client).records);
        let read = records.push(bytes, |record| {
            self.record(from_client, record, room, sink);
            self.outcome.is_none()
        });
        self.side(from_client).records = records;
        if read.is_err() {
            self.end(Outcome::Failed);
        }
    }

    /// A hole. Inside a record it costs that record; over the end of one there is nothing to go on with.
    pub(in crate::cleartext) fn gap(
        &mut self,
        from_low: bool,
        len: u64,
        sink: &mut dyn FnMut(bool, Plain<'_>),
    ) {
        if self.outcome.is_some() {
            return;
        }
        let from_client = from_low == self.client_is_low;
        let keyed = self.keyed && self.waiting.is_empty();
        let is_13 = self.is_13();
        let overhead = self.overhead();
        let side = self.side(from_client);
        let skipped = side.records.gap(len).filter(|_| keyed && side.sealed);
        let (Some(body), Some(overhead)) = (skipped, overhead) else {
            self.end(Outcome::Hole);
            return;
        };
        let opener = if is_13 {
            side.stages.first_mut().map(|stage| &mut stage.opener)
        } else {
            side.opener.as_mut()
        };
        if let Some(opener) = opener {
            opener.skip(1);
        }
        sink(from_low, Plain::Gap(body.saturating_sub(overhead)));
    }

    /// The flow is over: counts what became of it.
    pub(in crate::cleartext) fn finish(&mut self, room: &Shared) -> Outcome {
        let outcome = match self.outcome {
            Some(outcome) => outcome,
            None if self.opened => Outcome::Decrypted,
            None if !room.keys.is_used() => Outcome::NoKeyLog,
            None if self.hello.is_none() || self.keyed => Outcome::Incomplete,
            None => Outcome::NoKeys,
        };
        self.outcome = Some(outcome);
        self.waiting.clear();
        if let Some(book) = &room.book {
            let ja4 = self
                .greeting
                .ja4
                .as_ref()
                .map(<[u8; fingerprint::LENGTH]>::as_slice);
            book.note(&self.greeting.name, &self.greeting.protocol, ja4, outcome);
        }
        outcome
    }

    fn side(&mut self, from_client: bool) -> &mut Direction {
        if from_client {
            &mut self.client
        } else {
            &mut self.server
        }
    }

    fn is_13(&self) -> bool {
        self.hello.is_some_and(|hello| hello.version == TLS13)
    }

    /// Bytes that protection adds to a record without padding; none where that varies.
    fn overhead(&self) -> Option<u64> {
        use super::suite::Protection::{Cbc, ChaCha, Gcm};
        match (self.suite?.protection, self.is_13()) {
            (Gcm(_) | ChaCha, true) => Some(17),
            (Gcm(_), false) => Some(24),
            (ChaCha, false) => Some(16),
            (Cbc(..), _) => None,
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
        self.waiting = Vec::new();
        self.waiting_bytes = 0;
        self.client = Direction::default();
        self.server = Direction::default();
    }

    fn record(
        &mut self,
        from_client: bool,
        record: &Record<'_>,
        room: &Shared,
        sink: &mut dyn FnMut(bool, Plain<'_>),
    ) {
        let is_13 = self.is_13();
        let sealed = self.side(from_client).sealed;
        match record.kind {
            // TLS 1.3 sends it for old middleboxes, and it means nothing (RFC 8446 section 5).
            CHANGE if is_13 => {}
            CHANGE if !sealed => self.change(from_client),
            HANDSHAKE if !sealed => self.handshake(from_client, record.body, room),
            // Early data come before the server has said which version it is.
            APPLICATION if !sealed => {
                self.side(from_client).sealed = true;
                self.protected(from_client, record, room, sink);
            }
            _ if sealed => self.protected(from_client, record, room, sink),
            _ => {}
        }
    }

    fn change(&mut self, from_client: bool) {
        // A client that offers early data sends it before the server has answered.
        if self.hello.is_none() {
            return;
        }
        let side = self.side(from_client);
        side.sealed = true;
        side.opener = side.next.take();
        side.messages = Messages::default();
    }

    /// Handshake messages, in clear or opened.
    fn handshake(&mut self, from_client: bool, bytes: &[u8], room: &Shared) {
        let mut messages = std::mem::take(&mut self.side(from_client).messages);
        let mut hellos = Vec::new();
        let mut last = None;
        let sound = messages.push(bytes, |kind, body| {
            if matches!(kind, CLIENT_HELLO | SERVER_HELLO) {
                hellos.push((kind, body.to_vec()));
            } else {
                last = Some(kind);
            }
        });
        self.side(from_client).messages = messages;
        if !sound {
            self.end(Outcome::Failed);
            return;
        }
        for (kind, body) in hellos {
            match kind {
                CLIENT_HELLO if from_client => self.client_hello(&body, room),
                SERVER_HELLO if !from_client => self.server_hello(&body, room),
                _ => {}
            }
        }
        if let Some(kind) = last.filter(|_| self.is_13()) {
            self.turn(from_client, kind);
        }
    }

    fn client_hello(&mut self, body: &[u8], room: &Shared) {
        let Some(hello) = hello::client(body) else {
            self.end(Outcome::Failed);
            return;
        };
        self.random = hello.random;
        if self.greeting.ja4.is_none() {
            self.greeting.ja4 = Some(ja4(&hello, b't'));
            self.greeting.name = hello.name;
            self.greeting.protocol = hello.protocol;
            self.greeting.early = hello.early;
        }
        if !room.keys.is_used() {
            self.end(Outcome::NoKeyLog);
        }
    }

    fn server_hello(&mut self, body: &[u8], room: &Shared) {
        let Some(hello) = hello::server(body) else {
            self.end(Outcome::Failed);
            return;
        };
        if hello.retry {
            return;
        }
        self.hello = Some(hello);
        self.suite = suite(hello.suite);
        if !matches!(hello.version, 0x0301..=TLS13) || hello.compressed {
            self.end(Outcome::Version);
        } else if self.suite.is_none() {
            self.end(Outcome::Suite);
        } else {
            self.keyed = false;
            self.find_keys(room);
        }
        if self.is_13() {
            self.server.sealed = true;
            self.client.sealed = true;
            self.server.messages = Messages::default();
            self.client.messages = Messages::default();
        }
    }

    /// Looks for keys; without them the flow is over, unless they may still come.
    fn find_keys(&mut self, room: &Shared) {
        self.generation = room.keys.generation();
        let secrets = room.keys.secrets(&self.random);
        if let Some(secrets) = secrets
            && self.derive(&secrets).is_some()
        {
            self.keyed = true;
        } else if !room.keys.is_followed() {
            self.end(Outcome::NoKeys);
        }
    }

    fn derive(&mut self, secrets: &Secrets) -> Option<()> {
        let (hello, suite) = (self.hello?, self.suite?);
        if hello.version == TLS13 {
            let mut found = false;
            for from_client in [true, false] {
                let pick = |pair: &[Option<Secret>; 2]| {
                    if from_client {
                        pair.first()
                    } else {
                        pair.last()
                    }
                    .cloned()
                    .flatten()
                };
                let early = secrets
                    .early
                    .clone()
                    .filter(|_| from_client && self.greeting.early);
                let traffic = pick(&secrets.traffic);
                found |= traffic.is_some();
                let quiet = [early, pick(&secrets.handshake)];
                let mut stages = Vec::new();
                for secret in quiet.into_iter().flatten() {
                    let opener = Opener::tls13(suite, &secret)?;
                    stages.push(Stage {
                        opener,
                        secret: None,
                    });
                }
                if let Some(secret) = traffic {
                    stages.push(Stage {
                        opener: Opener::tls13(suite, &secret)?,
                        secret: Some(secret),
                    });
                }
                self.side(from_client).stages = stages;
            }
            return found.then_some(());
        }
        let master = secrets.master.as_ref()?;
        let randoms = (&self.random, &hello.random);
        let block = |length: usize| key_block(hello.version, suite.sha384, master, randoms, length);
        let etm = hello.encrypt_then_mac;
        let [client, server] = Opener::tls12(suite, hello.version, etm, block)?;
        for (from_client, opener) in [(true, client), (false, server)] {
            let waits = self
                .waiting
                .iter()
                .any(|one| one.from_client == from_client);
            let side = self.side(from_client);
            // Keys that come late belong behind a ChangeCipherSpec that is past.
            if side.sealed && (waits || side.opener.is_none()) {
                side.opener = Some(opener);
            } else {
                side.next = Some(opener);
            }
        }
        Some(())
    }

    /// Keys may have come for what waits.
    fn retry(&mut self, room: &Shared, sink: &mut dyn FnMut(bool, Plain<'_>)) {
        if self.keyed || self.hello.is_none() || self.generation == room.keys.generation() {
            return;
        }
        self.find_keys(room);
        if self.keyed {
            self.release(room, sink);
        }
    }

    /// Opens what has waited.
    fn release(&mut self, room: &Shared, sink: &mut dyn FnMut(bool, Plain<'_>)) {
        self.waiting_bytes = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            let record = Record {
                kind: waiting.kind,
                version: waiting.version,
                header: waiting.header,
                body: &waiting.body,
            };
            self.protected(waiting.from_client, &record, room, sink);
        }
    }

    fn protected(
        &mut self,
        from_client: bool,
        record: &Record<'_>,
        room: &Shared,
        sink: &mut dyn FnMut(bool, Plain<'_>),
    ) {
        if self.outcome.is_some() {
            return;
        }
        if !self.keyed {
            self.wait(from_client, record, room);
            return;
        }
        // Early data waited for the server's hello.
        if !self.waiting.is_empty() {
            self.release(room, sink);
        }
        let opened = if self.is_13() {
            self.open_13(from_client, record)
        } else {
            let opener = self.side(from_client).opener.as_mut();
            opener.and_then(|opener| opener.open(record))
        };
        let Some(Opened { kind, content }) = opened else {
            self.failed = self.failed.saturating_add(1);
            if self.failed > room.limits.max_failed {
                self.end(Outcome::Failed);
            }
            return;
        };
        match kind {
            APPLICATION if !content.is_empty() => {
                self.opened = true;
                sink(from_client == self.client_is_low, Plain::Data(&content));
            }
            HANDSHAKE => self.handshake(from_client, &content, room),
            CHANGE if !self.is_13() => self.change(from_client),
            _ => {}
        }
    }

    fn wait(&mut self, from_client: bool, record: &Record<'_>, room: &Shared) {
        self.waiting_bytes = self
            .waiting_bytes
            .saturating_add(record.body.len())
            .saturating_add(size_of::<Waiting>());
        if self.waiting_bytes > room.limits.max_waiting {
            self.end(Outcome::NoKeys);
            return;
        }
        self.waiting.push(Waiting {
            from_client,
            kind: record.kind,
            header: record.header,
            version: record.version,
            body: record.body.to_vec(),
        });
    }

    /// Tries the key at hand, then those behind it.
    fn open_13(&mut self, from_client: bool, record: &Record<'_>) -> Option<Opened> {
        if record.kind != APPLICATION {
            return None;
        }
        let stages = &mut self.side(from_client).stages;
        let mut found = None;
        for (at, stage) in stages.iter_mut().enumerate() {
            if let Some(opened) = stage.opener.open(record) {
                found = Some((at, opened));
                break;
            }
        }
        let (at, opened) = found?;
        // Early data that the server refused lie before; a stage that was passed does not come back.
        stages.drain(..at);
        Some(opened)
    }

    /// A handshake message behind which keys change.
    fn turn(&mut self, from_client: bool, kind: u8) {
        let sha384 = self.suite.is_some_and(|suite| suite.sha384);
        let suite = self.suite;
        let side = self.side(from_client);
        match kind {
            FINISHED | END_OF_EARLY_DATA if side.stages.len() > 1 => {
                side.stages.remove(0);
            }
            KEY_UPDATE => {
                let length = if sha384 { 48 } else { 32 };
                let updated = side.stages.first().and_then(|stage| {
                    let secret = expand(stage.secret.as_ref()?, sha384, b"traffic upd", length)?;
                    Some(Stage {
                        opener: Opener::tls13(suite?, &secret)?,
                        secret: Some(secret),
                    })
                });
                if let (Some(updated), Some(stage)) = (updated, side.stages.first_mut()) {
                    *stage = updated;
                }
            }
            _ => {}
        }
    }
}
