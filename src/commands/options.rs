//! What the pipeline is told: the command line and the config, made into meaning once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cleartext::capture::udp::Listen;
use crate::cleartext::schema::Depth;
use crate::clock::EventTime;
use crate::config::Config;
use crate::error::Error;

use super::progress::Progress;
use super::select::Select;

/// What `hushtap replay` is to do.
#[derive(Debug)]
pub struct ReplayOptions {
    /// The config in force.
    pub config: Config,
    /// Files to read, directories already replaced by their files in order of name; `-` is standard input.
    pub inputs: Vec<PathBuf>,
    /// Packets outside are left out and counted.
    pub range: TimeRange,
    /// Narrows every output.
    pub select: Select,
    /// How closely transactions are held against the documents.
    pub survey: Depth,
    /// Whether a report is wanted.
    pub report: bool,
    /// Whether rows are wanted at all (`--records`).
    pub records: bool,
    /// Whether rows carry masked text (`--bodies`).
    pub bodies: bool,
    /// Where the pipeline says whom to ask how far it is: `progress.attach(...)`.
    pub progress: Progress,
}

/// What `hushtap run` is to do.
#[derive(Debug)]
pub struct LiveOptions {
    /// The config in force; listeners, files and directories are in it.
    pub config: Config,
    /// Where packets come from.
    pub source: LiveSource,
    /// Start a privacy ledger where there is none.
    pub init_ledger: bool,
    /// Release again from a capture that was released under another config.
    pub new_budget: bool,
    /// Print the login link wherever standard error goes (the demo, whose data are invented).
    pub show_login: bool,
}

/// Where `hushtap run` gets its packets.
#[derive(Clone, PartialEq, Debug)]
pub enum LiveSource {
    /// From NICs.
    Interfaces {
        /// Their names.
        names: Vec<String>,
        /// A capture filter (BPF).
        filter: Option<String>,
    },
    /// From sockets that a cloud mirror sends to.
    Sockets(Vec<Listen>),
    /// From a capture file.
    File {
        /// Which.
        path: PathBuf,
        /// How fast.
        speed: Speed,
        /// Whether to wait for more at its end.
        follow: bool,
    },
}

/// What `hushtap scrub` is to do.
#[derive(Debug)]
pub struct ScrubOptions {
    /// How the input is read, and whose packets are wanted.
    pub replay: ReplayOptions,
    /// A directory for masked streams, which go there in a file without a name.
    pub scratch: PathBuf,
    /// The output in words.
    pub place: String,
}

/// What `hushtap doctor` is to look at.
#[derive(Debug)]
pub struct DoctorOptions {
    /// The config in force.
    pub config: Config,
    /// Where packets come from.
    pub source: DoctorSource,
    /// Where the pipeline says whom to ask how far it is.
    pub progress: Progress,
}

/// Where `hushtap doctor` gets its packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DoctorSource {
    /// From NICs, for so many seconds.
    Interfaces {
        /// Their names.
        names: Vec<String>,
        /// How long to watch.
        seconds: u64,
    },
    /// From a capture file, all of it.
    File(PathBuf),
}

/// How fast a file is fed to the daemon.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// As fast as it goes.
    Max,
    /// So many times real time.
    Times(f64),
}

impl Speed {
    /// `realtime`, `max` or a positive number, with or without an `x` behind it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "realtime" => Ok(Self::Times(1.0)),
            "max" => Ok(Self::Max),
            _ => text
                .strip_suffix('x')
                .unwrap_or(text)
                .parse::<f64>()
                .ok()
                .filter(|factor| factor.is_finite() && *factor > 0.0)
                .map(Self::Times)
                .ok_or_else(|| {
                    Error::usage(format!("--speed: `{text}` is no speed"))
                        .hint("allowed: realtime, max, or how many times real time, such as 60")
                }),
        }
    }
}

/// `--from` and `--to`: from is included, to is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimeRange {
    /// No packets before this.
    pub from: Option<EventTime>,
    /// No packets at or after this.
    pub to: Option<EventTime>,
}

impl TimeRange {
    /// From the texts of the two flags.
    pub fn parse(from: Option<&str>, to: Option<&str>) -> Result<Self, Error> {
        let range = Self {
            from: from.map(|text| edge("--from", text)).transpose()?,
            to: to.map(|text| edge("--to", text)).transpose()?,
        };
        match (range.from, range.to) {
            (Some(from), Some(to)) if from >= to => Err(Error::usage(format!(
                "--from {from} is not before --to {to}"
            ))
            .hint("swap the two, or leave one out")),
            _ => Ok(range),
        }
    }

