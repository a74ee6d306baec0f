//! The end of a window: clipped sums in, a release on disk, then on the public listener, by schedule.

use std::sync::Arc;

use super::rooms::Rooms;
use crate::analysis::clip::{LearnedBoard, WindowSums};
use crate::analysis::settings::ReleaseSums;
use crate::analysis::window::Window;
use crate::clock::{EventTime, NANOS_PER_SECOND};
use crate::config::Config;
use crate::error::Error;
use crate::release::exporter::{Exposition, PublicSite};
use crate::release::ledger::{LedgerError, Namespace, Opening};
use crate::release::plan::Plan;
use crate::release::releaser::{ReleaseError, Releaser};
use crate::release::render::RELEASE_DELAY;

/// The ledger's directory inside the state directory.
const LEDGER_DIR: &str = "ledger";

/// Owns the releaser and feeds the public site.
pub(super) struct Closer {
    releaser: Releaser,
    plan: Arc<Plan>,
    high_water: Option<Window>,
    board: Arc<LearnedBoard>,
    site: Arc<PublicSite>,
    is_capture: bool,
}

impl Closer {
    /// Opens the ledger and publishes what stands in it (after a first start: zeros).
    pub(super) fn open(
        config: &Config,
        rooms: &Rooms,
        opening: Opening,
        site: Arc<PublicSite>,
    ) -> Result<Self, Error> {
        let shared = rooms.worker.anonymizer();
        let plan = Arc::new(config.plan(shared.triples(), shared.services())?);
        let is_capture = matches!(opening.namespace, Namespace::Capture { .. });
        let (releaser, start) = Releaser::open(
            Arc::clone(&plan),
            &config.settings.state.dir.join(LEDGER_DIR),
            opening,
        )
        .map_err(|error| refused(&error))?;
        match start.fault {
            // Without a ledger nothing may be released; live capture for the operator would still make sense, but a start
            // that quietly releases nothing is what nobody wants.
            Some(fault @ LedgerError::Missing(_)) => {
                return Err(Error::failed(fault.to_string())
                    .hint("at the first start on this machine add --init-ledger"));
            }
            Some(fault @ LedgerError::Locked(_)) => return Err(Error::failed(fault.to_string())),
            Some(fault) => tracing::error!("nothing will be released: {fault}"),
            None => {}
        }
        let mut closer = Self {
            plan,
            high_water: start.high_water,
            board: Arc::default(),
            site,
            is_capture,
            releaser,
        };
        closer.board.post(None, Some(closer.releaser.learned()));
        closer.publish();
        Ok(closer)
    }

    /// What the clip of each shard starts from.
    pub(super) fn clip(&self) -> ReleaseSums {
        ReleaseSums {
            plan: self.plan.clip(),
            high_water: self.high_water,
            board: Arc::clone(&self.board),
        }
    }

    /// Releases a window and says when it is due on the public listener; [`Self::publish`] puts it there. None: there is
    /// nothing to release. A live window that the end cut short is not released: it was not observed whole, and an extra
    /// release at shutdown would say when that was. Of a capture every window is, since its time range is public.
    pub(super) fn close(
        &mut self,
        window: Window,
        sums: &WindowSums,
        last: bool,
    ) -> Option<EventTime> {
        if last && !self.is_capture {
            self.board.close();
            return None;
        }
        let outcome = self.releaser.release(window, sums);
        if let Some(fault) = &outcome.fault {
            tracing::error!("window {} was not released: {fault}", window.index);
        }
        self.board.post(Some(window), Some(self.releaser.learned()));
        let end = self.plan.schedule().end(window).start();
        Some(end.plus_nanos(RELEASE_DELAY * NANOS_PER_SECOND))
    }

    /// No window is released any more: nobody shall wait for one.
    pub(super) fn stop(&self) {
        self.board.close();
    }

    /// Puts the last release on the public listener, and draws the noise of the next window ahead of time.
    pub(super) fn publish(&mut self) {
        self.site.publish(Exposition::of(&self.releaser.current()));
        if let Err(fault) = self.releaser.prepare() {
            tracing::error!("no noise for the next window: {fault}");
        }
    }
}

/// A closer that goes away must not leave workers waiting.
impl Drop for Closer {
    fn drop(&mut self) {
        self.board.close();
    }
}

fn refused(error: &ReleaseError) -> Error {
    Error::failed(error.to_string())
}
