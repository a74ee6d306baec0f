//! What was learned about paths at one moment: which pieces are names and which are parameters. Hashes only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Class, Element, Names, Route, ServiceId};

/// The number of a [`Node`] in its table.
pub(crate) type NodeId = u32;

/// One position behind a template's beginning.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub(crate) struct Node {
    /// Names that stand here, by hash, and where each leads.
    pub(crate) names: BTreeMap<u64, NodeId>,
    /// What else stands here is a parameter of this class, which leads there.
    pub(crate) parameter: Option<(Class, NodeId)>,
    /// So many values were seen here that a piece never seen before is a value too, vocabulary or not.
    pub(crate) open: bool,
    /// So many that values need not be told apart any more.
    pub(crate) full: bool,
    /// Words of the vocabulary that are values here, by hash.
    pub(crate) values: BTreeSet<u64>,
    /// So many numbers were seen here that they are values.
    pub(crate) numbers: bool,
    /// Behind values of so many formats that none is told: it leads nowhere else.
    pub(crate) folds: bool,
}

/// The learned templates. Immutable, cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Templates(Arc<Tree>);

#[derive(PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Tree {
    roots: BTreeMap<ServiceId, NodeId>,
    nodes: Vec<Node>,
}

/// A route in which only names that may be shown still have a hash: everything else is its class.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Template(Route);

impl Template {
    /// The pieces in order; those with a hash are names.
    pub fn elements(&self) -> &[Element] {
        self.0.elements()
    }

    /// In words: a name that is not remembered is shown as its class.
    pub fn text(&self, names: &dyn Names) -> String {
        let mut out = String::new();
        for element in self.elements() {
            if !element.is_joined() {
                out.push('/');
            }
            let name = Some(*element).filter(|element| element.has_text());
            match name.and_then(|name| names.segment(name)) {
                Some(name) => out.push_str(&name),
                None if element.is_joined() => {}
                None => out.push_str(element.class().text()),
            }
        }
        out
    }
}

impl Templates {
    /// From a table of nodes and the number of each service's first.
    pub(crate) fn new(roots: BTreeMap<ServiceId, NodeId>, nodes: Vec<Node>) -> Self {
        Self(Arc::new(Tree { roots, nodes }))
    }

    /// The template of a path. Names are those learned and, where nothing is known, the words of the vocabulary.
    pub fn template(&self, service: ServiceId, route: &Route) -> Template {
        Template(self.walk(
            service,
            route,
            |_, _| true,
            |element| {
                if element.is_known() {
                    element
                } else {
                    Element::class_only(element.class())
                }
            },
        ))
    }

    /// The path without those values that are parameters already: what may still turn out to be a name keeps its hash.
    pub(crate) fn settle(&self, service: ServiceId, route: &Route) -> Route {
        self.walk(
            service,
            route,
            |at, element| {
                at.full && !element.is_known()
                    || !element.has_text()
                    || at.numbers && element.is_numeric()
            },
            |element| element,
        )
    }

    fn walk(
        &self,
        service: ServiceId,
        route: &Route,
        is_value: impl Fn(&Node, Element) -> bool,
        undecided: impl Fn(Element) -> Element,
    ) -> Route {
        let mut out = Route::NONE;
        let node = |id: NodeId| self.0.nodes.get(usize::try_from(id).unwrap_or(usize::MAX));
        let mut at = self.0.roots.get(&service).copied().and_then(node);
        for &element in route.elements() {
            if element.is_extension() && at.is_some_and(|at| at.folds) {
                continue;
            }
            let name = at.and_then(|at| at.names.get(&element.hash()));
            let parameter = at.and_then(|at| at.parameter);
            let shown = match (name, parameter) {
                (Some(next), _) if element.has_text() => {
                    at = node(*next);
                    element
                }
                (_, Some((class, next)))
                    if !element.is_joined()
                        && at.is_some_and(|at| {
                            at.open || !element.is_known() || at.values.contains(&element.hash())
                        })
                        && at.is_some_and(|at| is_value(at, element)) =>
                {
                    at = node(next);
                    Element::class_only(class)
                }
                _ => {
                    at = None;
                    if element.has_text() {
                        undecided(element)
                    } else {
                        element
                    }
                }
            };
            out.push(shown);
        }
        out
    }
}
