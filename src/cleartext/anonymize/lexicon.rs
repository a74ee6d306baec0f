//! Texts from the wire behind the ids that leave the room, and the one rule by which they are shown.
//!
//! A [`TextId`] is a keyed hash of kind and text. The text is given back, through [`Names`], only if it was known
//! beforehand (configuration, document, vocabulary) or enough distinct principals used it; else its class is shown.
//! The maps are filled by all workers at once: a value is a pure function of its key, so the order does not matter.
//!
//! Refuses: texts that are long, not UTF-8, or hold control characters; they keep their id and are only ever shown as
//! their class. Beyond the limits nothing new is remembered, and that is counted.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::keys::Keys;
use crate::observation::{
    Admitted, CollectionKey, Element, EndpointId, EndpointName, IntegrationId, Names, PrincipalKey,
    RuleId, ServiceId, TextId, TypeId,
};

/// What a text is; also what is shown in its place while it may not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// `Host` or authority.
    Host,
    /// Agent product.
    Agent,
    /// Client release.
    Release,
    /// GraphQL operation, gRPC method and the like.
    Operation,
    /// A field path or header name.
    Field,
}

impl TextKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Host => "{host}",
            Self::Agent => "{agent}",
            Self::Release => "{release}",
            Self::Operation => "{operation}",
            Self::Field => "{field}",
        }
    }

    const ALL: [Self; 5] = [
        Self::Host,
        Self::Agent,
        Self::Release,
        Self::Operation,
        Self::Field,
    ];

    /// The kind stands in the id itself (3 bits), so that the class is known even for texts that were not kept.
    const fn bits(self) -> u64 {
        match self {
            Self::Host => 1,
            Self::Agent => 2,
            Self::Release => 3,
            Self::Operation => 4,
            Self::Field => 5,
        }
    }

    fn of(id: TextId) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.bits() == (id.0 >> KIND_SHIFT) & 7)
    }
}

/// Where the kind stands in a [`TextId`]: below the top bit, which marks known texts.
const KIND_SHIFT: u32 = 60;
/// The hash part of a [`TextId`].
const HASH_MASK: u64 = (1 << KIND_SHIFT) - 1;

/// How much the lexicon remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most texts.
    pub texts: usize,
    /// Most bytes of text.
    pub bytes: usize,
    /// Longest text in bytes.
    pub text_len: usize,
    /// Most endpoints.
    pub endpoints: usize,
    /// Most pieces of paths that may be names.
    pub segments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            texts: 200_000,
            bytes: 16 << 20,
            text_len: 200,
            endpoints: 100_000,
            segments: 400_000,
        }
    }
}

/// The names that configuration and rules give to numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct RuleNames {
    types: Vec<String>,
    rules: Vec<String>,
}

/// Shared by all workers; gives names to ids at the edge.
pub struct Lexicon {
    keys: Arc<Keys>,
    limits: Limits,
    texts: DashMap<TextId, Box<str>>,
    endpoints: DashMap<EndpointId, Arc<EndpointName>>,
    /// Pieces of paths by [`Element::hash`]. When there are too many all are forgotten: names in use come back with the next
    /// request, and values were never to be shown.
    segments: DashMap<u64, Box<str>>,
    /// How often they were forgotten.
    segment_epoch: AtomicU64,
    bytes: AtomicUsize,
    /// Texts, endpoints and pieces held, counted apart because a map's own count locks all of it.
    held: [AtomicUsize; 3],
    forgotten: AtomicU64,
    services: Vec<String>,
    integrations: Vec<String>,
    rules: ArcSwap<RuleNames>,
}

impl Lexicon {
    /// An empty lexicon. `services` are the configured host groups in order (`default`, number 0, is put in front of
    /// them), `integrations` the listed integrations in order.
    pub fn new(
        keys: Arc<Keys>,
        limits: Limits,
        services: Vec<String>,
        integrations: Vec<String>,
    ) -> Self {
        let services = std::iter::once("default".to_owned())
            .chain(services)
            .collect();
        Self {
            keys,
            limits,
            texts: DashMap::new(),
            endpoints: DashMap::new(),
            segments: DashMap::new(),
            segment_epoch: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            held: Default::default(),
            forgotten: AtomicU64::new(0),
            services,
            integrations,
            rules: ArcSwap::default(),
        }
    }

    /// Sets what the numbers of the masking rules mean. Lists only grow over reloads, so ids stay true.
    pub fn set_rules(&self, types: Vec<String>, rules: Vec<String>) {
        self.rules.store(Arc::new(RuleNames { types, rules }));
    }

