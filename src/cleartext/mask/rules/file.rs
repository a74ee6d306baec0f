//! Rule files as the operator writes them, read strictly: an unknown key, class, validator or detector is an error with its line.
#![allow(
    clippy::disallowed_macros,
    reason = "rule files are the operator's own text, not traffic: their errors may quote them"
)]

use serde::Deserialize;
use toml::Spanned;

use super::pattern::{CLASSES, Pattern, PatternError};
use super::{Confidence, Detector, Exposed};
use crate::cleartext::mask::names::Lists;
use crate::cleartext::mask::validate;
use crate::observation::Category;

/// Names that one line of `combine` may come to.
const MOST_COMBINED: usize = 4_096;

/// Why a rule file is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}:{line}: {what} ({hint})")]
pub struct RuleError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

/// A rule file as typed.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    #[serde(default)]
    pub(super) lists: ListsFile,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RuleText>>,
}

/// The shared lists as typed.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListsFile {
    neutral_tails: Vec<String>,
    prefixes: Vec<String>,
    pair_names: Vec<String>,
    pair_values: Vec<String>,
    url_names: Vec<String>,
    safe_headers: Vec<String>,
    preference_cookies: Vec<String>,
    preference_words: Vec<String>,
    technical_agents: Vec<String>,
    preference_fillers: Vec<String>,
    vocabulary: Vec<String>,
}

impl ListsFile {
    /// Adds these lists to `all`.
    pub(super) fn add_to(self, all: &mut Lists) {
        all.neutral_tails.extend(self.neutral_tails);
        all.prefixes.extend(self.prefixes);
        all.pair_names.extend(self.pair_names);
        all.pair_values.extend(self.pair_values);
        all.url_names.extend(self.url_names);
        all.safe_headers.extend(self.safe_headers);
        all.preference_cookies.extend(self.preference_cookies);
        all.technical_agents.extend(self.technical_agents);
        all.preference_words.extend(self.preference_words);
        all.preference_fillers.extend(self.preference_fillers);
        all.vocabulary.extend(self.vocabulary);
    }
}

/// A rule as typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    category: String,
    #[serde(default)]
    confidence: Option<String>,
    #[serde(default)]
    placeholder: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    exact: Vec<String>,
    #[serde(default)]
    combine: Vec<String>,
    #[serde(default)]
    tails: Vec<String>,
    #[serde(default)]
    endings: Vec<String>,
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    params: Vec<String>,
    #[serde(default)]
    accept: Option<String>,
    #[serde(default)]
    shallow: bool,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    detector: Option<String>,
    #[serde(default)]
    formats: Vec<String>,
    #[serde(default)]
    near: Vec<String>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    validator: Option<String>,
    #[serde(default)]
    exposed: Option<Vec<String>>,
    positive: Vec<String>,
    negative: Vec<String>,
}

/// A rule with its words understood.
pub(super) struct Parsed {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) category: Category,
    pub(super) confidence: Confidence,
    pub(super) keyed: bool,
    pub(super) names: Vec<String>,
    pub(super) exact: Vec<String>,
    /// What `combine` comes to: names only, no context words.
    pub(super) combined: Vec<String>,
    pub(super) tails: Vec<String>,
    /// Ends of a last word that is written without any break: `benutzerkennwort`.
    pub(super) endings: Vec<String>,
    /// Ends of words for people, whose `name` is meant: `bailiff_name`.
    pub(super) agents: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) cookies: Vec<String>,
    pub(super) params: Vec<String>,
    pub(super) accept: Option<validate::Validator>,
    pub(super) shallow: bool,
    pub(super) dry_run: bool,
    pub(super) detector: Option<Detector>,
    pub(super) formats: Vec<Pattern>,
    pub(super) near: Vec<Pattern>,
    pub(super) context: Vec<String>,
    pub(super) validator: Option<validate::Validator>,
    pub(super) exposed: Exposed,
    pub(super) positive: Vec<String>,
    pub(super) negative: Vec<String>,
    pub(super) line: usize,
}

