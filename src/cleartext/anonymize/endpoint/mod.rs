//! Where a request goes: method + service + path template, and the public cell it counts in.
//!
//! A template comes from a document or hint if one fits, else from the vocabulary and the classes of [`segment`]. Either
//! way no raw parameter can stand in it. The public cell is a function of the single request and the configuration
//! alone: only documents and hints make cells, everything else counts in `other`.

pub mod candidate;
mod object;
pub mod openapi;
pub(super) mod operation;
pub(in crate::cleartext) mod path;
mod pieces;
mod routes;
pub mod segment;
pub mod service;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use self::object::LastParameter;
use self::openapi::OpenApi;
pub(in crate::cleartext::anonymize) use self::operation::Asked;
use self::path::{Form, PathBuf};
use self::pieces::Pieces;
use self::routes::Routes;
use self::service::{Belongs, Service, Services};
use super::keys::Keys;
use super::lexicon::{Lexicon, TextKind};
use crate::cleartext::schema::Rules;
use crate::observation::{
    Candidate, CollectionKey, EndpointId, EndpointName, Method, ObjectKey, ObjectRef, PublicCell,
    PublicTriple, Route, ServiceId, TextId,
};

/// Most templates and hosts a worker remembers between requests.
const MAX_REMEMBERED: usize = 16_384;
/// Longest host or template that is remembered.
const MAX_KEY: usize = 1_024;
/// Methods of a hint that names none.
const USUAL: [Method; 5] = [
    Method::Get,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
];

/// A template the operator knows of (`[[endpoint]]`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    /// The service by name; none means every service.
    pub service: Option<String>,
    /// The methods; empty means GET, POST, PUT, PATCH and DELETE.
    pub methods: Vec<Method>,
    /// The template: `/v1/users/{id}`.
    pub template: String,
}

/// An endpoint that a document or hint promises.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Promised {
    /// Its name.
    pub name: EndpointName,
    /// Whether the document calls it deprecated.
    pub deprecated: bool,
}

/// A hint names a service that is not configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownService(pub String);

/// What configuration and documents say about endpoints. Immutable; shared by all workers.
#[derive(Default)]
pub(in crate::cleartext::anonymize) struct Endpoints {
    services: Services,
    names: Vec<String>,
    routes: Vec<Routes>,
    triples: Vec<PublicTriple>,
    promised: Vec<Promised>,
    rules: Vec<Option<Rules>>,
}

impl Endpoints {
    pub(in crate::cleartext::anonymize) fn new(
        services: &[Service],
        documents: &[OpenApi],
        hints: &[Hint],
    ) -> Result<Self, UnknownService> {
        let mut out = Self {
            names: vec!["default".to_owned()],
            ..Self::default()
        };
        for service in services {
            let id = out.service_named(&service.name);
            for pattern in &service.hosts {
                out.services.add(pattern, id);
            }
        }
        let mut promised = Vec::new();
        let mut claims = Vec::new();
        for document in documents {
            let id = out.service_of_document(document);
            claims.push(id);
            promised.extend(document.operations.iter().map(|operation| {
                let template = tidy(&operation.template);
                (id, operation.method, template, operation.deprecated)
            }));
        }
        for hint in hints {
            let methods = if hint.methods.is_empty() {
                &USUAL[..]
            } else {
                &hint.methods
            };
            for id in out.services_of_hint(hint)? {
                let promise = |method: &Method| (id, *method, tidy(&hint.template), false);
                promised.extend(methods.iter().map(promise));
            }
        }
        out.publish(&promised);
        out.rules = out.rules_of(documents, &claims);
        Ok(out)
    }

