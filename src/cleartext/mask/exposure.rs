//! Whether a secret stands where it must not: in a response, an URL, a referer, or a body that goes to a store of telemetry.
//!
//! It is no exposure where handing it over is the point: endpoints that give out credentials are told by the words of their
//! path, and URLs count only where the server did not refuse the request, since anybody may ask for anything.

use super::bytes::{ALNUM, is};
use super::rules::{Exposed, Rule};
use super::walk::Hit;
use crate::observation::{ExposedIn, Exposure, Part, Sink, SinkField};

/// Words in the path of an endpoint whose purpose is to hand out credentials.
const HANDS_OUT: [&str; 44] = [
    "login",
    "logon",
    "signin",
    "signup",
    "register",
    "registration",
    "auth",
    "authn",
    "authenticate",
    "authentication",
    "authorize",
    "authorization",
    "oauth",
    "oauth2",
    "oidc",
    "openid",
    "saml",
    "sso",
    "token",
    "tokens",
    "session",
    "sessions",
    "jwt",
    "jwks",
    "refresh",
    "password",
    "passwords",
    "credential",
    "credentials",
    "secret",
    "secrets",
    "key",
    "keys",
    "apikey",
    "apikeys",
    "vault",
    "kms",
    "certificate",
    "certificates",
    "mfa",
    "otp",
    "totp",
    "webauthn",
    "kubeconfig",
];

/// Ends of paths to which logs, traces and events are sent.
const SINKS: [(&str, Sink); 24] = [
    ("/_bulk", Sink::Elasticsearch),
    ("/_msearch", Sink::Elasticsearch),
    ("/services/collector", Sink::Splunk),
    ("/services/collector/event", Sink::Splunk),
    ("/services/collector/raw", Sink::Splunk),
    ("/services/collector/event/1.0", Sink::Splunk),
    ("/loki/api/v1/push", Sink::Loki),
    ("/api/prom/push", Sink::Loki),
    ("/v1/logs", Sink::Otlp),
    ("/v1/traces", Sink::Otlp),
    ("/v1/metrics", Sink::Otlp),
    (
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Sink::Otlp,
    ),
    (
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Sink::Otlp,
    ),
    (
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Sink::Otlp,
    ),
    ("/api/v2/logs", Sink::Datadog),
    ("/v0.4/traces", Sink::Datadog),
    ("/v0.5/traces", Sink::Datadog),
    ("/api/v0.2/traces", Sink::Datadog),
    ("/log/v1", Sink::NewRelic),
    ("/trace/v1", Sink::NewRelic),
    ("/envelope/", Sink::Sentry),
    ("/store/", Sink::Sentry),
    ("/api/v2/spans", Sink::Zipkin),
    ("/gelf", Sink::Gelf),
];

/// What the request says about where secrets may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Setting {
    hands_out: bool,
    sink: Option<Sink>,
    /// The request was refused.
    refused: bool,
    /// An answer was seen.
    answered: bool,
}

impl Setting {
    /// Of a request for `target` that got `status`, 0 if none.
    pub(super) fn of(target: &[u8], status: u16) -> Self {
        let path = target
            .split(|b| matches!(b, b'?' | b'#'))
            .next()
            .unwrap_or_default();
        let mut words = path.split(|b| !is(*b, ALNUM));
        let is_word = |word: &[u8]| {
            HANDS_OUT
                .iter()
                .any(|known| known.as_bytes().eq_ignore_ascii_case(word))
        };
        Self {
            hands_out: words.any(is_word),
            sink: SINKS
                .iter()
                .find(|(end, _)| path.ends_with(end.as_bytes()))
                .map(|(_, sink)| *sink),
            refused: status != 0 && !(200..400).contains(&status),
            answered: status != 0,
        }
    }

    /// Whether a hit of `rule` is exposed.
    pub(super) fn judge(self, rule: &Rule, hit: &Hit) -> Option<Exposure> {
        let Exposed {
            response,
            url,
            telemetry,
            sure,
            by_shape,
        } = rule.exposed;
        let (sure, response) = (sure || hit.is_formatted, response || hit.is_formatted);
        // A name such as `code` is a key's only if the value looks like one, and in a login it is what was asked for.
        let url = url && (!by_shape || hit.is_random && !self.hands_out);
        let path = hit.path;
        let place = match hit.part {
            Part::ResponseBody if response && !self.hands_out => ExposedIn::Response(path),
            Part::RequestPath | Part::RequestQuery if url && !self.refused => ExposedIn::Url(path),
            Part::RequestHeader if hit.in_referer && url => ExposedIn::Referer(path),
            Part::RequestBody if telemetry => ExposedIn::Sink(SinkField {
                sink: self.sink?,
                path,
            }),
            Part::RequestPath
            | Part::RequestQuery
            | Part::RequestHeader
            | Part::RequestCookie
            | Part::RequestBody
            | Part::ResponseHeader
            | Part::ResponseCookie
            | Part::ResponseBody => return None,
        };
        Some(Exposure {
            place,
            sure,
            // The page before was shown, whatever came of this request.
            taken: self.answered || matches!(place, ExposedIn::Referer(_)),
        })
    }
}

/// Whether a header field tells the page before.
pub(super) fn is_referer(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"referer") || name.eq_ignore_ascii_case(b"referrer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_hand_out_credentials_are_told_by_words() {
        let hands_out = |target: &str| Setting::of(target.as_bytes(), 200).hands_out;
        for target in [
            "/login",
            "/v1/oauth2/token?x=1",
            "/api/apiKeys",
            "/users/7/sessions",
            "/.well-known/jwks.json",
        ] {
            assert!(hands_out(target), "{target}");
        }
        for target in [
            "/v1/config",
            "/monkeys",
            "/v1/authors/3",
            "/search?token=1",
            "/",
        ] {
            assert!(!hands_out(target), "{target}");
        }
    }

    #[test]
    fn sinks_are_told_by_the_ends_of_their_paths() {
        let sink = |target: &str| Setting::of(target.as_bytes(), 200).sink;
        assert_eq!(
            sink("/logs-2026/_bulk?refresh=true"),
            Some(Sink::Elasticsearch)
        );
        assert_eq!(sink("/services/collector/event"), Some(Sink::Splunk));
        assert_eq!(sink("/loki/api/v1/push"), Some(Sink::Loki));
        assert_eq!(sink("/v1/logs"), Some(Sink::Otlp));
        assert_eq!(sink("/api/42/envelope/"), Some(Sink::Sentry));
        assert_eq!(sink("/v1/orders"), None);
    }
}
