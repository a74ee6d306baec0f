//! Tables in JSON: the columns are named once, and the cells of each row fall under them.
//!
//! `{"columns": ["email", "ssn"], "rows": [["a@b.cc", "..."]]}`, with columns as strings or as objects with a name, before
//! or behind the rows. Members that hold either are known by [`Key::COLUMNS`] and [`Key::ROWS`].

use smallvec::SmallVec;

use super::pair::{Again, SecondLook, Wait};
use super::{Frame, Reader};
use crate::cleartext::mask::bytes::{minus, plus};
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::placeholder;
use crate::cleartext::mask::walk::Stretch;

/// Columns looked at.
const MOST_COLUMNS: usize = 1_024;

/// The part that an object or array has in a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// None.
    Plain,
    /// Lists the columns.
    Columns,
    /// Describes one column.
    Column,
    /// Lists the rows.
    Rows,
    /// Holds the cells of one row.
    Row,
    /// Stands for what lies around a second look: not part of the path.
    Outside,
}

/// The columns named so far, the innermost last.
#[derive(Default)]
pub(super) struct Tables {
    open: SmallVec<[Table; 1]>,
}

/// The columns of one object.
struct Table {
    /// How many objects and arrays are open inside that object, it included.
    depth: usize,
    keys: SmallVec<[Key; 16]>,
}

impl Tables {
    /// What the column says about a cell of a row; `depth` counts the row, the list of rows and what is around both.
    #[inline]
    pub(super) fn key(&self, depth: usize, column: u32) -> Key {
        match self.open.last() {
            Some(table) if plus(table.depth, 2) == depth => usize::try_from(column)
                .ok()
                .and_then(|column| table.keys.get(column))
                .copied()
                .unwrap_or(Key::NONE),
            _ => Key::NONE,
        }
    }

    /// Begins with the columns of the outermost object.
    pub(super) fn begin(&mut self, keys: SmallVec<[Key; 16]>) {
        self.open.push(Table { depth: 1, keys });
    }

    /// The table of the object at `depth`.
    fn of(&self, depth: usize) -> Option<&Table> {
        self.open.last().filter(|table| table.depth == depth)
    }
}

impl Reader<'_, '_, '_> {
    /// The part of what opens now, by what it lies in.
    #[inline]
    pub(super) fn role(&mut self, object: bool) -> Role {
        let Some(top) = self.stack.last() else {
            return Role::Plain;
        };
        if top.role == Role::Plain && !top.class.is(Key::COLUMNS | Key::ROWS) {
            return Role::Plain;
        }
        let member = top.object && !object && matches!(top.role, Role::Plain | Role::Outside);
        match top.role {
            Role::Columns => {
                self.add_column(Key::NONE);
                if object { Role::Column } else { Role::Plain }
            }
            Role::Rows if !object => Role::Row,
            _ if member && top.class.is(Key::COLUMNS) && self.again.is_none() => {
                self.special = true;
                self.tables.open.push(Table {
                    depth: self.stack.len(),
                    keys: SmallVec::new(),
                });
                Role::Columns
            }
            _ if member && top.class.is(Key::ROWS) => Role::Rows,
            // Everything about a column but its name is no cell.
            Role::Plain | Role::Outside | Role::Column | Role::Row | Role::Rows => Role::Plain,
        }
    }

    fn add_column(&mut self, key: Key) {
        if let Some(table) = self.tables.open.last_mut()
            && table.keys.len() < MOST_COLUMNS
        {
            table.keys.push(key);
        }
    }

    /// A string in a list of columns, or in what describes one.
    pub(super) fn column_name(&mut self, at: Stretch) {
        let Some(top) = self.stack.last() else { return };
        if top.role == Role::Columns {
            let key = self.walk.classify(Space::Field, at.of(self.buffer));
            return self.add_column(key);
        }
        if top.role != Role::Column || !top.class.is(Key::PAIR_NAME) {
            return;
        }
        let key = self.walk.classify(Space::Field, at.of(self.buffer));
        if key.hits()
            && let Some(table) = self.tables.open.last_mut()
            && let Some(last) = table.keys.last_mut()
            && !last.hits()
        {
            *last = key;
        }
    }

    /// An object or array has closed that may be part of a table, or the value of a pair.
    #[inline]
    pub(super) fn closed(&mut self, frame: &Frame) {
        let depth = self.stack.len();
        self.waits.forget(depth);
        if self.special {
            if self.again.is_some() {
                return;
            }
            // The columns of an object end with it.
            let inner = |table: &Table| table.depth > depth;
            while self.tables.open.last().is_some_and(inner) {
                self.tables.open.pop();
            }
        }
        match frame.role {
            Role::Plain => self.value_closed(frame),
            Role::Columns => self.columns_closed(depth),
            Role::Rows if self.tables.of(depth).is_none() => {
                let rows = Stretch::new(frame.start, self.i);
                self.waits.push(depth, rows, Wait::Rows);
            }
            Role::Column | Role::Rows | Role::Row | Role::Outside => {}
        }
    }

    /// All columns are named: rows that came before them get a second look. If none of them counts, they are forgotten.
    #[cold]
    fn columns_closed(&mut self, depth: usize) {
        let counts = |table: &Table| table.keys.iter().any(|key| key.hits());
        if !self.tables.of(depth).is_some_and(counts) {
            self.tables.open.pop();
            return;
        }
        if let Some(rows) = self.waits.rows(depth) {
            let keys = self
                .tables
                .of(depth)
                .map_or_else(SmallVec::new, |table| table.keys.clone());
            self.rows_again(rows, keys);
        }
    }

    /// Rows whose columns came behind them.
    fn rows_again(&mut self, at: Stretch, keys: SmallVec<[Key; 16]>) {
        let len = minus(at.end, at.start);
        if len > self.budget {
            return self.masked(|walk, _| walk.fail_closed(at, QUOTED_UNPARSED));
        }
        self.budget = minus(self.budget, len);
        let noted = Again::noted(&self.walk.s.hits, at);
        let mark = self.enter_path();
        let mut around = Frame::new(true, super::NO_RULE, at.start, Role::Outside);
        around.key_next = false;
        around.class = Key::NONE.with(Key::ROWS);
        self.look_again(
            at,
            SecondLook {
                around,
                noted,
                columns: Some(keys),
            },
        );
        self.walk.s.leave(mark);
    }
}

/// What stands for a whole object or array: what is around it stays JSON.
pub(super) const QUOTED_UNPARSED: &[u8] = placeholder::QUOTED_UNPARSED;
