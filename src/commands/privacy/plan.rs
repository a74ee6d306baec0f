//! `hushtap privacy plan`.

use clap::ArgMatches;

use crate::cli::PlanArgs;
use crate::error::{Error, Exit};

pub(super) fn run(_args: &PlanArgs, _matches: &ArgMatches) -> Result<Exit, Error> {
    Err(Error::failed("todo"))
}
