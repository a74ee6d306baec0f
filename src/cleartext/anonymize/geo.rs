//! The country of a client, from an mmdb file of the user's choice. Without one every country is unknown.
//!
//! Reads both shapes of record in use: `{"country":{"iso_code":"DE"}}` (MaxMind) and `{"country_code":"DE"}`.

use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{PathElement, Reader};

use crate::observation::Country;

/// Why a database could not be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeoError {
    /// The file could not be read.
    Io(ErrorKind),
    /// It is longer than 1 GiB.
    TooLong,
    /// It is no MaxMind database.
    NotMmdb,
}

impl fmt::Display for GeoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(kind) => fmt::Display::fmt(kind, f),
            Self::TooLong => f.write_str("the file is longer than 1 GiB"),
            Self::NotMmdb => f.write_str("the file is no MaxMind database (mmdb)"),
        }
    }
}

impl std::error::Error for GeoError {}

/// Longest database that is read into memory.
const MAX_DATABASE: u64 = 1 << 30;

/// A country database, held in memory whole: a file that is replaced or cut while in use does no harm.
pub struct Geo(Reader<Vec<u8>>);

impl Geo {
    /// Reads a database.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let io = |error: std::io::Error| GeoError::Io(error.kind());
        if std::fs::metadata(path).map_err(io)?.len() > MAX_DATABASE {
            return Err(GeoError::TooLong);
        }
        let bytes = std::fs::read(path).map_err(io)?;
        Reader::from_source(bytes)
            .map(Self)
            .map_err(|_| GeoError::NotMmdb)
    }

    /// The country of an address; unknown where the database has none or is damaged there.
    pub(in crate::cleartext) fn country(&self, address: IpAddr) -> Country {
        let Ok(found) = self.0.lookup(address.to_canonical()) else {
            return Country::UNKNOWN;
        };
        let text = |path: &[PathElement<'_>]| found.decode_path::<&str>(path).ok().flatten();
        let nested = [PathElement::Key("country"), PathElement::Key("iso_code")];
        text(&nested)
            .or_else(|| text(&[PathElement::Key("country_code")]))
            .map_or(Country::UNKNOWN, Country::from_code)
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;

    /// 198.18.0.0/15 in pieces of /20, one country each.
    const SYNTHETIC: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/anomaly/synthetic-country.mmdb"
    );

    #[test]
    fn a_database_is_read() {
        let path = Path::new(SYNTHETIC);
        if !path.exists() {
            println!("SKIPPED: no test database at {SYNTHETIC}");
            return;
        }
        let geo = Geo::open(path).unwrap();
        let country = |text: &str| geo.country(text.parse().unwrap());
        let first = country("198.18.0.1");
        assert_eq!(first.code().len(), 2);
        assert_eq!(country("198.18.15.255"), first);
        assert_ne!(country("198.18.16.1"), first);
        assert_eq!(country("::ffff:198.18.0.1"), first);
        assert_eq!(country("192.0.2.1"), Country::UNKNOWN);
        assert_eq!(country("2001:db8::1"), Country::UNKNOWN);
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mmdb");
        assert_eq!(
            Geo::open(&path).err(),
            Some(GeoError::Io(ErrorKind::NotFound))
        );
        std::fs::write(&path, b"no database").unwrap();
        assert_eq!(Geo::open(&path).err(), Some(GeoError::NotMmdb));
    }
}
