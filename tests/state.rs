//! Habits over a restart, from outside: what is saved, restored, refused and forgotten. And that the format of what is
//! saved has a new number whenever a type in it changes.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test may fail by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use hushtap::analysis::save::FORMAT;
use hushtap::state::StateDir;
use quote::ToTokens as _;

/// The token of `captures/json.pcap`.
const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLnNob3AudGVzdCIsInN1YiI6InVzZXItMTciLCJleHAiOjE4OTM0NTYwMDB9.c2lnbmF0dXJlLW9mLXRoZS10ZXN0LXJpZy0wMTIzNDU2Nzg5";
const ENDED: &str = "the capture has ended";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/json.pcap");
        fs::copy(capture, place.path("in.pcap")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn hushtap(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushtap"));
        command.env_clear().current_dir(self.0.path());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Feeds the capture to the daemon, stops it, and returns its log.
    fn run(&self, more: &[&str]) -> String {
        let mut child = self
            .hushtap(&[
                "run",
                "-r",
                "in.pcap",
                "--speed",
                "max",
                "--state-dir",
                "state",
            ])
            .args(["--init-ledger", "--allow-root", "--listen", "127.0.0.1:0"])
            .args(["--operator-listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.path("log")).unwrap())
            .spawn()
            .unwrap();
        let log = || fs::read_to_string(self.path("log")).unwrap();
        for _ in 0..600 {
            if log().contains(ENDED) || child.try_wait().unwrap().is_some() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() && log().contains(ENDED), "{}", log());
        log()
    }

    fn forget(&self, kind: &str, value: &str) -> Output {
        self.hushtap(&["forget", "--kind", kind, value, "--state-dir", "state"])
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn habits_are_restored_and_can_be_forgotten() {
    let place = Place::new();
    assert!(!place.run(&[]).contains("restored"));
    let file = place.path("state/capture.state");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let log = place.run(&["--workers", "3"]);
    assert!(
        log.contains("habits restored, tokens: 1, clients: 0"),
        "{log}"
    );

    let taken = StateDir::lock(&place.path("state")).unwrap();
    let refused = place.forget("token", TOKEN);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("another hushtap uses the state directory"));
    assert!(text(&refused.stderr).contains("hint: stop the daemon"));
    drop(taken);

    let gone = place.forget("token", TOKEN);
    assert_eq!(gone.status.code(), Some(0), "{}", text(&gone.stderr));
    let line = "capture.state: erased habits: 1, profiles: 1, cells of history: ";
    assert!(text(&gone.stdout).contains(line), "{}", text(&gone.stdout));
    let again = place.forget("token", TOKEN);
    assert!(text(&again.stdout).contains("capture.state: nothing was known"));
    assert!(text(&again.stdout).contains("the privacy ledger is left as it is"));
    let log = place.run(&[]);
    assert!(
        log.contains("habits restored, tokens: 0, clients: 0"),
        "{log}"
    );
    assert_eq!(place.forget("client", "alice").status.code(), Some(2));
}

#[test]
fn state_of_another_key_or_with_damage_is_moved_aside_and_told() {
    let place = Place::new();
    place.run(&[]);
    fs::write(place.path("other.key"), "another key, from a file").unwrap();
    let log = place.run(&["--pseudonym-key", "other.key"]);
    assert!(log.contains("was written under another state key"), "{log}");
    assert!(place.path("state/capture.refused").exists());

    let file = place.path("state/capture.state");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let log = place.run(&["--pseudonym-key", "other.key"]);
    assert!(log.contains("capture.state is damaged"), "{log}");
    let log = place.run(&["--pseudonym-key", "other.key"]);
    assert!(
        log.contains("habits restored, tokens: 1, clients: 0"),
        "{log}"
    );
}

/// The number of the format, and what the types that are saved looked like under it.
const KNOWN: (u32, &str) = (5, "344a7db844e39a21");

#[test]
fn a_changed_type_has_a_new_format() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let parsed = syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap();
        for item in parsed.items {
            for line in layout(item) {
                hasher.update(line.as_bytes());
            }
        }
    }
    let found = hasher.finalize().to_hex();
    assert_eq!(
        (FORMAT, found.get(..16).unwrap()),
        KNOWN,
        "a type that is saved changed: raise FORMAT in src/analysis/save.rs, and put both here"
    );
}

/// Name and types of the fields of an item that is saved.
fn layout(item: syn::Item) -> Vec<String> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "only types have a layout")]
    let (attributes, name, fields) = match item {
        syn::Item::Struct(item) => (item.attrs, item.ident, vec![(None, item.fields)]),
        syn::Item::Enum(item) => {
            let variants = item.variants.into_iter();
            let variants = variants.map(|variant| (Some(variant.ident), variant.fields));
            (item.attrs, item.ident, variants.collect())
        }
        _ => return Vec::new(),
    };
    // Written out in full where state is derived; elsewhere (config, reports) the traits are imported.
    let saved = attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| list.tokens.to_string().contains("serde :: Deserialize"))
    });
    if !saved {
        return Vec::new();
    }
    let lines = fields.into_iter().map(|(variant, fields)| {
        let fields = fields
            .into_iter()
            .map(|field| (field.ident, field.ty.into_token_stream().to_string()));
        format!("{name} {variant:?} {:?}", fields.collect::<Vec<_>>())
    });
    lines.collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
