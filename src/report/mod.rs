//! Reports of a replay.