    /// How many texts and endpoints could not be remembered because the lexicon was full (`Tally::LimitLexicon`).
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// The bytes of text held.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The id of a text, remembering it. `known` says that it comes from configuration, a document or a vocabulary.
    pub(in crate::cleartext) fn intern(&self, kind: TextKind, text: &[u8], known: bool) -> TextId {
        if text.is_empty() {
            return TextId::NONE;
        }
        let hash = self.keys.text.hash64(b'x', &[text]) & HASH_MASK;
        let id = TextId((kind.bits() << KIND_SHIFT) | hash);
        self.remember(id, text);
        if known { id.known() } else { id }
    }

    /// The id of the objects whose templates begin alike.
    pub(in crate::cleartext) fn collection(&self, service: ServiceId, stem: &str) -> CollectionKey {
        let service = service.0.to_le_bytes();
        let hash = self
            .keys
            .endpoint
            .hash64(b'c', &[&service, stem.as_bytes()]);
        // Half of the hash is enough to tell some thousand collections apart.
        CollectionKey(u32::try_from(hash >> 32).unwrap_or(0))
    }

    /// The id of an endpoint, remembering its name.
    pub(in crate::cleartext) fn intern_endpoint(&self, name: &EndpointName) -> EndpointId {
        let id = EndpointId(self.keys.endpoint.hash64(
            b'e',
            &[
                name.service.as_bytes(),
                name.method.as_bytes(),
                name.template.as_bytes(),
            ],
        ));
        if !self.endpoints.contains_key(&id) {
            let [_, held, _] = &self.held;
            if held.load(Ordering::Relaxed) >= self.limits.endpoints {
                self.forgotten.fetch_add(1, Ordering::Relaxed);
            } else if let Entry::Vacant(entry) = self.endpoints.entry(id) {
                held.fetch_add(1, Ordering::Relaxed);
                entry.insert(Arc::new(name.clone()));
            }
        }
        id
    }

    /// Gives an endpoint of an earlier run its name again.
    pub fn restore_endpoint(&self, name: &EndpointName) -> EndpointId {
        self.intern_endpoint(name)
    }

    /// The element that `make` makes of the keyed hash of a piece of a path, remembering the piece.
    pub(in crate::cleartext) fn segment(
        &self,
        text: &[u8],
        make: impl FnOnce(u64) -> Element,
    ) -> Element {
        let element = make(self.keys.text.hash64(b's', &[text]));
        let readable = std::str::from_utf8(text).ok();
        let Some(text) = readable.filter(|text| !text.chars().any(is_unprintable)) else {
            return element;
        };
        if self.segments.contains_key(&element.hash()) {
            return element;
        }
        let [.., held] = &self.held;
        if held.load(Ordering::Relaxed) >= self.limits.segments {
            self.segments.clear();
            held.store(0, Ordering::Relaxed);
            self.segment_epoch.fetch_add(1, Ordering::Relaxed);
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        if let Entry::Vacant(entry) = self.segments.entry(element.hash()) {
            held.fetch_add(1, Ordering::Relaxed);
            entry.insert(text.into());
        }
        element
    }

    /// Changes whenever the pieces of paths were forgotten.
    pub(in crate::cleartext) fn segment_epoch(&self) -> u64 {
        self.segment_epoch.load(Ordering::Relaxed)
    }

    fn remember(&self, id: TextId, text: &[u8]) {
        if self.texts.contains_key(&id) || text.len() > self.limits.text_len {
            return;
        }
        let Some(text) = std::str::from_utf8(text)
            .ok()
            .filter(|text| !text.chars().any(is_unprintable))
        else {
            return;
        };
        let [held, ..] = &self.held;
        let full = held.load(Ordering::Relaxed) >= self.limits.texts
            || self.bytes().saturating_add(text.len()) > self.limits.bytes;
        if full {
            self.forgotten.fetch_add(1, Ordering::Relaxed);
        } else if let Entry::Vacant(entry) = self.texts.entry(id) {
            self.bytes.fetch_add(text.len(), Ordering::Relaxed);
            held.fetch_add(1, Ordering::Relaxed);
            entry.insert(text.into());
        }
    }
}

/// Control characters, and those that reorder or hide what stands around them.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The name with that number, or a stand-in that is no data.
fn named(names: &[String], index: u16) -> String {
    names
        .get(usize::from(index))
        .cloned()
        .unwrap_or_else(|| "unknown".to_owned())
}

impl Names for Lexicon {
    fn endpoint(&self, id: EndpointId) -> Option<EndpointName> {
        self.endpoints
            .get(&id)
            .map(|name| EndpointName::clone(&name))
    }