    /// What documents say about each cell; nothing where two of them say different things.
    fn rules_of(&self, documents: &[OpenApi], services: &[ServiceId]) -> Vec<Option<Rules>> {
        let cells: BTreeMap<&PublicTriple, usize> = self.triples.iter().zip(0..).collect();
        let mut rules: Vec<Option<Rules>> = self.triples.iter().map(|_| None).collect();
        let mut doubtful = BTreeSet::new();
        for (document, id) in documents.iter().zip(services) {
            for operation in &document.operations {
                let template = tidy(&operation.template);
                let triple = self.triple(*id, operation.method, &template);
                let found = document.book.operation(&operation.path, operation.method);
                let place = cells.get(&triple).copied();
                let Some((place, slot)) = place.zip(place.and_then(|at| rules.get_mut(at))) else {
                    continue;
                };
                let own = found.map(|found| Rules {
                    book: Arc::clone(&document.book),
                    operation: found.clone(),
                    template,
                    number: place,
                });
                match slot {
                    None => *slot = own,
                    Some(known) if own.as_ref().is_some_and(|own| own.is_like(known)) => {}
                    Some(_) => {
                        doubtful.insert(place);
                    }
                }
            }
        }
        for place in &doubtful {
            if let Some(slot) = rules.get_mut(*place) {
                *slot = None;
            }
        }
        self.speak_for_all(&mut rules, &doubtful);
        for (number, rules) in rules.iter_mut().enumerate() {
            if let Some(rules) = rules {
                rules.number = number;
            }
        }
        rules
    }

    /// A document without servers speaks for every service: a hint for one of them takes nothing from what it says.
    fn speak_for_all(&self, rules: &mut [Option<Rules>], doubtful: &BTreeSet<usize>) {
        let nowhere = self.names.first();
        let path = |triple: &PublicTriple| (unnamed(&triple.endpoint), triple.method.clone());
        let said = self.triples.iter().zip(rules.iter());
        let said: BTreeMap<_, Rules> = said
            .filter(|(triple, _)| Some(&triple.service) == nowhere)
            .filter_map(|(triple, rules)| Some((path(triple), rules.clone()?)))
            .collect();
        for ((triple, slot), place) in self.triples.iter().zip(rules).zip(0..) {
            let free = slot.is_none() && !doubtful.contains(&place);
            if free && Some(&triple.service) != nowhere {
                *slot = said.get(&path(triple)).cloned();
            }
        }
    }

    /// The rules for what counts in a cell.
    pub(in crate::cleartext::anonymize) fn rules(&self, cell: PublicCell) -> Option<&Rules> {
        self.rules.get(usize::try_from(cell.0).ok()?)?.as_ref()
    }

    fn triple(&self, id: ServiceId, method: Method, template: &str) -> PublicTriple {
        let name = self.names.get(usize::from(id.0));
        PublicTriple {
            service: name.cloned().unwrap_or_default(),
            endpoint: template.to_owned(),
            method: method.name().to_owned(),
        }
    }

    /// The name of the service of a host.
    pub(super) fn service_of(&self, host: &[u8]) -> &str {
        let service = service::normalize(host)
            .map_or_else(ServiceId::default, |host| self.services.of(&host).service);
        let names = self.names();
        names
            .get(usize::from(service.0))
            .or_else(|| names.first())
            .map_or("", String::as_str)
    }

    /// Names of the services by number; the first is `default`.
    pub(in crate::cleartext::anonymize) fn names(&self) -> &[String] {
        &self.names
    }

    /// The frozen list of public triples, by cell; the last is `other`.
    pub(in crate::cleartext::anonymize) fn triples(&self) -> &[PublicTriple] {
        &self.triples
    }

    /// What documents and hints promise, sorted.
    pub(in crate::cleartext::anonymize) fn promised(&self) -> &[Promised] {
        &self.promised
    }