    /// Whether a packet of this moment is wanted.
    pub fn contains(&self, time: EventTime) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

fn edge(flag: &str, text: &str) -> Result<EventTime, Error> {
    moment(text).ok_or_else(|| {
        Error::usage(format!("{flag}: `{text}` is no moment"))
            .hint("write 2026-11-22T06:53:00Z, with a time zone, or seconds since 1970")
    })
}

/// RFC 3339, or seconds since 1970 with up to nine decimals.
pub(super) fn moment(text: &str) -> Option<EventTime> {
    let nanos = match text.parse::<jiff::Timestamp>() {
        Ok(stamp) => u64::try_from(stamp.as_nanosecond()).ok(),
        Err(_) => epoch_nanos(text),
    };
    nanos.map(EventTime::from_nanos)
}

fn epoch_nanos(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = u32::try_from(fraction.len()).ok().filter(|n| *n <= 9)?;
    let fraction = fraction.parse::<u64>().ok()? * 10_u64.pow(9 - digits);
    let seconds = seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?;
    seconds.checked_add(fraction)
}

/// Replaces directories by the files in them, in order of name, without hidden ones. What is not there is told at once.
pub fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for input in inputs {
        if input.as_os_str() == "-" || !is_dir(input)? {
            files.push(input.clone());
            continue;
        }
        let place = input.display().to_string();
        let entries = fs::read_dir(input)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| Error::io("cannot list the directory", &place, &error))?;
        let mut inside: Vec<PathBuf> = entries
            .iter()
            .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            .map(fs::DirEntry::path)
            .filter(|path| path.is_file() && looks_like_a_capture(path))
            .collect();
        if inside.is_empty() {
            return Err(Error::failed("no capture files in the directory")
                .at(place)
                .hint("captures end in .pcap, .pcapng or .cap, also with .gz or .zst behind"));
        }
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

fn is_dir(path: &Path) -> Result<bool, Error> {
    fs::metadata(path)
        .map(|meta| meta.is_dir())
        .map_err(|error| {
            let place = path.display().to_string();
            if error.kind() == std::io::ErrorKind::NotFound {
                return Error::failed("there is no such file")
                    .at(place)
                    .hint("give a capture file, a directory of them, or - for standard input");
            }
            Error::io("cannot read", &place, &error)
        })
}

/// By name: directories of captures also hold notes and key logs. A file named on the command line is read whatever its name.
fn looks_like_a_capture(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let name = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    [".pcap", ".pcapng", ".cap", ".ntar"]
        .iter()
        .any(|end| name.ends_with(end))
        || name
            .rsplit_once(".pcap")
            .is_some_and(|(_, digits)| digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_both_forms() {
        let range = TimeRange::parse(Some("2026-11-22T06:53:00Z"), Some("1795330381.5")).unwrap();
        assert_eq!(range.from, Some(EventTime::from_secs(1_795_330_380)));
        assert_eq!(
            range.to,
            Some(EventTime::from_nanos(1_795_330_381_500_000_000))
        );
        assert!(range.contains(EventTime::from_secs(1_795_330_380)));
        assert!(!range.contains(EventTime::from_nanos(1_795_330_381_500_000_000)));
    }

    #[test]
    fn nonsense_moments_are_usage_errors() {
        for text in ["yesterday", "", "-1", "1.2.3", "2026-11-22", "1.0000000001"] {
            let error = TimeRange::parse(Some(text), None).unwrap_err();
            assert_eq!(error.exit().code(), 2, "{text}");
        }
        assert!(TimeRange::parse(Some("20"), Some("10")).is_err());
    }

    #[test]
    fn speeds() {
        assert_eq!(Speed::parse("max").unwrap(), Speed::Max);
        assert_eq!(Speed::parse("realtime").unwrap(), Speed::Times(1.0));
        assert_eq!(Speed::parse("60x").unwrap(), Speed::Times(60.0));
        for text in ["", "0", "-1", "fast", "inf", "NaN"] {
            assert!(Speed::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn directories_give_their_captures_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.pcap.gz",
            "a.pcapng",
            "notes.txt",
            ".hidden.pcap",
            "c.pcap3",
        ] {
            fs::write(dir.path().join(name), b"").unwrap();
        }
        let files = expand(&[dir.path().to_path_buf(), PathBuf::from("-")]).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.pcapng", "b.pcap.gz", "c.pcap3", "-"]);
        assert_eq!(
            expand(&[dir.path().join("none")])
                .unwrap_err()
                .exit()
                .code(),
            1
        );
    }
}
