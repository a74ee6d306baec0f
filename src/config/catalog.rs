//! Tags and costs as the configuration lists them.

use super::Config;
use crate::catalog::{Catalog, ListedEndpoint, ListedIntegration};

impl Config {
    /// What the operator has said about integrations, services and endpoints.
    pub fn catalog(&self) -> Catalog {
        let settings = &self.settings;
        let integrations = settings.integration.iter();
        let services = settings.service.iter();
        let endpoints = settings.endpoint.iter();
        Catalog {
            integrations: integrations
                .map(|integration| ListedIntegration {
                    name: integration.name.clone(),
                    tags: integration.tags.clone(),
                    costs: integration.costs.clone(),
                })
                .collect(),
            services: services
                .filter(|service| !service.tags.is_empty())
                .map(|service| (service.name.clone(), service.tags.clone()))
                .collect(),
            endpoints: endpoints
                .filter(|hint| !hint.tags.is_empty())
                .map(|hint| ListedEndpoint {
                    service: hint.service.clone(),
                    methods: hint.methods.clone(),
                    template: hint.template.clone(),
                    tags: hint.tags.clone(),
                })
                .collect(),
        }
    }
}
