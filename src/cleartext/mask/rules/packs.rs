//! Where rules come from: the packs that are compiled in, and the files of a directory beside or in place of them.

use std::path::Path;

use super::file::RuleError;
use super::{Ids, RuleSet};

/// The packs that are compiled in.
const BUILT_IN: [(&str, &str); 5] = [
    ("lists.toml", include_str!("../../../../rules/lists.toml")),
    (
        "secrets.toml",
        include_str!("../../../../rules/secrets.toml"),
    ),
    ("pci.toml", include_str!("../../../../rules/pci.toml")),
    ("pii.toml", include_str!("../../../../rules/pii.toml")),
    ("hipaa.toml", include_str!("../../../../rules/hipaa.toml")),
];

/// The shared lists among the built-in packs: names could not be read without them.
const LISTS: &str = "lists.toml";

/// A file of rules.
#[derive(Clone, Copy)]
pub(super) struct Pack<'a> {
    /// What errors call it: a path, or the name of a built-in pack.
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// Whether it is compiled in.
    pub(super) built_in: bool,
}

/// Where a rule in force comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleOrigin {
    /// Its id.
    pub rule: String,
    /// Its file: a path, or the name of a built-in pack.
    pub file: String,
    /// The line of its file, from 1.
    pub line: usize,
    /// Whether it ships with hushtap.
    pub built_in: bool,
    /// Whether it stands in place of a built-in rule of the same id.
    pub replaces: bool,
    /// Whether it only counts its hits.
    pub dry_run: bool,
}

impl RuleSet {
    /// The packs that ship with hushtap.
    pub fn built_in() -> Result<Self, RuleError> {
        let packs: Vec<_> = BUILT_IN.into_iter().map(built_in).collect();
        Self::compile(&packs, Ids::default())
    }

    /// The rules of all `*.toml` files in `dir`, in order of their names, besides those that ship with hushtap. A file named
    /// like a pack that ships (`pci.toml`) stands in its place, and so does a rule with the id of one that ships; of two
    /// rules for one name or format the one of `dir` wins. Ids of `previous` keep their meaning.
    pub fn load(dir: &Path, previous: Option<&Self>) -> Result<Self, RuleError> {
        Self::load_files(dir, previous, |_| true)
    }

    /// The rules of `dir` alone; of what ships only the shared lists stay, unless `dir` has a `lists.toml` of its own.
    pub fn load_alone(dir: &Path, previous: Option<&Self>) -> Result<Self, RuleError> {
        Self::load_files(dir, previous, |pack| pack == LISTS)
    }

    fn load_files(
        dir: &Path,
        previous: Option<&Self>,
        stays: fn(&str) -> bool,
    ) -> Result<Self, RuleError> {
        let files = read_files(dir)?;
        let is_replaced = |pack: &str| files.iter().any(|(path, _)| is_named(path, pack));
        let shipped = BUILT_IN
            .into_iter()
            .filter(|(pack, _)| stays(pack) && !is_replaced(pack))
            .map(built_in);
        let own = files.iter().map(|(name, text)| Pack {
            name,
            text,
            built_in: false,
        });
        // The operator's come first: the first rule for a name or a format wins.
        let packs: Vec<_> = own.chain(shipped).collect();
        let ids = previous.map(|rules| rules.ids.clone()).unwrap_or_default();
        Self::compile(&packs, ids)
    }

    /// The rules of texts, each with the name that errors give it.
    pub fn from_texts(files: &[(&str, &str)]) -> Result<Self, RuleError> {
        let packs: Vec<_> = files
            .iter()
            .map(|(name, text)| Pack {
                name,
                text,
                built_in: false,
            })
            .collect();
        Self::compile(&packs, Ids::default())
    }

    /// Where each rule comes from, those in force first, then those in dry run.
    pub fn origins(&self) -> impl Iterator<Item = &RuleOrigin> {
        let tried = self.trial.iter().flat_map(|set| set.examples.iter());
        let all = self.examples.iter().chain(tried);
        all.map(|examples| &examples.origin)
    }

    /// The built-in pack in whose place a file stands, by its name.
    pub fn pack_replaced_by(file: &str) -> Option<&'static str> {
        let mut packs = BUILT_IN.into_iter().map(|(pack, _)| pack);
        packs.find(|pack| is_named(file, pack))
    }
}

