//! What program the client is: product without version, class, and the release of an app.
//!
//! A product on the list below is known and may be shown whoever uses it; any other is the first product token of the
//! field (RFC 9110 section 10.1.5), shown only once enough principals have sent it. Comments, versions of tools and
//! everything behind the first product never leave.

use crate::observation::AgentClass;

use AgentClass::{App, Bot, Browser, Tool};

/// Longest part of the field that is read.
const MAX_FIELD: usize = 512;
/// Longest product token.
const MAX_PRODUCT: usize = 40;

/// Products by what gives them away, most telling first: a crawler says Mozilla, and Edge says Chrome and Safari.
const KNOWN: &[(&str, &str, AgentClass)] = &[
    // Crawlers, monitors and scanners.
    ("Googlebot", "Googlebot", Bot),
    ("GoogleHC", "GoogleHC", Bot),
    ("bingbot", "bingbot", Bot),
    ("YandexBot", "YandexBot", Bot),
    ("Baiduspider", "Baiduspider", Bot),
    ("DuckDuckBot", "DuckDuckBot", Bot),
    ("Applebot", "Applebot", Bot),
    ("GPTBot", "GPTBot", Bot),
    ("ClaudeBot", "ClaudeBot", Bot),
    ("CCBot", "CCBot", Bot),
    ("AhrefsBot", "AhrefsBot", Bot),
    ("SemrushBot", "SemrushBot", Bot),
    ("MJ12bot", "MJ12bot", Bot),
    ("facebookexternalhit", "facebookexternalhit", Bot),
    ("Slackbot", "Slackbot", Bot),
    ("Twitterbot", "Twitterbot", Bot),
    ("kube-probe", "kube-probe", Bot),
    ("ELB-HealthChecker", "ELB-HealthChecker", Bot),
    ("Prometheus", "Prometheus", Bot),
    ("Blackbox Exporter", "blackbox-exporter", Bot),
    ("UptimeRobot", "UptimeRobot", Bot),
    ("Pingdom", "Pingdom", Bot),
    ("StatusCake", "StatusCake", Bot),
    ("Datadog", "Datadog", Bot),
    ("NewRelicPinger", "NewRelicPinger", Bot),
    ("Zabbix", "Zabbix", Bot),
    ("check_http", "check_http", Bot),
    ("zgrab", "zgrab", Bot),
    ("Nuclei", "nuclei", Bot),
    ("sqlmap", "sqlmap", Bot),
    ("Nikto", "Nikto", Bot),
    ("masscan", "masscan", Bot),
    ("gobuster", "gobuster", Bot),
    ("Fuzz Faster U Fool", "ffuf", Bot),
    ("WPScan", "WPScan", Bot),
    ("CensysInspect", "CensysInspect", Bot),
    ("Stripe/", "Stripe", Bot),
    ("GitHub-Hookshot", "GitHub-Hookshot", Bot),
    ("HeadlessChrome", "HeadlessChrome", Bot),
    // Libraries and command-line tools.
    ("python-requests", "python-requests", Tool),
    ("python-httpx", "python-httpx", Tool),
    ("aiohttp", "aiohttp", Tool),
    ("Python-urllib", "python-urllib", Tool),
    ("urllib3", "urllib3", Tool),
    ("curl/", "curl", Tool),
    ("Wget/", "Wget", Tool),
    ("Go-http-client", "Go-http-client", Tool),
    ("go-resty", "go-resty", Tool),
    ("okhttp", "okhttp", App),
    ("Apache-HttpClient", "Apache-HttpClient", Tool),
    ("Java-http-client", "Java-http-client", Tool),
    ("ReactorNetty", "ReactorNetty", Tool),
    ("Jersey/", "Jersey", Tool),
    ("AHC/", "AHC", Tool),
    ("axios/", "axios", Tool),
    ("node-fetch", "node-fetch", Tool),
    ("undici", "undici", Tool),
    ("got (", "got", Tool),
    ("node-superagent", "node-superagent", Tool),
    ("GuzzleHttp", "GuzzleHttp", Tool),
    ("Faraday", "Faraday", Tool),
    ("rest-client", "rest-client", Tool),
    ("http.rb", "http.rb", Tool),
    ("libwww-perl", "libwww-perl", Tool),
    ("reqwest", "reqwest", Tool),
    ("hyper/", "hyper", Tool),
    ("RestSharp", "RestSharp", Tool),
    ("Refit", "Refit", Tool),
    ("PostmanRuntime", "PostmanRuntime", Tool),
    ("insomnia", "insomnia", Tool),
    ("HTTPie", "HTTPie", Tool),
    ("xh/", "xh", Tool),
    ("k6/", "k6", Tool),
    ("ApacheBench", "ApacheBench", Tool),
    ("hey/", "hey", Tool),
    ("vegeta", "vegeta", Tool),
    ("Locust", "Locust", Tool),
    ("JMeter", "JMeter", Tool),
    ("wrk/", "wrk", Tool),
    ("h2load", "h2load", Tool),
    ("grpc-go", "grpc-go", Tool),
    ("grpc-java", "grpc-java", Tool),
    ("grpc-python", "grpc-python", Tool),
    ("grpc-node", "grpc-node", Tool),
    ("grpc-dotnet", "grpc-dotnet", Tool),
    ("grpc-c++", "grpc-c++", Tool),
    ("tonic/", "tonic", Tool),
    ("aws-sdk-go", "aws-sdk-go", Tool),
    ("aws-sdk-java", "aws-sdk-java", Tool),
    ("aws-sdk-js", "aws-sdk-js", Tool),
    ("aws-cli", "aws-cli", Tool),
    ("Boto3", "Boto3", Tool),
    ("Botocore", "Botocore", Tool),
    ("azsdk-", "azsdk", Tool),
    ("google-api-", "google-api-client", Tool),
    ("Terraform", "Terraform", Tool),
    ("kubectl", "kubectl", Tool),
    ("Helm/", "Helm", Tool),
    ("docker/", "docker", Tool),
    ("git/", "git", Tool),
    ("npm/", "npm", Tool),
    ("pip/", "pip", Tool),
    ("Maven", "Maven", Tool),
    ("Grafana", "Grafana", Tool),
    ("Fluent-Bit", "Fluent-Bit", Tool),
    ("vector/", "vector", Tool),
    ("PowerShell", "PowerShell", Tool),
    // Apps and browsers.
    ("Edg/", "Edge", Browser),
    ("EdgA/", "Edge", Browser),
    ("OPR/", "Opera", Browser),
    ("SamsungBrowser", "Samsung Internet", Browser),
    ("Vivaldi", "Vivaldi", Browser),
    ("YaBrowser", "Yandex Browser", Browser),
    ("UCBrowser", "UC Browser", Browser),
    ("FxiOS", "Firefox", Browser),
    ("Firefox/", "Firefox", Browser),
    ("CriOS", "Chrome", Browser),
    ("Chromium/", "Chromium", Browser),
    ("Electron/", "Electron", App),
    ("Chrome/", "Chrome", Browser),
    ("Trident/", "Internet Explorer", Browser),
    ("MSIE ", "Internet Explorer", Browser),
    ("Safari/", "Safari", Browser),
];

