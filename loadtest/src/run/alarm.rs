//! Waking up on time: tokio's own timer counts whole milliseconds, which is as long as a whole request.

use std::time::{Duration, Instant};

/// Longest sleep: whoever sleeps looks at the world in between.
pub(super) const MOST: Duration = Duration::from_millis(100);

#[cfg(target_os = "linux")]
pub(super) use self::timerfd::Alarm;

#[cfg(not(target_os = "linux"))]
pub(super) use self::millis::Alarm;

/// Linux: a timer that is a file, watched beside the sockets.
#[cfg(target_os = "linux")]
mod timerfd {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use rustix::time::{timerfd_create, timerfd_settime};
    use tokio::io::unix::AsyncFd;

    use super::{Instant, MOST};

    pub(in crate::run) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        pub(in crate::run) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            #[expect(
                deprecated,
                reason = "what is to replace it is unsafe; an OwnedFd stays open as long as it lives"
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

/// Elsewhere: tokio's timer, to the millisecond.
#[cfg(not(target_os = "linux"))]
mod millis {
    use std::io;

    use super::{Duration, Instant, MOST};

    pub(in crate::run) struct Alarm;

    impl Alarm {
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
        let mut alarm = Alarm::new().unwrap();
        for _ in 0..20 {
            let at = Instant::now() + Duration::from_micros(700);
            while Instant::now() < at {
                alarm.until(at).await.unwrap();
            }
            assert!(Instant::now() >= at);
        }
        alarm.until(Instant::now()).await.unwrap();
    }
}
