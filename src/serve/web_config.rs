//! The web config file: the YAML format of the Prometheus exporter toolkit, as far as a listener here can honour it.
//!
//! <https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>. Unknown keys are errors, so that
//! nobody believes in a protection that is not there. Additional to the toolkit: `bearer_tokens`, a list of tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::auth::Credentials;

/// The file as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebFile {
    #[serde(default)]
    tls_server_config: Option<TlsFile>,
    #[serde(default)]
    basic_auth_users: BTreeMap<String, String>,
    #[serde(default)]
    bearer_tokens: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsFile {
    cert_file: PathBuf,
    key_file: PathBuf,
    #[serde(default)]
    client_auth_type: ClientAuth,
    #[serde(default)]
    client_ca_file: Option<PathBuf>,
    #[serde(default)]
    min_version: MinVersion,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum ClientAuth {
    #[default]
    NoClientCert,
    VerifyClientCertIfGiven,
    RequireAndVerifyClientCert,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum MinVersion {
    #[default]
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

/// What is wrong with a web config file.
#[derive(Debug, thiserror::Error)]
pub enum WebConfigError {
    /// The file or one it names cannot be read.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// It is no valid YAML, or has keys or values that are not known.
    #[error("{0}: {1}")]
    Parse(PathBuf, String),
    /// The certificate or the key is not usable.
    #[error("{0}: {1}")]
    Tls(PathBuf, String),
}

/// A web config, loaded and checked.
#[derive(Debug, Default)]
pub struct WebConfig {
    /// TLS, if configured.
    pub tls: Option<Arc<ServerConfig>>,
    /// Users and tokens.
    pub credentials: Credentials,
}

impl WebConfig {
    /// Reads and checks a file. Paths in it are relative to it.
    ///
    /// # Errors
    /// Says which file is at fault and why.
    pub fn load(path: &Path) -> Result<Self, WebConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|e| WebConfigError::Read(path.to_owned(), e))?;
        let file: WebFile = serde_saphyr::from_str(&text)
            .map_err(|e| WebConfigError::Parse(path.to_owned(), e.to_string()))?;
        for (user, hash) in &file.basic_auth_users {
            if !hash.starts_with("$2") || hash.len() != 60 {
                let what = format!(
                    "basic_auth_users.{user}: not a bcrypt hash (make one with `htpasswd -nBC 10 {user}`)"
                );
                return Err(WebConfigError::Parse(path.to_owned(), what));
            }
        }
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        let tls = file
            .tls_server_config
            .map(|tls| tls_config(folder, &tls))
            .transpose()?;
        let bearers = file.bearer_tokens.into_iter().map(Zeroizing::new).collect();
        Ok(Self {
            tls,
            credentials: Credentials {
                users: file.basic_auth_users,
                bearers,
            },
        })
    }
}

fn tls_config(folder: &Path, file: &TlsFile) -> Result<Arc<ServerConfig>, WebConfigError> {
    let cert_path = folder.join(&file.cert_file);
    let certs = read_certs(&cert_path)?;
    let key_path = folder.join(&file.key_file);
    let key = PrivateKeyDer::from_pem_file(&key_path)
        .map_err(|e| WebConfigError::Tls(key_path.clone(), e.to_string()))?;
    let versions: &[&rustls::SupportedProtocolVersion] = match file.min_version {
        MinVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        MinVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|e| WebConfigError::Tls(cert_path.clone(), e.to_string()))?;
    let builder = match (file.client_auth_type, &file.client_ca_file) {
        (ClientAuth::NoClientCert, _) => builder.with_no_client_auth(),
        (kind, Some(ca)) => {
            let ca = folder.join(ca);
            let mut roots = RootCertStore::empty();
            for cert in read_certs(&ca)? {
                roots
                    .add(cert)
                    .map_err(|e| WebConfigError::Tls(ca.clone(), e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if kind == ClientAuth::VerifyClientCertIfGiven {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            let verifier = verifier
                .build()
                .map_err(|e| WebConfigError::Tls(ca, e.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
        (_, None) => {
            let what =
                "client_auth_type asks for client certificates, but client_ca_file is not set"
                    .to_owned();
            return Err(WebConfigError::Tls(cert_path, what));
        }
    };
    let mut config = builder
        .with_single_cert(certs, key)
        .map_err(|e| WebConfigError::Tls(cert_path, e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_certs(path: &Path) -> Result<Vec<CertificateDer<'static>>, WebConfigError> {
    let fault =
        |e: rustls_pki_types::pem::Error| WebConfigError::Tls(path.to_owned(), e.to_string());
    CertificateDer::pem_file_iter(path)
        .map_err(fault)?
        .collect::<Result<_, _>>()
        .map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<WebConfig, WebConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        std::fs::write(&path, text).unwrap();
        WebConfig::load(&path)
    }

    #[test]
    fn reads_users() {
        let hash = bcrypt::hash("pw", 4).unwrap();
        let config = load(&format!("basic_auth_users:\n  prom: {hash}\n")).unwrap();
        assert_eq!(config.credentials.users.len(), 1);
    }

    #[test]
    fn refuses_unknown_keys_and_plain_passwords() {
        assert!(load("tls_sever_config: {}\n").is_err());
        assert!(load("basic_auth_users:\n  prom: secret\n").is_err());
    }

    #[test]
    fn reads_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("c.pem"), pair.cert.pem()).unwrap();
        std::fs::write(
            folder.path().join("k.pem"),
            pair.signing_key.serialize_pem(),
        )
        .unwrap();
        let path = folder.path().join("web.yml");
        std::fs::write(
            &path,
            "tls_server_config:\n  cert_file: c.pem\n  key_file: k.pem\n  min_version: TLS13\n",
        )
        .unwrap();
        assert!(WebConfig::load(&path).unwrap().tls.is_some());
    }
}
