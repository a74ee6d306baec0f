//! The pieces of a path as classes and keyed hashes: what may leave the room so that templates can be learned.
//!
//! A piece that may be a name (a word of the vocabulary, or a word that is on no list) has a hash, under which the lexicon
//! keeps its text; what is certainly a value (`{int}`, `{uuid}`, ...) is its class alone.

use std::collections::HashMap;

use super::segment::class_of;
use crate::cleartext::anonymize::lexicon::Lexicon;
use crate::observation::vocabulary::{call_name, is_literal, split_format, split_verb};
use crate::observation::{Class, Element, Route, Shape};

/// Most pieces a worker remembers between requests.
const MAX_REMEMBERED: usize = 16_384;
/// Longest piece that may be a name.
const MAX_NAME: usize = 48;
/// Most letters of what is short.
const MAX_SHORT: usize = 4;
/// Longest number that may be a name, and pieces among which it may stand: behind them are resources.
const MAX_NUMBER: usize = 4;
const MAX_NUMBERED: usize = 3;
/// Letters without a vowel from which on they make no word.
const MAX_CONSONANTS: usize = 5;

/// A worker's own cache: values are pure functions of their keys and are forgotten when it is full.
#[derive(Default)]
pub(super) struct Pieces {
    known: HashMap<Vec<u8>, [Element; 2], ahash::RandomState>,
    /// The epoch of the lexicon's pieces in which `known` was filled.
    epoch: u64,
}

impl Pieces {
    /// The pieces of a path; none if there are too many.
    pub(super) fn route<'a>(
        &mut self,
        lexicon: &Lexicon,
        segments: impl Iterator<Item = &'a [u8]>,
    ) -> Route {
        // What the lexicon has forgotten is to be remembered there again when it is seen again.
        let epoch = lexicon.segment_epoch();
        if self.epoch != epoch || self.known.len() >= MAX_REMEMBERED {
            self.known.clear();
            self.epoch = epoch;
        }
        let mut route = Route::NONE;
        let mut segments = segments.enumerate().peekable();
        while let Some((at, segment)) = segments.next() {
            let [mut first, second] = self.elements(lexicon, segment);
            if first.is_numeric() && (at >= MAX_NUMBERED || segments.peek().is_none()) {
                first = Element::class_only(first.class());
            }
            if !route.push(first) || (second != Element::default() && !route.push(second)) {
                return Route::NONE;
            }
        }
        route
    }

    /// The piece of a segment, and what is joined to it (the default if nothing is).
    fn elements(&mut self, lexicon: &Lexicon, segment: &[u8]) -> [Element; 2] {
        if let Some(known) = self.known.get(segment) {
            return *known;
        }
        let elements = read(lexicon, segment);
        if segment.len() <= MAX_NAME {
            self.known.insert(segment.to_vec(), elements);
        }
        elements
    }
}

fn read(lexicon: &Lexicon, segment: &[u8]) -> [Element; 2] {
    let alone = |element| [element, Element::default()];
    if is_literal(segment) {
        alone(vocabulary(lexicon, segment))
    } else if let Some((name, format)) = split_format(segment) {
        let mut tail = String::from(".");
        tail.push_str(format.text());
        let data = DATA.split_ascii_whitespace();
        let shape = if data.into_iter().any(|data| data == format.text()) {
            Shape::Prefix
        } else {
            Shape::Plain
        };
        [
            plain(lexicon, name),
            joined(lexicon, tail.as_bytes(), shape),
        ]
    } else if let Some((name, verb)) = split_verb(segment) {
        let mut tail = vec![b':'];
        tail.extend_from_slice(verb);
        [plain(lexicon, name), joined(lexicon, &tail, Shape::Action)]
    } else if let Some(name) = call_name(segment) {
        [
            vocabulary(lexicon, name),
            joined(lexicon, b"({key})", Shape::Action),
        ]
    } else {
        alone(plain(lexicon, segment))
    }
}

fn plain(lexicon: &Lexicon, name: &[u8]) -> Element {
    if is_literal(name) {
        return vocabulary(lexicon, name);
    }
    let class = class_of(name);
    let may_be = may_be_name(class, name.len()) || class == Class::Domain && is_method(name);
    if name.len() > MAX_NAME || !may_be || is_size(name) {
        return Element::class_only(class);
    }
    lexicon.segment(name, |hash| Element::text(class, shape_of(name), hash))
}

fn vocabulary(lexicon: &Lexicon, word: &[u8]) -> Element {
    let class = class_of(word);
    lexicon.segment(word, |hash| {
        Element::text(class, shape_of(word), hash).known()
    })
}

fn joined(lexicon: &Lexicon, tail: &[u8], shape: Shape) -> Element {
    let text = |hash| Element::text(Class::Text, shape, hash);
    lexicon.segment(tail, |hash| text(hash).known().joined())
}

