//! A transaction exists once: whoever masks it consumes it.
use hushtap::cleartext::http::transaction::Transaction;

fn twice(transaction: Transaction) -> (Transaction, Transaction) {
    (transaction.clone(), transaction)
}

fn main() {}