    fn text(&self, id: TextId, admitted: &Admitted) -> Cow<'static, str> {
        let class = TextKind::of(id).map_or("", TextKind::class);
        if !admitted.admits(id) {
            return Cow::Borrowed(class);
        }
        let plain = TextId(id.0 & (u64::MAX >> 1));
        self.texts
            .get(&plain)
            .map_or(Cow::Borrowed(class), |text| Cow::Owned(text.to_string()))
    }

    fn segment(&self, element: Element) -> Option<String> {
        self.segments
            .get(&element.hash())
            .map(|text| text.to_string())
    }

    fn token(&self, key: PrincipalKey) -> String {
        self.keys.show_token(key)
    }

    fn client(&self, key: PrincipalKey) -> String {
        self.keys.show_client(key)
    }

    fn service(&self, id: ServiceId) -> String {
        named(&self.services, id.0)
    }

    fn sensitive_type(&self, id: TypeId) -> String {
        named(&self.rules.load().types, id.0)
    }

    fn rule(&self, id: RuleId) -> String {
        named(&self.rules.load().rules, id.0)
    }

    fn integration(&self, id: IntegrationId) -> String {
        named(&self.integrations, id.0)
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use crate::cleartext::anonymize::keys::StateKey;

    fn lexicon(limits: Limits) -> Lexicon {
        let keys = Arc::new(Keys::new(&StateKey::from_content(b"test"), None));
        Lexicon::new(
            keys,
            limits,
            vec!["shop".to_owned()],
            vec!["acme".to_owned()],
        )
    }

    #[test]
    fn a_text_is_shown_only_when_known_or_admitted() {
        let lexicon = lexicon(Limits::default());
        let id = lexicon.intern(TextKind::Host, b"api.shop.test", false);
        assert_eq!(lexicon.text(id, &Admitted::default()), "{host}");
        assert_eq!(lexicon.text(id, &Admitted::new(vec![id])), "api.shop.test");
        let known = lexicon.intern(TextKind::Host, b"api.shop.test", true);
        assert_eq!(lexicon.text(known, &Admitted::default()), "api.shop.test");
        assert_eq!(lexicon.intern(TextKind::Host, b"", false), TextId::NONE);
    }

    #[test]
    fn kinds_are_kept_apart() {
        let lexicon = lexicon(Limits::default());
        let ids = TextKind::ALL.map(|kind| lexicon.intern(kind, b"same", false));
        let shown = ids.map(|id| lexicon.text(id, &Admitted::default()));
        assert_eq!(
            shown,
            ["{host}", "{agent}", "{release}", "{operation}", "{field}"]
        );
    }

    #[test]
    fn unfit_texts_keep_an_id_and_are_never_shown() {
        let lexicon = lexicon(Limits::default());
        for text in [
            &b"a\x1b[31m"[..],
            b"\xff\xfe",
            &[b'a'; 201],
            "a\u{202e}b".as_bytes(),
        ] {
            let id = lexicon.intern(TextKind::Field, text, false);
            assert!(id.is_some());
            assert_eq!(lexicon.text(id, &Admitted::new(vec![id])), "{field}");
        }
    }

    #[test]
    fn the_limits_hold_and_are_counted() {
        let lexicon = lexicon(Limits {
            texts: 2,
            endpoints: 1,
            ..Limits::default()
        });
        for text in [b"a", b"b", b"c", b"a"] {
            lexicon.intern(TextKind::Agent, text, true);
        }
        for template in ["/a", "/b"] {
            lexicon.intern_endpoint(&EndpointName {
                service: "default".to_owned(),
                method: "GET",
                template: template.to_owned(),
            });
        }
        assert_eq!(lexicon.forgotten(), 2);
        assert_eq!(lexicon.bytes(), 2);
    }

    #[test]
    fn numbers_have_names() {
        let lexicon = lexicon(Limits::default());
        lexicon.set_rules(vec!["card-number".to_owned()], vec!["pci.card".to_owned()]);
        assert_eq!(lexicon.service(ServiceId(0)), "default");
        assert_eq!(lexicon.service(ServiceId(1)), "shop");
        assert_eq!(lexicon.integration(IntegrationId(0)), "acme");
        assert_eq!(lexicon.sensitive_type(TypeId(0)), "card-number");
        assert_eq!(lexicon.rule(RuleId(0)), "pci.card");
        assert_eq!(lexicon.rule(RuleId(9)), "unknown");
    }
}
