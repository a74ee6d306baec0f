//! The privacy boundary is held by the compiler: each case in `tests/boundary/` is a way out that must not compile.
//!
//! The expected messages follow the compiler, so they are compared only with the version they were written for.

#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may fail by panicking, and says what it skips"
)]

use std::process::Command;

const WRITTEN_FOR: &str = "rustc 1.95.";

#[test]
fn ways_out_do_not_compile() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc runs")
        .stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(WRITTEN_FOR) {
        eprintln!("SKIPPED: the expected messages are of {WRITTEN_FOR}x, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/boundary/*.rs");
}
