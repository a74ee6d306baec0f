//! The tree of paths, and what it says about their templates. One writer, at the end of an epoch.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::elsewhere::{Elsewhere, Path};
use super::verdict::{self, Known, Place, Value};
use super::{Lesson, Lessons};
use crate::observation::templates::{Node as Named, NodeId};
use crate::observation::{Class, Element, Method, ServiceId, Shape, Templates};
use crate::tally::{Tally, TallySheet};

/// Pieces of paths remembered at once.
const MAX_NODES: usize = 65_536;
/// Values of a parameter that are remembered apart when there are too many pieces.
const KEPT_VALUES: usize = 16;
/// Learned anew when what was taught since is more than one part in so many of all.
const PART: u64 = 8;
/// Or after so many epochs (an hour), if a piece was new or this part of all was taught since.
const EPOCHS: u64 = 360;
const SMALL_PART: u64 = 64;

/// What all principals together taught about paths.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(in crate::analysis) struct Learner {
    roots: BTreeMap<ServiceId, usize>,
    nodes: Vec<Node>,
    taught: u64,
    fresh: u64,
    waited: u64,
    /// Whether a piece was seen where it was never before since templates were last learned.
    has_grown: bool,
    templates: Templates,
}

/// What was seen behind one beginning of paths.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Node {
    pub(super) children: BTreeMap<Element, usize>,
    /// Requests that end here, by method.
    pub(super) ends: BTreeMap<Method, u64>,
    pub(super) lesson: Lesson,
}

impl Learner {
    /// Takes the lessons of an epoch; the templates if they are others now. `last`: it is the last epoch.
    pub(in crate::analysis) fn learn(
        &mut self,
        lessons: &mut Lessons,
        settings: (usize, bool),
        tally: &TallySheet,
    ) -> Option<Templates> {
        let (k, last) = settings;
        let mut lost = 0;
        for (key, lesson) in lessons.0.drain() {
            self.fresh = self.fresh.saturating_add(lesson.requests);
            if !self.insert(&key, lesson) {
                lost += 1;
            }
        }
        if lost > 0 {
            tally.add(Tally::LimitRoutes, lost);
        }
        self.waited += 1;
        let has_news = self.has_grown || self.fresh >= self.taught / SMALL_PART;
        let due = last || self.fresh >= self.taught / PART || self.waited >= EPOCHS && has_news;
        if self.fresh == 0 || !due {
            return None;
        }
        self.taught = self.taught.saturating_add(self.fresh);
        (self.fresh, self.waited, self.has_grown) = (0, 0, false);
        let (learned, elsewhere) = self.templates(k);
        if self.nodes.len() > MAX_NODES / 2 {
            self.forget_values(k, &elsewhere);
        }
        let changed = learned != self.templates;
        self.templates = learned;
        changed.then(|| self.templates.clone())
    }

    /// The templates in force.
    pub(in crate::analysis) fn in_force(&self) -> Templates {
        self.templates.clone()
    }

    /// Whether every branch leads on to a later piece that is there: then no walk is endless.
    pub(in crate::analysis) fn is_sound(&self) -> bool {
        let len = self.nodes.len();
        let mut nodes = self.nodes.iter().enumerate();
        self.roots.values().all(|&root| root < len)
            && nodes.all(|(at, node)| node.children.values().all(|&to| at < to && to < len))
    }

    fn insert(&mut self, key: &super::RouteKey, lesson: Lesson) -> bool {
        let root = self.roots.get(&key.service).copied();
        let mut at = root.unwrap_or_else(|| {
            self.roots.insert(key.service, self.nodes.len());
            self.fresh_node()
        });
        self.note(at, lesson);
        for element in key.route.elements() {
            let child = self.nodes.get(at).and_then(|n| n.children.get(element));
            at = match child {
                Some(child) => *child,
                None if self.nodes.len() >= MAX_NODES => return false,
                None => {
                    let child = self.fresh_node();
                    if let Some(node) = self.nodes.get_mut(at) {
                        node.children.insert(*element, child);
                    }
                    child
                }
            };
            self.note(at, lesson);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            *node.ends.entry(key.method).or_default() += lesson.requests;
        }
        true
    }

