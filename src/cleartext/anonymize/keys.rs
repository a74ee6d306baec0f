//! The state key, the keys derived from it, and how pseudonyms are written.
//!
//! One secret of 32 bytes lives in the state directory. Every use has its own key, derived from it by BLAKE3's key
//! derivation mode, so that a value made for one purpose says nothing about another. Habits are kept under
//! [`PrincipalKey`], which never rotates and is never shown; what people see is derived from it per display epoch and
//! rotates (`anonymize.rotate`).
//!
//! Refuses: a key file others may read, a key of the wrong length. Keys have no `Debug`, are wiped when dropped, and none
//! leaves the crate.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::{Zeroize, Zeroizing};

use crate::clock::EventTime;
use crate::observation::PrincipalKey;

/// Length of every key in bytes.
const KEY_LEN: usize = 32;
/// Longest `--pseudonym-key` file that is read.
const MAX_KEY_FILE: u64 = 1 << 20;
/// Name of the key file in the state directory.
pub const STATE_KEY_FILE: &str = "state.key";

/// Why there is no key. Owns no text, so nothing secret fits in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyError {
    /// The file or its directory could not be opened, read or written.
    Io(ErrorKind),
    /// Group or others may read the key file.
    NotPrivate,
    /// The state key file does not hold exactly 32 bytes.
    BadLength,
    /// A `--pseudonym-key` file is empty or longer than 1 MiB.
    EmptyOrHuge,
    /// The operating system gave no random bytes.
    NoRandomness,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(kind) => fmt::Display::fmt(kind, f),
            Self::NotPrivate => f.write_str("group or others may read it (chmod 600 it)"),
            Self::BadLength => f.write_str("it is not a key file: it must hold exactly 32 bytes"),
            Self::EmptyOrHuge => f.write_str("it is empty or longer than 1 MiB"),
            Self::NoRandomness => f.write_str("the operating system gave no random bytes"),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<std::io::Error> for KeyError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// The one secret everything pseudonymous hangs on.
pub struct StateKey {
    bytes: Zeroizing<[u8; KEY_LEN]>,
    fixed: bool,
}

impl StateKey {
    /// Reads the key of a state directory, or makes it at first start: 0600, written in full before it gets its name, so
    /// that neither a crash nor a second process starting at once leaves half a key.
    pub fn open_or_create(dir: &Path) -> Result<Self, KeyError> {
        let path = dir.join(STATE_KEY_FILE);
        match Self::read(&path) {
            Err(KeyError::Io(ErrorKind::NotFound)) => Self::create(dir, &path),
            other => other,
        }
    }

    /// From a file the user chose (`--pseudonym-key`): any non-empty content. Pseudonyms made with it do not rotate.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let mut content = Zeroizing::new(Vec::new());
        File::open(path)?
            .take(MAX_KEY_FILE.saturating_add(1))
            .read_to_end(&mut content)?;
        let len = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if content.is_empty() || len > MAX_KEY_FILE {
            return Err(KeyError::EmptyOrHuge);
        }
        Ok(Self::from_content(&content))
    }

    /// As [`Self::from_file`], from the content itself.
    pub fn from_content(content: &[u8]) -> Self {
        let bytes = blake3::derive_key("hushtap 2026-11 pseudonym key file", content);
        Self {
            bytes: Zeroizing::new(bytes),
            fixed: true,
        }
    }

    /// A key for one run, kept nowhere (replay without `--pseudonym-key`). Pseudonyms made with it do not rotate.
    pub fn ephemeral() -> Result<Self, KeyError> {
        random().map(|content| Self::from_content(content.as_slice()))
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::NotPrivate);
        }
        let mut content = Zeroizing::new([0; KEY_LEN]);
        file.read_exact(content.as_mut_slice())
            .map_err(|_| KeyError::BadLength)?;
        if file.read(&mut [0])? != 0 {
            return Err(KeyError::BadLength);
        }
        Ok(Self::rotating(content.as_slice()))
    }

    /// The same bytes give the same key whether they are the state key or given as `--pseudonym-key`.
    fn rotating(content: &[u8]) -> Self {
        let mut key = Self::from_content(content);
        key.fixed = false;
        key
    }

    fn create(dir: &Path, path: &Path) -> Result<Self, KeyError> {
        let content = random()?;
        // Named temporary files are 0600 from the start.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(content.as_slice())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => File::open(dir)?.sync_all()?,
            // Another process was first: its key is the key.
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                return Self::read(path);
            }
            Err(error) => return Err(error.error.into()),
        }
        Ok(Self::rotating(content.as_slice()))
    }

    fn derive(&self, purpose: &str) -> SubKey {
        SubKey(Zeroizing::new(blake3::derive_key(
            purpose,
            self.bytes.as_slice(),
        )))
    }
}

