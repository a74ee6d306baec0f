//! `[[mask.exception]]`: checked by itself, and against the rules in force. Faults are told with their line.

use super::fault;
use super::{Config, nearest};
use crate::cleartext::mask::{ExceptionText, RuleSet};
use crate::error::Error;
use crate::observation::Method;

/// Exceptions beyond this number are refused: each may hold a copy of the rules.
const MAX_EXCEPTIONS: usize = 256;

impl Config {
    /// What can be told without the rules.
    pub(super) fn check_exceptions(&self) -> Result<(), Error> {
        let list = &self.settings.mask.exception;
        if let Some(first) = list.get(MAX_EXCEPTIONS) {
            let hint = format!("at most {MAX_EXCEPTIONS}: change the rule instead");
            return Err(self.refuse(
                (MAX_EXCEPTIONS, "endpoint", None),
                &format!("`{}` is one exception too many", first.endpoint),
                &hint,
            ));
        }
        for (number, exception) in list.iter().enumerate() {
            let endpoint = &exception.endpoint;
            let (method, template) = endpoint.split_once(' ').unwrap_or_default();
            let known = Method::from_wire(method.as_bytes()).name() == method;
            if method.is_empty() || !known || !template.starts_with('/') {
                return Err(self.refuse(
                    (number, "endpoint", None),
                    &format!("`{endpoint}` is no endpoint"),
                    "METHOD and path template as reports show them, such as \"GET /v1/users/{id}\"",
                ));
            }
            if exception.rules.is_empty() {
                return Err(self.refuse(
                    (number, "rules", None),
                    "no rule is named",
                    "ids of rules, such as [\"pii.email\"]",
                ));
            }
            if exception.field.as_ref().is_some_and(String::is_empty) {
                return Err(self.refuse(
                    (number, "field", None),
                    "the field is empty",
                    "a path as reports show it, such as \"$.contact.email\", or leave it out for all fields",
                ));
            }
        }
        Ok(())
    }

    /// The rules with the exceptions from them.
    pub(super) fn except(&self, rules: RuleSet) -> Result<RuleSet, Error> {
        let list = &self.settings.mask.exception;
        let texts: Vec<_> = list
            .iter()
            .map(|exception| ExceptionText {
                endpoint: exception.endpoint.clone(),
                rules: exception.rules.clone(),
                field: exception.field.clone(),
            })
            .collect();
        let ids: Vec<String> = rules.rule_names().to_vec();
        rules.with_exceptions(&texts).map_err(|unknown| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let hint = match nearest(&unknown.rule, &ids) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the ids stand in the rule files".to_owned(),
            };
            self.refuse(
                (unknown.exception, "rules", Some(unknown.place)),
                &format!("there is no rule `{}`", unknown.rule),
                &hint,
            )
        })
    }

    fn refuse(
        &self,
        (number, key, item): (usize, &str, Option<usize>),
        what: &str,
        hint: &str,
    ) -> Error {
        let error = Error::config(format!("`mask.exception[{number}].{key}`: {what}")).hint(hint);
        let Some(path) = &self.path else { return error };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let list = ["mask", "exception"];
        match fault::line_of_entry(&text, &list, (number, key, item)) {
            Some(line) => error.at(format!("{}:{line}", path.display())),
            None => error.at(path.display().to_string()),
        }
    }
}
