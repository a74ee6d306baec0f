//! The masking engine: rules, the one decision function, and the parsers that feed it.
