//! Paths of the operator listener, and who may use them.
//!
//! Open: `/-/healthy`, `/login`. Everything else needs the token: as `Authorization: Bearer` (Prometheus, curl) or as the
//! cookie the login link sets (a browser). `Host` and `Origin` are checked against DNS rebinding.

use std::sync::Arc;

use hyper::body::Bytes;
use subtle::ConstantTimeEq;

use super::{OperatorState, OperatorToken, api, console, metrics, page};
use crate::serve::{Auth, Reply, ReplyBody, Request, Site};

const COOKIE: &str = "hushtap_operator";

/// Serves an [`OperatorState`].
pub struct OperatorSite {
    state: Arc<OperatorState>,
    token: OperatorToken,
    session: String,
    hosts: Vec<String>,
    web: Auth,
}

impl OperatorSite {
    /// `hosts`: names, without port, that a request's `Host` may hold besides loopback addresses. `web`: the users and tokens of
    /// the web config, which are admitted too.
    pub fn new(
        state: Arc<OperatorState>,
        token: OperatorToken,
        hosts: Vec<String>,
        web: Auth,
    ) -> Self {
        let session = token.session();
        Self {
            state,
            token,
            session,
            hosts,
            web,
        }
    }

    fn host_is_ours(&self, request: &Request<'_>) -> bool {
        let host = strip_port(request.header("host"));
        let known = matches!(host, "localhost" | "127.0.0.1" | "[::1]")
            || self
                .hosts
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(host));
        let origin = request.header("origin");
        let same_origin = origin.is_empty()
            || origin
                .split_once("://")
                .is_some_and(|(_, origin)| origin == request.header("host"));
        known && same_origin
    }

    fn is_logged_in(&self, request: &Request<'_>) -> bool {
        let authorization = request.header("authorization");
        let bearer = authorization
            .split_once(' ')
            .filter(|(scheme, _)| *scheme == "Bearer");
        if bearer.is_some_and(|(_, token)| {
            bool::from(
                token
                    .trim()
                    .as_bytes()
                    .ct_eq(self.token.expose().as_bytes()),
            )
        }) {
            return true;
        }
        let cookie = request
            .header("cookie")
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        let by_cookie = cookie
            .filter(|(name, _)| *name == COOKIE)
            .any(|(_, value)| bool::from(value.as_bytes().ct_eq(self.session.as_bytes())));
        by_cookie || (self.web.is_required() && self.web.admits(authorization))
    }

    fn login(&self, request: &Request<'_>) -> Reply {
        let token = request.query.strip_prefix("token=").unwrap_or_default();
        if !bool::from(token.as_bytes().ct_eq(self.token.expose().as_bytes())) {
            return Reply::text(
                403,
                "This login link is not valid: use the one hushtap printed when it started.\n",
            );
        }
        let secure = if request.tls { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/{secure}",
            self.session
        );
        Reply::text(303, "Logged in.\n")
            .with("location", "/")
            .with("set-cookie", cookie)
    }
}

impl Site for OperatorSite {
    // The site checks for itself, since it takes a cookie as well.
    fn is_open(&self, _path: &str) -> bool {
        true
    }

    fn respond(&self, request: &Request<'_>) -> Reply {
        if !self.host_is_ours(request) {
            let text = "Unknown Host or foreign Origin: name this host in operator.hosts to reach it by that name.\n";
            return Reply::text(421, text);
        }
        let reply = match request.path {
            "/-/healthy" => Reply::text(200, "healthy\n"),
            "/login" => self.login(request),
            _ if !self.is_logged_in(request) => {
                let text = "Log in with the link hushtap printed when it started, or send the token of \
                            operator.token in the state directory as Authorization: Bearer.\n";
                Reply::text(401, text).with("www-authenticate", "Bearer")
            }
            "/" => Reply::html(page::render(&self.state)),
            "/style.css" => {
                Reply::bytes(200, "text/css", Bytes::from_static(page::STYLE.as_bytes()))
            }
            "/metrics" => match metrics::render(&self.state) {
                Ok(text) => Reply::bytes(
                    200,
                    "text/plain; version=0.0.4; charset=utf-8",
                    Bytes::from(text),
                ),
                Err(_) => Reply::text(500, "The metrics could not be rendered.\n"),
            },
            "/tokens" => console::render(&self.state, request.query),
            "/alerts" => self.state.subscribe().map_or_else(
                || Reply::text(503, "Too many event streams are open.\n"),
                |events| Reply {
                    status: 200,
                    headers: vec![("content-type", "text/event-stream".to_owned())],
                    body: ReplyBody::Stream(events),
                },
            ),
            path => api::respond(&self.state, path, request.query).unwrap_or_else(|| {
                let paths = api::PATHS;
                let text = format!(
                    "Not found. There are: / /tokens /metrics {paths} /alerts /-/healthy\n"
                );
                Reply::text(404, text)
            }),
        };
        reply
            .with(
                "content-security-policy",
                "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
            )
            .with("referrer-policy", "no-referrer")
    }
}

fn strip_port(host: &str) -> &str {
    if host.ends_with(']') {
        return host;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::strip_port;

    #[test]
    fn ports_are_stripped() {
        assert_eq!(strip_port("localhost:9844"), "localhost");
        assert_eq!(strip_port("[::1]:9844"), "[::1]");
        assert_eq!(strip_port("[::1]"), "[::1]");
    }
}
