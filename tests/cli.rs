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

/// A capture of 60 requests by one token, recorded from real programs.
fn good() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/json.pcap");
    fs::read(path).expect("captures/json.pcap")
}

/// Transactions in `captures/json.pcap`.
const TRANSACTIONS: usize = 60;

fn lines_of(path: &Path) -> usize {
    fs::read_to_string(path)
        .expect("a file of lines")
        .lines()
        .count()
}

#[test]
fn a_capture_gives_report_records_and_alerts() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.write("good.pcap", good());
    place.write("key", "0123456789abcdef");
    let flags = [
        "--pseudonym-key",
        "key",
        "--records",
        "r.ndjson",
        "--bodies",
        "--alerts",
        "a.ndjson",
    ];
    let run = |workers: &str, report: &str| {
        let mut arguments = vec!["replay", "good.pcap", "--report", "json", "-o", report];
        arguments.extend(["--workers", workers]);
        arguments.extend(flags);
        place
            .hushtap(&arguments)
            .assert()
            .code(0)
            .stdout("")
            .stderr("");
        let records = fs::read(place.path("r.ndjson")).expect("records");
        (fs::read(place.path(report)).expect("a report"), records)
    };
    let one = run("1", "one.json");
    assert_eq!(lines_of(&place.path("r.ndjson")), TRANSACTIONS);
    assert_eq!(one, run("3", "three.json"), "the number of workers shows");
    for name in ["one.json", "r.ndjson", "a.ndjson"] {
        let mode = fs::metadata(place.path(name))
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let report: serde_json::Value = serde_json::from_slice(&one.0).expect("JSON");
    assert_eq!(report["transactions"]["complete"], TRANSACTIONS);
    assert_eq!(report["tokens"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_no_capture_exits_1_and_says_why() {
    let place = Place::new();
    place.write("empty.pcap", "");
    place.write(
        "text.pcap",
        "this is no capture, but it is long enough to be one\n",
    );
    place.write(
        "garbage.pcap",
        (0..4096_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect::<Vec<_>>(),
    );
    place.write("header.pcap", &good()[..10]);
    let mut link = good();
    link[20] = 147;
    place.write("link.pcap", link);
    fs::create_dir(place.path("nothing")).expect("a directory");
    for (file, message) in [
        ("absent.pcap", "absent.pcap: there is no such file"),
        ("empty.pcap", "empty.pcap: the file is empty"),
        ("text.pcap", "text.pcap: this is no capture"),
        ("garbage.pcap", "garbage.pcap: this is no capture"),
        ("header.pcap", "header.pcap: this is no capture"),
        (
            "link.pcap",
            "link.pcap: link type USER (147) is not decoded",
        ),
        ("nothing", "nothing: no capture files in the directory"),
    ] {
        place.refuses(1, &["replay", file], message);
    }
}

#[test]
fn a_damaged_capture_exits_3_and_keeps_what_came_before() {
    let place = Place::new();
    let good = good();
    place.write("cut.pcap", &good[..good.len() - 7]);
    let mut half = good[..good.len() / 2].to_vec();
    half.extend([0xff; 3000]);
    place.write("half.pcap", half);
    for (file, at_least) in [
        ("cut.pcap", TRANSACTIONS - 1),
        ("half.pcap", TRANSACTIONS / 3),
    ] {
        place
            .hushtap(&["replay", file, "--records", "r.ndjson", "--report", "json"])
            .assert()
            .code(3)
            .stdout(predicate::str::contains("\"damage\": {"))
            .stderr(predicate::str::contains("damaged at byte offset "));
        let found = lines_of(&place.path("r.ndjson"));
        assert!(found >= at_least, "{file}: {found} records");
    }
    // Damage wins over findings, which are none here anyway.
    let arguments = [
        "replay",
        "cut.pcap",
        "--fail-on",
        "info",
        "--report",
        "none",
    ];
    place.hushtap(&arguments).assert().code(3);
}

#[test]
fn a_capture_without_packets_is_sound() {
    let place = Place::new();
    place.write("none.pcap", &good()[..24]);
    place
        .hushtap(&["replay", "none.pcap"])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("transactions  0"))
        .stderr("");
}

#[test]
fn standard_input_and_directories_are_read() {
    let place = Place::new();
    fs::create_dir(place.path("two")).expect("a directory");
    place.write("two/a.pcap", good());
    place.write("two/notes.txt", "not a capture");
    let count = |mut command: Command| {
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8_lossy(&output.stdout).lines().count()
    };
    assert_eq!(
        count(place.hushtap(&["replay", "two", "--records", "-"])),
        TRANSACTIONS
    );
    let mut command = place.hushtap(&["replay", "-", "--records", "-"]);
    command.write_stdin(good());
    assert_eq!(count(command), TRANSACTIONS);
}

#[test]
fn outputs_can_be_narrowed() {
    let place = Place::new();
    place.write("good.pcap", good());
    let records = |flags: &[&str]| {
        let mut arguments = vec!["replay", "good.pcap", "--records", "-"];
        arguments.extend(flags);
        let output = place.hushtap(&arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{flags:?}");
        String::from_utf8_lossy(&output.stdout).lines().count()
    };
    assert_eq!(records(&["--select", "flow=1"]), 1);
    assert_eq!(records(&["--select", "status=2xx"]), TRANSACTIONS);
    assert_eq!(records(&["--select", "endpoint=POST /v1/payments"]), 12);
    assert_eq!(records(&["--select", "endpoint=/v1/* and status=404"]), 0);
    assert_eq!(records(&["--to", "2000-01-01T00:00:00Z"]), 0);
    for (flag, value) in [
        ("--select", "colour=red"),
        ("--from", "noon"),
        ("--to", "0"),
    ] {
        let arguments = ["replay", "good.pcap", flag, value];
        if value != "0" {
            place.refuses(2, &arguments, flag);
        }
    }
}

#[test]
fn what_the_config_names_must_be_sound() {
    let place = Place::new();
    place.write("bad.yaml", "openapi: [\n");
    place.write("text.mmdb", "this is no database");
    place.write("empty.key", "");
    place.refuses(78, &["check", "--openapi", "bad.yaml"], "bad.yaml: ");
    place.refuses(78, &["check", "--openapi", "absent.yaml"], "absent.yaml: ");
    place.refuses(78, &["check", "--geoip", "text.mmdb"], "text.mmdb: ");
    place.refuses(
        78,
        &["check", "--pseudonym-key", "empty.key"],
        "empty.key: ",
    );
    place.refuses(
        78,
        &["check", "--pseudonym-key", "absent.key"],
        "absent.key: ",
    );
    place.write("good.pcap", good());
    place.refuses(
        78,
        &["replay", "good.pcap", "--openapi", "bad.yaml"],
        "bad.yaml: ",
    );
}

#[test]
fn an_unknown_interface_exits_1_and_lists_those_there_are() {
    let place = Place::new();
    place
        .hushtap(&[
            "run",
            "-i",
            "no-such-nic",
            "--state-dir",
            "state",
            "--init-ledger",
            "--allow-root",
        ])
        .args([
            "--listen",
            "127.0.0.1:0",
            "--operator-listen",
            "127.0.0.1:0",
        ])
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains(
            "no-such-nic: there is no such interface",
        ))
        .stderr(predicate::str::contains("hint: there are: "));
    place.refuses(
        2,
        &["run", "--state-dir", "state"],
        "no interface to capture from",
    );
    place.refuses(2, &["run", "-r", "x.pcap", "--speed", "warp"], "--speed");
}

#[test]
fn pseudonyms_are_those_of_the_records() {
    let place = Place::new();
    place.write("good.pcap", good());
    place.write("key", "0123456789abcdef");
    let records = place
        .hushtap(&[
            "replay",
            "good.pcap",
            "--records",
            "-",
            "--pseudonym-key",
            "key",
        ])
        .output()
        .expect("it runs");
    let first = records
        .stdout
        .split(|byte| *byte == b'\n')
        .next()
        .expect("a record");
    let record: serde_json::Value = serde_json::from_slice(first).expect("JSON");
    let client = record["client"].as_str().expect("a client");
    let hosts = (0..4).flat_map(|net| (1..30).map(move |host| format!("10.88.{net}.{host}")));
    let addresses = hosts.chain(["127.0.0.1".to_owned()]);
    let candidates: Vec<_> = addresses
        .map(|address| format!("client\t{address}"))
        .collect();
    let candidates = candidates.join("\n");
    place
        .hushtap(&["pseudonym", "--key", "key"])
        .write_stdin(candidates)
        .assert()
        .code(0)
        .stdout(predicate::str::contains(client));
    place
        .hushtap(&["pseudonym", "--key", "key"])
        .write_stdin("colour\tred\n")
        .assert()
        .code(1)
        .stdout("colour\tred\t-\n");
}

#[test]
fn mask_is_a_filter() {
    let place = Place::new();
    place
        .hushtap(&["mask"])
        .write_stdin("a password=hunter2 b\nplain\n")
        .assert()
        .code(0)
        .stdout(predicate::str::contains("hunter2").not())
        .stdout(predicate::str::ends_with("\nplain\n"))
        .stderr("");
    place
        .hushtap(&["mask", "--as", "json", "--explain"])
        .write_stdin("{\"password\":\"hunter2\"}\n")
        .assert()
        .code(0)
        .stdout("{\"password\":\"MASKED-password\"}\n")
        .stderr(predicate::str::contains("hunter2").not())
        .stderr(predicate::str::contains("\"type\":\"password\""));
    place
        .hushtap(&["mask", "--as", "ndjson-envelope"])
        .write_stdin("{\"id\":1,\"text\":\"x\"}\nhunter2\n")
        .assert()
        .code(1)
        .stdout("{\"id\":1,\"masked\":\"x\",\"found\":[]}\n")
        .stderr(predicate::str::contains("line 2"))
        .stderr(predicate::str::contains("hunter2").not());
}

#[test]
fn a_bad_rule_exits_78_with_file_and_line() {
    let place = Place::new();
    fs::create_dir(place.path("rules")).expect("a directory");
    place.write(
        "rules/bad.toml",
        "[[rule]]\nid = \"x\"\nkind = \"nonsense\"\n",
    );
    place.refuses(
        78,
        &["check", "--rules", "rules"],
        "bad.toml:3: unknown key `kind`\n\nhint: allowed here: `id`",
    );
    place.refuses(78, &["mask", "--rules", "rules"], "bad.toml:3: ");
    place.refuses(78, &["check", "--rules", "absent"], "absent");
}

#[test]
fn own_rules_add_to_ours_and_check_says_which_comes_from_where() {
    let place = Place::new();
    fs::create_dir(place.path("rules")).expect("a directory");
    let rule = |id: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\ntype = \"badge\"\ncategory = \"pii\"\nnames = [\"badge_no\"]\npositive = [\"badge_no => {{digit:5}}\"]\nnegative = [\"colour => {{lower:4}}\"]\n"
        )
    };
    place.write("rules/own.toml", rule("own.badge"));
    let text = r#"{"badge_no":"4711","email":"jo@example.org"}"#;
    let masked = |flags: &[&str]| {
        let output = place
            .hushtap(&["mask", "--rules", "rules"])
            .args(flags)
            .write_stdin(text)
            .assert()
            .success();
        String::from_utf8_lossy(&output.get_output().stdout).into_owned()
    };
    let both = masked(&[]);
    assert!(both.contains("MASKED-badge") && both.contains("MASKED-email"));
    place.write("alone.toml", "[mask]\nbuilt_in = false\n");
    let alone = masked(&["-c", "alone.toml"]);
    assert!(alone.contains("MASKED-badge") && alone.contains("jo@example.org"));
    let check = |expected: &str| {
        let checked = place.hushtap(&["check", "--rules", "rules"]).assert();
        checked.success().stdout(predicate::str::contains(expected));
    };
    check("rules built in, secrets.toml\n");
    check("      own.badge from rules/own.toml:1\n");
    place.write("rules/own.toml", rule("pii.person-name"));
    check("      pii.person-name from rules/own.toml:1, in place of the built-in rule\n");
    fs::rename(place.path("rules/own.toml"), place.path("rules/hipaa.toml")).expect("a move");
    check("      rules/hipaa.toml stands in place of the built-in hipaa.toml\n");
    place.refuses(
        78,
        &["check", "-c", "alone.toml"],
        "nothing would be masked",
    );
}

#[test]
fn an_exception_from_rules_is_shown_and_its_faults_have_a_line() {
    let place = Place::new();
    let entry = "\n[[mask.exception]]\nendpoint = \"GET /v1/x\"\nrules = [\n  \"pii.email\",\n]\n";
    let good = format!("# mine\n{entry}{entry}field = \"$.contact.email\"\n");
    place.write("good.toml", &good);
    place
        .hushtap(&["check", "-c", "good.toml"])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("mask.exception[1].field"))
        .stdout(predicate::str::contains("; 2 exceptions"));
    for (from, to, message) in [
        (
            "pii.email",
            "pii.emial",
            "bad.toml:6: `mask.exception[0].rules`: there is no rule `pii.emial`\n\nhint: did you mean `pii.email`?",
        ),
        (
            "GET /v1/x",
            "/v1/x",
            "bad.toml:4: `mask.exception[0].endpoint`: `/v1/x` is no endpoint",
        ),
        (
            "\n  \"pii.email\",\n",
            "",
            "bad.toml:5: `mask.exception[0].rules`: no rule is named",
        ),
        (
            "$.contact.email",
            "",
            "bad.toml:14: `mask.exception[1].field`: the field is empty",
        ),
        (
            "field",
            "feild",
            "bad.toml:14: unknown key `mask.exception.feild`",
        ),
    ] {
        place.write("bad.toml", good.replacen(from, to, 1));
        place.refuses(78, &["check", "-c", "bad.toml"], message);
    }
}
