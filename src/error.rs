//! What went wrong, said to a person: what, where, and how to mend it. Also the exit codes.
//!
//! Errors of the rooms are `Copy` enums without payload; here, at the edge, they get words. Nothing of the traffic ever
//! reaches an [`Error`]: only file names, keys, offsets and texts of our own.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit codes, as promised to scripts and service managers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// All went well.
    Done,
    /// It failed at run time.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// The input was damaged or truncated, but a result was produced.
    Damaged,
    /// Findings at or above what `--fail-on` asked for.
    Findings,
    /// The permission to capture is missing.
    NoPermission,
    /// A config file or rule is wrong.
    Config,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Damaged => 3,
            Self::Findings => 4,
            // EX_NOPERM and EX_CONFIG of sysexits.h: systemd units name them in RestartPreventExitStatus.
            Self::NoPermission => 77,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A failure as the user sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    what: String,
    place: Option<String>,
    hint: Option<String>,
    exit: Exit,
    quiet: bool,
}

impl Error {
    /// A failure that ends the process with `exit`.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            place: None,
            hint: None,
            exit,
            quiet: false,
        }
    }

    /// A failure at run time (exit 1).
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// A thread died. Its panic has said where; nothing more is known.
    pub fn internal() -> Self {
        Self::failed("hushtap failed inside").hint("please report the place named above")
    }

    /// A command line that makes no sense (exit 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A wrong config file, rule or document (exit 78).
    pub fn config(what: impl Into<String>) -> Self {
        Self::new(Exit::Config, what)
    }

    /// An I/O error while doing `what` to `place`. A closed pipe on standard output is no failure: the reader has enough.
    pub fn io(what: &str, place: &str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                quiet: true,
                ..Self::new(Exit::Done, "the reader of standard output went away")
            };
        }
        let what = format!("{what}: {}", plain(error));
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Self::new(Exit::NoPermission, what).at(place).hint(format!(
                "this user may not do that: `ls -ld {place}` shows who may"
            ));
        }
        Self::failed(what).at(place)
    }

    /// Says where: a file, a line, a key.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// All of it on one line, for the log.
    pub fn one_line(&self) -> String {
        let text = self.to_string();
        match text.split_once("\n\nhint: ") {
            Some((fault, hint)) => format!("{fault} (hint: {hint})"),
            None => text,
        }
    }

    /// How the process ends.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether there is nothing to say (the reader of our output went away).
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }
}

/// `where: what`, blank line, `hint: ...`. Plain text: it reads the same without colour.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// An I/O error without Rust's `(os error 2)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((head, _)) => head.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_what_where_and_hint() {
        let error = Error::config("unknown key `http.bodi_limit`")
            .at("hushtap.toml:3")
            .hint("did you mean `http.body_limit`?");
        assert_eq!(
            error.to_string(),
            "hushtap.toml:3: unknown key `http.bodi_limit`\n\nhint: did you mean `http.body_limit`?"
        );
        assert_eq!(error.exit().code(), 78);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let error = Error::io(
            "cannot write",
            "standard output",
            &io::Error::from(io::ErrorKind::BrokenPipe),
        );
        assert!(error.is_quiet());
        assert_eq!(error.exit(), Exit::Done);
    }

    #[test]
    fn io_errors_lose_the_os_error_number() {
        let error = Error::io(
            "cannot read",
            "x.pcap",
            &io::Error::from_raw_os_error(libc::ENOENT),
        );
        assert_eq!(
            error.to_string(),
            "x.pcap: cannot read: No such file or directory"
        );
    }
}