    fn service_named(&mut self, name: &str) -> ServiceId {
        let index = self.names.iter().position(|known| known == name);
        let index = index.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len().saturating_sub(1)
        });
        ServiceId(u16::try_from(index).unwrap_or(0))
    }

    /// The configured service that one of the document's servers belongs to, else one named after its first server,
    /// else `default`.
    fn service_of_document(&mut self, document: &OpenApi) -> ServiceId {
        let known = document
            .hosts
            .iter()
            .map(|host| self.services.of(host).service)
            .find(|service| *service != ServiceId::default());
        let service = match (known, document.hosts.first()) {
            (Some(service), _) => service,
            (None, Some(host)) => self.service_named(host),
            (None, None) => ServiceId::default(),
        };
        for host in &document.hosts {
            if self.services.of(host).service == ServiceId::default() {
                self.services.add(host, service);
            }
        }
        service
    }

    fn services_of_hint(&self, hint: &Hint) -> Result<Vec<ServiceId>, UnknownService> {
        let fits = |name: &String| hint.service.as_ref().is_none_or(|wanted| wanted == name);
        let all = (0..).map(ServiceId).zip(&self.names);
        let found: Vec<ServiceId> = all
            .filter(|(_, name)| fits(name))
            .map(|(id, _)| id)
            .collect();
        match &hint.service {
            Some(name) if found.is_empty() => Err(UnknownService(name.clone())),
            _ => Ok(found),
        }
    }

    /// Numbers the triples in their order and lays the routes.
    fn publish(&mut self, promised: &[(ServiceId, Method, String, bool)]) {
        let triples: BTreeSet<PublicTriple> = promised
            .iter()
            .map(|(id, method, template, _)| self.triple(*id, *method, template))
            .collect();
        let cells: BTreeMap<&PublicTriple, PublicCell> =
            triples.iter().zip((0..).map(PublicCell)).collect();
        let mut routes: Vec<Routes> = self.names.iter().map(|_| Routes::default()).collect();
        for (id, method, template, deprecated) in promised {
            let triple = self.triple(*id, *method, template);
            let cell = cells.get(&triple).copied().unwrap_or_default();
            if let Some(routes) = routes.get_mut(usize::from(id.0)) {
                routes.add(template, *method, cell);
            }
            self.promised.push(Promised {
                name: EndpointName {
                    service: triple.service,
                    method: method.name(),
                    template: triple.endpoint,
                },
                deprecated: *deprecated,
            });
        }
        self.promised.sort_unstable();
        self.promised.dedup_by(|a, b| a.name == b.name);
        self.routes = routes;
        self.triples = triples.into_iter().collect();
        self.triples.push(PublicTriple::other());
    }

    /// The cell of everything that is on no list.
    fn other(&self) -> PublicCell {
        let last = self.triples.len().saturating_sub(1);
        PublicCell(u32::try_from(last).unwrap_or(u32::MAX))
    }

    /// Looks a path up. Where the host says nothing, the first service (in order) with a template that has the method
    /// wins. A document that names no host speaks for every service, behind those that do.
    fn find(
        &self,
        belongs: Belongs,
        segments: &[&[u8]],
        method: Method,
    ) -> (ServiceId, Option<routes::Found<'_>>) {
        let of = |id: ServiceId| {
            let routes = self.routes.get(usize::from(id.0))?;
            routes.find(segments, method)
        };
        let here = of(belongs.service);
        let has_method = |found: &routes::Found<'_>| found.cell.is_some();
        if !here.as_ref().is_some_and(has_method) && belongs.service != ServiceId::default() {
            let everybody = of(ServiceId::default());
            if everybody.is_some_and(|found| here.is_none() || has_method(&found)) {
                return (ServiceId::default(), everybody);
            }
        }
        if here.is_some() || !belongs.vague {
            return (belongs.service, here);
        }
        let mut candidates = (0..)
            .map(ServiceId)
            .zip(&self.routes)
            .filter(|(_, routes)| !routes.is_empty())
            .filter_map(|(id, _)| of(id).map(|found| (id, Some(found))));
        let first = candidates.next();
        first
            .filter(|(_, found)| found.is_some_and(|found| found.cell.is_some()))
            .or_else(|| {
                candidates.find(|(_, found)| found.is_some_and(|found| found.cell.is_some()))
            })
            .or(first)
            .unwrap_or((belongs.service, None))
    }
}

/// What a request's target and host come down to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::anonymize) struct Resolved {
    pub(in crate::cleartext::anonymize) service: ServiceId,
    pub(in crate::cleartext::anonymize) endpoint: EndpointId,
    pub(in crate::cleartext::anonymize) route: Route,
    pub(in crate::cleartext::anonymize) documented: bool,
    pub(in crate::cleartext::anonymize) cell: PublicCell,
    /// Where the cell is `other`.
    pub(in crate::cleartext::anonymize) candidate: Option<Candidate>,
}