/// Letters anywhere in a field that say what kind of program sent it, where the product is not on the list.
const HINTS: &[(&str, AgentClass)] = &[
    ("bot", Bot),
    ("crawler", Bot),
    ("spider", Bot),
    ("monitor", Bot),
    ("probe", Bot),
    ("scanner", Bot),
    ("sdk", Tool),
    ("cli/", Tool),
    ("cfnetwork", App),
    ("dalvik", App),
    ("darwin", App),
    ("android", App),
    ("iphone", App),
    ("ipad", App),
    ("ios", App),
    ("mobile", App),
    ("app", App),
    ("client", Tool),
    ("http", Tool),
    ("java", Tool),
    ("python", Tool),
    ("ruby", Tool),
    ("php", Tool),
    ("perl", Tool),
    ("node", Tool),
];

/// What a `User-Agent` field says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Agent<'a> {
    /// The product without version; empty if there is none that may be named.
    pub(super) product: &'a [u8],
    /// The product is on the list.
    pub(super) known: bool,
    /// What kind of program.
    pub(super) class: AgentClass,
    /// The version of the first product, if it has the shape of one.
    pub(super) version: Option<&'a [u8]>,
}

/// Reads a `User-Agent` field.
pub(super) fn parse(field: &[u8]) -> Agent<'_> {
    let field = field.get(..MAX_FIELD).unwrap_or(field);
    let (product, version) = first_product(field);
    let mut agent = Agent {
        product,
        version: version.filter(|version| is_version(version)),
        ..Agent::default()
    };
    if let Some((_, name, class)) = known(field) {
        agent.product = name.as_bytes();
        agent.known = true;
        agent.class = *class;
    } else {
        agent.class = class_by_hint(field);
        if !is_product(product) {
            agent.product = &[];
        }
    }
    agent
}

