//! `hushtap man`: the manual pages, made from the command line itself so that they never lag behind it.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::error::{Error, Exit};

/// One page on standard output, or one for each command into `dir`.
pub(super) fn run(dir: Option<&Path>) -> Result<Exit, Error> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = dir else {
        return super::print(&page(&command)?);
    };
    let place = dir.display().to_string();
    let write = |name: &str, page: &[u8]| {
        fs::create_dir_all(dir)
            .and_then(|()| fs::write(dir.join(format!("{name}.1")), page))
            .map_err(|error| Error::io("cannot write the manual pages", &place, &error))
    };
    write("hushtap", &page(&command)?)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("hushtap-{}", sub.get_name());
        write(&name, &page(&sub.clone().name(name.clone()))?)?;
    }
    Ok(Exit::Done)
}

fn page(command: &clap::Command) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error: io::Error| Error::io("cannot make the page", "man", &error))?;
    Ok(page)
}
