//! Raw bytes open only inside the cleartext room.
use hushtap::cleartext::raw::Raw;

fn main() {
    let raw = Raw::new(vec![1_u8]);
    let _bytes: &Vec<u8> = raw.expose();
    let _bytes: Vec<u8> = raw.into_inner();
}
