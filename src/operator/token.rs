//! The operator's token: made at first start, 0600 in the state directory.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use zeroize::Zeroizing;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("cannot use {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// Others may read the file.
    #[error(
        "{0} can be read by other users: run `chmod 600 {0}` and consider it known, or delete it to get a new one"
    )]
    Permissions(PathBuf),
    /// The file holds something else.
    #[error("{0} holds no token of at least 20 characters: delete it to get a new one")]
    Malformed(PathBuf),
    /// The system gives no randomness.
    #[error("the operating system gives no random bytes")]
    Random,
}

/// The token, wiped from memory when dropped. Prints as its type name.
pub struct OperatorToken(Zeroizing<String>);

impl OperatorToken {
    /// File name in the state directory.
    pub const FILE: &'static str = "operator.token";

    /// Reads the token of a state directory, or makes it.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn open(state_dir: &Path) -> Result<Self, TokenError> {
        let path = state_dir.join(Self::FILE);
        match std::fs::File::open(&path) {
            Ok(file) => Self::read(file, path),
            Err(e) if e.kind() == ErrorKind::NotFound => Self::create(&path),
            Err(e) => Err(TokenError::Io(path, e)),
        }
    }

    fn read(mut file: std::fs::File, path: PathBuf) -> Result<Self, TokenError> {
        let mode = file
            .metadata()
            .map_err(|e| TokenError::Io(path.clone(), e))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(TokenError::Permissions(path));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)
            .map_err(|e| TokenError::Io(path.clone(), e))?;
        let token = text.trim();
        if token.len() < 20
            || !token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(TokenError::Malformed(path));
        }
        Ok(Self(Zeroizing::new(token.to_owned())))
    }

    fn create(path: &Path) -> Result<Self, TokenError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| TokenError::Random)?;
        let token = Zeroizing::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bytes));
        let fault = |e| TokenError::Io(path.to_owned(), e);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(fault)?;
        file.write_all(token.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(fault)?;
        Ok(Self(token))
    }

    /// The token itself, for the login link on the terminal and for comparison.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the login cookie holds: derived, so that a stolen cookie does not give the token away.
    pub fn session(&self) -> String {
        let hash = blake3::derive_key("hushtap 2026 operator session cookie", self.0.as_bytes());
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = OperatorToken::open(folder.path()).unwrap();
        let second = OperatorToken::open(folder.path()).unwrap();
        assert_eq!(first.expose(), second.expose());
        let path = folder.path().join(OperatorToken::FILE);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            OperatorToken::open(folder.path()),
            Err(TokenError::Permissions(_))
        ));
    }
}
