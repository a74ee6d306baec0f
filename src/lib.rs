//! hushtap shows how APIs and the tokens that call them behave, from a mirror port, without showing who the users are.
//!
//! ```text
//!  NIC / SPAN / pcap files
//!       | Packet                                     (packet time is the only time)
//!  ht-capture   decode -> flow table -> TCP reassembly -> HTTP framing
//!       | Transaction (raw bytes in Raw<T>)          bounded channel, counted in bytes
//!  ht-worker-N  mask -> anonymize -> Observation     door 1: no bytes of the wire pass
//!       | Observation, in 1 s ticks, 64 fixed shards by token
//!  ht-worker-N  baseline + score, one shard at a time, in (end, flow, index) order
//!       | shard results, merged in shard order
//!  ht-closer    release window: clip -> sum -> noise -> ledger (fsync) -> Release   door 2: no exact number passes
//!       | Arc<Release>
//!  ht-exporter  public /metrics
//!  ht-operator  console, alerts, sensor health
//! ```
//! Three rooms ([`cleartext`], [`analysis`], [`release`]) and two doors ([`observation`] and [`masked`]; `release::Release`).
//! `analysis` and `release` never name `cleartext`; `tests/layers.rs` checks it. [`mask`] is the masking engine for other programs.

pub mod catalog;
pub mod clock;
pub mod gauge;
pub mod tally;

pub mod masked;
pub mod observation;

pub mod analysis;
pub mod cleartext;
pub mod demo;
pub mod mask;
pub mod operator;
pub mod pipeline;
pub mod release;
pub mod sandbox;
pub mod serve;
pub mod views;

pub mod cli;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod error;
pub mod fault;
pub mod logging;
pub mod process;
pub mod report;
pub mod sinks;
pub mod state;