    fn fresh_node(&mut self) -> usize {
        self.has_grown = true;
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn note(&mut self, at: usize, lesson: Lesson) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.lesson.add(lesson);
        }
    }

    /// Walked twice: what stands at one place says something about the same pieces at another.
    fn templates(&self, k: usize) -> (Templates, Elsewhere) {
        let known = RefCell::default();
        let (_, seen) = self.walk(k, &Elsewhere::default(), &known);
        let (templates, _) = self.walk(k, &seen, &known);
        (templates, seen)
    }

    fn walk(
        &self,
        k: usize,
        elsewhere: &Elsewhere,
        known: &RefCell<Known>,
    ) -> (Templates, Elsewhere) {
        let mut tree = Tree {
            context: Context {
                learner: self,
                k,
                elsewhere,
                known,
            },
            seen: Elsewhere::default(),
            nodes: Vec::new(),
        };
        let roots = self.roots.iter().map(|(service, root)| {
            let group = BTreeSet::from([*root]);
            (*service, tree.place(&group, Spot::root(*service)))
        });
        let roots = roots.collect();
        (Templates::new(roots, tree.nodes), tree.seen)
    }

    /// Makes room: the values of a parameter become one, with all that is behind them.
    fn forget_values(&mut self, k: usize, elsewhere: &Elsewhere) {
        let mut small = Self::default();
        let context = Context {
            learner: self,
            k,
            elsewhere,
            known: &RefCell::default(),
        };
        for (service, root) in &self.roots {
            let root = small.copy(context, &BTreeSet::from([*root]), Spot::root(*service));
            small.roots.insert(*service, root);
        }
        self.nodes = small.nodes;
        self.roots = small.roots;
    }

    fn copy(&mut self, context: Context<'_>, group: &BTreeSet<usize>, spot: Spot) -> usize {
        let at = self.fresh_node();
        let mut sum = Node::default();
        for node in group.iter().filter_map(|at| context.learner.node(*at)) {
            sum.lesson.add(node.lesson);
            for (method, n) in &node.ends {
                *sum.ends.entry(*method).or_default() += n;
            }
        }
        let found = Found::of(context, group, spot);
        if found.folded {
            for at in context.learner.without_extensions(group).difference(group) {
                for (method, n) in context.learner.node(*at).iter().flat_map(|n| &n.ends) {
                    *sum.ends.entry(*method).or_default() += n;
                }
            }
        }
        for value in &found.names {
            let child = self.copy(context, &value.nodes, spot.behind(value.element));
            sum.children.insert(value.element, child);
        }
        let many = found.values.len() > KEPT_VALUES;
        let all = found.values.iter().flat_map(|value| &value.nodes).copied();
        if many && let Some(class) = found.class() {
            let child = self.copy(context, &all.collect(), spot.parameter());
            sum.children.insert(Element::class_only(class), child);
        } else {
            for value in &found.values {
                let child = self.copy(context, &value.nodes, spot.parameter());
                sum.children.insert(value.element, child);
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            *node = sum;
        }
        at
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// What stands behind any of `group`.
    fn behind(&self, group: &BTreeSet<usize>) -> Vec<Value> {
        let mut all: BTreeMap<Element, Value> = BTreeMap::new();
        for node in group.iter().filter_map(|at| self.node(*at)) {
            for (element, child) in &node.children {
                let value = all.entry(*element).or_insert_with(|| Value::new(*element));
                value.nodes.insert(*child);
                if let Some(child) = self.node(*child) {
                    value.add(child);
                }
            }
        }
        all.into_values().collect()
    }

    /// The group, and what stands behind its extensions.
    fn without_extensions(&self, group: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut all = group.clone();
        for node in group.iter().filter_map(|at| self.node(*at)) {
            let extensions = node.children.iter().filter(|(e, _)| e.is_extension());
            all.extend(extensions.map(|(_, at)| *at));
        }
        all
    }
}

/// By what names are told from values.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) learner: &'a Learner,
    pub(super) k: usize,
    pub(super) elsewhere: &'a Elsewhere,
    /// What was found at places that share nothing with others: it is the same however often they are walked.
    pub(super) known: &'a RefCell<Known>,
}

/// A place, by what stands before it.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) path: Path,
}

impl Spot {
    fn root(service: ServiceId) -> Self {
        Self {
            place: Place::Root,
            path: u64::from(service.0),
        }
    }

    fn behind(self, name: Element) -> Self {
        Self {
            place: Place::behind(name),
            path: self.onward(name.hash()),
        }
    }

    fn parameter(self) -> Self {
        Self {
            place: Place::Parameter,
            path: self.onward(1),
        }
    }

