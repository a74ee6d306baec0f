//! `hushtap privacy trials`: input, output and a directory for ledgers; the trials themselves are `release::trials`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::Deserialize;

use crate::analysis::clip::{OnceBits, Signal, VolumeFamily};
use crate::cli::TrialsArgs;
use crate::error::{Error, Exit};
use crate::observation::{
    Category, Country, Finding, IntegrationId, Observation, Part, PrincipalKey, Proof, PublicCell,
    PublicTriple, RuleId, Status, TextId, TypeId,
};
use crate::release::budget::MicroRho;
use crate::release::trials::{Event, Family, Setup, TrialError, Trials};

/// In memory where the system has such a directory: a trial syncs its ledger after every window.
const MEMORY: &str = "/dev/shm";

/// Runs the trials.
pub(super) fn run(args: &TrialsArgs) -> Result<Exit, Error> {
    plant(args)?;
    let triples = triples(args.public.as_deref())?;
    let (events, integrations) = events(args, &triples)?;
    let families = families(&args.family)?;
    let setup = Setup {
        windows: args.windows,
        rho: rho(&args.rho)?,
        u2: u2(&args.u2)?,
        triples,
        integrations,
        families,
        restart_before: args.restart_before,
    };
    if args
        .restart_before
        .is_some_and(|w| w < 2 || w > args.windows)
    {
        return Err(Error::usage(
            "--restart-before must be 2 to the number of --windows",
        ));
    }
    let trials = Trials::new(setup).map_err(|error| refused(&error))?;
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    if args.header {
        let line = trials.header().join("\t");
        writeln!(out, "{line}").map_err(|error| output(&error))?;
    }
    let base = if Path::new(MEMORY).is_dir() {
        tempfile::Builder::new()
            .prefix("hushtap-trials-")
            .tempdir_in(MEMORY)
    } else {
        tempfile::tempdir()
    }
    .map_err(|error| Error::io("cannot make a directory for ledgers", MEMORY, &error))?;
    for number in 0..args.trials {
        let dir = base.path().join(number.to_string());
        trials
            .run(&events, &dir, &mut out)
            .map_err(|error| refused(&error))?;
        std::fs::remove_dir_all(&dir).map_err(|error| {
            Error::io("cannot remove a ledger", &dir.display().to_string(), &error)
        })?;
    }
    out.flush().map_err(|error| output(&error))?;
    Ok(Exit::Done)
}

#[cfg(feature = "planted-faults")]
fn plant(args: &TrialsArgs) -> Result<(), Error> {
    use crate::fault::{Fault, plant};
    let Some(name) = &args.plant_fault else {
        return Ok(());
    };
    let found = Fault::ALL.iter().find(|(_, known)| known == name);
    let (fault, _) = found.ok_or_else(|| {
        let names: Vec<_> = Fault::ALL.iter().map(|(_, name)| *name).collect();
        Error::usage(format!("--plant-fault: one of {}", names.join(", ")))
    })?;
    plant(*fault);
    Ok(())
}

#[cfg(not(feature = "planted-faults"))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "the build with faults can fail here"
)]
const fn plant(_args: &TrialsArgs) -> Result<(), Error> {
    Ok(())
}

fn refused(error: &TrialError) -> Error {
    match error {
        TrialError::Output(error) => output(error),
        TrialError::Plan(_) => Error::usage(error.to_string()),
        TrialError::Release(_) => Error::failed(error.to_string()),
    }
}

fn output(error: &io::Error) -> Error {
    Error::io("cannot write", "standard output", error)
}

/// One line of input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    window: u32,
    principal: String,
    service: String,
    endpoint: String,
    method: String,
    code: String,
    #[serde(default = "one")]
    count: u32,
    duration_us: Option<u64>,
    #[serde(default)]
    request_kib: u64,
    #[serde(default)]
    response_kib: u64,
    country: Option<String>,
    #[serde(default)]
    sensitive: Vec<Sensitive>,
    #[serde(default)]
    signals: Vec<String>,
    integration: Option<String>,
}

const fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sensitive {
    category: String,
    #[serde(rename = "where")]
    place: String,
    #[serde(default = "one")]
    n: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    service: String,
    endpoint: String,
    method: String,
}

/// The public cells, sorted, then `other`.
fn triples(path: Option<&Path>) -> Result<Vec<PublicTriple>, Error> {
    let mut triples = Vec::new();
    if let Some(path) = path {
        let place = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| Error::io("cannot read", &place, &error))?;
        let cells: Vec<Cell> = serde_json::from_slice(&text).map_err(|error| {
            Error::usage(format!("no list of cells: {error}"))
                .at(&place)
                .hint(r#"it is a JSON array of {"service":"s","endpoint":"/x","method":"GET"}"#)
        })?;
        triples.extend(cells.into_iter().map(|cell| PublicTriple {
            service: cell.service,
            endpoint: cell.endpoint,
            method: cell.method,
        }));
    }
    let other = PublicTriple::other();
    triples.retain(|triple| *triple != other);
    triples.sort_unstable();
    triples.dedup();
    triples.push(other);
    Ok(triples)
}

/// The observations in order of windows, and the names of integrations, sorted.
fn events(args: &TrialsArgs, triples: &[PublicTriple]) -> Result<(Vec<Event>, Vec<String>), Error> {
    let place = args.input.display().to_string();
    let file = File::open(&args.input).map_err(|error| Error::io("cannot read", &place, &error))?;
    let mut lines = Vec::new();
    for (number, text) in BufReader::new(file).lines().enumerate() {
        let text = text.map_err(|error| Error::io("cannot read", &place, &error))?;
        if text.trim().is_empty() {
            continue;
        }
        let at = format!("{place}:{}", number + 1);
        let line: Line = serde_json::from_str(&text)
            .map_err(|error| Error::usage(format!("no observation: {error}")).at(&at))?;
        if line.window == 0 || line.window > args.windows {
            let fault = format!("window {} is not 1 to {}", line.window, args.windows);
            return Err(Error::usage(fault).at(&at));
        }
        lines.push((at, line));
    }
    let mut integrations: Vec<_> = lines
        .iter()
        .filter_map(|(_, line)| line.integration.clone())
        .collect();
    integrations.sort_unstable();
    integrations.dedup();
    let mut events = lines
        .iter()
        .map(|(at, line)| {
            event(line, triples, &integrations).map_err(|what| Error::usage(what).at(at))
        })
        .collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| event.window);
    Ok((events, integrations))
}

fn event(line: &Line, triples: &[PublicTriple], integrations: &[String]) -> Result<Event, String> {
    let cell = triples
        .iter()
        .position(|triple| {
            triple.service == line.service
                && triple.endpoint == line.endpoint
                && triple.method == line.method
        })
        .unwrap_or(triples.len().saturating_sub(1));
    let status = match &*line.code {
        "none" => Status::NONE,
        "1xx" => Status(101),
        "2xx" => Status(200),
        "3xx" => Status(302),
        "4xx" => Status(404),
        "5xx" => Status(500),
        _ => return Err("`code` must be 1xx to 5xx or none".to_owned()),
    };
    let mut signals = OnceBits::default();
    for name in &line.signals {
        let known = Signal::ALL.into_iter().find(|signal| signal.name() == name);
        let signal = known.ok_or_else(|| format!("`{name}` is no signal"))?;
        signals = signals.with_signal(signal);
    }
    let findings = line
        .sensitive
        .iter()
        .map(finding)
        .collect::<Result<_, _>>()?;
    let integration = line
        .integration
        .as_ref()
        .and_then(|name| integrations.iter().position(|known| known == name))
        .and_then(|at| u16::try_from(at).ok())
        .map(IntegrationId);
    Ok(Event {
        window: line.window,
        observation: Observation {
            token: Some(principal(&line.principal)),
            proof: Proof::Accepted,
            status,
            cell: PublicCell(u32::try_from(cell).unwrap_or(u32::MAX)),
            country: line
                .country
                .as_deref()
                .map_or(Country::UNKNOWN, Country::from_code),
            duration_us: line.duration_us,
            request_bytes: line.request_kib.saturating_mul(1_024),
            response_bytes: line.response_kib.saturating_mul(1_024),
            integration,
            ..Observation::blank()
        },
        findings,
        signals,
        count: line.count,
    })
}

