//! Work that a signal stops: it says what is done and how to go on, closes the store, and ends with the code that shells
//! expect. A second signal ends the process at once.

use std::future::Future;

use cellar_cli_kit::{CliError, code};
use tokio::sync::oneshot;

/// A signal that asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What service managers and `timeout` send.
    Terminate,
}

impl Signal {
    const fn code(self) -> u8 {
        match self {
            Self::Interrupt => code::INTERRUPTED,
            Self::Terminate => code::TERMINATED,
        }
    }
}

/// The outcome of the work, or an error that `told` completes if a signal comes before it: what is done, and how to go on.
/// Where the work waits for a reader it hears of the signal when that reads on; a second one does not wait.
pub(crate) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, CliError>>,
    told: impl FnOnce() -> (String, String),
) -> Result<T, CliError> {
    // If the system lets nobody handle signals they end the process as ever.
    let Some(mut signals) = Signals::new() else { return work.await };
    let (send, stopped) = oneshot::channel();
    let watcher = tokio::spawn(async move {
        let _ = send.send(signals.next().await);
        let again = signals.next().await;
        std::process::exit(i32::from(again.code()));
    });
    let signal = tokio::select! {
        outcome = work => {
            watcher.abort();
            return outcome;
        }
        Ok(signal) = stopped => signal,
    };
    let (done, hint) = told();
    Err(CliError { code: signal.code(), ..CliError::failure(format!("interrupted; {done}")).hint(hint) })
}

/// Signals to stop, from when this is made on.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        Some(Self { interrupt: interrupt.ok()?, terminate: terminate.ok()? })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Option<Self> {
        Some(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::Interrupt
    }
}

/// The command that this process is, to be pasted into a shell.
pub(crate) fn command() -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("cellar".to_owned())
        .chain(arguments.map(|argument| quoted(&argument)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell reads it (POSIX, "Shell Command Language", 2.2.2).
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_if_a_shell_would_read_it_differently() {
        assert_eq!(quoted("data/a.csv"), "data/a.csv");
        assert_eq!(quoted("my places.csv"), "'my places.csv'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$HOME"), "'$HOME'");
    }
}
