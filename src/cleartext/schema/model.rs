//! The rules of a document, compiled: schemas in one table, operations by method and path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facets::Facets;
use crate::observation::{JsonTypes, Method};

/// A schema, by its place in the table of its [`Book`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SchemaId(pub(super) usize);

/// What an object may have besides its properties.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Additional {
    /// Nothing is said: anything.
    #[default]
    Unsaid,
    /// Anything, and the document says so.
    Free,
    /// Nothing.
    Forbidden,
    /// Anything of this schema.
    Of(SchemaId),
}

/// A schema (JSON Schema 2020-12 for OpenAPI 3.1, the subset of OpenAPI 3.0), as far as it is understood. What is not
/// understood is left out, which can only make it allow more.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Schema {
    /// Allowed types; empty: any.
    pub(super) types: JsonTypes,
    /// `null` fits, whatever else is said.
    pub(super) nullable: bool,
    /// Allowed values; empty: any.
    pub(super) values: Vec<Value>,
    pub(super) required: Vec<Box<str>>,
    pub(super) properties: BTreeMap<Box<str>, SchemaId>,
    pub(super) additional: Additional,
    /// Says more than is read here (names by pattern, another file): which names there are is not known.
    pub(super) open: bool,
    pub(super) items: Option<SchemaId>,
    /// All of these hold too; a `$ref` alone is one of them.
    pub(super) all_of: Vec<SchemaId>,
    /// One list each of `anyOf` and `oneOf`: at least one of each holds.
    pub(super) choices: Vec<Vec<SchemaId>>,
    pub(super) read_only: bool,
    /// Rules beyond those for the kind of a value.
    pub(super) facets: Option<Box<Facets>>,
}

impl Schema {
    /// Whether it says nothing at all about names and elements.
    pub(super) fn is_open(&self) -> bool {
        self.open
            || (self.types.is_empty()
                && self.values.is_empty()
                && self.properties.is_empty()
                && self.items.is_none()
                && self.all_of.is_empty()
                && self.choices.is_empty())
    }
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

/// A parameter of an operation.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Parameter {
    /// In headers: lower case.
    pub(super) name: Box<str>,
    pub(super) place: Place,
    pub(super) required: bool,
    /// None where its values are written in a way that is not read here.
    pub(super) schema: Option<SchemaId>,
}

/// Which media types a schema is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Media {
    /// `type/subtype`, lower case.
    Exact(Box<str>),
    /// `type/*`: the part before the star.
    Prefix(Box<str>),
    /// `*/*`.
    Any,
}

impl Media {
    fn fits(&self, media: &str) -> bool {
        match self {
            Self::Exact(own) => own.as_ref() == media,
            Self::Prefix(own) => media.starts_with(own.as_ref()),
            Self::Any => true,
        }
    }
}

/// Schemas by media type.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Content(pub(super) Vec<(Media, SchemaId)>);

impl Content {
    /// The schema for a media type: the exact one first.
    pub(super) fn of(&self, media: &str) -> Option<SchemaId> {
        let rank = |kind: &Media| match kind {
            Media::Exact(_) => 0,
            Media::Prefix(_) => 1,
            Media::Any => 2,
        };
        let fitting = self.0.iter().filter(|(own, _)| own.fits(media));
        let best = fitting.min_by_key(|(own, _)| rank(own));
        best.map(|(_, schema)| *schema)
    }
}

/// Which statuses an answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Exact(u16),
    /// `2XX`.
    Class(u16),
    Default,
}

impl Answer {
    /// How closely it means a status, the closest first; none if it does not (OpenAPI 3.0.3, "Responses Object").
    fn rank(self, status: u16) -> Option<u8> {
        match self {
            Self::Exact(own) => (own == status).then_some(0),
            Self::Class(own) => (Some(own) == status.checked_div(100)).then_some(1),
            Self::Default => Some(2),
        }
    }
}

/// What a document says about one method on one path.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::cleartext) struct Operation {
    pub(super) parameters: Vec<Parameter>,
    /// Any query parameter may be part of a parameter that is an object.
    pub(super) open_query: bool,
    pub(super) body_required: bool,
    pub(super) body: Content,
    pub(super) answers: Vec<(Answer, Content)>,
    /// It may be answered with any status: the document lists none, or in a way that is not read.
    pub(super) any_status: bool,
}

