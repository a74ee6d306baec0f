//! The command line from outside: exit codes, messages, help, and what stands on which stream.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test may fail by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use predicates::prelude::*;

/// A directory and the program, with no variable of the caller's environment.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path
    }

    fn hushtap(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushtap"));
        command
            .env_clear()
            .current_dir(self.0.path())
            .args(arguments)
            .timeout(std::time::Duration::from_secs(60));
        command
    }

    /// Exit code, one message of the given beginning on standard error with a hint, nothing on standard output.
    fn refuses(&self, code: i32, arguments: &[&str], message: &str) -> Assert {
        let assert = self.hushtap(arguments).assert();
        assert
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(message))
            .stderr(predicate::str::contains("\n\nhint: "))
            .stderr(predicate::str::contains("panic").not())
    }
}

#[test]
fn version_says_what_was_built() {
    let place = Place::new();
    let lines = predicate::str::contains(env!("CARGO_PKG_VERSION"))
        .and(predicate::str::contains("\nrevision: "))
        .and(predicate::str::contains("\nfeatures: "))
        .and(predicate::str::contains("\nlibpcap: "));
    place.hushtap(&["--version"]).assert().code(0).stdout(lines);
}

#[test]
fn help_teaches() {
    let place = Place::new();
    let help = |arguments: &[&str]| {
        let output = place.hushtap(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("text")
    };
    insta::assert_snapshot!("help", help(&["--help"]));
    for command in commands() {
        let text = help(&[&command, "--help"]);
        assert!(text.contains("Usage: hushtap "), "{text}");
        if matches!(command.as_str(), "run" | "replay") {
            insta::assert_snapshot!(format!("help-{command}"), text);
        }
    }
}

/// The commands that help lists.
fn commands() -> Vec<String> {
    use clap::CommandFactory as _;
    hushtap::cli::Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn a_wrong_command_line_exits_2() {
    let place = Place::new();
    for arguments in [
        &["--nonsense"][..],
        &["nonsense"],
        &["check", "--nonsense"],
        &["completions", "tcsh2"],
        &["check", "-v", "-q"],
    ] {
        let assert = place.hushtap(arguments).assert();
        assert
            .code(2)
            .stdout("")
            .stderr(predicate::str::starts_with("error: "));
    }
}

#[test]
fn check_shows_every_value_with_its_origin() {
    let place = Place::new();
    let file = place.write("hushtap.toml", "[privacy]\nmax_series = 500\n");
    place
        .hushtap(&["check", "-c", "hushtap.toml", "--workers", "3"])
        .env("HUSHTAP_CAPTURE_SNAPLEN", "2 KiB")
        .assert()
        .code(0)
        .stdout(line("capture.workers", "3", "flag --workers"))
        .stdout(line(
            "capture.snaplen",
            "\"2 KiB\"",
            "env HUSHTAP_CAPTURE_SNAPLEN",
        ))
        .stdout(line("privacy.max_series", "500", "file hushtap.toml"))
        .stdout(line("privacy.window", "\"1 min\"", "default"));
    drop(file);
}

fn line(key: &str, value: &str, origin: &str) -> impl Predicate<str> {
    let escaped = |text: &str| text.replace('.', r"\.");
    let (key, value, origin) = (escaped(key), escaped(value), escaped(origin));
    let pattern = format!(r"(?m)^{key} +\= {value} +# {origin}$").replace(r"\=", "=");
    predicate::str::is_match(pattern).expect("a pattern")
}

#[test]
fn a_bad_config_exits_78_with_file_line_key_and_hint() {
    let place = Place::new();
    for (text, message) in [
        (
            "[http]\nbody_limt = \"1 MiB\"\n",
            "bad.toml:2: unknown key `http.body_limt`",
        ),
        (
            "[privacy]\n\nwindow = \"7 parsecs\"\n",
            "bad.toml:3: `privacy.window`: `7 parsecs`: unknown unit",
        ),
        ("[privacy\n", "bad.toml:1: "),
        ("[state]\ndir = 7\n", "bad.toml:2: `state.dir`: "),
    ] {
        place.write("bad.toml", text);
        place.refuses(78, &["check", "-c", "bad.toml"], message);
    }
    place.refuses(
        78,
        &["check", "-c", "absent.toml"],
        "absent.toml: there is no such config file",
    );
    place.write("latin1.toml", b"# caf\xe9\n");
    place.refuses(78, &["check", "-c", "latin1.toml"], "not UTF-8");
}

#[test]
fn a_bad_variable_exits_78_and_names_it() {
    let place = Place::new();
    place
        .hushtap(&["check"])
        .env("HUSHTAP_PRIVACY_WINDOW", "soon")
        .assert()
        .code(78)
        .stderr(predicate::str::starts_with(
            "error: env HUSHTAP_PRIVACY_WINDOW: `privacy.window`: ",
        ));
}

#[test]
fn completions_and_manual_cover_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let mut assert = place.hushtap(&["completions", shell]).assert().code(0);
        for command in commands() {
            assert = assert.stdout(predicate::str::contains(command));
        }
    }
    let page = place.hushtap(&["man"]).assert().code(0);
    page.stdout(predicate::str::contains(".TH hushtap 1"));
    place
        .hushtap(&["man", "--dir", "man1"])
        .assert()
        .code(0)
        .stdout("");
    for command in commands() {
        let page = place.path("man1").join(format!("hushtap-{command}.1"));
        assert!(is_page(&page), "{}", page.display());
    }
}

fn is_page(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|page| page.contains(".SH SYNOPSIS"))
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_hushtap");
    let mut shell = Command::new("bash");
    shell
        .current_dir(place.0.path())
        .args(["-c", "set -o pipefail; \"$0\" man --help >/dev/null; \"$0\" completions zsh | head -c 1 >/dev/null"])
        .arg(program);
    shell.assert().code(0).stderr("");
}