/// What a request asks to be resolved.
#[derive(Clone, Copy)]
pub(in crate::cleartext::anonymize) struct Sought<'a> {
    pub(in crate::cleartext::anonymize) host: Host,
    pub(in crate::cleartext::anonymize) method: Method,
    pub(in crate::cleartext::anonymize) target: &'a [u8],
    pub(in crate::cleartext::anonymize) grpc: bool,
}

/// What a `Host` field comes down to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cleartext::anonymize) struct Host {
    belongs: Belongs,
    pub(in crate::cleartext::anonymize) text: TextId,
}

/// Where a template is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A document or hint.
    Document,
    /// The path itself, in words and classes.
    Path,
    /// It says what kind of target it was.
    Fixed,
}

impl Origin {
    fn fixed(name: &str, template: &mut String) -> Self {
        template.push_str(name);
        Self::Fixed
    }
}

/// What is remembered of a template.
#[derive(Clone, Copy)]
struct Known {
    id: EndpointId,
    /// Only where the template describes the path: then it follows from the template.
    candidate: Option<Candidate>,
    parameter: Option<(LastParameter, CollectionKey)>,
}

type Map<V> = HashMap<Vec<u8>, V, ahash::RandomState>;

/// A worker's own buffers and caches. Caches hold pure functions of their keys and are emptied when full.
#[derive(Default)]
pub(in crate::cleartext::anonymize) struct Resolver {
    path: PathBuf,
    /// Of the template resolved last.
    parameter: Option<(LastParameter, CollectionKey)>,
    key: Vec<u8>,
    template: String,
    endpoints: Map<Known>,
    pieces: Pieces,
    hosts: Map<Host>,
}

impl Resolver {
    /// What a `Host` field (empty if there is none) says.
    pub(in crate::cleartext::anonymize) fn host(
        &mut self,
        endpoints: &Endpoints,
        lexicon: &Lexicon,
        field: &[u8],
    ) -> Host {
        if let Some(host) = self.hosts.get(field) {
            return *host;
        }
        let name = service::normalize(field);
        let belongs = endpoints.services.of(name.as_deref().unwrap_or_default());
        let text = match name.as_deref() {
            None => TextId::NONE,
            // An address is shown as its class, whoever used it.
            Some(name) if service::is_address(name) => {
                lexicon.intern(TextKind::Host, b"{ip}", true)
            }
            Some(name) => lexicon.intern(TextKind::Host, name.as_bytes(), belongs.listed),
        };
        let host = Host { belongs, text };
        remember(&mut self.hosts, field, host);
        host
    }

    /// The endpoint of a request.
    pub(in crate::cleartext::anonymize) fn resolve(
        &mut self,
        endpoints: &Endpoints,
        lexicon: &Lexicon,
        sought: Sought<'_>,
    ) -> Resolved {
        let mut out = Resolved {
            service: sought.host.belongs.service,
            endpoint: EndpointId::default(),
            route: Route::NONE,
            documented: false,
            cell: endpoints.other(),
            candidate: None,
        };
        self.template.clear();
        self.parameter = None;
        let origin = match self.path.read(sought.target) {
            Form::Missing => return out,
            Form::Authority => Origin::fixed("{authority}", &mut self.template),
            Form::Asterisk => Origin::fixed("{server}", &mut self.template),
            Form::Path => self.resolve_path(endpoints, sought, &mut out),
        };
        let known = self.known(endpoints, lexicon, origin, (out.service, sought.method));
        out.endpoint = known.id;
        self.parameter = known.parameter;
        if origin == Origin::Path && !self.path.deeper() {
            out.route = self.pieces.route(lexicon, self.path.segments());
        }
        if out.cell == endpoints.other() {
            out.candidate = match origin {
                Origin::Path => known.candidate,
                // A document has the path, but not with this method.
                Origin::Document => self.candidate(out.service, sought.method),
                Origin::Fixed => None,
            };
        }
        out
    }

    /// The object that the path resolved last names, if its template has a parameter.
    pub(in crate::cleartext::anonymize) fn object(
        &self,
        keys: &Keys,
        service: ServiceId,
    ) -> Option<ObjectRef> {
        let (parameter, collection) = self.parameter?;
        parameter.object(keys, service, collection, &self.path)
    }

    /// The whole path that was resolved last.
    pub(in crate::cleartext::anonymize) fn path(&self, keys: &Keys, host: TextId) -> ObjectKey {
        ObjectKey(keys.object.hash_list(host.0, self.path.segments()))
    }