fn random() -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// A key for one purpose.
pub(in crate::cleartext) struct SubKey(Zeroizing<[u8; KEY_LEN]>);

impl SubKey {
    /// Keyed hash of the parts, each preceded by its length so that no two lists of parts run together.
    pub(in crate::cleartext) fn hash(&self, tag: u8, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[tag]);
        for part in parts {
            let len = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hasher.update(&len.to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// The first 128 bits of [`Self::hash`].
    pub(in crate::cleartext) fn hash128(&self, tag: u8, parts: &[&[u8]]) -> u128 {
        u128::from_le_bytes(head(&self.hash(tag, parts)))
    }

    /// The first 64 bits of [`Self::hash`].
    pub(in crate::cleartext) fn hash64(&self, tag: u8, parts: &[&[u8]]) -> u64 {
        u64::from_le_bytes(head(&self.hash(tag, parts)))
    }
}

/// Keyed 128-bit hash for caches and counts that must not hold the value: two hashes with keys of their own. It never
/// leaves the process' memory. Who could make two values collide would make them one token; both would have to be their own, since meeting
/// the hash of a value one does not know is a guess.
pub(in crate::cleartext) struct CacheKey([ahash::RandomState; 2]);

impl CacheKey {
    fn new(key: &SubKey) -> Self {
        Self([0_u8, 1].map(|half| {
            let seed = |part| key.hash64(half, &[&[part]]);
            ahash::RandomState::with_seeds(seed(0), seed(1), seed(2), seed(3))
        }))
    }

    pub(in crate::cleartext) fn hash(&self, value: &[u8]) -> [u64; 2] {
        let [a, b] = &self.0;
        [a.hash_one(value), b.hash_one(value)]
    }

    /// Keyed 64-bit hash of a number and a list of values.
    pub(in crate::cleartext) fn hash_list<'a>(
        &self,
        number: u64,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> u64 {
        let [state, _] = &self.0;
        let mut hasher = state.build_hasher();
        hasher.write_u64(number);
        for value in values {
            hasher.write_usize(value.len());
            hasher.write(value);
        }
        hasher.finish()
    }
}

fn head<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(hash) {
        *to = *from;
    }
    out
}

/// What a principal is known by, once every way of writing it has been made one. The tag keeps identities of different
/// nature apart; the header a value came in does not count.
#[derive(Clone, Copy)]
pub(in crate::cleartext) enum Credential<'a> {
    /// The value itself: an API key, an opaque bearer token, a session cookie, a signature's key id.
    Opaque(&'a [u8]),
    /// A user name (Basic, Digest).
    User(&'a [u8]),
    /// A JWT's issuer and subject.
    Jwt {
        /// `iss`, empty if there is none.
        issuer: &'a [u8],
        /// `sub`, else `client_id`, else `azp`.
        subject: &'a [u8],
    },
    /// A client's address.
    Address(IpAddr),
}

/// All derived keys, and the display epoch in force.
pub struct Keys {
    principal: SubKey,
    display: SubKey,
    integration: SubKey,
    placeholder: SubKey,
    pub(in crate::cleartext) text: SubKey,
    pub(in crate::cleartext) endpoint: SubKey,
    pub(in crate::cleartext) object: CacheKey,
    pub(in crate::cleartext) cache: CacheKey,
    rotate_nanos: Option<u64>,
    epoch: AtomicU64,
}

impl Keys {
    /// Derives every key. `rotate_nanos` is the length of a display epoch; a fixed key (`--pseudonym-key`, replay) does
    /// not rotate whatever it says.
    pub fn new(state: &StateKey, rotate_nanos: Option<u64>) -> Self {
        Self {
            principal: state.derive("hushtap 2026-11 principal"),
            display: state.derive("hushtap 2026-11 display"),
            integration: state.derive("hushtap 2026-11 integration digest"),
            placeholder: state.derive("hushtap 2026-11 placeholder"),
            text: state.derive("hushtap 2026-11 text"),
            endpoint: state.derive("hushtap 2026-11 endpoint"),
            object: CacheKey::new(&state.derive("hushtap 2026-11 object")),
            cache: CacheKey::new(&state.derive("hushtap 2026-11 cache")),
            rotate_nanos: rotate_nanos.filter(|nanos| *nanos > 0 && !state.fixed),
            epoch: AtomicU64::new(0),
        }
    }

    /// Moves the display epoch to the one `now` lies in. Called at window ends, so that all that is shown in a window
    /// agrees.
    pub fn advance(&self, now: EventTime) {
        if let Some(epoch) = self
            .rotate_nanos
            .and_then(|rotate| now.nanos().checked_div(rotate))
        {
            self.epoch.store(epoch, Ordering::Relaxed);
        }
    }

    /// The key of a principal: stable for the life of the state key, never shown.
    pub(in crate::cleartext) fn principal(&self, credential: Credential<'_>) -> PrincipalKey {
        let hash = |tag, parts: &[&[u8]]| PrincipalKey(self.principal.hash128(tag, parts));
        match credential {
            Credential::Opaque(value) => hash(b'o', &[value]),
            Credential::User(name) => hash(b'u', &[name]),
            Credential::Jwt { issuer, subject } => hash(b'j', &[issuer, subject]),
            Credential::Address(address) => match client_prefix(address) {
                IpAddr::V4(v4) => hash(b'4', &[&v4.octets()]),
                IpAddr::V6(v6) => hash(b'6', &[&v6.octets()]),
            },
        }
    }

    /// Tells whether state was saved under the same state key, on a machine with the same hash of objects (that hash may
    /// use what the processor offers). It says nothing of the key.
    pub fn check(&self) -> [u8; 16] {
        let [a, b] = self.object.hash(b"state check");
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        self.principal.hash128(b'!', &[&a, &b]).to_le_bytes()
    }

    /// What people see of a token: `tk_` and 16 base32 letters.
    pub fn show_token(&self, key: PrincipalKey) -> String {
        self.show("tk_", b't', &key.0.to_le_bytes())
    }

    /// What people see of a client: `cl_` and 16 base32 letters.
    pub fn show_client(&self, key: PrincipalKey) -> String {
        self.show("cl_", b'c', &key.0.to_le_bytes())
    }

    /// The keyed hash of the name of an account, never shown.
    pub(in crate::cleartext) fn account(&self, name: &[u8]) -> u64 {
        self.text.hash64(b'a', &[name])
    }

    /// What people see of an object (an id in a path or a body): `ob_` and 16 base32 letters.
    pub(in crate::cleartext) fn show_object(&self, value: &[u8]) -> String {
        self.show("ob_", b'o', value)
    }

    /// The digest by which configuration may name a token: `in_` and 16 base32 letters, the same in every epoch.
    pub(in crate::cleartext) fn integration_digest(&self, key: PrincipalKey) -> String {
        let hash = self.integration.hash(b'i', &[&key.0.to_le_bytes()]);
        pseudonym("in_", &hash)
    }

    /// The masker's key for keyed placeholders: equal values stay equal within a display epoch.
    pub(crate) fn placeholder_key(&self) -> [u8; 32] {
        let epoch = self.epoch.load(Ordering::Relaxed).to_le_bytes();
        self.placeholder.hash(b'p', &[&epoch])
    }

    fn show(&self, prefix: &str, tag: u8, value: &[u8]) -> String {
        let epoch = self.epoch.load(Ordering::Relaxed).to_le_bytes();
        pseudonym(prefix, &self.display.hash(tag, &[&epoch, value]))
    }
}

/// The address as clients are counted by: IPv4 (also mapped into IPv6) whole, IPv6 by its /56.
pub(in crate::cleartext) fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 72))),
    }
}

