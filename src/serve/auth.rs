//! Who may read: nobody in particular, users with bcrypt passwords (exporter-toolkit), or bearers of a token.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a listener asks of a request.
#[derive(Debug, Default)]
pub struct Credentials {
    /// User name to bcrypt hash.
    pub users: BTreeMap<String, String>,
    /// Tokens accepted as `Authorization: Bearer`.
    pub bearers: Vec<Zeroizing<String>>,
}

/// Checks requests against [`Credentials`].
pub struct Auth {
    credentials: Credentials,
    // bcrypt takes tens of milliseconds by design, which is too much for every scrape: the last credentials that were good
    // are remembered as a digest under a key of this process.
    cache_key: [u8; 32],
    good: Mutex<Option<[u8; 32]>>,
}

impl Auth {
    /// With a fresh random cache key.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn new(credentials: Credentials) -> Result<Self, getrandom::Error> {
        let mut cache_key = [0; 32];
        getrandom::fill(&mut cache_key)?;
        Ok(Self {
            credentials,
            cache_key,
            good: Mutex::new(None),
        })
    }

    /// Whether anything is asked for at all.
    pub fn is_required(&self) -> bool {
        !self.credentials.users.is_empty() || !self.credentials.bearers.is_empty()
    }

    /// The `WWW-Authenticate` field of a refusal.
    pub fn challenge(&self) -> &'static str {
        if self.credentials.users.is_empty() {
            "Bearer"
        } else {
            "Basic realm=\"hushtap\""
        }
    }

    /// Whether an `Authorization` value opens the door.
    pub fn admits(&self, authorization: &str) -> bool {
        if !self.is_required() {
            return true;
        }
        let Some((scheme, rest)) = authorization.split_once(' ') else {
            return false;
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            self.credentials.bearers.iter().fold(false, |found, token| {
                found | bool::from(token.as_bytes().ct_eq(rest.as_bytes()))
            })
        } else if scheme.eq_ignore_ascii_case("basic") {
            self.admits_basic(rest)
        } else {
            false
        }
    }

    fn admits_basic(&self, encoded: &str) -> bool {
        let digest = *blake3::keyed_hash(&self.cache_key, encoded.as_bytes()).as_bytes();
        let known = *self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some_and(|known| bool::from(known.ct_eq(&digest))) {
            return true;
        }
        let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(encoded) else {
            return false;
        };
        let decoded = Zeroizing::new(decoded);
        let Some(colon) = memchr::memchr(b':', &decoded) else {
            return false;
        };
        let (user, password) = decoded.split_at(colon);
        let password = password.get(1..).unwrap_or_default();
        let hash = std::str::from_utf8(user)
            .ok()
            .and_then(|user| self.credentials.users.get(user));
        // An unknown user costs a comparison too, so that names cannot be found out by timing.
        let good = bcrypt::verify(password, hash.map_or(UNKNOWN_USER, String::as_str))
            .unwrap_or(false)
            && hash.is_some();
        if good {
            *self.good.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
        }
        good
    }
}

/// A bcrypt hash (cost 10) of a random string nobody kept.
const UNKNOWN_USER: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> String {
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(text)
        )
    }

    #[test]
    fn open_without_credentials() {
        assert!(Auth::new(Credentials::default()).unwrap().admits(""));
    }

    #[test]
    fn passwords_are_checked_and_remembered() {
        let hash = bcrypt::hash("pw", 4).unwrap();
        let users = BTreeMap::from([("prom".to_owned(), hash)]);
        let auth = Auth::new(Credentials {
            users,
            bearers: vec![],
        })
        .unwrap();
        assert!(!auth.admits(&basic("prom:no")));
        assert!(auth.admits(&basic("prom:pw")));
        assert!(auth.admits(&basic("prom:pw")));
        assert!(!auth.admits(&basic("nobody:pw")));
        assert!(!auth.admits(""));
    }

    #[test]
    fn bearers_must_match_whole() {
        let bearers = vec![Zeroizing::new("abc".to_owned())];
        let auth = Auth::new(Credentials {
            users: BTreeMap::new(),
            bearers,
        })
        .unwrap();
        assert!(auth.admits("Bearer abc"));
        assert!(!auth.admits("Bearer abcd"));
        assert!(!auth.admits("Bearer ab"));
    }
}