/// Words of the vocabulary joined by dots: `chat.postMessage`. Other names with dots are mostly those of hosts and people.
fn is_method(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'.').all(is_literal)
}

/// Classes of what people call resources and versions; the others only ever hold values.
const fn may_be_name(class: Class, len: usize) -> bool {
    let worded = matches!(
        class,
        Class::Word | Class::Slug | Class::Id | Class::Version | Class::Handle
    );
    worded
        || matches!(class, Class::Date)
        || matches!(class, Class::Int | Class::Number) && len <= MAX_NUMBER
}

/// Width and height: `320x240`.
fn is_size(name: &[u8]) -> bool {
    let digits = |side: &[u8]| !side.is_empty() && side.iter().all(u8::is_ascii_digit);
    let mut sides = name.split(|byte| *byte == b'x');
    sides.next().is_some_and(digits) && sides.next().is_some_and(digits) && sides.next().is_none()
}

/// How a name is written.
fn shape_of(name: &[u8]) -> Shape {
    if PREFIXES
        .split_ascii_whitespace()
        .any(|word| word.as_bytes() == name)
    {
        return Shape::Prefix;
    }
    if ACTIONS
        .split_ascii_whitespace()
        .any(|word| word.as_bytes() == name)
    {
        return Shape::Action;
    }
    // `/u/alice`: hardly anybody is called by one letter.
    if matches!(name, [letter] if letter.is_ascii_lowercase()) {
        return Shape::Action;
    }
    let signed = name.starts_with(b"_") || !name.iter().any(u8::is_ascii_alphanumeric);
    if signed || name.contains(&b'.') && is_method(name) {
        return Shape::Sign;
    }
    if name.iter().any(u8::is_ascii_digit) {
        return Shape::Digits;
    }
    if is_locale(name) {
        return Shape::Locale;
    }
    let letters = || name.iter().filter(|byte| byte.is_ascii_alphabetic());
    let capitals = letters().filter(|byte| byte.is_ascii_uppercase()).count();
    let joins = name
        .iter()
        .filter(|b| matches!(b, b'-' | b'_' | b'~'))
        .count();
    if capitals > 0 && capitals == letters().count() {
        return Shape::Upper;
    }
    if is_noise(name) {
        return Shape::Noise;
    }
    match (joins, capitals, name) {
        (0, 0, _) if name.len() >= 4 && name.ends_with(b"s") => Shape::Plural,
        (0, 0, _) if name.len() <= MAX_SHORT => Shape::Short,
        (0, 0, _) => Shape::Plain,
        (0, 1, [first, ..]) if first.is_ascii_uppercase() => Shape::Title,
        (0, ..) => Shape::Camel,
        (_, _, _) if name.contains(&b'_') => Shape::Snake,
        (1, ..) => Shape::Pair,
        _ => Shape::Phrase,
    }
}

/// A language code (ISO 639-1), alone or with a region (ISO 3166-1) or script (ISO 15924) by its form, as RFC 5646 joins them.
fn is_locale(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| matches!(byte, b'-' | b'_'));
    let language = parts.next().unwrap_or_default();
    let is_language = language.len() == 2
        && LANGUAGES
            .split_ascii_whitespace()
            .any(|code| code.as_bytes() == language);
    is_language
        && parts.all(|part| matches!(part.len(), 2 | 4) && part.iter().all(u8::is_ascii_alphabetic))
}

/// Words of the vocabulary behind which names stand.
const PREFIXES: &str = "api apis rest rpc admin internal external public private partner mobile web app service services \
backend gateway core auth oauth oauth2 account";

/// Words of the vocabulary that commonly stand where values do.
const ACTIONS: &str = "me self myself mine current search query filter lookup find autocomplete suggest suggestions new create \
add edit upload import export download batch bulk validate verify preview count stats statistics summary metrics latest recent \
trending popular featured top random all default defaults archived deleted active pending mine settings config status \
login logout register reset refresh callback webhook webhooks health ping sync import-jobs schema";

/// Formats in which the same thing is had as data or as a page: what has several of them has them all.
const DATA: &str = "json xml csv html htm yaml yml txt rss atom ndjson geojson pdf";

