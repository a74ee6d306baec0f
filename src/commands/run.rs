//! `hushtap run`: where packets come from. The work itself is the pipeline's.

use std::net::{IpAddr, SocketAddr};

use clap::ArgMatches;

use super::options::{LiveOptions, LiveSource, Speed};
use crate::cleartext::capture::LinkType;
use crate::cleartext::capture::udp::Listen;
use crate::cli::RunArgs;
use crate::config::Config;
use crate::error::{Error, Exit};

/// Runs `work` until it is told to stop.
pub fn run(
    args: &RunArgs,
    matches: &ArgMatches,
    work: impl FnOnce(LiveOptions) -> Result<Exit, Error>,
) -> Result<Exit, Error> {
    let config = Config::load(matches)?;
    let source = match &args.read {
        Some(path) => LiveSource::File {
            path: path.clone(),
            speed: Speed::parse(&args.speed)?,
            follow: args.follow,
        },
        None => live(&config)?,
    };
    work(LiveOptions {
        config,
        source,
        init_ledger: args.init_ledger,
        new_budget: args.new_budget,
        show_login: false,
    })
}

/// Sockets if the config names any, else interfaces.
fn live(config: &Config) -> Result<LiveSource, Error> {
    let capture = &config.settings.capture;
    let sockets = capture
        .listen_vxlan
        .iter()
        .map(|text| listen(text, 4_789, LinkType::VXLAN))
        .chain(
            capture
                .listen_geneve
                .iter()
                .map(|text| listen(text, 6_081, LinkType::GENEVE)),
        );
    let sockets: Vec<_> = sockets.collect::<Result<_, _>>()?;
    if sockets.is_empty() {
        return interfaces(config);
    }
    if !capture.interfaces.is_empty() {
        return Err(Error::usage(
            "capture.interfaces and listening sockets cannot be used together",
        )
        .hint(
            "run one hushtap for the interface and one for the mirror that sends VXLAN or Geneve",
        ));
    }
    Ok(LiveSource::Sockets(sockets))
}

/// `HOST:PORT`, or `HOST` with the port that is usual for the protocol.
fn listen(text: &str, port: u16, link: LinkType) -> Result<Listen, Error> {
    let address = text.parse::<SocketAddr>().or_else(|_| {
        text.parse::<IpAddr>()
            .map(|host| SocketAddr::new(host, port))
    });
    address
        .map(|address| Listen { address, link })
        .map_err(|_| {
            Error::usage(format!("`{text}` is no address to listen on"))
                .hint("give an IP address with or without a port, such as 0.0.0.0, 10.0.0.5:4789 or [::]:6081")
        })
}

fn interfaces(config: &Config) -> Result<LiveSource, Error> {
    let capture = &config.settings.capture;
    if capture.interfaces.is_empty() {
        return Err(Error::usage("no interface to capture from").hint(
            "name one with -i (`hushtap interfaces` lists them), set capture.interfaces, receive a cloud mirror with --listen-vxlan, or read a file with -r",
        ));
    }
    Ok(LiveSource::Interfaces {
        names: capture.interfaces.clone(),
        filter: capture.filter.clone(),
    })
}
