//! Watches the directory of the masking rules, so that an edited rule comes into force without a signal.
//!
//! The directory, not its files: editors and configuration managers write a new file and rename it over the old one, which
//! leaves a watch on the old file behind (inotify(7)). And not the directory alone: it may be moved away and made anew, or be
//! reached over a symbolic link that is swapped, as Kubernetes does with `..data`. So every directory that holds a step of
//! the way to it is watched for that step. Landlock and seccomp allow it: setting a watch asks for no more than reading the
//! directory, and the sandbox leaves the directories of the way readable (see [`anchors`]).

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::clock::{EventTime, NANOS_PER_SECOND};

/// The directory must have been quiet for this long (200 ms): a save is several events, and an update several files.
const QUIET_NANOS: u64 = NANOS_PER_SECOND / 5;
/// A directory that is never quiet is read this long (2 s) after its first event all the same.
const PATIENCE_NANOS: u64 = 2 * NANOS_PER_SECOND;
/// Reads of the event queue in one look; what is left waits for the next.
const MOST_READS: usize = 64;
/// Symbolic links followed on the way to a directory, as many as the kernel follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// A watched directory.
pub(super) struct RulesWatch {
    inotify: Inotify,
    dir: PathBuf,
    /// The watch on the directory.
    inner: Option<WatchDescriptor>,
    /// Watches on what holds the steps to it, and the names of these steps.
    outer: Vec<(WatchDescriptor, OsString)>,
    /// Whether the way to the directory may have changed: it is watched anew.
    lost: bool,
    /// First and last event that no reload has answered yet.
    pending: Option<(EventTime, EventTime)>,
}

impl RulesWatch {
    /// Starts to watch `dir`. Where that is impossible (a limit of the system), the reason is logged and SIGHUP is left.
    pub(super) fn start(dir: &Path) -> Option<Self> {
        let open = || {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            let mut watch = Self {
                inotify,
                dir: dir.to_owned(),
                inner: None,
                outer: Vec::new(),
                lost: false,
                pending: None,
            };
            watch.set()?;
            Ok::<_, Errno>(watch)
        };
        let error = match open() {
            Ok(watch) => return Some(watch),
            Err(error) => error,
        };
        tracing::warn!(
            "{} cannot be watched ({error}): changed rules are read on SIGHUP only",
            dir.display()
        );
        None
    }

    /// Watches the directory and the way to it. The outer watches come first: what changes in between is told by them.
    fn set(&mut self) -> Result<(), Errno> {
        let before: Vec<_> = self.outer.drain(..).map(|(watch, _)| watch).collect();
        for (holder, name) in anchors(&self.dir) {
            // One that cannot be read is a step that cannot be told to have changed, no more.
            if let Ok(watch) = self.inotify.add_watch(&holder, step_events()) {
                self.outer.push((watch, name));
            }
        }
        for old in before {
            if !self.outer.iter().any(|(watch, _)| *watch == old) {
                self.forget(old);
            }
        }
        let inner = self.inotify.add_watch(&self.dir, events())?;
        if let Some(old) = self.inner.replace(inner).filter(|old| *old != inner) {
            self.forget(old);
        }
        Ok(())
    }

    /// Ends a watch; one that ended by itself is none any more, which is no fault.
    fn forget(&self, watch: WatchDescriptor) {
        let _ended = self.inotify.rm_watch(watch);
    }