/// ISO 639-1.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy \
da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io \
is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na \
nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss \
st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Letters that make no word: too many in a row without a vowel, or capitals strewn about.
fn is_noise(name: &[u8]) -> bool {
    let (mut row, mut longest, mut turns) = (0_usize, 0_usize, 0_usize);
    let mut previous = b'a';
    for &byte in name {
        let vowel = matches!(
            byte.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y'
        );
        row = if vowel || !byte.is_ascii_alphabetic() {
            0
        } else {
            row.saturating_add(1)
        };
        longest = longest.max(row);
        // `WsAq`: a capital behind one letter that is itself behind a capital.
        if previous.is_ascii_lowercase() && byte.is_ascii_uppercase() {
            turns = turns.saturating_add(1);
        }
        previous = byte;
    }
    longest > MAX_CONSONANTS || turns.saturating_mul(3) >= name.len()
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::use_debug,
    reason = "tests hold no traffic"
)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::cleartext::anonymize::endpoint::path::PathBuf;
    use crate::cleartext::anonymize::endpoint::segment;
    use crate::cleartext::anonymize::keys::{Keys, StateKey};
    use crate::cleartext::anonymize::lexicon::Limits;
    use crate::observation::{ServiceId, Templates};

    fn lexicon() -> Lexicon {
        let keys = Arc::new(Keys::new(&StateKey::from_content(b"test"), None));
        Lexicon::new(keys, Limits::default(), vec![], vec![])
    }

    fn route(lexicon: &Lexicon, target: &str) -> Route {
        let mut path = PathBuf::default();
        path.read(target.as_bytes());
        Pieces::default().route(lexicon, path.segments())
    }

    /// What is shown of a path of which nothing was learned.
    fn shown(lexicon: &Lexicon, target: &str) -> String {
        let route = route(lexicon, target);
        Templates::default()
            .template(ServiceId(0), &route)
            .text(lexicon)
    }

    #[test]
    fn unlearned_paths_are_shown_as_they_are_described() {
        let lexicon = lexicon();
        for (target, text) in [
            ("/v1/users/42", "/v1/users/{int}"),
            ("/users/alice/orders", "/users/{word}/orders"),
            ("/reports/q3.pdf", "/reports/{id}.pdf"),
            ("/orders/42:cancel", "/orders/{int}:cancel"),
            ("/users(7)/profile", "/users({key})/profile"),
        ] {
            assert_eq!(shown(&lexicon, target), text);
        }
        assert!(route(&lexicon, &"/users".repeat(11)).is_empty());
    }

    #[test]
    fn shapes_are_told_apart() {
        for (name, shape) in [
            ("gizmo", Shape::Plain),
            ("gizmos", Shape::Plural),
            ("MSFT", Shape::Upper),
            ("Alice", Shape::Title),
            ("getGizmos", Shape::Camel),
            ("pt-BR", Shape::Locale),
            ("zh-Hant-TW", Shape::Locale),
            ("de", Shape::Locale),
            ("zz", Shape::Short),
            ("btc", Shape::Short),
            ("gizmo_parts", Shape::Snake),
            ("gizmo-parts", Shape::Pair),
            ("how-to-bake", Shape::Phrase),
            ("qzxkvbnw", Shape::Noise),
            ("aBcDeFgHi", Shape::Noise),
            ("v10", Shape::Digits),
            ("_bulk", Shape::Sign),
            ("-", Shape::Sign),
            ("u", Shape::Action),
            ("users.list", Shape::Sign),
        ] {
            assert_eq!(shape_of(name.as_bytes()), shape, "{name}");
        }
    }

    #[test]
    fn versions_and_methods_may_be_names() {
        let lexicon = lexicon();
        let is_text = |target: &str, at: usize| {
            let route = route(&lexicon, target);
            route.elements().get(at).is_some_and(|e| e.has_text())
        };
        for (target, at, text) in [
            ("/rest/api/3/issue", 2, true),
            ("/2.0/artist", 0, true),
            ("/2015-03-31/functions", 0, true),
            // The last piece, a later one and a long one are values.
            ("/orders/3", 1, false),
            ("/api/v1/orders/3/items", 3, false),
            ("/orders/31415/items", 1, false),
            ("/api/users.list", 1, true),
            ("/hosts/mail.acme.example", 1, false),
            ("/images/320x240", 1, false),
            ("/images/x240", 1, true),
        ] {
            assert_eq!(is_text(target, at), text, "{target}");
        }
        assert_eq!(
            shown(&lexicon, "/rest/api/3/orders"),
            "/rest/api/{int}/orders"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_shown_that_is_not_described(
            segments in proptest::collection::vec("[ -~]{1,12}|[a-z]{1,9}(s|\\.json|:cancel)?", 1..6),
        ) {
            let target = format!("/{}", segments.join("/").replace('?', ""));
            let mut path = PathBuf::default();
            path.read(target.as_bytes());
            let mut described = String::new();
            for segment in path.segments() {
                described.push('/');
                segment::describe(segment, &mut described);
            }
            let lexicon = lexicon();
            if !route(&lexicon, &target).is_empty() {
                prop_assert_eq!(shown(&lexicon, &target), described);
            }
        }
    }
}