/// Reads one file.
pub(super) fn parse(file: &str, text: &str) -> Result<(ListsFile, Vec<Parsed>), RuleError> {
    let typed: RuleFile = toml::from_str(text).map_err(|error| RuleError {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        what: error.message().to_owned(),
        hint: "see the rules that ship with hushtap for every key and its values".to_owned(),
    })?;
    let mut rules = Vec::new();
    for rule in typed.rule {
        // The span of a table is that of its header: its keys reach to the next header.
        let start = rule.span().start;
        let body = text.get(rule.span().end..).unwrap_or_default();
        let end = body
            .find("\n[")
            .map_or(text.len(), |at| rule.span().end.saturating_add(at));
        let place = Place {
            file,
            text,
            span: start..end,
        };
        rules.push(place.parse(rule.into_inner())?);
    }
    Ok((typed.lists, rules))
}

/// Where in which file a rule stands, to point at the line of a fault.
struct Place<'a> {
    file: &'a str,
    text: &'a str,
    span: std::ops::Range<usize>,
}

impl Place<'_> {
    fn parse(&self, rule: RuleText) -> Result<Parsed, RuleError> {
        self.check_words(&rule)?;
        let mut combined = Vec::new();
        for line in &rule.combine {
            combined.extend(self.combined(line)?);
        }
        Ok(Parsed {
            category: self.category(&rule.category)?,
            confidence: self.confidence(rule.confidence.as_deref())?,
            keyed: self.keyed(rule.placeholder.as_deref())?,
            accept: self.validator(rule.accept.as_deref())?,
            detector: self.detector(rule.detector.as_deref())?,
            formats: self.patterns(&rule.formats)?,
            near: self.patterns(&rule.near)?,
            validator: self.validator(rule.validator.as_deref())?,
            exposed: self.exposed(&rule)?,
            line: line_of(self.text, self.span.start),
            id: rule.id,
            kind: rule.kind,
            names: rule.names,
            combined,
            tails: rule.tails,
            endings: rule.endings,
            agents: rule.agents,
            exact: rule.exact,
            headers: rule.headers,
            cookies: rule.cookies,
            params: rule.params,
            shallow: rule.shallow,
            dry_run: rule.dry_run,
            context: rule.context,
            positive: rule.positive,
            negative: rule.negative,
        })
    }

    fn check_words(&self, rule: &RuleText) -> Result<(), RuleError> {
        let id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if rule.id.is_empty() || !rule.id.chars().all(|c| id(c) || c == '.') {
            return Err(self.fault(
                &rule.id,
                "this id holds other characters",
                "lower-case letters, digits, - and .",
            ));
        }
        if rule.kind.is_empty() || rule.kind.len() > 40 || !rule.kind.chars().all(id) {
            return Err(self.fault(
                &rule.kind,
                "this type holds other characters",
                "lower-case letters, digits and -, at most 40",
            ));
        }
        if rule.positive.is_empty() || rule.negative.is_empty() {
            return Err(self.fault(
                &rule.id,
                "a rule needs examples",
                "give at least one positive and one negative example",
            ));
        }
        if !rule.context.is_empty() && rule.near.is_empty() {
            return Err(self.fault(
                "context",
                "context words without a format",
                "say in `near` what stands beside them",
            ));
        }
        Ok(())
    }

    /// `card payment + number no`: every word or name left of `+` with every one on its right, in either order, for
    /// languages differ in it (`card_number`, `numero_tarjeta`).
    fn combined(&self, line: &str) -> Result<Vec<String>, RuleError> {
        let Some((left, right)) = line.split_once(" + ") else {
            return Err(self.fault(
                line,
                "two lists of words with ` + ` between them were expected",
                "such as `card payment + number no`",
            ));
        };
        let pairs = left
            .split_whitespace()
            .flat_map(|a| right.split_whitespace().map(move |b| (a, b)));
        let names: Vec<_> = pairs
            .flat_map(|(a, b)| [[a, b].join("_"), [b, a].join("_")])
            .collect();
        if names.is_empty() || names.len() > MOST_COMBINED {
            return Err(self.fault(
                line,
                "no words, or too many",
                "at most 4096 names out of one line",
            ));
        }
        Ok(names)
    }

    fn category(&self, word: &str) -> Result<Category, RuleError> {
        Category::ALL
            .into_iter()
            .find(|category| category.name() == word)
            .ok_or_else(|| self.fault(word, "unknown category", "one of secret, pci, pii, hipaa"))
    }

    fn confidence(&self, word: Option<&str>) -> Result<Confidence, RuleError> {
        match word {
            None | Some("high") => Ok(Confidence::High),
            Some("medium") => Ok(Confidence::Medium),
            Some("low") => Ok(Confidence::Low),
            Some(other) => Err(self.fault(other, "unknown confidence", "one of high, medium, low")),
        }
    }

    /// The places in which a value of the rule must not be. Unless it says so itself: a secret anywhere, but in responses
    /// only where its format leaves no doubt. A name of less confidence counts in URLs, where the value looks like a key.
    fn exposed(&self, rule: &RuleText) -> Result<Exposed, RuleError> {
        let sure = !rule.formats.is_empty() || rule.detector.is_some();
        let clear =
            rule.category == "secret" && matches!(rule.confidence.as_deref(), None | Some("high"));
        let mut exposed = Exposed {
            response: clear && sure,
            url: clear,
            telemetry: clear,
            sure,
            by_shape: !matches!(rule.confidence.as_deref(), None | Some("high")),
        };
        if let Some(places) = &rule.exposed {
            let has = |name: &str| places.iter().any(|place| place == name);
            if let Some(other) = places
                .iter()
                .find(|place| !["response", "url", "telemetry"].contains(&place.as_str()))
            {
                return Err(self.fault(
                    other,
                    "no place in which a value may be exposed",
                    "any of response, url, telemetry",
                ));
            }
            exposed = Exposed {
                response: has("response"),
                url: has("url"),
                telemetry: has("telemetry"),
                ..exposed
            };
        }
        Ok(exposed)
    }

    fn keyed(&self, word: Option<&str>) -> Result<bool, RuleError> {
        match word {
            None | Some("plain") => Ok(false),
            Some("keyed") => Ok(true),
            Some(other) => Err(self.fault(other, "unknown placeholder", "plain or keyed")),
        }
    }

    fn validator(&self, word: Option<&str>) -> Result<Option<validate::Validator>, RuleError> {
        let Some(word) = word else { return Ok(None) };
        let names: Vec<_> = validate::VALIDATORS.iter().map(|(name, _)| *name).collect();
        validate::by_id(word).map(Some).ok_or_else(|| {
            self.fault(
                word,
                "unknown validator",
                &format!("one of {}", names.join(", ")),
            )
        })
    }

    fn detector(&self, word: Option<&str>) -> Result<Option<Detector>, RuleError> {
        let Some(word) = word else { return Ok(None) };
        let names: Vec<_> = Detector::ALL.iter().map(|d| d.name()).collect();
        Detector::ALL
            .into_iter()
            .find(|detector| detector.name() == word)
            .map(Some)
            .ok_or_else(|| {
                self.fault(
                    word,
                    "unknown detector",
                    &format!("one of {}", names.join(", ")),
                )
            })
    }

    fn patterns(&self, texts: &[String]) -> Result<Vec<Pattern>, RuleError> {
        texts
            .iter()
            .map(|text| {
                Pattern::parse(text).map_err(|error| {
                    let (what, hint) = match error {
                        PatternError::Unclosed => (
                            "a bracket or brace is not closed",
                            "[abc] or {class:length}; \\ before a literal one".to_owned(),
                        ),
                        PatternError::UnknownClass => {
                            ("unknown class", format!("one of {CLASSES}"))
                        }
                        PatternError::BadLength => (
                            "bad length",
                            "{class:n}, {class:n-m} or {class:n-}, at most 4096".to_owned(),
                        ),
                        PatternError::Empty => {
                            ("empty format", "give a format or leave it out".to_owned())
                        }
                    };
                    self.fault(text, what, &hint)
                })
            })
            .collect()
    }

    /// An error at the line, within this rule, where `word` stands.
    fn fault(&self, word: &str, what: &str, hint: &str) -> RuleError {
        let rule = self.text.get(self.span.clone()).unwrap_or_default();
        let offset = rule
            .find(&word.replace('\\', "\\\\"))
            .or_else(|| rule.find(word))
            .unwrap_or(0);
        RuleError {
            file: self.file.to_owned(),
            line: line_of(self.text, self.span.start.saturating_add(offset)),
            what: if word.is_empty() {
                what.to_owned()
            } else {
                format!("`{word}`: {what}")
            },
            hint: hint.to_owned(),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text
        .as_bytes()
        .get(..offset.min(text.len()))
        .unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count().saturating_add(1)
}
