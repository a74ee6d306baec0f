//! Names first: what the name of a field, header, cookie or parameter says about its value.
//!
//! A name is folded to words (lower case, camel and snake split) and looked up whole, then without common prefixes, then by
//! whole words inside it, unless its tail cancels that (`password_policy`). Never by substring: `monkey` holds no key.
//!
//! ```text
//! Split        a name in words                                      (split)
//! NameTable    names and lists compiled, asked for what a name says (table)
//! Key          the answer                                           (here)
//! KeyCache     answers that a worker remembers                      (cache)
//! ```

mod cache;
mod split;
mod table;

pub(super) use cache::KeyCache;
pub(super) use split::{LONGEST_NAME, Split};
pub(super) use table::{Lists, NameTable};

/// Index of a rule in the rule set; [`NO_RULE`] for none.
pub(super) type Slot = u16;
/// No rule.
pub(super) const NO_RULE: Slot = Slot::MAX;

/// Where a name stands; each place has names of its own besides the common ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Space {
    /// A member, element or column of a body.
    Field,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// A query, form or path parameter.
    Param,
}

impl Space {
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Field => 0,
            Self::Header => 1,
            Self::Cookie => 2,
            Self::Param => 3,
        }
    }
}

/// What a name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    /// The rule it triggers.
    pub(super) slot: Slot,
    pub(super) flags: u16,
}

impl Default for Key {
    fn default() -> Self {
        Self::NONE
    }
}

impl Key {
    /// Says nothing.
    pub(super) const NONE: Self = Self {
        slot: NO_RULE,
        flags: 0,
    };
    /// Describes a sensitive thing without being it, such as `card_brand`: never inherits.
    pub(super) const NEUTRAL: u16 = 1;
    /// May complete the name of its parent: `number` under `card`.
    pub(super) const WEAK: u16 = 1 << 1;
    /// Holds the name of a pair: `{"name": "password", "value": "x"}`.
    pub(super) const PAIR_NAME: u16 = 1 << 2;
    /// Holds the value of a pair.
    pub(super) const PAIR_VALUE: u16 = 1 << 3;
    /// Made of words of the vocabulary only: may be shown.
    pub(super) const KNOWN: u16 = 1 << 4;
    /// Holds an URL that is taken apart.
    pub(super) const URL: u16 = 1 << 5;
    /// On a list of names whose values are not looked into.
    pub(super) const SAFE: u16 = 1 << 6;
    /// The name itself holds nothing that could be sensitive by its looks.
    pub(super) const PLAIN: u16 = 1 << 7;
    /// Holds the names of columns: `{"columns": ["email"], "rows": [["x"]]}`.
    pub(super) const COLUMNS: u16 = 1 << 8;
    /// Holds rows whose cells fall under the columns beside it.
    pub(super) const ROWS: u16 = 1 << 9;
    /// Holds a version or an object identifier: four numbers with points are no address.
    pub(super) const VERSION: u16 = 1 << 10;
    /// Holds a number of trade (GTIN, EAN, ISBN): thirteen digits are no card.
    pub(super) const ARTICLE: u16 = 1 << 11;
    /// Of a cookie: its words are those of a preference.
    pub(super) const PREFERENCE: u16 = 1 << 12;
    /// May be completed by a weak name below it.
    pub(super) const PARENT: u16 = 1 << 13;

    /// A key that triggers a rule.
    pub(super) const fn of(slot: Slot) -> Self {
        Self { slot, flags: 0 }
    }

    /// Whether any of `flags` is set.
    #[inline]
    pub(super) const fn is(self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// The same, said of `name` by what it lies in: what `name` is for paths and for what lies below it stays.
    pub(super) const fn below(self, name: Self) -> Self {
        self.with(name.flags & (Self::PARENT | Self::KNOWN))
    }

    /// Only what it says about the kind of number or text that its values are.
    pub(super) const fn kind(self) -> Self {
        Self {
            slot: NO_RULE,
            flags: self.flags & (Self::VERSION | Self::ARTICLE),
        }
    }

    /// Whether it triggers a rule.
    #[inline]
    pub(super) const fn hits(self) -> bool {
        self.slot != NO_RULE
    }

    #[must_use]
    pub(super) const fn with(self, flags: u16) -> Self {
        Self {
            flags: self.flags | flags,
            ..self
        }
    }
}
