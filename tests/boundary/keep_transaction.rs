//! Masking consumes the transaction: nobody keeps the raw one.
use hushtap::cleartext::http::transaction::Transaction;
use hushtap::cleartext::mask::{Bodies, Masker, Render};

fn twice(masker: &mut Masker, transaction: Transaction, bodies: Bodies<'_>) -> Transaction {
    let _ = masker.mask(transaction, bodies, Render::Count, &mut Vec::new());
    transaction
}

fn main() {}
