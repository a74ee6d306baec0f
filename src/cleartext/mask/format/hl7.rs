//! Segments of HL7 v2 messages (chapters 2, 3 and 6): fields count by their number, and are masked whole, with all their
//! components and repetitions. What is in no list is judged by its looks.

use crate::cleartext::mask::bytes::{at, cut, minus, plus};
use crate::cleartext::mask::codec::Codec;
use crate::cleartext::mask::decide::is_harmless;
use crate::cleartext::mask::names::{Key, Space};
use crate::cleartext::mask::walk::{Stretch, Walk};

/// What follows the name of a segment where no header says otherwise.
const USUAL: u8 = b'|';

/// A field of a segment, and the name under which it is judged.
type Fields = &'static [(usize, &'static [u8])];

const NAME: &[u8] = b"patient_name";
const PERSON: &[u8] = b"full_name";
const RECORD: &[u8] = b"medical_record_number";
const BORN: &[u8] = b"birth_date";
const ADDRESS: &[u8] = b"street_address";
const PHONE: &[u8] = b"phone";
const SSN: &[u8] = b"ssn";
const ACCOUNT: &[u8] = b"account_number";
const LICENCE: &[u8] = b"driver_license_number";
const POLICY: &[u8] = b"health_plan_id";
const DEMOGRAPHIC: &[u8] = b"religion";
const CARER: &[u8] = b"attending_physician";
const PASSWORD: &[u8] = b"password";

/// Segments about people, by their names.
const SEGMENTS: [(&[u8], Fields); 13] = [
    (
        b"PID",
        &[
            (2, RECORD),
            (3, RECORD),
            (4, RECORD),
            (5, NAME),
            (6, NAME),
            (7, BORN),
            (9, NAME),
            (10, DEMOGRAPHIC),
            (11, ADDRESS),
            (12, ADDRESS),
            (13, PHONE),
            (14, PHONE),
            (17, DEMOGRAPHIC),
            (18, ACCOUNT),
            (19, SSN),
            (20, LICENCE),
            (21, RECORD),
            (22, DEMOGRAPHIC),
            (23, ADDRESS),
            (29, BORN),
            (40, PHONE),
        ],
    ),
    (b"PD1", &[(4, CARER)]),
    (
        b"MRG",
        &[
            (1, RECORD),
            (2, RECORD),
            (3, ACCOUNT),
            (4, RECORD),
            (7, NAME),
        ],
    ),
    (
        b"NK1",
        &[
            (2, PERSON),
            (4, ADDRESS),
            (5, PHONE),
            (6, PHONE),
            (12, RECORD),
            (16, BORN),
            (26, PERSON),
            (30, PERSON),
            (31, PHONE),
            (32, ADDRESS),
            (33, RECORD),
            (37, SSN),
            (40, PHONE),
            (41, PHONE),
        ],
    ),
    (
        b"IN1",
        &[
            (6, PERSON),
            (7, PHONE),
            (8, POLICY),
            (10, POLICY),
            (16, PERSON),
            (18, BORN),
            (19, ADDRESS),
            (30, PERSON),
            (36, POLICY),
            (44, ADDRESS),
            (49, POLICY),
        ],
    ),
    (
        b"IN2",
        &[
            (1, POLICY),
            (2, SSN),
            (3, PERSON),
            (6, POLICY),
            (7, PERSON),
            (8, POLICY),
            (9, PERSON),
            (10, POLICY),
            (25, POLICY),
            (26, POLICY),
            (40, PERSON),
            (49, PERSON),
            (50, PHONE),
            (52, PERSON),
            (53, PHONE),
            (61, POLICY),
            (63, PHONE),
            (64, PHONE),
        ],
    ),
    (
        b"GT1",
        &[
            (2, ACCOUNT),
            (3, PERSON),
            (4, PERSON),
            (5, ADDRESS),
            (6, PHONE),
            (7, PHONE),
            (8, BORN),
            (12, SSN),
            (16, PERSON),
            (17, ADDRESS),
            (18, PHONE),
            (19, RECORD),
            (42, PERSON),
            (45, PERSON),
            (46, PHONE),
        ],
    ),
    (
        b"PV1",
        &[
            (7, CARER),
            (8, CARER),
            (9, CARER),
            (17, CARER),
            (19, ACCOUNT),
            (50, ACCOUNT),
            (52, CARER),
        ],
    ),
    (
        b"STF",
        &[
            (2, RECORD),
            (3, PERSON),
            (6, BORN),
            (10, PHONE),
            (11, ADDRESS),
            (15, PHONE),
        ],
    ),
    (
        b"ORC",
        &[(10, CARER), (11, CARER), (12, CARER), (14, PHONE)],
    ),
    (
        b"OBR",
        &[(10, CARER), (16, CARER), (17, PHONE), (28, CARER)],
    ),
    (b"AIP", &[(3, CARER)]),
    (b"MSH", &[(8, PASSWORD)]),
];

