//! `hushtap pseudonym`: which pseudonym stands for a value that the user knows.

use std::io::{self, BufRead, BufWriter, Write};

use crate::cleartext::anonymize::keys::Keys;
use crate::cleartext::anonymize::pseudonym::{KINDS, NoPseudonym, pseudonym};
use crate::cli::PseudonymArgs;
use crate::config::{Config, Origin, Override};
use crate::error::{Error, Exit};

/// Reads `KIND<TAB>VALUE` lines from standard input.
pub(super) fn run(args: &PseudonymArgs) -> Result<Exit, Error> {
    let config = Config::assemble(
        None,
        std::iter::empty(),
        vec![Override {
            key: "anonymize.pseudonym_key".to_owned(),
            texts: vec![args.key.display().to_string()],
            origin: Origin::Flag("--key".to_owned()),
        }],
    )?;
    let keys = config.keys(&config.passing_key()?);
    let mut out = BufWriter::new(io::stdout().lock());
    let failed = translate(&keys, &mut io::stdin().lock(), &mut out)?;
    match failed {
        0 => Ok(Exit::Done),
        n => Err(
            Error::failed(format!("{n} lines have no pseudonym, shown as -")).hint(format!(
                "a line is KIND<TAB>VALUE; kinds are {}; a client is an IP address",
                KINDS.join(", ")
            )),
        ),
    }
}

/// Adds `<TAB>PSEUDONYM` to every line, `-` where there is none, and says how many those were.
fn translate(keys: &Keys, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<u64, Error> {
    let mut line = Vec::new();
    let mut failed = 0;
    loop {
        line.clear();
        let read = input
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::io("cannot read", "standard input", &error))?;
        if read == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        let shown = of_line(keys, text).unwrap_or_else(|_| {
            failed += 1;
            "-".to_owned()
        });
        out.write_all(text)
            .and_then(|()| writeln!(out, "\t{shown}"))
            .map_err(|error| Error::io("cannot write", "standard output", &error))?;
    }
    out.flush()
        .map_err(|error| Error::io("cannot write", "standard output", &error))?;
    Ok(failed)
}

fn of_line(keys: &Keys, line: &[u8]) -> Result<String, NoPseudonym> {
    let tab = memchr::memchr(b'\t', line).ok_or(NoPseudonym::BadValue)?;
    let (kind, value) = line.split_at(tab);
    let kind = std::str::from_utf8(kind).map_err(|_| NoPseudonym::UnknownKind)?;
    pseudonym(keys, kind, value.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleartext::anonymize::keys::StateKey;

    #[test]
    fn lines_keep_their_order_and_value() {
        let keys = Keys::new(&StateKey::from_content(b"test"), None);
        let mut out = Vec::new();
        let input = b"client\t192.0.2.7\r\ntoken\tabc\n\nnonsense\nclient\tx\ntoken\tabc";
        let failed = translate(&keys, &mut &input[..], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(failed, 2);
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("client\t192.0.2.7\tcl_"));
        assert!(lines[1].starts_with("token\tabc\ttk_"));
        assert_eq!(lines[2], "nonsense\t-");
        assert_eq!(lines[3], "client\tx\t-");
        assert_eq!(lines[1], lines[4]);
    }
}
