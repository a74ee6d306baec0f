//! `hushtap forget`: erases what the state directory knows of a principal.

use std::io::Read as _;

use clap::ArgMatches;

use crate::analysis::save::Forgotten;
use crate::cleartext::anonymize::pseudonym::{NoPseudonym, principal};
use crate::cli::ForgetArgs;
use crate::config::Config;
use crate::error::{Error, Exit};
use crate::state::{FILES, StateDir, StateError};

/// Longest value read from standard input.
const MAX_VALUE: u64 = 1 << 20;

/// Erases in every file of the state directory.
pub(super) fn run(args: &ForgetArgs, matches: &ArgMatches) -> Result<Exit, Error> {
    let config = Config::load(matches)?;
    let place = &config.settings.state.dir;
    if !place.is_dir() {
        return Err(Error::failed("there is no state directory")
            .at(place.display().to_string())
            .hint("--state-dir names the directory that hushtap run was given"));
    }
    let dir = StateDir::lock(place).map_err(|error| told(&error))?;
    let keys = config.keys(&config.lasting_key()?);
    let value = value(args)?;
    let key = principal(&keys, args.kind.name(), &value).map_err(|fault| bad(fault, args))?;
    let mut text = String::new();
    for name in FILES {
        let Some(mut state) = dir.read(name, keys.check()).map_err(|error| told(&error))? else {
            continue;
        };
        let gone = state.kept.forget(key);
        text.push_str(&line(name, gone));
        if !gone.is_nothing() {
            dir.write(name, state.seal, &state.kept.encode(), &state.meaning)
                .map_err(|error| told(&error))?;
        }
    }
    if text.is_empty() {
        text.push_str("no habits are saved here\n");
    }
    text.push_str(LEDGER);
    super::print(text.as_bytes())
}

/// What cannot be erased, and why.
const LEDGER: &str = "the privacy ledger is left as it is: it names nobody beyond the day (until midnight UTC it marks who was\n\
    counted today, by a hash under a key of that day; without the mark a principal would be counted twice)\n";

fn line(file: &str, gone: Forgotten) -> String {
    if gone.is_nothing() {
        return format!("{file}: nothing was known\n");
    }
    format!(
        "{file}: erased habits: {}, profiles: {}, cells of history: {}, alerts: {}, lists of users it was in: {}, texts it was counted for: {}, endpoints it was first to call: {}\n",
        gone.habits,
        gone.profiles,
        gone.history,
        gone.alerts,
        gone.lists,
        gone.texts,
        gone.endpoints
    )
}

/// The value, from standard input where it is `-`: an argument can be seen by other users of the machine.
fn value(args: &ForgetArgs) -> Result<Vec<u8>, Error> {
    if args.value != "-" {
        return Ok(args.value.clone().into_bytes());
    }
    let mut value = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_VALUE)
        .read_to_end(&mut value)
        .map_err(|error| Error::io("cannot read", "standard input", &error))?;
    Ok(value)
}

fn bad(fault: NoPseudonym, args: &ForgetArgs) -> Error {
    match fault {
        NoPseudonym::BadValue | NoPseudonym::UnknownKind => {
            Error::usage(format!("the value is no {}", args.kind.name()))
                .hint("a token as it is sent, or an IP address for --kind client")
        }
    }
}

fn told(error: &StateError) -> Error {
    let hint = match error {
        StateError::Locked(_) => {
            "stop the daemon (systemctl stop hushtap), forget, and start it again"
        }
        StateError::OtherKey(_) => {
            "give the key it was written under (--pseudonym-key, or state.key of that directory); or delete the file"
        }
        StateError::Damaged(_) | StateError::OtherVersion(_) => {
            "nothing in it can be erased singly: delete the file to forget everybody"
        }
        StateError::Io { .. } => "run it as the user that hushtap runs as",
    };
    Error::failed(error.to_string()).hint(hint)
}
