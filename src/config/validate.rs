//! What the types of the file cannot say.

use super::file::{ConfigFile, Privacy};
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
        for (number, service) in self.service.iter().enumerate() {
            check(
                !service.name.is_empty() && !service.hosts.is_empty(),
                &format!("`service[{number}]`: needs `name` and `hosts`"),
                "for example: name = \"shop\", hosts = [\"api.shop.test\"]",
            )?;
        }
        for (number, hint) in self.endpoint.iter().enumerate() {
            check(
                hint.template.starts_with('/'),
                &format!("`endpoint[{number}].template`: must begin with `/`"),
                "for example: template = \"/v1/users/{id}\"",
            )?;
        }
        for (number, integration) in self.integration.iter().enumerate() {
            check(
                !integration.name.is_empty(),
                &format!("`integration[{number}].name`: is missing"),
                "the name stands in labels, such as name = \"acme\"",
            )?;
        }
        self.privacy.validate_flags()
    }
}

impl Privacy {
    /// The limits of the public flags: what is counted in few bytes has few bytes of limit.
    fn validate_flags(&self) -> Result<(), Error> {
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
