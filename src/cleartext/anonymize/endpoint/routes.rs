//! Templates known beforehand (documents and hints), as a tree that a path is walked down.
//!
//! At each segment a literal wins over a pattern (`{id}.json`), a pattern over a parameter, a parameter over the rest of
//! the path (`{proxy+}`); where the winner leads nowhere, the next is tried. Each node is visited at most once for a
//! path, so the walk is bounded by the size of the tree.

use std::collections::BTreeMap;

use crate::observation::{Method, PublicCell};

/// Most segments of a template.
const MAX_SEGMENTS: usize = 32;

/// Where a path led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found<'a> {
    /// The template as the document prints it.
    pub(super) template: &'a str,
    /// The public cell, where the document has this method on this path.
    pub(super) cell: Option<PublicCell>,
}

/// The templates of one service.
#[derive(Default)]
pub(super) struct Routes {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    literals: BTreeMap<Box<[u8]>, usize>,
    patterns: Vec<(Pattern, usize)>,
    any: Option<usize>,
    leaf: Option<Leaf>,
    rest: Option<Leaf>,
}

/// A template that ends at a node. Several documents may spell its parameters differently.
struct Leaf {
    template: String,
    methods: Vec<(Method, String, PublicCell)>,
}

impl Leaf {
    fn found(&self, method: Method) -> Found<'_> {
        self.methods.iter().find(|(m, ..)| *m == method).map_or(
            Found {
                template: &self.template,
                cell: None,
            },
            |(_, template, cell)| Found {
                template,
                cell: Some(*cell),
            },
        )
    }
}

/// The literal pieces of a segment with parameters inside, first and last possibly empty.
#[derive(PartialEq, Eq)]
struct Pattern(Vec<Box<[u8]>>);

impl Pattern {
    fn matches(&self, segment: &[u8]) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return false;
        };
        let Some(inner) = segment
            .strip_prefix(&**first)
            .and_then(|rest| rest.strip_suffix(&**last))
        else {
            return false;
        };
        // Every parameter takes at least one byte: each piece is looked for behind it.
        let mut rest = inner;
        for piece in middle {
            let tail = rest.get(1..).unwrap_or_default();
            let Some(at) = memchr::memmem::find(tail, piece) else {
                return false;
            };
            rest = tail
                .get(at.saturating_add(piece.len())..)
                .unwrap_or_default();
        }
        !rest.is_empty()
    }
}

/// What one segment of a template asks for.
enum Wanted {
    Literal(Box<[u8]>),
    Pattern(Pattern),
    Any,
    Rest,
}

impl Routes {
    /// Adds a template for a method. The first one to claim a place keeps it.
    pub(super) fn add(&mut self, template: &str, method: Method, cell: PublicCell) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        let mut rest = false;
        for segment in template
            .split('/')
            .filter(|s| !s.is_empty())
            .take(MAX_SEGMENTS)
        {
            let wanted = wanted(segment);
            if matches!(wanted, Wanted::Rest) {
                rest = true;
                break;
            }
            at = self.child(at, wanted);
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return;
        };
        let slot = if rest { &mut node.rest } else { &mut node.leaf };
        let leaf = slot.get_or_insert_with(|| Leaf {
            template: template.to_owned(),
            methods: Vec::new(),
        });
        if !leaf.methods.iter().any(|(m, ..)| *m == method) {
            leaf.methods.push((method, template.to_owned(), cell));
        }
    }

    /// The template a path belongs to. A template that has the method wins over one that does not.
    pub(super) fn find(&self, segments: &[&[u8]], method: Method) -> Option<Found<'_>> {
        let mut fallback = None;
        let found = self.walk(0, segments, method, &mut fallback);
        found.or(fallback)
    }

    /// Whether there is no template at all.
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn walk<'a>(
        &'a self,
        at: usize,
        segments: &[&[u8]],
        method: Method,
        fallback: &mut Option<Found<'a>>,
    ) -> Option<Found<'a>> {
        let node = self.nodes.get(at)?;
        let Some((first, others)) = segments.split_first() else {
            return take(node.leaf.as_ref(), method, fallback)
                .or_else(|| take(node.rest.as_ref(), method, fallback));
        };
        if let Some(found) = node
            .literals
            .get(*first)
            .and_then(|next| self.walk(*next, others, method, fallback))
        {
            return Some(found);
        }
        for (pattern, next) in &node.patterns {
            if pattern.matches(first)
                && let Some(found) = self.walk(*next, others, method, fallback)
            {
                return Some(found);
            }
        }
        node.any
            .and_then(|next| self.walk(next, others, method, fallback))
            .or_else(|| take(node.rest.as_ref(), method, fallback))
    }

    fn child(&mut self, at: usize, wanted: Wanted) -> usize {
        let fresh = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return at;
        };
        let index = match wanted {
            Wanted::Literal(text) => *node.literals.entry(text).or_insert(fresh),
            Wanted::Any | Wanted::Rest => *node.any.get_or_insert(fresh),
            Wanted::Pattern(pattern) => {
                let known = node.patterns.iter().find(|(p, _)| *p == pattern);
                if let Some((_, index)) = known {
                    *index
                } else {
                    node.patterns.push((pattern, fresh));
                    // More literal bytes first, then in the order of the documents.
                    node.patterns.sort_by_key(|(p, _)| {
                        std::cmp::Reverse(p.0.iter().map(|piece| piece.len()).sum::<usize>())
                    });
                    fresh
                }
            }
        };
        if index == fresh {
            self.nodes.push(Node::default());
        }
        index
    }
}

