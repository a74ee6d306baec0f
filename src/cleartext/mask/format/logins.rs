//! Logins as words (netrc, in the manual of ftp): `machine HOST login NAME password PASSWORD`.

use crate::cleartext::mask::bytes::{cut, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::names::Space;
use crate::cleartext::mask::walk::{Stretch, Walk};

use super::text::Taken;

/// Words that a value follows, and the names under which it is judged.
const WORDS: [(&[u8], &[u8]); 3] = [
    (b"login", b"username"),
    (b"password", b"password"),
    (b"account", b"password"),
];

impl Walk<'_> {
    /// Everything behind `machine HOST` and `default` that stands in such words.
    pub(super) fn logins(&mut self, buffer: &[u8], all: Stretch, taken: &mut Taken) {
        let mut open = false;
        let mut i = all.start;
        while let Some(word) = next_word(buffer, i, all.end) {
            i = word.end;
            match word.of(buffer) {
                b"machine" => {
                    open = true;
                    i = next_word(buffer, i, all.end).map_or(all.end, |host| host.end);
                }
                b"default" => open = true,
                _ if open => {
                    let value = self.login_word(buffer, word, all.end);
                    open = value.is_some();
                    if let Some(value) = value {
                        taken.push(value);
                        i = value.end;
                    }
                }
                _ => {}
            }
        }
    }

    /// If `word` is followed by a value, masks that; gives where it stands.
    pub(in crate::cleartext::mask) fn login_word(
        &mut self,
        buffer: &[u8],
        word: Stretch,
        end: usize,
    ) -> Option<Stretch> {
        let (_, name) = WORDS.iter().find(|(one, _)| word.of(buffer) == *one)?;
        let value = next_word(buffer, word.end, end)?;
        let key = self.classify(Space::Field, name);
        let mark = self.s.enter_name(name, true);
        self.leaf(buffer, value, Codec::Plain, key);
        self.s.leave(mark);
        Some(value)
    }
}

/// The next word from `i` on.
pub(in crate::cleartext::mask) fn next_word(
    buffer: &[u8],
    i: usize,
    end: usize,
) -> Option<Stretch> {
    let text = cut(buffer, i, end);
    let gap = text.iter().position(|b| !b.is_ascii_whitespace())?;
    let word = cut(text, gap, text.len());
    let len = word
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(word.len());
    let start = plus(i, gap);
    Some(Stretch::new(start, plus(start, len)))
}
