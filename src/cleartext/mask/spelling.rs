//! How names are spelt in other languages: letters with accents fold to plain ones, and words such as `of` say nothing.

use smallvec::SmallVec;

use super::bytes::{at, cut, minus, plus};
use super::names::LONGEST_NAME;

/// Words within a name that only join others: `data_di_nascita`, `numero de tarjeta`.
const FILLERS: [&[u8]; 20] = [
    b"of", b"the", b"de", b"del", b"della", b"di", b"da", b"do", b"dos", b"du", b"des", b"der",
    b"la", b"le", b"el", b"van", b"und", b"y", b"et", b"for",
];

/// How words of names are shortened, and spelt elsewhere: `acctNbr`, `sort_cd`, `numero_carta`.
const SHORT_FORMS: [(&[u8], &[u8]); 22] = [
    (b"cd", b"code"),
    (b"nbr", b"number"),
    (b"nr", b"number"),
    (b"num", b"number"),
    (b"no", b"number"),
    (b"nro", b"number"),
    (b"numero", b"number"),
    (b"nummer", b"number"),
    (b"numer", b"number"),
    (b"nm", b"name"),
    (b"dt", b"date"),
    (b"addr", b"address"),
    (b"acct", b"account"),
    (b"acc", b"account"),
    (b"tok", b"token"),
    (b"usr", b"user"),
    (b"cust", b"customer"),
    (b"lic", b"license"),
    (b"ins", b"insurance"),
    (b"sec", b"security"),
    (b"pymt", b"payment"),
    (b"exp", b"expiry"),
];

/// Plain letters of U+00C0 to U+00FF; `.` where there is none.
const LATIN_1: &[u8; 64] = b"aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty";
/// Plain letters of U+0100 to U+017F.
const LATIN_A: &[u8; 128] = b"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllll\
lnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/// A name as it is looked up: in its Latin letters the accents are gone. Other scripts stay as they are.
pub(super) fn fold(name: &[u8]) -> SmallVec<[u8; LONGEST_NAME]> {
    let mut out = SmallVec::new();
    let mut i = 0;
    while i < name.len() {
        let (lead, next) = (at(name, i), at(name, plus(i, 1)));
        let low = usize::from(next & 0x3f);
        let plain = match (lead, next) {
            (0xc3, 0x80..=0xbf) => LATIN_1.get(low),
            (0xc4, 0x80..=0xbf) => LATIN_A.get(low),
            (0xc5, 0x80..=0xbf) => LATIN_A.get(plus(low, 64)),
            _ => None,
        };
        if let Some(plain) = plain {
            out.push(*plain);
            i = plus(i, 2);
        } else {
            out.extend_from_slice(cut(name, i, plus(i, 1)));
            i = plus(i, 1);
        }
    }
    out
}

/// What a word is short for, the digits at its end left out.
pub(super) fn long_form(word: &[u8]) -> Option<&'static [u8]> {
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let plain = cut(word, 0, minus(word.len(), digits));
    let known = SHORT_FORMS.iter().find(|(short, _)| *short == plain);
    known.map(|(_, long)| *long)
}

/// Whether a word only joins others.
pub(super) fn is_filler(word: &[u8]) -> bool {
    FILLERS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_fold_to_plain_letters() {
        for (name, plain) in [
            ("contraseña", "contrasena"),
            ("Führerschein", "Fuhrerschein"),
            ("hasło_użytkownika", "haslo_uzytkownika"),
            ("příjmení", "prijmeni"),
            ("numéro", "numero"),
            ("şifre", "sifre"),
            ("密码", "密码"),
        ] {
            assert_eq!(std::str::from_utf8(&fold(name.as_bytes())).unwrap(), plain);
        }
        assert_eq!(LATIN_A.len(), 128);
    }
}
