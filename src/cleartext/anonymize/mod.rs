//! Who, where and what, without saying who: tokens, clients, endpoints, countries, agents and releases become keyed hashes.

pub mod keys;
pub mod lexicon;
