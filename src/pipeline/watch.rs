//! Watches the directory of the masking rules, so that an edited rule comes into force without a signal.
//!
//! The directory, not its files: editors and configuration managers write a new file and rename it over the old one, which
//! leaves a watch on the old file behind (inotify(7)). Landlock and seccomp allow it: the watch is set before the sandbox
//! closes, and setting it again asks for no more than reading the directory.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::clock::{EventTime, NANOS_PER_SECOND};

/// The directory must have been quiet for this long (200 ms): a save is several events, and an update several files.
const QUIET_NANOS: u64 = NANOS_PER_SECOND / 5;
/// A directory that is never quiet is read this long (2 s) after its first event all the same.
const PATIENCE_NANOS: u64 = 2 * NANOS_PER_SECOND;
/// Reads of the event queue in one look; what is left waits for the next.
const MOST_READS: usize = 64;

/// A watched directory.
pub(super) struct RulesWatch {
    inotify: Inotify,
    dir: PathBuf,
    /// Whether the directory itself went away: it is watched again once it is back.
    lost: bool,
    /// First and last event that no reload has answered yet.
    pending: Option<(EventTime, EventTime)>,
}

impl RulesWatch {
    /// Starts to watch `dir`. Where that is impossible (a limit of the system), the reason is logged and SIGHUP is left.
    pub(super) fn start(dir: &Path) -> Option<Self> {
        let open = || {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            inotify.add_watch(dir, events())?;
            Ok::<_, Errno>(inotify)
        };
        match open() {
            Ok(inotify) => Some(Self {
                inotify,
                dir: dir.to_owned(),
                lost: false,
                pending: None,
            }),
            Err(error) => {
                tracing::warn!(
                    "{} cannot be watched ({error}): changed rules are read on SIGHUP only",
                    dir.display()
                );
                None
            }
        }
    }

    /// Whether the rules have changed and the directory has come to rest, or has been busy for too long.
    pub(super) fn is_due(&mut self, now: EventTime) -> bool {
        if self.has_events() {
            let first = self.pending.map_or(now, |(first, _)| first);
            self.pending = Some((first, now));
        }
        if self.lost && self.inotify.add_watch(&self.dir, events()).is_ok() {
            self.lost = false;
            self.pending = Some((now, now));
        }
        let due = self.pending.is_some_and(|(first, last)| {
            // A wall clock that was set back must not put a reload off.
            now < last
                || now.nanos_since(last) >= QUIET_NANOS
                || now.nanos_since(first) >= PATIENCE_NANOS
        });
        if due {
            self.pending = None;
        }
        due
    }

    /// Empties the queue of events.
    fn has_events(&mut self) -> bool {
        let mut any = false;
        for _ in 0..MOST_READS {
            let Ok(events) = self.inotify.read_events() else {
                break;
            };
            let gone = AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF;
            self.lost |= events.iter().any(|event| event.mask.intersects(gone));
            any |= !events.is_empty();
        }
        any
    }
}

/// Whatever may change what is read.
fn events() -> AddWatchFlags {
    AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF
        | AddWatchFlags::IN_ONLYDIR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> EventTime {
        EventTime::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_burst_of_writes_is_one_reload() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = RulesWatch::start(dir.path()).unwrap();
        assert!(!watch.is_due(at(0)));
        for step in 1..=3 {
            std::fs::write(dir.path().join("a.toml"), b"x").unwrap();
            assert!(!watch.is_due(at(100 * step)), "it is still being written");
        }
        assert!(!watch.is_due(at(450)));
        assert!(watch.is_due(at(500)));
        assert!(!watch.is_due(at(900)), "once");
    }

    #[test]
    fn a_file_renamed_over_another_counts() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.toml"), b"x").unwrap();
        let mut watch = RulesWatch::start(dir.path()).unwrap();
        let new = dir.path().join(".a.swp");
        std::fs::write(&new, b"y").unwrap();
        watch.is_due(at(0));
        assert!(watch.is_due(at(200)));
        std::fs::rename(&new, dir.path().join("a.toml")).unwrap();
        assert!(!watch.is_due(at(300)));
        assert!(watch.is_due(at(500)));
    }

    #[test]
    fn a_directory_that_is_never_quiet_is_read_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = RulesWatch::start(dir.path()).unwrap();
        let mut due = 0;
        for step in 0..=20 {
            std::fs::write(dir.path().join("a.toml"), b"x").unwrap();
            due += usize::from(watch.is_due(at(100 * step)));
        }
        assert_eq!(due, 1);
    }

    #[test]
    fn a_directory_that_comes_back_is_watched_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("rules");
        std::fs::create_dir(&dir).unwrap();
        let mut watch = RulesWatch::start(&dir).unwrap();
        std::fs::rename(&dir, parent.path().join("old")).unwrap();
        watch.is_due(at(0));
        watch.is_due(at(300));
        std::fs::create_dir(&dir).unwrap();
        watch.is_due(at(400));
        assert!(watch.is_due(at(700)));
        std::fs::write(dir.join("a.toml"), b"x").unwrap();
        watch.is_due(at(800));
        assert!(watch.is_due(at(1_100)));
    }
}
