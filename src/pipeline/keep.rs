//! Habits over a restart: read before the first packet, written by a thread of its own (`ht-state`).

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, Builder, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::rooms::Rooms;
use crate::analysis::save::{Kept, Numbering, Renumbering, Saved};
use crate::config::Config;
use crate::error::Error;
use crate::observation::{IntegrationId, Names, RuleId, TypeId, vocabulary};
use crate::state::{FILES, Meaning, Seal, StateDir, StateError};

/// The file of state of this run.
pub(super) struct StateKeeper {
    dir: StateDir,
    file: &'static str,
    seal: Seal,
    services: Vec<String>,
}

impl StateKeeper {
    /// Takes the state directory. None if the config says that no state is kept.
    pub(super) fn open(
        config: &Config,
        rooms: &Rooms,
        is_capture: bool,
    ) -> Result<Option<Self>, Error> {
        if config.save().is_none() {
            return Ok(None);
        }
        let dir = StateDir::lock(&config.settings.state.dir).map_err(|error| refused(&error))?;
        let anonymizer = rooms.worker.anonymizer();
        let seal = Seal {
            key: anonymizer.keys().check(),
            numbering: numbering(anonymizer.services(), rooms.names().as_ref()),
        };
        let [live, capture] = FILES;
        Ok(Some(Self {
            dir,
            file: if is_capture { capture } else { live },
            seal,
            services: anonymizer.services().to_vec(),
        }))
    }

    /// What an earlier run left. A file that cannot be used is moved aside and told: learning starts anew then.
    pub(super) fn restore(&self, rooms: &Rooms) -> Option<Kept> {
        let mut state = match self.dir.read(self.file, self.seal.key) {
            Ok(state) => state?,
            Err(error) => {
                let aside = self.dir.move_aside(self.file);
                let place = aside.map_or_else(|error| error.to_string(), |path| shown(&path));
                tracing::error!(
                    "the saved habits are not used, everything is learned anew: {error} (moved to {place})"
                );
                return None;
            }
        };
        let names = rooms.names();
        let numbering = numbers(rooms.worker.anonymizer().services(), names.as_ref());
        if let Some(numbers) = Renumbering::between(&state.meaning.numbering, &numbering) {
            state.kept.renumber(&numbers);
        }
        if state.seal.numbering != self.seal.numbering {
            tracing::warn!(
                "services, rules or the program changed since habits were saved: learned paths and told exposures start anew"
            );
            state.kept.drop_numbered();
        }
        let lexicon = rooms.worker.anonymizer().lexicon();
        for (_, name) in &state.meaning.endpoints {
            lexicon.restore_endpoint(name);
        }
        let (tokens, clients) = state.kept.principals();
        tracing::info!("habits restored, tokens: {tokens}, clients: {clients}");
        Some(state.kept)
    }

    /// Starts the thread that writes; it ends when the sender is dropped.
    pub(super) fn serve<'scope>(
        self,
        scope: &'scope thread::Scope<'scope, '_>,
        names: Arc<dyn Names>,
    ) -> Result<(StateSender, ScopedJoinHandle<'scope, ()>), Error> {
        let (sender, states) = crossbeam_channel::bounded(1);
        let thread = Builder::new()
            .name("ht-state".to_owned())
            .spawn_scoped(scope, move || self.write_all(&states, names.as_ref()))
            .map_err(|error| Error::io("cannot start a thread", "ht-state", &error))?;
        let sender = StateSender {
            sender,
            waiting: None,
        };
        Ok((sender, thread))
    }

    fn write_all(&self, states: &Receiver<Box<Saved>>, names: &dyn Names) {
        for saved in states {
            let named = saved.endpoints.iter().filter_map(|&id| {
                let name = names.endpoint(id)?;
                Some((id, name))
            });
            let meaning = Meaning {
                endpoints: named.collect(),
                numbering: numbers(&self.services, names),
            };
            match self.dir.write(self.file, self.seal, &saved, &meaning) {
                Ok(bytes) => tracing::debug!("habits saved, {bytes} bytes"),
                Err(error) => tracing::error!("habits were not saved: {error}"),
            }
        }
    }
}

/// The way to the thread that writes. What is newer takes the place of what waits.
pub(super) struct StateSender {
    sender: Sender<Box<Saved>>,
    waiting: Option<Box<Saved>>,
}

impl StateSender {
    /// Hands state over without waiting for the disk.
    pub(super) fn send(&mut self, saved: Box<Saved>) {
        self.waiting = match self.sender.try_send(saved) {
            Ok(()) => None,
            Err(TrySendError::Full(saved) | TrySendError::Disconnected(saved)) => Some(saved),
        };
    }

    /// Hands over what is left, once nothing more comes.
    pub(super) fn finish(mut self) {
        if let Some(saved) = self.waiting.take()
            && self.sender.send(saved).is_err()
        {
            tracing::error!("habits were not saved: the thread that writes them is gone");
        }
    }
}

/// What the numbers of services, types of values and words stand for.
fn numbering(services: &[String], names: &dyn Names) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("hushtap 2026-11 numbering");
    hasher.update(&vocabulary::digest());
    let Numbering {
        services, types, ..
    } = numbers(services, names);
    for name in services.into_iter().chain(types) {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// What the numbers of the configuration are called.
fn numbers(services: &[String], names: &dyn Names) -> Numbering {
    let all = |name: &dyn Fn(u16) -> String| {
        let names = (0..u16::MAX).map(name);
        names.take_while(|name| name != "unknown").collect()
    };
    Numbering {
        services: services.to_vec(),
        types: all(&|n| names.sensitive_type(TypeId(n))),
        rules: all(&|n| names.rule(RuleId(n))),
        integrations: all(&|n| names.integration(IntegrationId(n))),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A state directory that cannot be taken.
fn refused(error: &StateError) -> Error {
    Error::failed(error.to_string())
}
