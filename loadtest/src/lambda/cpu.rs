//! Limiting a process to a share of a CPU, by control groups of either version.
//!
//! A function with 1,769 MB has one vCPU, others have less or more in proportion
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

/// Memory, in MiB, that comes with a whole vCPU.
const MIB_PER_VCPU: f64 = 1_769.0;

/// The period of the CPU quota, in microseconds. Short, so that small functions are throttled often and briefly.
const PERIOD_US: u32 = 20_000;

/// How many times removing a group is tried, and the pause in between.
const REMOVAL_TRIES: u32 = 50;
/// See [`REMOVAL_TRIES`].
const REMOVAL_PAUSE: Duration = Duration::from_millis(2);

/// How the CPU is limited.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CpuShare {
    /// Each environment is limited to this share.
    Held {
        /// The share, in vCPUs.
        vcpus: f64,
    },
    /// Not limited.
    Whole,
    /// Requested, but not permitted by the system.
    NotEmulated {
        /// The reason given by the system.
        reason: String,
    },
}

impl fmt::Display for CpuShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { vcpus } => write!(f, "{vcpus:.3} vCPU"),
            Self::Whole => f.write_str("whole"),
            Self::NotEmulated { reason } => write!(f, "not emulated: {reason}"),
        }
    }
}

/// The share of a CPU that comes with a memory size, in vCPUs.
///
/// ```
/// assert_eq!(cellar_loadtest::lambda::vcpus_of(1_769), 1.0);
/// ```
pub fn vcpus_of(memory_mib: u32) -> f64 {
    f64::from(memory_mib) / MIB_PER_VCPU
}

/// Where control groups can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hierarchy {
    V1(PathBuf),
    V2(PathBuf),
}

impl Hierarchy {
    /// The hierarchy with the CPU controller.
    pub(super) fn find() -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        Self::of_mounts(&mounts).ok_or_else(|| "no control group hierarchy for the CPU is mounted".into())
    }

    fn of_mounts(mounts: &str) -> Option<Self> {
        let mut second = None;
        for line in mounts.lines() {
            let mut fields = line.split(' ').skip(1);
            let (Some(path), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            match kind {
                "cgroup" if options.split(',').any(|option| option == "cpu") => {
                    return Some(Self::V1(path.into()));
                }
                "cgroup2" => second = second.or(Some(Self::V2(path.into()))),
                _ => {}
            }
        }
        second
    }

    /// Creates a group with a share of the CPU.
    pub(super) fn group(&self, name: &str, vcpus: f64) -> io::Result<Group> {
        let quota_us = (vcpus * f64::from(PERIOD_US)).round().max(1_000.0) as u32;
        match self {
            Self::V1(root) => {
                let group = Group::make(root, name, "tasks")?;
                fs::write(group.path.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
                fs::write(group.path.join("cpu.cfs_quota_us"), quota_us.to_string())?;
                Ok(group)
            }
            Self::V2(root) => {
                fs::write(root.join("cgroup.subtree_control"), "+cpu")?;
                let group = Group::make(root, name, "cgroup.procs")?;
                fs::write(group.path.join("cpu.max"), format!("{quota_us} {PERIOD_US}"))?;
                Ok(group)
            }
        }
    }

    /// Whether a single thread can enter a group and so start a process in it.
    pub(super) fn takes_threads(&self) -> bool {
        matches!(self, Self::V1(_))
    }
}

/// A control group. It is removed when dropped, once its processes are gone.
#[derive(Debug)]
pub(super) struct Group {
    path: PathBuf,
    members: &'static str,
}

impl Group {
    fn make(root: &Path, name: &str, members: &'static str) -> io::Result<Self> {
        let path = root.join(name);
        fs::create_dir(&path)?;
        Ok(Self { path, members })
    }

    /// Moves the calling thread into the group: a process that it starts is a member from its first instruction.
    pub(super) fn enter_thread(&self) -> io::Result<()> {
        fs::write(self.path.join(self.members), "0")
    }

    /// Moves the calling thread out again: the group can only be removed when it is empty.
    pub(super) fn leave_thread(&self) -> io::Result<()> {
        fs::write(self.path.with_file_name(self.members), "0")
    }

    /// Moves a process into the group.
    pub(super) fn add(&self, process: u32) -> io::Result<()> {
        fs::write(self.path.join(self.members), process.to_string())
    }

    /// How often its members were throttled.
    #[cfg(test)]
    fn throttled_count(&self) -> u64 {
        let text = fs::read_to_string(self.path.join("cpu.stat")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        line.and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

impl Drop for Group {
    /// A process that was just killed remains a member for a moment.
    fn drop(&mut self) {
        for _ in 0..REMOVAL_TRIES {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(REMOVAL_PAUSE);
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_cpu_controller_of_version_one_is_preferred() {
        let mounts = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpuacct cgroup rw,cpuacct 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\n";
        assert_eq!(Hierarchy::of_mounts(mounts), Some(Hierarchy::V1("/sys/fs/cgroup/cpu".into())));
        let second = mounts.lines().next().unwrap_or_default();
        assert_eq!(Hierarchy::of_mounts(second), Some(Hierarchy::V2("/sys/fs/cgroup/unified".into())));
        assert_eq!(Hierarchy::of_mounts("proc /proc proc rw 0 0"), None);
    }

    /// Where the system allows it: a loop that wants a whole CPU waits when it is given a tenth.
    #[test]
    fn a_share_is_held() {
        let Ok(hierarchy) = Hierarchy::find() else { return };
        let name = format!("cellar-test-{}", std::process::id());
        let Ok(group) = hierarchy.group(&name, 0.1) else { return };
        let mut spinner = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        group.add(spinner.id()).unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(30);
        while group.throttled_count() < 3 && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        let throttled = group.throttled_count();
        spinner.kill().unwrap();
        spinner.wait().unwrap();
        assert!(throttled >= 3, "throttled {throttled} times");
    }
}
