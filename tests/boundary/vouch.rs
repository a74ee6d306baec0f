//! Nobody outside the crate can declare text masked.
use hushtap::masked::Masked;

fn main() {
    let _ = Masked::vouch("4111 1111 1111 1111".to_owned());
}
