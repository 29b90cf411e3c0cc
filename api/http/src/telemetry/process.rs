//! The process among others: the metrics that Prometheus' own libraries have, under the same names.
//!
//! What the system does not tell is left out: there is nothing but CPU time where there is no `/proc`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// Metrics of this process, for a registry without a prefix.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let of = &mut encoder;
        #[cfg(unix)]
        cpu(of)?;
        #[cfg(target_os = "linux")]
        self::linux::encode(of)?;
        Ok(())
    }
}

#[cfg(unix)]
fn cpu(of: &mut DescriptorEncoder<'_>) -> fmt::Result {
    use prometheus_client::encoding::EncodeMetric as _;
    use prometheus_client::metrics::counter::ConstCounter;
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    let counter = ConstCounter::new(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9);
    let help = "User and system CPU time in seconds";
    counter.encode(of.encode_descriptor("process_cpu_seconds", help, None, counter.metric_type())?)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::time::{SystemTime, UNIX_EPOCH};

    use rustix::process::{Resource, getrlimit};
    use rustix::time::{ClockId, clock_gettime};

    use super::super::gauge;
    use super::{DescriptorEncoder, fmt};

    /// Field of `/proc/self/stat` that has the start, counted from the one after the name (proc(5)).
    const START_FIELD: usize = 19;

    /// Clock ticks as programs see them: `USER_HZ`, which is 100 on every processor that Rust has a Linux target for
    /// (include/asm-generic/param.h).
    const TICKS_PER_SECOND: f64 = 100.0;

    pub(super) fn encode(of: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if let Some(bytes) = kilobytes(&status, "VmRSS:") {
            gauge(of, "process_resident_memory_bytes", "Resident memory in bytes", bytes)?;
        }
        if let Some(bytes) = kilobytes(&status, "VmSize:") {
            gauge(of, "process_virtual_memory_bytes", "Virtual memory in bytes", bytes)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory itself.
            let open = open.count().saturating_sub(1) as f64;
            gauge(of, "process_open_fds", "Open file descriptors", open)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            gauge(of, "process_max_fds", "Most file descriptors that may be open", most as f64)?;
        }
        if let Some(start) = start() {
            gauge(
                of,
                "process_start_time_seconds",
                "When the process started, in seconds since 1970",
                start,
            )?;
        }
        Ok(())
    }

    fn kilobytes(status: &str, name: &str) -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kb: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kb * 1024.0)
    }

    /// Seconds since 1970.
    fn start() -> Option<f64> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program is in brackets, and may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks: f64 = fields.split_whitespace().nth(START_FIELD)?.parse().ok()?;
        let since_boot = ticks / TICKS_PER_SECOND;
        let boot = clock_gettime(ClockId::Boottime);
        let age = boot.tv_sec as f64 + boot.tv_nsec as f64 / 1e9 - since_boot;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(now.as_secs_f64() - age)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn memory_is_read_in_bytes() {
            let status = "Name:\tx\nVmSize:\t   100 kB\nVmRSS:\t      12 kB\n";
            assert_eq!(kilobytes(status, "VmRSS:"), Some(12_288.0));
            assert_eq!(kilobytes(status, "VmSwap:"), None);
        }

        #[test]
        fn the_process_started_a_moment_ago() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            let age = now - start().unwrap();
            // A test program is no day old, and a clock tick is 10 ms.
            assert!((-1.0..86_400.0).contains(&age), "{age}");
        }
    }
}