impl Operation {
    /// The schemas of the answer with that status.
    pub(super) fn answer(&self, status: u16) -> Option<&Content> {
        let ranked = self.answers.iter();
        let fitting = ranked.filter_map(|(answer, content)| Some((answer.rank(status)?, content)));
        let best = fitting.min_by_key(|(rank, _)| *rank);
        best.map(|(_, content)| content)
    }

    /// Whether it may be answered with that status, as far as the document says.
    pub(super) fn lists(&self, status: u16) -> bool {
        let mut answers = self.answers.iter();
        self.any_status || answers.any(|(answer, _)| answer.rank(status).is_some())
    }

    /// Whether it has a schema for the answer with that status.
    pub(super) fn describes(&self, status: u16) -> bool {
        self.answer(status)
            .is_some_and(|content| !content.0.is_empty())
    }

    /// Whether it says anything that a request can break.
    pub(in crate::cleartext) fn binds(&self) -> bool {
        !self.parameters.is_empty() || !self.body.0.is_empty() || self.body_required
    }

    pub(super) fn parameter(&self, place: Place, name: &str) -> Option<&Parameter> {
        let mut all = self.parameters.iter();
        all.find(|one| one.place == place && one.name.as_ref() == name)
    }
}

/// All rules of one document.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Book {
    pub(super) schemas: Vec<Schema>,
    pub(super) operations: BTreeMap<(Box<str>, Method), Operation>,
    /// Properties that are read only somewhere in the document.
    pub(super) read_only: BTreeSet<Box<str>>,
    /// Query parameters and headers (lower case) that carry credentials.
    pub(super) credentials: BTreeSet<(Place, Box<str>)>,
    /// Schemas that stand beside others in an `allOf`: there `additionalProperties: false` would forbid what the others
    /// have, which is hardly ever meant.
    pub(super) combined: BTreeSet<SchemaId>,
    /// Patterns that are not understood: no text breaks them.
    pub(in crate::cleartext) odd_patterns: usize,
}

impl Book {
    /// What is said about a method on a path, as the document writes it.
    pub(in crate::cleartext) fn operation(&self, path: &str, method: Method) -> Option<&Operation> {
        self.operations.get(&(path.into(), method))
    }

    pub(super) fn schema(&self, id: SchemaId) -> Option<&Schema> {
        self.schemas.get(id.0)
    }

    /// Whether fields that a schema does not name are forbidden, beyond doubt.
    pub(super) fn is_closed(&self, id: SchemaId) -> bool {
        self.schema(id).is_some_and(|schema| {
            schema.additional == Additional::Forbidden
                && !schema.open
                && schema.all_of.is_empty()
                && schema.choices.is_empty()
                && !self.combined.contains(&id)
        })
    }

    /// A schema and all that holds together with it, references followed and alternatives left out. None if there are too
    /// many.
    pub(super) fn certain(&self, id: SchemaId) -> Option<Vec<(SchemaId, &Schema)>> {
        self.closure(&[id], |schema, waiting| waiting.extend(&schema.all_of))
    }

    /// Whether requests need a field that a schema requires: what is read only is required of answers alone
    /// (OpenAPI 3.0.3, "Schema Object").
    pub(super) fn is_for_requests(&self, schema: &Schema, name: &str) -> bool {
        match schema.properties.get(name) {
            Some(id) => {
                let all = self.expanded(&[*id]);
                all.is_some_and(|all| all.iter().all(|schema| !schema.read_only))
            }
            None => !self.read_only.contains(name),
        }
    }

    /// The schemas that together say what a value of these schemas may be, references and combinations followed. None if
    /// there are too many.
    pub(super) fn expanded(&self, ids: &[SchemaId]) -> Option<Vec<&Schema>> {
        let all = self.closure(ids, |schema, waiting| {
            waiting.extend(&schema.all_of);
            waiting.extend(schema.choices.iter().flatten());
        })?;
        Some(all.into_iter().map(|(_, schema)| schema).collect())
    }

    fn closure(
        &self,
        ids: &[SchemaId],
        follow: impl Fn(&Schema, &mut Vec<SchemaId>),
    ) -> Option<Vec<(SchemaId, &Schema)>> {
        const MOST: usize = 128;
        let mut seen: BTreeSet<SchemaId> = BTreeSet::new();
        let mut waiting: Vec<SchemaId> = ids.to_vec();
        let mut out = Vec::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            if out.len() >= MOST {
                return None;
            }
            let schema = self.schema(id)?;
            follow(schema, &mut waiting);
            out.push((id, schema));
        }
        Some(out)
    }
}
