//! What the process is set to before anything else runs: nothing of its memory may end up in a file or a log.

use std::io::Write as _;
use std::panic::{self, PanicHookInfo};

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// No core dumps, no ptrace by other processes of the same user, and panics that print their place alone.
///
/// The two system calls cannot fail on Linux for lowering a limit and clearing a flag; if a sandbox forbids them it has
/// closed those doors itself, so their results are only reported.
pub fn harden() -> Hardening {
    panic::set_hook(Box::new(report_panic));
    Hardening {
        no_core: setrlimit(Resource::RLIMIT_CORE, 0, 0).is_ok(),
        not_dumpable: prctl::set_dumpable(false).is_ok(),
    }
}

/// Which of the two doors are closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hardening {
    /// `RLIMIT_CORE` is 0.
    pub no_core: bool,
    /// `PR_SET_DUMPABLE` is 0: no core dump, no ptrace, `/proc/PID/mem` closed.
    pub not_dumpable: bool,
}

/// A panic message may quote what was being looked at (an `unwrap` prints the error, a slice the whole string): only the
/// place in our source is printed.
fn report_panic(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed").to_owned();
    let (file, line) = info
        .location()
        .map_or(("unknown", 0), |place| (place.file(), place.line()));
    // Nothing can be done if standard error is gone too.
    let _gone = writeln!(
        std::io::stderr(),
        "error: internal fault in thread {name} at {file}:{line}\n\n\
         hint: please report this place; the message is withheld because it could quote traffic"
    )
    .is_err();
}
