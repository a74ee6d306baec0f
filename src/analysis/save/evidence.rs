//! Evidence as it is read back: its names live as long as the program.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

use crate::analysis::alert::Evidence;

/// Names that are taken from files; there are some 70. More, or longer ones, are read as [`OTHER`].
const MAX_NAMES: usize = 256;
const MAX_LEN: usize = 32;
const OTHER: &str = "other";

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The same as [`Evidence`], as it is written.
#[derive(serde::Deserialize)]
struct Written {
    name: String,
    value: f64,
}

impl<'de> Deserialize<'de> for Evidence {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Written { name, value } = Written::deserialize(from)?;
        Ok(Self {
            name: lasting(name),
            value,
        })
    }
}

fn lasting(name: String) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name.as_str()) {
        return known;
    }
    if names.len() >= MAX_NAMES || name.len() > MAX_LEN {
        return OTHER;
    }
    let name: &'static str = name.leak();
    names.insert(name);
    name
}