    /// Whether the rules have changed and the directory has come to rest, or has been busy for too long.
    pub(super) fn is_due(&mut self, now: EventTime) -> bool {
        if self.has_events() {
            let first = self.pending.map_or(now, |(first, _)| first);
            self.pending = Some((first, now));
        }
        if self.lost && self.set().is_ok() {
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

    /// Empties the queue of events; whether any is about the rules.
    fn has_events(&mut self) -> bool {
        let mut any = false;
        for _ in 0..MOST_READS {
            let Ok(events) = self.inotify.read_events() else {
                break;
            };
            for event in &events {
                any |= self.take(event);
            }
        }
        any
    }

    /// Takes an event; whether it is about the rules.
    fn take(&mut self, event: &InotifyEvent) -> bool {
        // Events were lost: anything may have happened.
        let overflow = event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
        let is_inner = self.inner == Some(event.wd);
        let gone = AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF;
        let is_step = self.outer.iter().any(|(watch, name)| {
            *watch == event.wd
                && (event.mask.intersects(gone) || event.name.as_deref() == Some(name.as_os_str()))
        });
        self.lost |= overflow || is_step || is_inner && event.mask.intersects(gone);
        overflow || is_step || is_inner
    }
}

/// The steps on the way to a directory: its own name and each symbolic link, with the directory that holds it. They are as
/// the way is now; what cannot be followed ends them.
pub(super) fn anchors(dir: &Path) -> Vec<(PathBuf, OsString)> {
    let mut anchors = Vec::new();
    let Ok(path) = std::path::absolute(dir) else {
        return anchors;
    };
    let mut at = PathBuf::from("/");
    let mut ahead: VecDeque<OsString> = steps(&path);
    let mut links = 0;
    while let Some(step) = ahead.pop_front() {
        if step == OsStr::new("..") {
            at.pop();
            continue;
        }
        let here = at.join(&step);
        let target = std::fs::read_link(&here).ok();
        if target.is_some() || ahead.is_empty() {
            anchors.push((at.clone(), step));
        }
        let Some(target) = target else {
            at = here;
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            break;
        }
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        let mut way = steps(&target);
        way.append(&mut ahead);
        ahead = way;
    }
    anchors
}

/// The names in a path, with `..`.
fn steps(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}

/// Watches one file by its directory, as [`RulesWatch`] does: what else stands there is not read.
pub(super) struct FileWatch {
    watch: RulesWatch,
    file: PathBuf,
    stamp: Option<Stamp>,
}

/// What changes when a file is written or replaced: device, inode, length and time.
type Stamp = (u64, u64, u64, i64, i64);

impl FileWatch {
    /// Starts to watch `file`, which was just read.
    pub(super) fn start(file: &Path) -> Option<Self> {
        Some(Self {
            watch: RulesWatch::start(&folder(file))?,
            file: file.to_owned(),
            stamp: stamp(file),
        })
    }

    /// Whether the file is another one and its directory has come to rest. One that is gone is no other one: the next
    /// comes when it is whole.
    pub(super) fn is_due(&mut self, now: EventTime) -> bool {
        if !self.watch.is_due(now) {
            return false;
        }
        let stamp = stamp(&self.file);
        let changed = stamp.is_some() && stamp != self.stamp;
        if changed {
            self.stamp = stamp;
        }
        changed
    }
}

/// The directory that holds a file.
pub(super) fn folder(file: &Path) -> PathBuf {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn stamp(file: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(file).ok()?;
    Some((
        meta.dev(),
        meta.ino(),
        meta.len(),
        meta.mtime(),
        meta.mtime_nsec(),
    ))
}

/// Whatever may change what is read.
fn events() -> AddWatchFlags {
    step_events() | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MODIFY
}

/// Whatever may change where a step leads.
fn step_events() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE
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
    fn a_file_is_due_when_it_was_replaced_and_not_when_its_neighbours_were() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("country.mmdb");
        std::fs::write(&file, b"one").unwrap();
        let mut watch = FileWatch::start(&file).unwrap();
        std::fs::write(dir.path().join("other"), b"x").unwrap();
        assert!(!watch.is_due(at(0)) && !watch.is_due(at(300)));
        let new = dir.path().join("new");
        std::fs::write(&new, b"two!").unwrap();
        std::fs::rename(&new, &file).unwrap();
        assert!(!watch.is_due(at(1_000)));
        assert!(watch.is_due(at(1_300)));
        assert!(!watch.is_due(at(1_600)), "once");
        std::fs::remove_file(&file).unwrap();
        assert!(!watch.is_due(at(2_000)) && !watch.is_due(at(2_300)));
        std::fs::write(&file, b"three").unwrap();
        watch.is_due(at(3_000));
        assert!(watch.is_due(at(3_300)));
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

    #[test]
    fn a_link_on_the_way_that_is_swapped_counts() {
        let parent = tempfile::tempdir().unwrap();
        for version in ["v1", "v2"] {
            std::fs::create_dir_all(parent.path().join(version).join("rules")).unwrap();
        }
        let link = parent.path().join("..data");
        std::os::unix::fs::symlink("v1", &link).unwrap();
        let mut watch = RulesWatch::start(&link.join("rules")).unwrap();
        std::fs::write(parent.path().join("other"), b"x").unwrap();
        assert!(!watch.is_due(at(0)));
        assert!(!watch.is_due(at(500)), "a neighbour is nobody's business");
        let new = parent.path().join("..data_tmp");
        std::os::unix::fs::symlink("v2", &new).unwrap();
        std::fs::rename(&new, &link).unwrap();
        watch.is_due(at(1_000));
        assert!(watch.is_due(at(1_300)));
        std::fs::write(parent.path().join("v1/rules/a.toml"), b"x").unwrap();
        watch.is_due(at(2_000));
        assert!(!watch.is_due(at(2_300)), "the old one is let go");
        std::fs::write(parent.path().join("v2/rules/a.toml"), b"x").unwrap();
        watch.is_due(at(3_000));
        assert!(watch.is_due(at(3_300)));
    }

    #[test]
    fn the_way_to_a_directory_is_followed_over_links() {
        let parent = tempfile::tempdir().unwrap();
        let base = parent.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("store/42")).unwrap();
        std::os::unix::fs::symlink("store", base.join("a")).unwrap();
        std::os::unix::fs::symlink(base.join("a/42"), base.join("b")).unwrap();
        std::os::unix::fs::symlink("loop", base.join("loop")).unwrap();
        let own = |path: &str| -> Vec<(PathBuf, OsString)> {
            let all = anchors(&base.join(path));
            all.into_iter()
                .filter(|(at, _)| at.starts_with(&base))
                .collect()
        };
        assert_eq!(
            own("b"),
            [
                (base.clone(), "b".into()),
                (base.clone(), "a".into()),
                (base.join("store"), "42".into())
            ]
        );
        assert_eq!(own("store/../store"), [(base.clone(), "store".into())]);
        assert!(own("loop").len() <= MOST_LINKS + 1);
    }
}
