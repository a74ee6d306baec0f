//! What a transaction says about the shape of an API: which parameters and fields it has, and whether it keeps to the
//! document. Names as keyed hashes, kinds and counts; never a value.

use super::{Part, Status, TextId};

/// A rule of a document that a request breaks.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum SchemaRule {
    /// A value is of none of the types allowed.
    Type,
    /// A parameter, field or body that must be there is missing.
    Required,
    /// A value is not on the list of those allowed.
    Enum,
    /// A field that a closed object (`additionalProperties: false`) does not have.
    UnknownField,
    /// None of the alternatives (`oneOf`, `anyOf`) fits, each for another reason.
    NoAlternative,
    /// A text has too few characters.
    MinLength,
    /// A text has too many characters.
    MaxLength,
    /// A number is too small.
    Minimum,
    /// A number is too large.
    Maximum,
    /// A list has too few elements.
    MinItems,
    /// A list has too many elements.
    MaxItems,
    /// A value is not of the form that `format` names.
    Format,
    /// A text does not fit its pattern.
    Pattern,
}

impl SchemaRule {
    /// How many there are.
    pub const COUNT: usize = 13;
    /// All, in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Type,
        Self::Required,
        Self::Enum,
        Self::UnknownField,
        Self::NoAlternative,
        Self::MinLength,
        Self::MaxLength,
        Self::Minimum,
        Self::Maximum,
        Self::MinItems,
        Self::MaxItems,
        Self::Format,
        Self::Pattern,
    ];

    /// Whether it is about more than the kind of a value. Documents are less exact there, and servers may take what such a
    /// rule forbids.
    pub const fn is_facet(self) -> bool {
        match self {
            Self::Type | Self::Required | Self::Enum | Self::UnknownField | Self::NoAlternative => {
                false
            }
            Self::MinLength
            | Self::MaxLength
            | Self::Minimum
            | Self::Maximum
            | Self::MinItems
            | Self::MaxItems
            | Self::Format
            | Self::Pattern => true,
        }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Required => "required",
            Self::Enum => "enum",
            Self::UnknownField => "unknown_field",
            Self::NoAlternative => "no_alternative",
            Self::MinLength => "min_length",
            Self::MaxLength => "max_length",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::MinItems => "min_items",
            Self::MaxItems => "max_items",
            Self::Format => "format",
            Self::Pattern => "pattern",
        }
    }
}

/// A set of the types of JSON.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct JsonTypes(u8);

impl JsonTypes {
    /// None.
    pub const NONE: Self = Self(0);
    /// `null`.
    pub const NULL: Self = Self(1);
    /// `true` or `false`.
    pub const BOOLEAN: Self = Self(1 << 1);
    /// A number without a fraction.
    pub const INTEGER: Self = Self(1 << 2);
    /// Any other number.
    pub const NUMBER: Self = Self(1 << 3);
    /// Text.
    pub const STRING: Self = Self(1 << 4);
    /// A list.
    pub const ARRAY: Self = Self(1 << 5);
    /// Names and values.
    pub const OBJECT: Self = Self(1 << 6);

    const NAMES: [(Self, &'static str); 7] = [
        (Self::ARRAY, "array"),
        (Self::BOOLEAN, "boolean"),
        (Self::INTEGER, "integer"),
        (Self::NULL, "null"),
        (Self::NUMBER, "number"),
        (Self::OBJECT, "object"),
        (Self::STRING, "string"),
    ];

    /// The type of that name in JSON Schema.
    pub fn named(name: &str) -> Option<Self> {
        let known = Self::NAMES.iter().find(|(_, known)| *known == name)?;
        Some(known.0)
    }

    /// The names, in their order. A number may always be an integer, so that `number` stands for both.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let numbers = self.has(Self::NUMBER);
        Self::NAMES
            .into_iter()
            .filter(move |(one, _)| self.has(*one) && !(numbers && *one == Self::INTEGER))
            .map(|(_, name)| name)
    }

    /// Both sets together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have a type in common.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no type in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What is said of a field.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Remark {
    /// It breaks a rule of the document.
    Breaks(SchemaRule),
    /// The document does not have it.
    Undocumented,
    /// It was sent (in the body: as JSON), with values of these types.
    Seen(JsonTypes),
    /// It was sent in a form, with values of these types.
    SeenInForm(JsonTypes),
    /// The request was answered so; of no field.
    Answered,
    /// It was answered with a status that the document does not list; of no field.
    UndocumentedStatus,
}

impl Remark {
    /// The remark without its types, and the types.
    #[must_use]
    pub const fn split(self) -> (Self, JsonTypes) {
        match self {
            Self::Seen(types) => (Self::Seen(JsonTypes::NONE), types),
            Self::SeenInForm(types) => (Self::SeenInForm(JsonTypes::NONE), types),
            Self::Breaks(_) | Self::Undocumented | Self::Answered | Self::UndocumentedStatus => {
                (self, JsonTypes::NONE)
            }
        }
    }
}

/// One remark about one field of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FieldNote {
    /// Where the field stands.
    pub part: Part,
    /// Its name, or the path of names to it.
    pub field: TextId,
    /// What is said of it.
    pub remark: Remark,
    /// In answers: the status; else none.
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_json_schema() {
        let all = JsonTypes::NAMES
            .iter()
            .fold(JsonTypes::NONE, |all, (one, _)| all.or(*one));
        let names: Vec<_> = all.names().collect();
        assert_eq!(
            names,
            ["array", "boolean", "null", "number", "object", "string"]
        );
        for name in names {
            let one = JsonTypes::named(name).unwrap();
            assert_eq!(one.names().collect::<Vec<_>>(), [name]);
        }
        assert_eq!(JsonTypes::named("file"), None);
        assert_eq!(size_of::<FieldNote>(), 16);
    }
}