fn finding(sensitive: &Sensitive) -> Result<Finding, String> {
    let category = Category::ALL
        .into_iter()
        .find(|category| category.name() == sensitive.category)
        .ok_or_else(|| format!("`{}` is no category", sensitive.category))?;
    let part = match &*sensitive.place {
        "request" => Part::RequestBody,
        "response" => Part::ResponseBody,
        _ => return Err("`where` must be request or response".to_owned()),
    };
    Ok(Finding {
        part,
        path: TextId::NONE,
        kind: TypeId(0),
        category,
        rule: RuleId(0),
        count: sensitive.n,
        exposure: None,
        dry_run: false,
    })
}

/// A principal of that name.
fn principal(name: &str) -> PrincipalKey {
    let hash = blake3::hash(name.as_bytes());
    let half = hash.as_bytes().first_chunk::<16>().copied();
    PrincipalKey(u128::from_le_bytes(half.unwrap_or_default()))
}

fn families(names: &[String]) -> Result<Vec<Family>, Error> {
    let mut families = Vec::new();
    for name in names {
        if name == "all" {
            families.extend(Family::all().filter(|family| family.is_of_the_crowd()));
        } else {
            families.push(family(name, "--family")?);
        }
    }
    families.sort_unstable();
    families.dedup();
    Ok(families)
}

fn family(name: &str, flag: &str) -> Result<Family, Error> {
    Family::all()
        .find(|family| family.name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = Family::all().map(Family::name).collect();
            Error::usage(format!("{flag}: `{name}` is no family"))
                .hint(format!("families are {}", names.join(", ")))
        })
}

/// `F=VALUE`.
fn pair<'a>(text: &'a str, flag: &str) -> Result<(Family, &'a str), Error> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Error::usage(format!("{flag}: `{text}` is not FAMILY=VALUE")))?;
    Ok((family(name, flag)?, value))
}

fn rho(texts: &[String]) -> Result<Vec<(crate::release::budget::Line, MicroRho)>, Error> {
    texts
        .iter()
        .map(|text| {
            let (family, value) = pair(text, "--rho")?;
            let line = family.line().ok_or_else(|| {
                Error::usage("--rho: integrations have fixed budgets, 0.05, 0.05 and 0.025")
            })?;
            let rho = value
                .parse::<f64>()
                .ok()
                .filter(|rho| *rho > 0.0 && *rho <= 100.0);
            let rho = rho.ok_or_else(|| {
                Error::usage(format!(
                    "--rho: `{value}` is not more than 0 and at most 100"
                ))
            })?;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive and small"
            )]
            let micro = libm::round(rho * 1e6) as u64;
            let rho = MicroRho::new(micro).map_err(|error| Error::usage(error.to_string()))?;
            Ok((line, rho))
        })
        .collect()
}

fn u2(texts: &[String]) -> Result<Vec<(VolumeFamily, u64)>, Error> {
    texts
        .iter()
        .map(|text| {
            let (family, value) = pair(text, "--u2")?;
            let Family::Volume(family) = family else {
                return Err(Error::usage(format!(
                    "--u2: principals count once in {}, nothing is clipped",
                    family.name()
                )));
            };
            let allowance = value
                .parse()
                .map_err(|_| Error::usage(format!("--u2: `{value}` is no whole number")))?;
            Ok((family, allowance))
        })
        .collect()
}
