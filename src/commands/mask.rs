//! `hushtap mask`: standard input to standard output, every sensitive value replaced.

use std::io::{self, BufWriter};
use std::sync::Arc;

use clap::ArgMatches;

use crate::cleartext::mask::{As, EnvelopeError, Filter};
use crate::cli::{MaskArgs, MaskFormat};
use crate::config::Config;
use crate::error::{Error, Exit};

/// Masks until the input ends.
pub(super) fn run(args: &MaskArgs, matches: &ArgMatches) -> Result<Exit, Error> {
    let config = Config::load(matches)?;
    let rules = Arc::new(config.rules(None)?);
    let key = config.passing_key()?;
    let keys = config.keys(&key);
    let mut filter = Filter::new(rules, keys.placeholder_key());
    let mut out = BufWriter::new(io::stdout().lock());
    let mut explain = io::stderr().lock();
    let explain = args.explain.then_some(&mut explain as &mut dyn io::Write);
    filter
        .run(io::stdin().lock(), &mut out, format(args.format), explain)
        .map(|()| Exit::Done)
        .map_err(|error| fault(&error))
}

const fn format(format: MaskFormat) -> As {
    match format {
        MaskFormat::Auto => As::Auto,
        MaskFormat::Text => As::Text,
        MaskFormat::Json => As::Json,
        MaskFormat::Http => As::Http,
        MaskFormat::Form => As::Form,
        MaskFormat::Xml => As::Xml,
        MaskFormat::NdjsonEnvelope => As::Envelope,
    }
}

/// A line that is no envelope is the user's to mend; anything else is the system's. Neither quotes the input.
fn fault(error: &io::Error) -> Error {
    let envelope = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<EnvelopeError>());
    match envelope {
        Some(envelope) => Error::failed(envelope.to_string())
            .at("standard input")
            .hint("with --as ndjson-envelope every line is {\"id\":...,\"text\":\"...\"}"),
        None => Error::io("cannot mask", "standard input to standard output", error),
    }
}