    fn candidate(&self, service: ServiceId, method: Method) -> Option<Candidate> {
        if self.path.deeper() {
            return None;
        }
        candidate::of_segments(service, method, self.path.segments())
    }

    fn resolve_path(
        &mut self,
        endpoints: &Endpoints,
        sought: Sought<'_>,
        out: &mut Resolved,
    ) -> Origin {
        let segments: SmallVec<[&[u8]; path::MAX_DEPTH]> = self.path.segments().collect();
        let (service, found) = endpoints.find(sought.host.belongs, &segments, sought.method);
        if let Some(found) = found.filter(|_| !self.path.deeper()) {
            out.service = service;
            self.template.push_str(found.template);
            // Every resource that answers at all answers these two: they are no shadow of the document.
            let implied = matches!(sought.method, Method::Head | Method::Options);
            out.documented = implied || found.cell.is_some();
            out.cell = found.cell.unwrap_or(out.cell);
            Origin::Document
        } else if sought.grpc && segments.len() == 2 {
            Origin::fixed("/{service}/{method}", &mut self.template)
        } else {
            for segment in &segments {
                self.template.push('/');
                segment::describe(segment, &mut self.template);
            }
            if self.path.deeper() {
                self.template.push_str("/{rest}");
            }
            if segments.is_empty() {
                self.template.push('/');
            }
            Origin::Path
        }
    }

    /// The id of the template, and its candidate where the template describes the path.
    fn known(
        &mut self,
        endpoints: &Endpoints,
        lexicon: &Lexicon,
        origin: Origin,
        (service, method): (ServiceId, Method),
    ) -> Known {
        self.key.clear();
        // A document may spell a template as a description is spelt: each has its own entry, so that what is found never
        // depends on what was asked before.
        self.key.push(match origin {
            Origin::Document => 0,
            Origin::Path => 1,
            Origin::Fixed => 2,
        });
        self.key.extend_from_slice(&service.0.to_le_bytes());
        self.key.extend_from_slice(method.name().as_bytes());
        self.key.extend_from_slice(self.template.as_bytes());
        if let Some(known) = self.endpoints.get(&self.key) {
            return *known;
        }
        let name = EndpointName {
            service: endpoints
                .names
                .get(usize::from(service.0))
                .cloned()
                .unwrap_or_default(),
            method: method.name(),
            template: self.template.clone(),
        };
        let known = Known {
            id: lexicon.intern_endpoint(&name),
            candidate: match origin {
                Origin::Path => self.candidate(service, method),
                Origin::Document | Origin::Fixed => None,
            },
            parameter: match origin {
                Origin::Path | Origin::Document => LastParameter::of(&self.template)
                    .map(|last| (last, collection(lexicon, service, &self.template))),
                Origin::Fixed => None,
            },
        };
        remember(&mut self.endpoints, &self.key, known);
        known
    }
}

/// What the objects of a template are some of: everything up to its first parameter.
fn collection(lexicon: &Lexicon, service: ServiceId, template: &str) -> CollectionKey {
    let until = template.find('{').unwrap_or(template.len());
    let stem = template.get(..until).unwrap_or(template);
    lexicon.collection(service, stem)
}

/// A template without the names of its parameters.
fn unnamed(template: &str) -> String {
    let mut pieces = template.split('{');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| {
        let behind = piece.split_once('}').map_or(piece, |(_, behind)| behind);
        out + "{}" + behind
    })
}

/// A template as it may be a label value: without `*`, which some documents use for the rest of a path.
fn tidy(template: &str) -> String {
    if !template.contains('*') {
        return template.to_owned();
    }
    let segments = template.split('/').map(|segment| match segment {
        "*" | "**" => "{rest+}".to_owned(),
        other => other.replace('*', "+"),
    });
    segments.collect::<Vec<_>>().join("/")
}

fn remember<V>(map: &mut Map<V>, key: &[u8], value: V) {
    if key.len() > MAX_KEY {
        return;
    }
    if map.len() >= MAX_REMEMBERED {
        map.clear();
    }
    map.insert(key.to_vec(), value);
}
