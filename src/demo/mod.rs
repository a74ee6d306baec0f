//! Synthetic traffic: a declared, invented day of API calls written as a capture, so that a newcomer sees hushtap at work
//! without a mirror port, and so that speed is measured on the same packets everywhere.
//!
//! It owns the traffic models and the packet writer. Every address lies in a range set aside for documentation or
//! benchmarks (RFC 5737, RFC 2544), every name, card number and credential is invented or a published test value. The same
//! plan gives the same bytes. It knows nothing of the rooms that analyse traffic.

mod api;
mod bodies;
mod capture;
mod countries;
mod day;
mod keepalive;
mod message;
mod people;
mod population;
mod tcp;
mod visit;

use std::io::{self, Write};

use crate::clock::EventTime;

pub use countries::country_database;

/// The OpenAPI document of the invented shop; every call of an ordinary day is in it, the planted shadow endpoint is not.
pub const OPENAPI: &str = include_str!("openapi.yaml");

/// What to write.
#[derive(Clone, Debug)]
pub struct DemoPlan {
    /// Two plans that differ in the seed alone give different days of the same kind.
    pub seed: u64,
    /// Midnight UTC of the day (the first packet comes a little later).
    pub start: EventTime,
    /// What kind of traffic.
    pub shape: Shape,
    /// About how many callers the day has (the speed capture always has 200).
    pub tokens: u32,
    /// How many transactions: about so many for [`Shape::Day`], exactly so many for [`Shape::KeepAlive`].
    pub transactions: u64,
}

impl Default for DemoPlan {
    fn default() -> Self {
        Self {
            seed: 2026,
            start: EventTime::from_secs(1_767_571_200), // 2026-01-05T00:00:00Z
            shape: Shape::Day,
            tokens: 400,
            transactions: 180_000,
        }
    }
}

/// The kinds of traffic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A day of a shop's API: several hundred callers of five kinds, a daily rhythm, attacks in the evening.
    Day,
    /// Small JSON calls over 64 keep-alive connections, 30,000 a second: the capture speed is measured on.
    KeepAlive,
}

/// What was really written, to compare an analysis with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DemoTruth {
    /// Requests, each with its response.
    pub transactions: u64,
    /// TCP connections.
    pub connections: u64,
    /// Packets in the capture.
    pub packets: u64,
    /// Size of the capture in bytes.
    pub bytes: u64,
    /// Distinct credentials that were accepted.
    pub tokens: u64,
    /// The attacks, in the order they begin.
    pub attacks: Vec<PlantedAttack>,
}

/// One planted attack or incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlantedAttack {
    /// The signal that should show it, as `signal` of an alert.
    pub signal: &'static str,
    /// One sentence for people.
    pub what: &'static str,
    /// `METHOD template` it concerns.
    pub endpoint: &'static str,
    /// First request.
    pub from: EventTime,
    /// Last request.
    pub until: EventTime,
}

/// Writes the capture (classic pcap, microseconds, Ethernet) and returns what is in it.
pub fn write_capture(out: impl Write, plan: &DemoPlan) -> io::Result<DemoTruth> {
    let writer = capture::CaptureWriter::new(out)?;
    match plan.shape {
        Shape::Day => day::write(writer, plan),
        Shape::KeepAlive => keepalive::write(writer, plan),
    }
}

#[cfg(test)]
mod tests;
