//! Raw bytes cannot be printed.
use hushtap::cleartext::raw::Raw;

fn main() {
    println!("{:?} {}", Raw::new(vec![1_u8]), Raw::new("secret"));
}