fn take<'a>(
    leaf: Option<&'a Leaf>,
    method: Method,
    fallback: &mut Option<Found<'a>>,
) -> Option<Found<'a>> {
    let found = leaf?.found(method);
    if found.cell.is_some() {
        return Some(found);
    }
    fallback.get_or_insert(found);
    None
}

/// What a segment of a template asks for. `{name+}` and `{name*}` take the rest of the path, as gateways write it.
fn wanted(segment: &str) -> Wanted {
    let mut pieces: Vec<Box<[u8]>> = Vec::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        if before.is_empty() && tail.is_empty() && pieces.is_empty() {
            let greedy = name.ends_with('+') || name.ends_with('*');
            return if greedy { Wanted::Rest } else { Wanted::Any };
        }
        pieces.push(decoded(before));
        rest = tail;
    }
    if pieces.is_empty() {
        return Wanted::Literal(decoded(segment));
    }
    pieces.push(decoded(rest));
    Wanted::Pattern(Pattern(pieces))
}

/// Templates are compared with decoded paths.
fn decoded(text: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(text.len());
    super::path::decode_into(text.as_bytes(), &mut bytes);
    bytes.into()
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;

    fn routes(templates: &[(&str, Method)]) -> Routes {
        let mut routes = Routes::default();
        for (cell, (template, method)) in templates.iter().enumerate() {
            routes.add(template, *method, PublicCell(cell.try_into().unwrap()));
        }
        routes
    }

    fn find(routes: &Routes, path: &str, method: Method) -> Option<(String, Option<u32>)> {
        let segments: Vec<&[u8]> = path
            .split('/')
            .filter(|s| !s.is_empty())
            .map(str::as_bytes)
            .collect();
        routes
            .find(&segments, method)
            .map(|found| (found.template.to_owned(), found.cell.map(|cell| cell.0)))
    }

    #[test]
    fn literals_win_over_parameters() {
        let routes = routes(&[
            ("/users/{id}", Method::Get),
            ("/users/me", Method::Get),
            ("/users/{id}/orders", Method::Get),
        ]);
        let get = |path| find(&routes, path, Method::Get);
        assert_eq!(get("/users/me"), Some(("/users/me".to_owned(), Some(1))));
        assert_eq!(get("/users/7"), Some(("/users/{id}".to_owned(), Some(0))));
        assert_eq!(
            get("/users/me/orders"),
            Some(("/users/{id}/orders".to_owned(), Some(2)))
        );
        assert_eq!(get("/users/7/cards"), None);
        assert_eq!(get("/"), None);
    }

    #[test]
    fn a_method_the_document_lacks_is_found_but_not_documented() {
        let routes = routes(&[("/users/me", Method::Get), ("/users/{user}", Method::Put)]);
        assert_eq!(
            find(&routes, "/users/me", Method::Put),
            Some(("/users/{user}".to_owned(), Some(1)))
        );
        assert_eq!(
            find(&routes, "/users/me", Method::Delete),
            Some(("/users/me".to_owned(), None))
        );
    }

    #[test]
    fn patterns_need_their_parameters() {
        let routes = routes(&[
            ("/reports/{id}.{format}", Method::Get),
            ("/reports/{id}.pdf", Method::Get),
            ("/users/{id}:cancel", Method::Post),
        ]);
        let get = |path| find(&routes, path, Method::Get).and_then(|(_, cell)| cell);
        assert_eq!(get("/reports/7.pdf"), Some(1));
        assert_eq!(get("/reports/7.csv"), Some(0));
        assert_eq!(get("/reports/.pdf"), None);
        assert_eq!(get("/reports/7."), None);
        assert_eq!(
            find(&routes, "/users/7:cancel", Method::Post).and_then(|(_, cell)| cell),
            Some(2)
        );
    }

    #[test]
    fn a_greedy_parameter_takes_the_rest() {
        let routes = routes(&[
            ("/files/{proxy+}", Method::Get),
            ("/files/a/b", Method::Get),
        ]);
        let get = |path| find(&routes, path, Method::Get).and_then(|(_, cell)| cell);
        assert_eq!(get("/files/a/b"), Some(1));
        assert_eq!(get("/files/a/b/c"), Some(0));
        assert_eq!(get("/files"), Some(0));
    }

    #[test]
    fn spellings_of_one_place_keep_their_own_names() {
        let routes = routes(&[("/a/{id}", Method::Get), ("/a/{userId}", Method::Post)]);
        assert_eq!(
            find(&routes, "/a/1", Method::Post),
            Some(("/a/{userId}".to_owned(), Some(1)))
        );
    }
}
