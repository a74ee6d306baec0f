//! A report of a part: what `--select` admits goes through an analysis room of its own. Names, templates and alerts are
//! those of the whole, so that the part is told in the same words.

use crossbeam_channel::Receiver;

use crate::analysis::row::Row;
use crate::analysis::summary::Summary;
use crate::analysis::{self, Output, Settings, TickSink};
use crate::clock::Tick;
use crate::commands::Selector;
use crate::error::Error;
use crate::tally::Tallies;

/// Outputs of one tick that may wait: they are thrown away before the next.
const MAX_OUTPUTS: usize = 1_024;

/// The analysis of the part.
pub(super) struct Narrow {
    sink: TickSink,
    outputs: Receiver<Output>,
    last: Tick,
}

impl Narrow {
    /// `settings` are those of the whole.
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let settings = Settings {
            rows: false,
            learn_templates: false,
            max_outputs: MAX_OUTPUTS,
            ..settings.clone()
        };
        // What hits a limit in here has hit it in the whole: it is counted there.
        let (mut sinks, outputs) = analysis::start(settings, 1, &Tallies::default());
        Ok(Self {
            sink: sinks.pop().ok_or_else(Error::internal)?,
            outputs,
            last: Tick(0),
        })
    }

    /// Takes a row of the tick at hand.
    pub(super) fn push(&mut self, row: &Row) {
        self.sink
            .push_noted(row.observation, (&row.findings, &row.notes), None);
    }

    /// The rows up to `tick` are in.
    pub(super) fn end_tick(&mut self, tick: Tick) {
        self.sink.end_tick(tick);
        self.last = tick;
        for _ in self.outputs.try_iter() {}
    }

    /// The summary of the part, in the words of the whole.
    pub(super) fn finish(self, whole: Summary, selector: &mut Selector) -> Result<Summary, Error> {
        self.sink
            .finish_as(self.last, whole.admitted.templates())
            .map_err(|_| Error::internal())?;
        let part = self.outputs.try_iter().find_map(|output| match output {
            Output::Summary {
                summary,
                last: true,
            } => Some(*summary),
            Output::Rows { .. }
            | Output::Alerts(_)
            | Output::Window { .. }
            | Output::Summary { .. }
            | Output::State(_) => None,
        });
        let mut alerts = whole.alerts;
        alerts.retain(|alert| selector.admits_alert(alert));
        Ok(Summary {
            alerts,
            renamed: whole.renamed,
            admitted: whole.admitted,
            ..part.ok_or_else(Error::internal)?
        })
    }
}
