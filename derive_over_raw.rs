//! Nor can anything that holds them derive a way to be printed, copied or serialised.
use hushtap::cleartext::raw::Raw;

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct Holder {
    secret: Raw<Vec<u8>>,
}

fn main() {}
