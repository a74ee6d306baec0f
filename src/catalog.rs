//! What the operator has said about integrations, services and endpoints: tags and costs, for reports and the operator channel.

use std::collections::BTreeMap;

/// Names and values.
pub type Tags = BTreeMap<String, String>;

/// Everything that is listed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Catalog {
    /// In the order of the configuration.
    pub integrations: Vec<ListedIntegration>,
    /// Tags by service.
    pub services: BTreeMap<String, Tags>,
    /// Endpoints that have tags.
    pub endpoints: Vec<ListedEndpoint>,
}

/// An endpoint that a document describes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Documented {
    /// Its service.
    pub service: String,
    /// `METHOD template`.
    pub endpoint: String,
    /// Whether the document calls it deprecated.
    pub deprecated: bool,
}

/// A named integration.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ListedIntegration {
    /// Its name.
    pub name: String,
    /// Its tags: those of its tokens.
    pub tags: Tags,
    /// Cost units by endpoint (`METHOD template`).
    pub costs: BTreeMap<String, f64>,
}

/// An endpoint, or several that share a template.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListedEndpoint {
    /// Its service; any if none.
    pub service: Option<String>,
    /// Methods; any if empty.
    pub methods: Vec<String>,
    /// Its template.
    pub template: String,
    /// Its tags.
    pub tags: Tags,
}

impl ListedEndpoint {
    /// Whether it means `METHOD template` of that service.
    fn means(&self, service: &str, endpoint: &str) -> bool {
        let (method, template) = endpoint.split_once(' ').unwrap_or(("", endpoint));
        let method_fits = self.methods.is_empty() || self.methods.iter().any(|m| m == method);
        let service_fits = self.service.as_ref().is_none_or(|own| own == service);
        self.template == template && method_fits && service_fits
    }
}

/// A condition on tags: `NAME`, or `NAME:VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagFilter {
    name: String,
    value: Option<String>,
}

impl TagFilter {
    /// Reads a condition.
    pub fn parse(text: &str) -> Self {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        Self {
            name: name.to_owned(),
            value,
        }
    }

    /// Whether the tags fulfil it.
    pub fn admits(&self, tags: &Tags) -> bool {
        let found = tags.get(&self.name);
        found.is_some_and(|value| self.value.as_ref().is_none_or(|wanted| wanted == value))
    }
}

impl Catalog {
    /// The tags of `METHOD template` of a service: its own over those of the service.
    pub fn endpoint_tags(&self, service: &str, endpoint: &str) -> Tags {
        let mut tags = self.services.get(service).cloned().unwrap_or_default();
        for listed in &self.endpoints {
            if listed.means(service, endpoint) {
                tags.extend(listed.tags.clone());
            }
        }
        tags
    }

    /// The integration of that number.
    pub fn integration(&self, number: u16) -> Option<&ListedIntegration> {
        self.integrations.get(usize::from(number))
    }
}

impl ListedIntegration {
    /// What calls cost, as (`METHOD template`, calls); none if no cost is listed.
    #[allow(
        clippy::cast_precision_loss,
        reason = "calls times a price, for display"
    )]
    pub fn cost<'a>(&self, loads: impl Iterator<Item = (&'a str, u64)>) -> Option<f64> {
        if self.costs.is_empty() {
            return None;
        }
        let units = loads.map(|(endpoint, calls)| {
            let unit = self.costs.get(endpoint).copied().unwrap_or(0.0);
            unit * calls as f64
        });
        // To a millionth: what adding up floating point leaves behind is no cost.
        Some((units.sum::<f64>() * 1e6).round() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        let owned = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    #[test]
    fn an_endpoint_has_its_own_tags_over_those_of_its_service() {
        let catalog = Catalog {
            services: BTreeMap::from([(
                "shop".to_owned(),
                tags(&[("team", "web"), ("tier", "1")]),
            )]),
            endpoints: vec![ListedEndpoint {
                methods: vec!["POST".to_owned()],
                template: "/v1/orders".to_owned(),
                tags: tags(&[("team", "payments")]),
                ..ListedEndpoint::default()
            }],
            ..Catalog::default()
        };
        assert_eq!(
            catalog.endpoint_tags("shop", "POST /v1/orders"),
            tags(&[("team", "payments"), ("tier", "1")])
        );
        assert_eq!(
            catalog.endpoint_tags("shop", "GET /v1/orders"),
            tags(&[("team", "web"), ("tier", "1")])
        );
        assert!(
            catalog
                .endpoint_tags("default", "GET /v1/orders")
                .is_empty()
        );
    }

    #[test]
    fn tags_are_asked_for_by_name_or_value() {
        let known = tags(&[("team", "web")]);
        for (text, admitted) in [
            ("team", true),
            ("team:web", true),
            ("team:api", false),
            ("x", false),
        ] {
            assert_eq!(TagFilter::parse(text).admits(&known), admitted, "{text}");
        }
    }

    #[test]
    fn costs_are_those_listed() {
        let mut listed = ListedIntegration::default();
        let calls = [("GET /a", 3), ("GET /b", 5)];
        assert_eq!(listed.cost(calls.into_iter()), None);
        listed.costs.insert("GET /a".to_owned(), 0.1);
        assert_eq!(listed.cost(calls.into_iter()), Some(0.3));
    }
}
