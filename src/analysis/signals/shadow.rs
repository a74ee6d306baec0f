//! `shadow_endpoint`: an endpoint answers successfully though the documents do not have it. Said at once and once, without any
//! learning: the document says what there is. It takes the place of `new_endpoint`, which is for where nobody has said so.

#![allow(clippy::cast_precision_loss, reason = "numbers of days and calls")]

use std::collections::{BTreeMap, BTreeSet};

use super::newness::FirstCall;
use super::{Scene, evidence};
use crate::analysis::alert::{Severity, Signal, Subject};
use crate::analysis::book::{Finding, Involved};
use crate::analysis::endpoint::OTHER_ENDPOINT;
use crate::clock::EventTime;
use crate::observation::TextId;
use crate::observation::{EndpointId, Method, ServiceId};

/// Endpoints remembered as told. When they are full, nothing more is told.
const MOST_TOLD: usize = 16_384;
/// -ln of 1e-4, as for a new endpoint: it is no rarity.
const SURPRISE: f64 = 9.21;

/// First successful calls in one epoch of endpoints that no document has, and how many there were.
#[derive(Clone, Debug, Default)]
pub(in crate::analysis) struct ShadowCalls(BTreeMap<EndpointId, Calls>);

#[derive(Clone, Copy, Debug)]
struct Calls {
    first: FirstCall,
    count: u64,
    service: ServiceId,
    /// What a browser asks before a call, and tunnels, are no use of an endpoint.
    is_use: bool,
}

impl ShadowCalls {
    /// Takes a call of an undocumented endpoint.
    pub(in crate::analysis) fn observe(&mut self, scene: &Scene<'_>, endpoint: EndpointId) {
        let observation = scene.observation;
        if endpoint == OTHER_ENDPOINT
            || observation.documented
            || !(200..400).contains(&observation.outcome().0)
        {
            return;
        }
        let first = FirstCall {
            order: (scene.now, observation.flow, observation.index),
            token: Some(scene.principal).filter(|_| scene.is_token),
            client: observation.client,
            country: observation.country,
        };
        let calls = Calls {
            first,
            count: 1,
            service: observation.service,
            is_use: !matches!(observation.method, Method::Options | Method::Connect),
        };
        self.add(endpoint, calls);
    }

    fn add(&mut self, endpoint: EndpointId, calls: Calls) {
        let add = |sum: &mut Calls| {
            sum.first = sum.first.min(calls.first);
            sum.count += calls.count;
            sum.service = sum.service.max(calls.service);
        };
        self.0.entry(endpoint).and_modify(add).or_insert(calls);
    }

    /// Takes in what another worker saw, and clears it there.
    pub(in crate::analysis) fn absorb(&mut self, other: &mut Self) {
        if other.0.is_empty() {
            return;
        }
        for (endpoint, sum) in std::mem::take(&mut other.0) {
            self.add(endpoint, sum);
        }
    }
}

/// The undocumented endpoints that were told.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Shadows(BTreeSet<EndpointId>);

impl Shadows {
    /// What is news in the calls of an epoch. `learned`: whether the learning time was over by then, so that the endpoint is
    /// new besides.
    pub(in crate::analysis) fn news(
        &mut self,
        calls: &mut ShadowCalls,
        started: Option<EventTime>,
        learned: bool,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        if calls.0.is_empty() {
            return findings;
        }
        for (endpoint, calls) in std::mem::take(&mut calls.0) {
            let is_news = self.0.len() < MOST_TOLD && self.0.insert(endpoint);
            if !is_news || !calls.is_use {
                continue;
            }
            let Calls {
                first: call,
                count,
                service,
                ..
            } = calls;
            let (first, ..) = call.order;
            let known = started.map_or(0, |started| first.nanos_since(started));
            findings.push(Finding {
                signal: Signal::ShadowEndpoint,
                subject: Subject::Endpoint(endpoint),
                time: first,
                seconds: 0,
                surprise: SURPRISE,
                severity: Some(if learned {
                    Severity::Medium
                } else {
                    Severity::Low
                }),
                verdict: false,
                involved: Involved {
                    token: call.token,
                    client: Some(call.client),
                    service: Some(service),
                    endpoint: Some(endpoint),
                    country: call.country,
                    field: TextId::NONE,
                    exposed: None,
                },
                evidence: vec![
                    evidence("observed_calls", count as f64),
                    evidence("usual_calls", 0.0),
                    evidence("most_ever_calls", 0.0),
                    evidence("known_days", libm::round(known as f64 / 8_640e9) / 10.0),
                ],
            });
        }
        findings
    }

    /// Whether the endpoint was told as undocumented.
    pub(in crate::analysis) fn has(&self, endpoint: EndpointId) -> bool {
        self.0.contains(&endpoint)
    }
}
