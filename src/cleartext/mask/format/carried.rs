//! What lines of text that come one by one say about the next: the head of a table names the cells of its rows, a vCard the
//! properties in it, netrc its words. One line is remembered at most; a line that does not fit forgets it.

use super::card::Card;
use super::csv::Columns;
use super::logins::next_word;
use crate::cleartext::mask::bytes::{cut, trim};
use crate::cleartext::mask::names::Key;
use crate::cleartext::mask::walk::{Stretch, Walk};

/// What is remembered of the lines so far.
#[derive(Default)]
pub(in crate::cleartext::mask) struct Carried {
    what: What,
    /// Some line was seen: only the first one is taken for the head of a table as readily as in a whole text.
    begun: bool,
}

#[derive(Default)]
enum What {
    #[default]
    Nothing,
    /// The head of a table, and what it says.
    Table(Box<(Vec<u8>, Columns)>),
    /// Properties.
    Card(Card),
    /// Words of a login.
    Logins,
}

/// What a line goes on with that is judged together with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::mask) enum GoesOn {
    /// Nothing.
    No,
    /// The rest of a cell in quotes.
    Row,
    /// Lines that begin with white space.
    Fold,
}

impl Carried {
    /// Whether a line, or one more line, of a table ends within quotes.
    pub(in crate::cleartext::mask) fn ends_open(&self, line: &[u8], open: bool) -> bool {
        match &self.what {
            What::Table(table) => table.1.ends_open(line, open),
            What::Nothing | What::Card(_) | What::Logins => false,
        }
    }

    /// Whether more lines belong to `line`, the next one.
    pub(in crate::cleartext::mask) fn goes_on(&self, line: &[u8]) -> GoesOn {
        let mut card = match self.what {
            What::Card(card) => card,
            What::Table(..) if self.ends_open(line, false) => return GoesOn::Row,
            What::Table(..) | What::Nothing | What::Logins => Card::default(),
        };
        if card.takes(line) && card.folds(line) {
            GoesOn::Fold
        } else {
            GoesOn::No
        }
    }
}

impl Walk<'_> {
    /// Judges a line by what is remembered; false if it is a text like any other.
    pub(in crate::cleartext::mask) fn carried(
        &mut self,
        text: &[u8],
        carried: &mut Carried,
    ) -> bool {
        let all = Stretch::new(0, text.len());
        let first = !std::mem::replace(&mut carried.begun, true);
        let taken = match &mut carried.what {
            What::Nothing => false,
            What::Table(table) => self.rows_fit(&table.0, &table.1, text),
            What::Logins => self.login_line(text),
            What::Card(card) => {
                let taken = card.takes(text);
                if taken {
                    self.property(text, all);
                }
                if taken && !card.is_open() {
                    carried.what = What::Nothing;
                }
                taken
            }
        };
        if taken {
            return true;
        }
        carried.what = What::Nothing;
        let mut card = Card::default();
        if card.takes(text) {
            carried.what = What::Card(card);
            self.property(text, all);
            return true;
        }
        let word = next_word(text, 0, text.len()).map(|word| word.of(text));
        if matches!(word, Some(b"machine" | b"default")) {
            carried.what = What::Logins;
        } else if let Some(columns) = self.head_of_table(text, first) {
            carried.what = What::Table(Box::new((text.to_vec(), columns)));
        }
        false
    }

    /// Rows of a table, one or, where quotes do not close, some; blank lines are let through.
    fn rows_fit(&mut self, head: &[u8], columns: &Columns, text: &[u8]) -> bool {
        if trim(text).is_empty() {
            return true;
        }
        let all = Stretch::new(0, text.len());
        let fits = columns.fits(text, all);
        if fits {
            self.rows(text, all, head, columns);
        }
        fits
    }

    /// `login NAME`, `password PASSWORD`, more than one of them, or another machine.
    fn login_line(&mut self, text: &[u8]) -> bool {
        let mut i = 0;
        while let Some(word) = next_word(text, i, text.len()) {
            i = match word.of(text) {
                b"machine" => {
                    let host = next_word(text, word.end, text.len());
                    host.map_or(text.len(), |host| host.end)
                }
                b"default" => word.end,
                _ => match self.login_word(text, word, text.len()) {
                    Some(value) => value.end,
                    None if i == 0 => return false,
                    None => {
                        self.running_text(text, Stretch::new(i, text.len()), Key::NONE);
                        return true;
                    }
                },
            };
        }
        // Nothing at all is no other text either.
        cut(text, 0, i).len() == text.len() || trim(text).is_empty() || i > 0
    }
}
