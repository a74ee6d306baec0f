//! Door 1: text the local operator may see, because every sensitive value in it has been replaced.
//!
//! Only the masker of the cleartext room makes a [`Masked`]. It reaches records (`--records --bodies`), `hushtap mask` and
//! local reports; never a metric.

/// Text after masking. Printable, unlike `Raw`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Masked(String);

impl Masked {
    /// Only the masker calls this.
    pub(crate) fn vouch(text: String) -> Self {
        Self(text)
    }

    /// The masked text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The masked parts of a transaction, as `--bodies` writes them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MaskedText {
    /// Request line and fields.
    pub request_head: Option<Masked>,
    /// Request body, decoded; binary as its placeholder.
    pub request_body: Option<Masked>,
    /// Status line and fields.
    pub response_head: Option<Masked>,
    /// Response body, decoded; binary as its placeholder.
    pub response_body: Option<Masked>,
}
