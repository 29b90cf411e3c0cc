//! The process of an environment: started in its control group, frozen, thawed, killed, measured.
//!
//! Signals are sent through a pidfd, so they cannot reach another process that got the same id.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Instant;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::cpu::{Group, Hierarchy};
use super::function::Function;
use super::outcome::Memory;

/// A started process.
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) process: Process,
    pub(super) at: Instant,
    pub(super) group: Option<Group>,
}

/// How to limit its CPU.
pub(super) struct Hold<'a> {
    pub(super) hierarchy: &'a Hierarchy,
    pub(super) group: Group,
}

#[derive(Debug)]
pub(super) struct Process {
    pub(super) number: u32,
    descriptor: OwnedFd,
}

/// Starts the function's program with these environment variables and no others.
pub(super) async fn start(
    function: &Function,
    variables: Vec<(String, String)>,
    hold: Option<Hold<'_>>,
) -> io::Result<Started> {
    let command = command(function, variables)?;
    match hold {
        None => spawn(command),
        Some(Hold { hierarchy, group }) if hierarchy.takes_threads() => spawn_inside(command, group).await,
        Some(Hold { group, .. }) => {
            let started = spawn(command)?;
            group.add(started.process.number)?;
            Ok(Started { group: Some(group), ..started })
        }
    }
}

fn command(function: &Function, variables: Vec<(String, String)>) -> io::Result<Command> {
    let mut command = Command::new(&function.binary);
    command.env_clear().envs(variables).kill_on_drop(true).stdin(Stdio::null());
    if let Some(log) = &function.log {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdout(file.try_clone()?).stderr(file);
    } else {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    Ok(command)
}

fn spawn(mut command: Command) -> io::Result<Started> {
    let at = Instant::now();
    let child = command.spawn()?;
    let number = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;
    let pid = Pid::from_raw(number as i32).ok_or_else(|| io::Error::other("no process number"))?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(Started { child, process: Process { number, descriptor }, at, group: None })
}

/// A separate thread enters the group, starts the process, and ends.
async fn spawn_inside(command: Command, group: Group) -> io::Result<Started> {
    let (sender, receiver) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::Builder::new().name("spawn".into()).spawn(move || {
        let _runtime = runtime.enter();
        let started = group.enter_thread().and_then(|()| spawn(command));
        let left = group.leave_thread();
        let _ =
            sender.send(started.and_then(|started| left.map(|()| Started { group: Some(group), ..started })));
    })?;
    receiver.await.map_err(|_| io::Error::other("the starting thread failed"))?
}

impl Process {
    /// Stops it until [`thaw`](Self::thaw).
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// A process that is gone ignores signals.
    fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.descriptor, signal);
    }

    /// Its resident memory; `None` if it is gone.
    pub(super) fn memory(&self) -> Option<Memory> {
        memory_of(&std::fs::read_to_string(format!("/proc/{}/status", self.number)).ok()?)
    }
}

fn memory_of(status: &str) -> Option<Memory> {
    let kib = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory { resident_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        let status = "Name:\tbootstrap\nVmHWM:\t    9876 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(memory_of(status), Some(Memory { resident_kib: 1_234, peak_kib: 9_876 }));
        assert_eq!(memory_of("Name:\tzombie\n"), None);
    }
}
