//! Addresses cannot be printed.
use hushtap::cleartext::decode::FlowKey;

fn show(key: FlowKey) {
    println!("{key:?}");
}

fn main() {}
