//! Keys cannot be printed.
use hushtap::cleartext::anonymize::keys::StateKey;

fn show(key: &StateKey) {
    println!("{key:?}");
}

fn main() {}