const fn built_in<'a>((name, text): (&'a str, &'a str)) -> Pack<'a> {
    Pack {
        name,
        text,
        built_in: true,
    }
}

fn is_named(path: &str, pack: &str) -> bool {
    Path::new(path).file_name().is_some_and(|name| name == pack)
}

fn read_files(dir: &Path) -> Result<Vec<(String, String)>, RuleError> {
    let error = |path: &Path, error: &std::io::Error| RuleError {
        file: path.to_string_lossy().into_owned(),
        line: 0,
        what: error.to_string(),
        hint: "--rules names a directory with readable *.toml files".to_owned(),
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| error(dir, &e))? {
        let path = entry.map_err(|e| error(dir, &e))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(error(
            dir,
            &std::io::Error::other("no *.toml file in this directory"),
        ));
    }
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).map_err(|e| error(&path, &e))?;
            Ok((path.to_string_lossy().into_owned(), text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, name: &str, rest: &str) -> String {
        format!(
            "[[rule]]\nid = \"{id}\"\ntype = \"mine\"\ncategory = \"pii\"\nnames = [\"{name}\"]\n{rest}positive = [\"{name} => {{digit:5}}\"]\nnegative = [\"colour => {{lower:4}}\"]\n"
        )
    }

    fn dir(files: &[(&str, String)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    fn ids(rules: &RuleSet) -> Vec<&str> {
        rules.origins().map(|o| o.rule.as_str()).collect()
    }

    #[test]
    fn own_rules_add_to_the_built_in_packs() {
        let dir = dir(&[("own.toml", rule("own.badge", "badge_no", ""))]);
        let (built_in, both) = (
            RuleSet::built_in().unwrap(),
            RuleSet::load(dir.path(), None).unwrap(),
        );
        assert_eq!(both.len(), built_in.len() + 1);
        assert_eq!(both.check_examples(), []);
        let origin = both.origins().find(|o| o.rule == "own.badge").unwrap();
        assert!(origin.file.ends_with("own.toml"));
        assert_eq!(
            (origin.line, origin.built_in, origin.replaces),
            (1, false, false)
        );
    }

    #[test]
    fn a_file_named_like_a_pack_stands_in_its_place() {
        let dir = dir(&[("hipaa.toml", rule("own.badge", "badge_no", ""))]);
        let both = RuleSet::load(dir.path(), None).unwrap();
        assert!(!ids(&both).iter().any(|id| id.starts_with("hipaa.")));
        assert!(ids(&both).iter().any(|id| id.starts_with("pci.")));
    }

    #[test]
    fn a_rule_with_the_id_of_a_built_in_one_stands_in_its_place() {
        let dir = dir(&[("own.toml", rule("pii.email", "badge_no", ""))]);
        let both = RuleSet::load(dir.path(), None).unwrap();
        let built_in = RuleSet::built_in().unwrap();
        assert_eq!(both.len(), built_in.len());
        let origin = both.origins().find(|o| o.rule == "pii.email").unwrap();
        assert!(!origin.built_in && origin.replaces);
    }

    #[test]
    fn an_own_rule_takes_a_name_from_a_built_in_one_and_no_example_fails() {
        let dir = dir(&[("own.toml", rule("own.password", "password", ""))]);
        let both = RuleSet::load(dir.path(), None).unwrap();
        assert_eq!(both.check_examples(), []);
    }

    #[test]
    fn a_rule_on_trial_does_not_switch_a_built_in_one_off() {
        let trial = rule("pii.email", "badge_no", "dry_run = true\n");
        let dir = dir(&[("own.toml", trial)]);
        let error = RuleSet::load(dir.path(), None).err().unwrap();
        assert_eq!(error.line, 1);
        assert!(error.what.contains("id"), "{error}");
    }

    #[test]
    fn own_rules_may_be_the_only_ones() {
        let dir = dir(&[("own.toml", rule("own.badge", "badge_no", ""))]);
        let alone = RuleSet::load_alone(dir.path(), None).unwrap();
        assert_eq!(ids(&alone), ["own.badge"]);
    }
}
