//! What the types of the file cannot say.

use super::file::{ConfigFile, Privacy};
use super::unit::Span;
use crate::analysis::clip::FlagLimits;
use crate::error::Error;

impl ConfigFile {
    /// What types alone cannot say.
    pub(super) fn validate(&self) -> Result<(), Error> {
        check(
            self.capture.workers.is_none_or(|n| (1..=256).contains(&n)),
            "`capture.workers`: must be 1 to 256",
            "leave it out for one worker a core, less one for capturing",
        )?;
        let whole = self.capture.buffer.bytes().is_multiple_of(1 << 20);
        check(
            whole && (1..=4096).contains(&(self.capture.buffer.bytes() >> 20)),
            "`capture.buffer`: must be 1 MiB to 4 GiB, in whole MiB",
            "\"64 MiB\" holds half a second of a full 1 Gbit/s link",
        )?;
        check(
            self.anonymize.k.is_none_or(|k| k >= 1),
            "`anonymize.k`: must be at least 1",
            "1 shows every text of the wire that a rule does not mask; 5 is the default when live, 2 in replay",
        )?;
        check(
            (64..=65_536 * 16).contains(&self.capture.snaplen.bytes()),
            "`capture.snaplen`: must be 64 B to 1 MiB",
            "\"256 KiB\" keeps every packet whole, offload super-packets too",
        )?;
        check(
            (0.01..=100.0).contains(&self.detect.alert_budget),
            "`detect.alert_budget`: must be 0.01 to 100",
            "false alerts a day for every 1,000 tokens; 0.3 is the default",
        )?;
        let every = self.state.save_every.nanos();
        check(
            every == 0 || every >= Span::secs(10).nanos(),
            "`state.save_every`: must be 10 s or more, or 0",
            "\"10 min\" loses that much of what was learned if the machine fails",
        )?;
        check(
            self.state.retain.nanos() >= Span::days(1).nanos(),
            "`state.retain`: must be 1 day or more",
            "\"90 days\" is the default",
        )?;
        for (number, service) in self.service.iter().enumerate() {
            check(
                !service.name.is_empty() && !service.hosts.is_empty(),
                &format!("`service[{number}]`: needs `name` and `hosts`"),
                "for example: name = \"shop\", hosts = [\"api.shop.test\"]",
            )?;
            check_tags(&format!("service[{number}]"), service.tags.keys())?;
        }
        for (number, hint) in self.endpoint.iter().enumerate() {
            check(
                hint.template.starts_with('/'),
                &format!("`endpoint[{number}].template`: must begin with `/`"),
                "for example: template = \"/v1/users/{id}\"",
            )?;
            check_tags(&format!("endpoint[{number}]"), hint.tags.keys())?;
        }
        for (number, integration) in self.integration.iter().enumerate() {
            check(
                !integration.name.is_empty(),
                &format!("`integration[{number}].name`: is missing"),
                "the name stands in labels, such as name = \"acme\"",
            )?;
            let others = self.integration.iter().take(number);
            check(
                others.clone().all(|other| other.name != integration.name),
                &format!(
                    "`integration[{number}].name`: `{}` is there twice",
                    integration.name
                ),
                "list all its signs in one [[integration]]",
            )?;
            check_tags(&format!("integration[{number}]"), integration.tags.keys())?;
            let weighs = |cost: &f64| cost.is_finite() && *cost >= 0.0;
            check(
                integration.costs.values().all(weighs),
                &format!("`integration[{number}].costs`: a cost must be 0 or more"),
                "for example: costs = { \"GET /v1/users/{id}\" = 0.5 }",
            )?;
        }
        self.privacy.validate_flags()
    }
}

/// Tags are asked for by name, and those of integrations are labels: one rule for all.
fn check_tags<'a>(place: &str, mut tags: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    tags.try_for_each(|tag| {
        check(
            is_free_label(tag),
            &format!("`{place}.tags`: `{tag}` cannot be a label"),
            "letters, digits and `_`, not a digit first, and none of integration, endpoint, method, code, le",
        )
    })
}

/// Whether a tag may be the name of a label beside those of the metrics.
fn is_free_label(name: &str) -> bool {
    let mut letters = name.bytes();
    let first = letters
        .next()
        .is_some_and(|b| b == b'_' || b.is_ascii_alphabetic());
    first
        && letters.all(|b| b == b'_' || b.is_ascii_alphanumeric())
        && !name.starts_with("__")
        && !["integration", "endpoint", "method", "code", "le"].contains(&name)
}

impl Privacy {
    /// The limits of the public flags: what is counted in few bytes has few bytes of limit.
    fn validate_flags(&self) -> Result<(), Error> {
        let limit = self.integration_body_limit.bytes();
        check(
            (16 << 10..=1 << 30_u64).contains(&limit),
            "`privacy.integration_body_limit`: must be 16 KiB to 1 GiB",
            "bodies beyond it count as that many bytes; the noise grows with it",
        )?;
        for (key, value, most) in [
            (
                "flag_requests_per_minute",
                self.flag_requests_per_minute,
                u32::MAX,
            ),
            (
                "flag_field_errors",
                self.flag_field_errors,
                FlagLimits::MAX_ANSWERS,
            ),
            ("flag_agents", self.flag_agents, FlagLimits::MAX_AGENTS),
            ("flag_objects", self.flag_objects, FlagLimits::MAX_OBJECTS),
            (
                "flag_denied_objects",
                self.flag_denied_objects,
                FlagLimits::MAX_OBJECTS,
            ),
            (
                "flag_auth_failures",
                self.flag_auth_failures,
                FlagLimits::MAX_ANSWERS,
            ),
            (
                "flag_unknown_paths",
                self.flag_unknown_paths,
                FlagLimits::MAX_ANSWERS,
            ),
            (
                "flag_schema_violations",
                self.flag_schema_violations,
                FlagLimits::MAX_ANSWERS,
            ),
        ] {
            check(
                (1..=most).contains(&value),
                &format!("`privacy.{key}`: must be 1 to {most}"),
                "`hushtap check` shows every [privacy] key; the defaults are sound",
            )?;
        }
        Ok(())
    }
}

fn check(holds: bool, what: &str, hint: &str) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::config(what).hint(hint))
    }
}