/// A line that is a segment.
pub(super) struct Segment {
    fields: Fields,
    separator: u8,
}

impl Segment {
    /// By its name and the sign behind it. Those that number their repetitions do so in their first field: a table whose
    /// first column is `PID` does not.
    pub(super) fn of(line: &[u8], separator: u8) -> Option<Self> {
        let line = line.strip_prefix(b"\x0b").unwrap_or(line);
        let fields = SEGMENTS
            .iter()
            .find(|(name, _)| line.starts_with(name))
            .filter(|_| at(line, 3) == separator)
            .map(|(_, fields)| *fields)?;
        let first = cut(line, 4, line.len()).split(|b| *b == separator).next()?;
        let numbered = first.iter().all(u8::is_ascii_digit);
        let by_number = [&b"PID"[..], b"NK1", b"IN1", b"GT1", b"PV1", b"OBR", b"AIP"];
        let wants_number = by_number.iter().any(|name| line.starts_with(name));
        (numbered || !wants_number).then_some(Self { fields, separator })
    }
}

/// Whether a line of `text` may be a segment at all. It costs a look at the beginning of every line.
pub(super) fn may_be_in(text: &[u8]) -> bool {
    let separator = separator(text);
    text.split(|b| matches!(b, b'\r' | b'\n'))
        .any(|line| Segment::of(line, separator).is_some())
}

/// What separates fields: said by the header, if there is one at the front (section 2.5.4).
pub(super) fn separator(text: &[u8]) -> u8 {
    match text.trim_ascii_start() {
        [b'\x0b', b'M', b'S', b'H', separator, ..] | [b'M', b'S', b'H', separator, ..]
            if separator.is_ascii_punctuation() =>
        {
            *separator
        }
        _ => USUAL,
    }
}

impl Walk<'_> {
    /// A segment, field by field.
    pub(super) fn segment_of_hl7(&mut self, buffer: &[u8], line: Stretch, segment: &Segment) {
        let name_len = minus(line.end, line.start).min(4);
        // The separator itself is the first field of a header.
        let header = cut(line.of(buffer), 0, name_len).starts_with(b"MSH");
        let mut number = if header { 2 } else { 1 };
        let mut i = plus(line.start, name_len);
        while i <= line.end && i > line.start {
            let rest = cut(buffer, i, line.end);
            let len = memchr::memchr(segment.separator, rest).unwrap_or(rest.len());
            let field = Stretch::new(i, plus(i, len));
            let listed = segment.fields.iter().find(|(place, _)| *place == number);
            self.field_of_hl7(buffer, field, listed.map(|(_, name)| *name));
            number = plus(number, 1);
            i = plus(field.end, 1);
        }
    }

    fn field_of_hl7(&mut self, buffer: &[u8], at: Stretch, name: Option<&[u8]>) {
        let value = at.of(buffer);
        let Some(name) = name else {
            return self.leaf(buffer, at, Codec::Plain, Key::NONE);
        };
        // `""` says that there is no value (section 2.5.3); only signs say nothing either.
        let says = value.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 128);
        if !says || is_harmless(self.rules, value) {
            return;
        }
        let key = self.classify(Space::Field, name);
        let mark = self.s.enter_name(name, true);
        if key.hits() {
            self.mask(at, key.slot, value);
        } else {
            self.leaf(buffer, at, Codec::Plain, key);
        }
        self.s.leave(mark);
    }
}
