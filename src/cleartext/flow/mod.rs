//! The flow table: both directions of a connection, aged on packet time, under a byte budget.
