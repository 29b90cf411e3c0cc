//! Waking up on time: tokio's own timer has a resolution of a millisecond, which is as long as a whole request.

use std::time::{Duration, Instant};

/// Longest sleep: whoever sleeps checks in between whether to stop.
pub(super) const MOST: Duration = Duration::from_millis(100);

#[cfg(target_os = "linux")]
pub(super) use self::timerfd::Timer;

#[cfg(not(target_os = "linux"))]
pub(super) use self::millis::Timer;

/// Linux: a timer with a file descriptor, polled together with the sockets.
#[cfg(target_os = "linux")]
mod timerfd {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use rustix::time::{timerfd_create, timerfd_settime};
    use tokio::io::unix::AsyncFd;

    use super::{Instant, MOST};

    pub(in crate::run) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(in crate::run) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            #[expect(
                deprecated,
                reason = "its replacement is unsafe; an OwnedFd stays open for its lifetime"
            )]
            Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
        }

        /// Sleeps until an instant, but not longer than [`MOST`].
        pub(in crate::run) async fn until(&mut self, at: Instant) -> io::Result<()> {
            let left = at.saturating_duration_since(Instant::now()).min(MOST);
            if left.is_zero() {
                return Ok(());
            }
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) as _ };
            let timer = Itimerspec { it_interval: zero, it_value: value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &timer)?;
            self.0.readable().await?.clear_ready();
            Ok(())
        }
    }
}

/// Elsewhere: tokio's timer, with its resolution of a millisecond.
#[cfg(not(target_os = "linux"))]
mod millis {
    use std::io;

    use super::{Duration, Instant, MOST};

    pub(in crate::run) struct Timer;

    impl Timer {
        pub(in crate::run) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::run) async fn until(&mut self, at: Instant) -> io::Result<()> {
            let left: Duration = at.saturating_duration_since(Instant::now()).min(MOST);
            tokio::time::sleep(left).await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_after_its_instant_again_and_again() {
        let mut timer = Timer::new().unwrap();
        for _ in 0..20 {
            let at = Instant::now() + Duration::from_micros(700);
            while Instant::now() < at {
                timer.until(at).await.unwrap();
            }
            assert!(Instant::now() >= at);
        }
        timer.until(Instant::now()).await.unwrap();
    }
}
