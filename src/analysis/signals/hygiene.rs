//! `token_hygiene`: a credential was accepted that should not have been. A question of facts, not of habit: no warm-up, no
//! learning, one alert a token and kind.
//!
//! A token sent in clear text is a note, and only where other traffic is inside TLS: where everything is in clear text, TLS
//! ends before the tap. Lifetime, rotation and a certificate that was not seen are in the report alone: what is long is for
//! the operator to say, and a proxy may have checked what it does not pass on.

#![allow(clippy::cast_precision_loss, reason = "counts of calls")]

use super::{Scene, evidence};
use crate::analysis::alert::{Severity, Signal};
use crate::analysis::book::Finding;
use crate::analysis::insight::credentials::{Credentials, Fault};
use crate::clock::EventTime;

/// -ln of 1e-6: a fact that was read, not guessed.
const SURPRISE: f64 = 13.8;
/// Calls with an expired credential that must be accepted: pages that are open to all look at none.
const EXPIRED_CALLS: u32 = 3;
/// Tokens told in one shard and hour to be sent in clear text: a note for each of all tokens would push out alerts.
const CLEAR_NOTES: u32 = 2;

/// What can be told of a token, gravest first: how often it must be, its severity, and its name in the evidence.
const KINDS: [(Kind, u32, Severity, &str); 4] = [
    (
        Kind::Accepted(Fault::Unsigned),
        1,
        Severity::High,
        "unsigned_accepted",
    ),
    (
        Kind::Accepted(Fault::Expired),
        EXPIRED_CALLS,
        Severity::Medium,
        "expired_accepted",
    ),
    (
        Kind::Accepted(Fault::Unproven),
        1,
        Severity::Medium,
        "unproven_accepted",
    ),
    (Kind::Clear, 1, Severity::Info, "clear_text_calls"),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Accepted(Fault),
    Clear,
}

/// How many notes a shard has spent in the hour.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Notes {
    hour: u64,
    spent: u32,
}

impl Notes {
    /// Whether there is room for a note in the hour of `scene`.
    fn open(&mut self, scene: &Scene<'_>) -> bool {
        let hour = scene.now.secs() / 3_600;
        if hour > self.hour {
            *self = Self { hour, spent: 0 };
        }
        self.spent < CLEAR_NOTES
    }
}

/// A finding, and the flags of what it tells, to be put into [`Credentials::told`] once it is an alert.
pub(in crate::analysis) struct News {
    pub(in crate::analysis) finding: Finding,
    told: u8,
    is_note: bool,
}

impl News {
    /// It became an alert: it is not told again.
    pub(in crate::analysis) const fn tell(
        told: (u8, bool),
        at: EventTime,
        credentials: &mut Credentials,
        notes: &mut Notes,
    ) {
        let (kinds, is_note) = told;
        credentials.told |= kinds;
        credentials.told_at = at.secs();
        notes.spent += is_note as u32;
    }

    /// What it tells: the flags, and whether it is but a note.
    pub(in crate::analysis) const fn told(&self) -> (u8, bool) {
        (self.told, self.is_note)
    }
}

/// What is new about the credentials of a token. `mixed`: whether some of the traffic is inside TLS.
pub(in crate::analysis) fn observe(
    credentials: &Credentials,
    scene: &Scene<'_>,
    mixed: bool,
    notes: &mut Notes,
) -> Option<News> {
    let seen = KINDS.map(|(kind, least, ..)| match kind {
        Kind::Accepted(fault) => Some(credentials.accepted(fault)).filter(|n| *n >= least),
        Kind::Clear => Some(credentials.clear).filter(|n| mixed && *n >= least),
    });
    let kinds = || KINDS.iter().zip(seen).enumerate();
    let is_told = |at: usize| credentials.told >> at & 1 == 1;
    let mut news = 0_u8;
    for (at, _) in kinds().filter(|(at, (_, count))| count.is_some() && !is_told(*at)) {
        news |= 1 << at;
    }
    if news == 0 {
        return None;
    }
    // An open alert is updated, and must not become less grave by what is new.
    let quiet = scene.now.secs().saturating_sub(credentials.told_at);
    let open = credentials.told != 0 && quiet < scene.thresholds.alert_hold_seconds;
    let (mut severity, mut facts) = (Severity::Info, Vec::new());
    for (at, ((.., how_grave, name), count)) in kinds() {
        let Some(calls) = count else { continue };
        facts.push(evidence(name, f64::from(calls)));
        if open || !is_told(at) {
            severity = severity.max(*how_grave);
        }
    }
    let is_note = severity == Severity::Info;
    if is_note && (credentials.told != 0 || !notes.open(scene)) {
        return None;
    }
    facts.extend([
        evidence("usual_accepted", 0.0),
        evidence("active_days", f64::from(scene.days)),
        evidence("calls_so_far", scene.calls as f64),
    ]);
    let finding = Finding {
        signal: Signal::TokenHygiene,
        subject: scene.subject(),
        time: scene.now,
        seconds: 0,
        surprise: SURPRISE,
        severity: Some(severity),
        verdict: false,
        involved: scene.involved(),
        evidence: facts,
    };
    Some(News {
        finding,
        told: news,
        is_note,
    })
}
