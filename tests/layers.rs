//! The rooms name only what lies below them: data flows one way, and two doors are the only ways through.
//!
//! Parses `src/` with syn, collects every `crate::x` path, and compares with the table below.

#![allow(clippy::expect_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// What each top-level module may name. A module that is not listed here fails the test until someone decides.
const ALLOWED: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("tally", &[]),
    ("gauge", &[]),
    ("fault", &[]),
    ("observation", &["clock"]),
    ("masked", &[]),
    ("cleartext", &["clock", "tally", "observation", "masked"]),
    (
        "analysis",
        &["clock", "tally", "observation", "masked", "fault"],
    ),
    ("mask", &["cleartext"]),
    (
        "release",
        &[
            "clock",
            "tally",
            "observation",
            "analysis",
            "serve",
            "fault",
        ],
    ),
    ("state", &["clock", "tally", "observation", "analysis"]),
    ("serve", &[]),
    ("catalog", &[]),
    ("views", &["clock", "observation", "analysis", "catalog"]),
    (
        "operator",
        &[
            "catalog",
            "views",
            "clock",
            "tally",
            "gauge",
            "observation",
            "analysis",
            "serve",
        ],
    ),
];

/// Modules at the edge that wire the rooms together and may name any of them.
const EDGE: &[&str] = &[
    "lib", "main", "cli", "config", "error", "logging", "process", "pipeline", "commands",
    "report", "sinks", "demo", "sandbox", "doctor",
];

/// Only these files may vouch that text is masked.
const VOUCHERS: &str = "src/cleartext/mask";

#[derive(Default)]
struct Paths {
    named: BTreeSet<String>,
    vouches: bool,
}

impl Paths {
    fn take(&mut self, segments: &[String]) {
        if let [first, second, ..] = segments
            && (first == "crate" || first == "hushtap")
        {
            self.named.insert(second.clone());
        }
        self.vouches |= segments.iter().any(|segment| segment == "vouch");
    }

    fn walk_use(&mut self, prefix: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.walk_use(prefix, &path.tree);
                prefix.pop();
            }
            syn::UseTree::Name(name) => self.take_with(prefix, &name.ident),
            syn::UseTree::Rename(name) => self.take_with(prefix, &name.ident),
            syn::UseTree::Glob(_) => self.take(prefix),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.walk_use(prefix, tree);
                }
            }
        }
    }

    fn take_with(&mut self, prefix: &[String], last: &syn::Ident) {
        let mut segments = prefix.to_vec();
        segments.push(last.to_string());
        self.take(&segments);
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.walk_use(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.take(&segments);
        syn::visit::visit_path(self, path);
    }

    // Tests may reach across: they build fixtures. They are not in the product.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn faults(files: &[(String, String)]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut faults = Vec::new();
    for (name, text) in files {
        let module = name
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap_or_default();
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(text).unwrap_or_else(|e| panic!("{name}: {e}")));
        if paths.vouches && !name.starts_with(VOUCHERS) && name != "src/masked.rs" {
            faults.push(format!(
                "{name} vouches for masked text; only {VOUCHERS} may"
            ));
        }
        if EDGE.contains(&module) {
            continue;
        }
        let Some(may) = allowed.get(module) else {
            faults.push(format!(
                "{name}: module `{module}` is in no layer; add it to the table"
            ));
            continue;
        };
        for other in &paths.named {
            if other != module && !may.contains(&other.as_str()) {
                faults.push(format!(
                    "{name} names crate::{other}, which `{module}` may not"
                ));
            }
        }
    }
    faults
}

#[test]
fn rooms_name_only_what_lies_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    let files: Vec<_> = found
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(root)
                .expect("below the root")
                .display()
                .to_string();
            (name, std::fs::read_to_string(path).expect("readable"))
        })
        .collect();
    assert!(files.len() > 20, "only {} files found", files.len());
    let faults = faults(&files);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_injected_violation_is_caught() {
    let bad = "use crate::{clock::Tick, cleartext::raw::Raw}; fn f() { crate::config::load(); }";
    assert_eq!(
        faults(&[("src/analysis/bad.rs".to_owned(), bad.to_owned())]).len(),
        2
    );
    let vouch = "fn f() { crate::masked::Masked::vouch(String::new()); }";
    assert_eq!(
        faults(&[("src/report/bad.rs".to_owned(), vouch.to_owned())]).len(),
        1
    );
}