fn known(field: &[u8]) -> Option<&'static (&'static str, &'static str, AgentClass)> {
    KNOWN
        .iter()
        .find(|(sign, ..)| memchr::memmem::find(field, sign.as_bytes()).is_some())
}

fn class_by_hint(field: &[u8]) -> AgentClass {
    let lower = field.to_ascii_lowercase();
    HINTS
        .iter()
        .find(|(sign, _)| memchr::memmem::find(&lower, sign.as_bytes()).is_some())
        .map_or(AgentClass::Unknown, |(_, class)| *class)
}

/// `product/version` at the start of the field.
pub(super) fn first_product(field: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = field
        .iter()
        .position(|b| matches!(b, b' ' | b'(' | b';' | b','))
        .unwrap_or(field.len());
    let token = field.get(..end).unwrap_or_default();
    let mut parts = token.splitn(2, |b| *b == b'/');
    let product = parts.next().unwrap_or_default();
    (product, parts.next())
}

/// The shape of a product's name: letters, few digits, nothing that could be an identifier.
pub(super) fn is_product(name: &[u8]) -> bool {
    let digits = name.iter().filter(|b| b.is_ascii_digit()).count();
    let fit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
    (2..=MAX_PRODUCT).contains(&name.len())
        && name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(fit)
        && digits <= 3
}

/// The shape of a version: one to four numbers of at most five digits, joined by dots.
pub(super) fn is_version(text: &[u8]) -> bool {
    let mut parts = 0_usize;
    for part in text.split(|b| *b == b'.') {
        parts = parts.saturating_add(1);
        if part.is_empty() || part.len() > 5 || !part.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    parts <= 4
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
    use proptest::prelude::*;

    fn read(field: &str) -> (String, bool, AgentClass) {
        let agent = parse(field.as_bytes());
        let product = String::from_utf8(agent.product.to_vec()).unwrap();
        (product, agent.known, agent.class)
    }

    #[test]
    fn products_lose_their_version() {
        for (field, product, known, class) in [
            ("curl/8.5.0", "curl", true, Tool),
            ("python-requests/2.31.0", "python-requests", true, Tool),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Safari/537.36",
                "Chrome",
                true,
                Browser,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0 Safari/537.36 Edg/118.0",
                "Edge",
                true,
                Browser,
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
                "Safari",
                true,
                Browser,
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Gecko/20100101 Firefox/122.0",
                "Firefox",
                true,
                Browser,
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "Googlebot",
                true,
                Bot,
            ),
            ("ShopApp/5.2 (iOS)", "ShopApp", false, App),
            ("PartnerSDK-Java/2.1", "PartnerSDK-Java", false, Tool),
            ("kube-probe/1.29", "kube-probe", true, Bot),
            (
                "550e8400-e29b-41d4-a716-446655440000",
                "",
                false,
                AgentClass::Unknown,
            ),
            ("", "", false, AgentClass::Unknown),
        ] {
            assert_eq!(read(field), (product.to_owned(), known, class), "{field}");
        }
    }

    #[test]
    fn versions_have_a_shape() {
        for good in ["4", "4.2.1", "2024.11.3", "1.2.3.4"] {
            assert!(is_version(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "4.",
            "a",
            "4.2-beta",
            "1.2.3.4.5",
            "123456",
            "4.2.1+alice",
        ] {
            assert!(!is_version(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_field_is_read(field in proptest::collection::vec(any::<u8>(), 0..200)) {
            let agent = parse(&field);
            prop_assert!(agent.product.len() <= MAX_PRODUCT);
            prop_assert!(agent.product.iter().all(u8::is_ascii));
        }
    }
}
