//! Who calls: several hundred callers of five kinds, each with a credential, an address in a country and habits.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};

use super::countries;
use super::people::{alphanumeric, choose, hex};

/// The kinds of callers, which differ in credential, rhythm and the operations they use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Web,
    Mobile,
    Partner,
    Batch,
    Ci,
}

/// How one kind behaves.
pub(super) struct Habits {
    pub(super) kind: Kind,
    /// How many of 400 callers are of this kind.
    pub(super) callers: u32,
    /// Calls a day of a caller of average activity.
    pub(super) calls_per_day: f64,
    /// Mean calls of one visit (one connection).
    pub(super) calls_per_visit: f64,
    /// Median seconds between an answer and the next request.
    pub(super) think_seconds: f64,
    /// Weight of each local hour of the day.
    pub(super) hours: [u8; 24],
}

impl Kind {
    /// Position in tables with a column a kind.
    pub(super) const fn column(self) -> usize {
        match self {
            Self::Web => 0,
            Self::Mobile => 1,
            Self::Partner => 2,
            Self::Batch => 3,
            Self::Ci => 4,
        }
    }
}

/// All kinds.
pub(super) const KINDS: [Habits; 5] = [
    Habits {
        kind: Kind::Web,
        callers: 180,
        calls_per_day: 320.0,
        calls_per_visit: 24.0,
        think_seconds: 5.0,
        hours: [
            2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 14, 13, 12, 12, 13, 15, 18, 20, 20, 16, 10, 5,
        ],
    },
    Habits {
        kind: Kind::Mobile,
        callers: 125,
        calls_per_day: 380.0,
        calls_per_visit: 14.0,
        think_seconds: 2.5,
        hours: [
            4, 2, 1, 1, 1, 3, 8, 14, 14, 10, 9, 10, 13, 11, 9, 9, 11, 15, 17, 18, 19, 18, 13, 8,
        ],
    },
    Habits {
        kind: Kind::Partner,
        callers: 55,
        calls_per_day: 900.0,
        calls_per_visit: 40.0,
        think_seconds: 1.2,
        hours: [
            3, 3, 3, 3, 3, 4, 7, 11, 15, 16, 16, 15, 13, 15, 16, 16, 15, 12, 8, 6, 5, 4, 4, 3,
        ],
    },
    Habits {
        kind: Kind::Batch,
        callers: 12,
        calls_per_day: 1_400.0,
        calls_per_visit: 240.0,
        think_seconds: 0.3,
        hours: [
            10, 18, 20, 18, 10, 4, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 6,
        ],
    },
    Habits {
        kind: Kind::Ci,
        callers: 28,
        calls_per_day: 500.0,
        calls_per_visit: 50.0,
        think_seconds: 0.15,
        hours: [
            2, 2, 2, 2, 2, 2, 3, 6, 12, 16, 17, 15, 12, 15, 17, 17, 15, 11, 7, 4, 3, 3, 2, 2,
        ],
    },
];

/// How a caller proves who it is.
pub(super) enum Credential {
    /// `Cookie: sid=…`
    Session(String),
    /// `Authorization: Bearer` with a JWT.
    Jwt(String),
    /// `X-API-Key`.
    ApiKey(String),
    /// `Authorization: Basic`, already encoded.
    Basic(String),
    /// `Authorization: Bearer`, opaque.
    Opaque(String),
    /// None at all.
    Anonymous,
}

/// One caller.
pub(super) struct Caller {
    pub(super) kind: Kind,
    pub(super) credential: Credential,
    pub(super) address: Ipv4Addr,
    pub(super) agent: &'static str,
    /// The number of the user behind it.
    pub(super) user: u32,
    /// How busy it is; 1 is average.
    pub(super) activity: f64,
    /// Hours its clock is ahead of UTC (behind is written as 24 less).
    pub(super) hours_ahead: u8,
}