    fn onward(self, piece: u64) -> Path {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.path.rotate_left(29) ^ piece).wrapping_mul(ODD);
        mixed ^ mixed >> 31
    }
}

/// What stands at one place: behind one template's beginning, whatever values its parameters had.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
struct Found {
    names: Vec<Value>,
    values: Vec<Value>,
    open: bool,
    full: bool,
    /// Whether numbers are values for certain.
    numbers: bool,
    /// Whether extensions of the values before it are left out.
    folded: bool,
}

/// Extensions of files from which on they belong to the names of the files.
const MIXED: usize = 3;

/// Whether the extensions of a parameter's values are left out: where they stand within a path, and where the values are files
/// of several kinds.
fn is_folded(all: &[Value], learner: &Learner) -> bool {
    let extensions = || all.iter().filter(|value| value.element.is_extension());
    let goes_on = |value: &Value| {
        let nodes = value.nodes.iter().filter_map(|at| learner.node(*at));
        nodes.into_iter().any(|node| !node.children.is_empty())
    };
    let of_files = extensions().filter(|value| value.element.shape() != Shape::Prefix);
    let files = of_files.count();
    files >= MIXED || files > 0 && extensions().count() > MIXED || extensions().any(goes_on)
}

impl Found {
    fn of(context: Context<'_>, group: &BTreeSet<usize>, spot: Spot) -> Self {
        let learner = context.learner;
        let mut all = learner.behind(group);
        let folded = spot.place == Place::Parameter && is_folded(&all, learner);
        if folded {
            all = learner.behind(&learner.without_extensions(group));
            all.retain(|value| !value.element.is_extension());
        }
        let numbers = verdict::has_many_numbers(&all);
        let all = verdict::settle_numbers(all, context.k, spot.place);
        let stand = verdict::Standing::of(&all, context, group, spot);
        let (names, values) = all.into_iter().partition(|value| stand.is_name(value));
        Self {
            names,
            values,
            open: stand.is_open(),
            full: stand.is_full(),
            numbers,
            folded,
        }
    }

    /// Values that are words of the vocabulary, unless any word is one here.
    fn words(&self) -> BTreeSet<u64> {
        let known = |value: &&Value| !self.open && value.element.is_known();
        let words = self.values.iter().filter(known);
        words.map(|value| value.element.hash()).collect()
    }

    /// One class for all values.
    fn class(&self) -> Option<Class> {
        let mut classes = self.values.iter().map(|value| value.element.class());
        let first = classes.next()?;
        Some(classes.fold(first, wider))
    }
}

/// The class of a place where both stand.
fn wider(a: Class, b: Class) -> Class {
    let rank = |class| match class {
        Class::Word => 0,
        Class::Slug => 1,
        Class::Int
        | Class::Uuid
        | Class::Hash
        | Class::Hex
        | Class::Id
        | Class::Token
        | Class::Version => 2,
        Class::Number
        | Class::Date
        | Class::Time
        | Class::Email
        | Class::Handle
        | Class::Ip
        | Class::Phone
        | Class::Domain
        | Class::List
        | Class::Text => 3,
    };
    match (a == b, rank(a).max(rank(b))) {
        (true, _) => a,
        (_, 0 | 1) => Class::Slug,
        (_, 2) => Class::Id,
        _ => Class::Text,
    }
}

/// The templates as they are made.
struct Tree<'a> {
    context: Context<'a>,
    /// The places where values stand.
    seen: Elsewhere,
    nodes: Vec<Named>,
}

impl Tree<'_> {
    fn place(&mut self, group: &BTreeSet<usize>, spot: Spot) -> NodeId {
        let at = self.nodes.len();
        self.nodes.push(Named::default());
        let found = Found::of(self.context, group, spot);
        self.seen.add(spot.path, &found.names, &found.values);
        let mut named = Named {
            open: found.open,
            values: found.words(),
            full: found.full,
            numbers: found.numbers,
            folds: found.folded,
            ..Named::default()
        };
        for value in &found.names {
            let next = self.place(&value.nodes, spot.behind(value.element));
            named.names.insert(value.element.hash(), next);
        }
        if let Some(class) = found.class() {
            let all = found.values.iter().flat_map(|value| &value.nodes).copied();
            let next = self.place(&all.collect(), spot.parameter());
            named.parameter = Some((class, next));
        }
        if let Some(slot) = self.nodes.get_mut(at) {
            *slot = named;
        }
        NodeId::try_from(at).unwrap_or(NodeId::MAX)
    }
}
