//! HPACK (RFC 7541) as an observer must read it: one [`Decoder`] per direction of a connection, which goes on when it did
//! not see the beginning, or missed something on the way.
//!
//! ```text
//!  header block -> Decoder   the five representations of section 6             (decoder)
//!                    integer    section 5.1                                     (integer)
//!                    string     section 5.2, Appendix B                         (huffman)
//!                    table      sections 2.3 and 4, Appendix A                  (table)
//!               -> FieldList  the fields that are known, how many are not
//! ```
//! # Joining midstream
//! Indices into the dynamic table count from the newest insertion (section 2.3.3). So whatever was inserted since the observer
//! joined has its right index, although the table as a whole is unknown; what lies behind is *unknown*, and a field that
//! refers to it is left out and counted, never guessed.
//!
//! Eviction does not blur that. An entry that the two ends have evicted cannot be referred to any more, so keeping it too long
//! does no harm. An entry larger than the table (section 4.4) is not inserted, which would shift every index; but it empties
//! the table, so that no index can reach past it either, and the newer ones count right again. The size of the table is
//! therefore not needed for a right answer. Where it is known, it is applied, so that indices which no peer would accept are
//! refused.
//!
//! After a hole nobody knows how many insertions were in it: everything is forgotten ([`Decoder::lose`]). Likewise behind a
//! block that was cut or is broken.

mod decoder;
mod huffman;
mod integer;
mod table;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(in crate::cleartext::http) use decoder::fuzz_hpack;
pub(in crate::cleartext::http::h2) use decoder::{Decoder, End, FieldList};