/// Makes about `total` callers, kind by kind, at least one of each.
pub(super) fn make(total: u32, rng: &mut impl Rng) -> Vec<Caller> {
    let mut callers = Vec::new();
    for habits in &KINDS {
        for number in 0..(habits.callers.saturating_mul(total) / 400).max(1) {
            let user = 1_000 + u32::try_from(callers.len()).unwrap_or(0) * 17;
            callers.push(Caller::new(habits.kind, user, number, rng));
        }
    }
    callers
}

impl Caller {
    fn new(kind: Kind, user: u32, number: u32, rng: &mut impl Rng) -> Self {
        let country = countries::draw(rng);
        Self {
            kind,
            credential: Credential::new(kind, user, number, rng),
            address: countries::address(country, rng.random_range(1..=254)),
            agent: agent(kind, rng),
            user,
            activity: LogNormal::new(-0.08, 0.4).map_or(1.0, |spread| spread.sample(rng)),
            hours_ahead: countries::hours_ahead(country),
        }
    }

    /// An unauthenticated source outside every country of the demo.
    pub(super) fn stranger(last_octet: u8, agent: &'static str) -> Self {
        Self {
            kind: Kind::Web,
            credential: Credential::Anonymous,
            address: Ipv4Addr::new(198, 19, 255, last_octet),
            agent,
            user: 1,
            activity: 1.0,
            hours_ahead: 0,
        }
    }
}

impl Credential {
    fn new(kind: Kind, user: u32, number: u32, rng: &mut impl Rng) -> Self {
        match kind {
            Kind::Web => Self::Session(hex(rng, 32)),
            Kind::Mobile => Self::Jwt(jwt(user, rng)),
            Kind::Partner => Self::ApiKey(format!("pk_{}", alphanumeric(rng, 32))),
            Kind::Batch => {
                let password = alphanumeric(rng, 20);
                Self::Basic(STANDARD.encode(format!("job-{number:02}:{password}")))
            }
            Kind::Ci => Self::Opaque(format!("ci_{}", hex(rng, 40))),
        }
    }

    /// The header line that carries it, with its line end; nothing for the anonymous.
    pub(super) fn header(&self) -> String {
        match self {
            Self::Session(id) => format!("Cookie: theme=dark; sid={id}\r\n"),
            Self::Jwt(token) | Self::Opaque(token) => format!("Authorization: Bearer {token}\r\n"),
            Self::ApiKey(key) => format!("X-API-Key: {key}\r\n"),
            Self::Basic(pair) => format!("Authorization: Basic {pair}\r\n"),
            Self::Anonymous => String::new(),
        }
    }
}

/// A JWT with an honest head and claims and a random signature.
pub(super) fn jwt(user: u32, rng: &mut impl Rng) -> String {
    let head = r#"{"alg":"HS256","typ":"JWT"}"#;
    let claims = format!(
        r#"{{"iss":"https://login.shop.test","sub":"user-{user}","client_id":"shop-mobile","iat":1767560400,"exp":1770152400}}"#
    );
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(head),
        URL_SAFE_NO_PAD.encode(claims),
        alphanumeric(rng, 43)
    )
}

fn agent(kind: Kind, rng: &mut impl Rng) -> &'static str {
    match kind {
        Kind::Web => choose(rng, &BROWSERS),
        Kind::Mobile => choose(rng, &APPS),
        Kind::Partner => choose(rng, &LIBRARIES),
        Kind::Batch => "shop-batch/2.8 (python-requests/2.32.3)",
        Kind::Ci => "curl/8.11.1",
    }
}

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
];
const APPS: [&str; 3] = [
    "shop-android/4.2.1 (Android 15; Pixel 8) okhttp/4.12.0",
    "shop-android/4.1.0 (Android 14; SM-S911B) okhttp/4.12.0",
    "shop-ios/5.0.3 (iPhone; iOS 18.2; Scale/3.00)",
];
const LIBRARIES: [&str; 4] = [
    "Apache-HttpClient/5.4.1 (Java/21.0.5)",
    "python-requests/2.32.3",
    "axios/1.7.9",
    "Go-http-client/1.1",
];
