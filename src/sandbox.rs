//! Least privilege, taken on once everything is open: what a hole in a parser could reach, it should not reach.
//!
//! In order: no new privileges, capabilities down to none (the capture handles are open already), Landlock (write: state and
//! output directories; read: config, rules and documents, on directories, since files get replaced), and a seccomp filter that
//! refuses to start programs, trace processes, load code into the kernel or change mounts. Call it before threads start: they
//! inherit it. Each wall is best effort, and [`Walls`] says which ones stand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Where the sandboxed process may go.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Directories (or devices) it may read.
    pub read: Vec<PathBuf>,
    /// Directories it may write.
    pub write: Vec<PathBuf>,
}

/// Which walls stand.
#[allow(clippy::struct_excessive_bools, reason = "four independent walls")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Walls {
    /// No program started from here can gain privileges.
    pub no_new_privs: bool,
    /// All capabilities are gone.
    pub capabilities: bool,
    /// The file system is closed but for the named directories.
    pub landlock: bool,
    /// Dangerous system calls are refused.
    pub seccomp: bool,
}

impl fmt::Display for Walls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let up = |stands: bool| if stands { "up" } else { "not up" };
        write!(
            f,
            "no new privileges: {}, capabilities dropped: {}, landlock: {}, seccomp: {}",
            up(self.no_new_privs),
            up(self.capabilities),
            up(self.landlock),
            up(self.seccomp)
        )
    }
}

/// Closes the doors behind a process that has opened all it needs. `keep_capabilities` is for root that insists.
pub fn enter(paths: &Paths, keep_capabilities: bool) -> Walls {
    // The order matters: Landlock and seccomp need no_new_privs where the process has no CAP_SYS_ADMIN.
    let no_new_privs = nix::sys::prctl::set_no_new_privs().is_ok();
    let capabilities = !keep_capabilities && drop_capabilities();
    let landlock = restrict_files(paths).unwrap_or(false);
    let seccomp = refuse_calls();
    Walls {
        no_new_privs,
        capabilities,
        landlock,
        seccomp,
    }
}

fn drop_capabilities() -> bool {
    use caps::CapSet;
    // Ambient and inheritable first: they could give capabilities back. All are tried, whatever the first ones say.
    let sets = [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ];
    sets.iter()
        .filter(|set| caps::clear(None, **set).is_err())
        .count()
        == 0
}

fn restrict_files(paths: &Paths) -> Result<bool, landlock::RulesetError> {
    let abi = ABI::V3;
    let read = AccessFs::from_read(abi) & !AccessFs::Execute;
    let write = AccessFs::from_all(abi) & !AccessFs::Execute;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .create()?
        // The process's own numbers, the clock's zone and the random device; nothing of them names a user of the traffic.
        .add_rules(path_beneath_rules(
            ["/proc/self", "/etc/localtime", "/dev/urandom"],
            read,
        ))?
        .add_rules(path_beneath_rules(&paths.read, read))?
        .add_rules(path_beneath_rules(&paths.write, write))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Refused with EPERM: a tap never starts a program, never looks into another process and never touches the kernel.
const REFUSED: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_perf_event_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_open_by_handle_at,
];

fn refuse_calls() -> bool {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return false;
    };
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let eperm = u32::try_from(libc::EPERM).unwrap_or(1);
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(eperm),
        arch,
    )
    .and_then(BpfProgram::try_from)
    .is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    // In a thread of its own: the walls stand for that thread only, and the other tests keep their freedom.
    #[test]
    fn walls_stand() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_owned();
        let outcome = std::thread::spawn(move || {
            let paths = Paths {
                read: vec![],
                write: vec![state.clone()],
            };
            let walls = enter(&paths, false);
            let inside = std::fs::write(state.join("ledger"), b"x").is_ok();
            let outside = std::fs::read("/etc/passwd").is_ok();
            let program = std::process::Command::new("/bin/true").status().is_ok();
            (walls, inside, outside, program)
        });
        let (walls, inside, outside, program) = outcome.join().unwrap();
        assert!(inside, "the state directory stays writable");
        assert!(walls.no_new_privs && walls.capabilities);
        assert!(
            walls.seccomp,
            "seccomp is there on every kernel that is supported"
        );
        assert!(!program, "programs must not start");
        assert_eq!(
            outside, !walls.landlock,
            "files outside are closed where the kernel has Landlock"
        );
    }
}