/// `prefix` and the first 80 bits in base32 (RFC 4648 section 6, lower case).
fn pseudonym(prefix: &str, hash: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(prefix.len().saturating_add(16));
    out.push_str(prefix);
    for group in head::<10>(hash).chunks_exact(5) {
        let bits = group
            .iter()
            .fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for shift in (0..8_u32).rev() {
            let index = (bits >> shift.saturating_mul(5)) & 31;
            let letter = usize::try_from(index)
                .ok()
                .and_then(|index| ALPHABET.get(index));
            out.push(char::from(letter.copied().unwrap_or(b'a')));
        }
    }
    out
}

impl Zeroize for StateKey {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
    }
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
    use static_assertions::assert_not_impl_any;
    use std::fmt::Debug;

    assert_not_impl_any!(StateKey: Debug, Clone, fmt::Display);
    assert_not_impl_any!(SubKey: Debug, Clone, fmt::Display);
    assert_not_impl_any!(Keys: Debug, Clone, fmt::Display);

    fn keys(seed: &[u8]) -> Keys {
        Keys::new(&StateKey::from_content(seed), None)
    }

    #[test]
    fn a_state_key_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateKey::open_or_create(dir.path()).unwrap();
        let again = StateKey::open_or_create(dir.path()).unwrap();
        assert_eq!(*first.bytes, *again.bytes);
        let given = StateKey::from_file(&dir.path().join(STATE_KEY_FILE)).unwrap();
        assert_eq!(*first.bytes, *given.bytes);
        assert!(given.fixed && !first.fixed);
        let path = dir.path().join(STATE_KEY_FILE);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        StateKey::open_or_create(dir.path()).unwrap();
        let path = dir.path().join(STATE_KEY_FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = StateKey::open_or_create(dir.path()).err();
        assert_eq!(error, Some(KeyError::NotPrivate));
    }

    #[test]
    fn a_damaged_key_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(STATE_KEY_FILE);
        for content in [&[0_u8; 31][..], &[0; 33], &[]] {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            let error = StateKey::open_or_create(dir.path()).err();
            assert_eq!(error, Some(KeyError::BadLength));
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_missing_directory_and_an_empty_key_file_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none");
        assert_eq!(
            StateKey::open_or_create(&missing).err(),
            Some(KeyError::Io(ErrorKind::NotFound))
        );
        let empty = dir.path().join("empty");
        std::fs::write(&empty, b"").unwrap();
        assert_eq!(
            StateKey::from_file(&empty).err(),
            Some(KeyError::EmptyOrHuge)
        );
    }

    #[test]
    fn pseudonyms_are_pinned() {
        // A change here renames every token in every deployment.
        let keys = keys(b"pinned");
        let key = keys.principal(Credential::Opaque(b"value"));
        let shown = [
            keys.show_token(key),
            keys.show_client(key),
            keys.show_object(b"value"),
            keys.integration_digest(key),
        ];
        assert_eq!(
            shown,
            [
                "tk_n47i2gmjg6q75wax",
                "cl_qvq5hgwslnq6lvv5",
                "ob_7jsw2kx4dadnnoin",
                "in_gfeboccpsf2krdnw"
            ]
        );
    }

    #[test]
    fn pseudonyms_depend_on_key_kind_and_value() {
        let (a, b) = (keys(b"a"), keys(b"b"));
        let value = Credential::Opaque(b"value");
        let user = Credential::User(b"value");
        assert_ne!(a.principal(value), b.principal(value));
        assert_ne!(a.principal(value), a.principal(user));
        let split = |issuer, subject| a.principal(Credential::Jwt { issuer, subject });
        assert_ne!(split(b"ab", b"c"), split(b"a", b"bc"));
        let shown = a.show_token(a.principal(value));
        assert_eq!(shown.len(), 19);
        assert!(
            shown
                .bytes()
                .skip(3)
                .all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'))
        );
    }

    #[test]
    fn display_rotates_and_principals_do_not() {
        let state = StateKey::rotating(&[7; 32]);
        let keys = Keys::new(&state, Some(1_000));
        let key = keys.principal(Credential::Opaque(b"value"));
        keys.advance(EventTime::from_nanos(999));
        let before = keys.show_token(key);
        keys.advance(EventTime::from_nanos(1_000));
        assert_ne!(keys.show_token(key), before);
        assert_eq!(keys.principal(Credential::Opaque(b"value")), key);
        let fixed = Keys::new(&StateKey::from_content(b"x"), Some(1_000));
        let before = fixed.show_token(key);
        fixed.advance(EventTime::from_nanos(5_000));
        assert_eq!(fixed.show_token(key), before);
    }

    #[test]
    fn clients_are_counted_by_prefix() {
        let keys = keys(b"a");
        let key = |text: &str| keys.principal(Credential::Address(text.parse().unwrap()));
        assert_eq!(key("198.51.100.7"), key("::ffff:198.51.100.7"));
        assert_ne!(key("198.51.100.7"), key("198.51.100.8"));
        assert_eq!(key("2001:db8:0:12aa::1"), key("2001:db8:0:12ff:ffff::"));
        assert_ne!(key("2001:db8:0:12aa::1"), key("2001:db8:0:13aa::1"));
    }

    #[test]
    fn base32_follows_rfc_4648() {
        let mut hash = [0; 32];
        hash[..10].copy_from_slice(b"foobarfoob");
        assert_eq!(pseudonym("x_", &hash), "x_mzxw6ytbojtg633c");
    }
}
