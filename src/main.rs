//! The `hushtap` binary.

fn main() {}
