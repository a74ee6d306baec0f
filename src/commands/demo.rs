//! `hushtap demo`: a synthetic day, declared as such, written as a capture with everything that belongs to it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::options::{LiveOptions, LiveSource, Speed};
use crate::cli::{DemoArgs, DemoShape};
use crate::config::Config;
use crate::demo::{self, DemoPlan, DemoTruth, Shape};
use crate::error::{Error, Exit};

/// Writes the day, then lets `work` run the daemon on it until it is told to stop.
pub fn run(
    args: &DemoArgs,
    matches: &ArgMatches,
    work: impl FnOnce(LiveOptions) -> Result<Exit, Error>,
) -> Result<Exit, Error> {
    let speed = Speed::parse(&args.speed)?;
    let files = DemoFiles::write(args)?;
    super::print(files.describe().as_bytes())?;
    if args.generate_only {
        return Ok(Exit::Done);
    }
    let config = Config::load_or(matches, Some(files.dir.join(DemoFiles::CONFIG)))?;
    super::print(files.where_to_look(&config, speed).as_bytes())?;
    work(LiveOptions {
        config,
        source: LiveSource::File {
            path: files.dir.join(DemoFiles::CAPTURE),
            speed,
            follow: false,
        },
        init_ledger: true,
        new_budget: false,
        show_login: true,
    })
}

/// What was written, and where.
struct DemoFiles {
    dir: PathBuf,
    truth: DemoTruth,
}

impl DemoFiles {
    const CAPTURE: &str = "day.pcap";
    const OPENAPI: &str = "openapi.yaml";
    const COUNTRIES: &str = "countries.mmdb";
    const CONFIG: &str = "hushtap.toml";

    fn write(args: &DemoArgs) -> Result<Self, Error> {
        let dir = directory(args.output.as_deref())?;
        let capture = dir.join(Self::CAPTURE);
        let truth = File::create(&capture)
            .and_then(|file| demo::write_capture(file, &plan(args)))
            .map_err(|error| Error::io("cannot write", &place(&capture), &error))?;
        put(&dir.join(Self::OPENAPI), demo::OPENAPI.as_bytes())?;
        put(&dir.join(Self::COUNTRIES), &demo::country_database())?;
        put(&dir.join(Self::CONFIG), CONFIG.as_bytes())?;
        Ok(Self { dir, truth })
    }

    /// What is in the capture, for people.
    fn describe(&self) -> String {
        use std::fmt::Write as _;

        let mut text = format!(
            "Synthetic traffic, invented from a seed: {} requests by {} tokens over {} connections, {} MB, in {}\n",
            self.truth.transactions,
            self.truth.tokens,
            self.truth.connections,
            self.truth.bytes / 1_000_000,
            self.dir.join(Self::CAPTURE).display()
        );
        for attack in &self.truth.attacks {
            let clock = attack.from.to_string();
            let clock = clock.get(11..16).unwrap_or_default();
            writeln!(text, "  {clock}  {:<17} {}", attack.signal, attack.what).unwrap_or_default();
        }
        text
    }

    /// Where the running demo is to be seen.
    fn where_to_look(&self, config: &Config, speed: Speed) -> String {
        let takes = match speed {
            Speed::Times(factor) => format!("in {:.1} minutes", 24.0 * 60.0 / factor),
            Speed::Max => "as fast as it goes".to_owned(),
        };
        format!(
            "\nThe day now passes {takes}; hushtap goes on serving until Ctrl-C.\n\
             \x20 public metrics   http://{}/metrics\n\
             \x20 operator page    the login link below\n\
             \x20 report           hushtap replay -c {} {}\n",
            config.settings.export.listen,
            self.dir.join(Self::CONFIG).display(),
            self.dir.join(Self::CAPTURE).display()
        )
    }
}

/// The directory asked for, else a new one that nobody else can have guessed.
fn directory(asked: Option<&Path>) -> Result<PathBuf, Error> {
    let Some(dir) = asked else {
        let made = tempfile::Builder::new().prefix("hushtap-demo-").tempdir();
        let home = std::env::temp_dir();
        return made
            .map(tempfile::TempDir::keep)
            .map_err(|error| Error::io("cannot make a directory", &place(&home), &error));
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::io("cannot make the directory", &place(dir), &error))?;
    Ok(dir.to_path_buf())
}

fn plan(args: &DemoArgs) -> DemoPlan {
    DemoPlan {
        seed: args.seed,
        shape: match args.shape {
            DemoShape::Day => Shape::Day,
            DemoShape::Keepalive => Shape::KeepAlive,
        },
        tokens: args.tokens,
        transactions: args.transactions,
        ..DemoPlan::default()
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes)
        .map_err(|error: io::Error| Error::io("cannot write", &place(path), &error))
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

/// The configuration of the demo; paths count from its directory.
const CONFIG: &str = "\
# Configuration of the hushtap demo: the invented shop.
[anonymize]
openapi = [\"openapi.yaml\"]
geoip = \"countries.mmdb\"

# The noise hides what this rate of one token can add. A token of the shop makes a call in three minutes on average;
# what busier ones add beyond a call a minute (unused minutes count) is scaled down.
[privacy]
requests_per_minute = 1

# One day is all there is to learn from.
[detect]
warm_up = \"6 h\"
mature_days = 1

[state]
dir = \"state\"

[[service]]
name = \"shop\"
hosts = [\"api.shop.test\"]
";
