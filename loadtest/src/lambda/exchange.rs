//! The state machine of the Runtime API of one environment, without HTTP and processes.
//!
//! Invariant: an event is handed over once, and exactly one of answer, error, time limit and exit ends it. Transitions are those of
//! AWS's Runtime Interface Emulator: an unknown id is refused before an impossible transition.

use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// An invocation on its way into an environment.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) id: String,
    pub(super) trace: String,
    pub(super) payload: Bytes,
    /// Notified when the event is handed over.
    pub(super) delivered: oneshot::Sender<Instant>,
    /// Notified of the answer.
    pub(super) answer: oneshot::Sender<Answered>,
    /// Notified when the runtime asks for the next event.
    pub(super) returned: oneshot::Sender<()>,
}

/// An event as the runtime gets it.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) trace: String,
    pub(super) payload: Bytes,
}

/// The answer of the function, and how long it took.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) took: Duration,
}

#[derive(Debug)]
pub(super) enum Answer {
    Response(Bytes),
    Error { kind: String, payload: Bytes },
    TooLarge,
}

/// Why a call of the runtime is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 400.
    UnknownId,
    /// 403: the state's name.
    Transition(&'static str),
}

/// What a runtime's request for an event means.
#[derive(Debug)]
pub(super) enum Poll {
    /// The first one: the init is over. `bound` says whether an invocation is waiting for the environment already.
    First { bound: bool },
    /// An invocation is over, and has to be notified.
    Again(oneshot::Sender<()>),
    /// It was already waiting.
    Repeated,
}

#[derive(Debug)]
enum Phase {
    Init,
    InitFailed,
    Ready,
    Running { since: Instant, invocation: Running },
    Answered { id: String, returned: oneshot::Sender<()> },
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Self::Init => "Started",
            Self::InitFailed => "InitError",
            Self::Ready => "Ready",
            Self::Running { .. } => "Running",
            Self::Answered { .. } => "ResponseSent",
        }
    }

    fn id(&self) -> Option<&str> {
        match self {
            Self::Running { invocation: Running { id, .. }, .. } | Self::Answered { id, .. } => Some(id),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Running {
    id: String,
    answer: oneshot::Sender<Answered>,
    returned: oneshot::Sender<()>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    pending: Option<Dispatch>,
}

#[derive(Debug)]
pub(super) struct Exchange {
    state: Mutex<State>,
    wake: Notify,
}

impl Exchange {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { phase: Phase::Init, pending: None }), wake: Notify::new() }
    }

    /// Sends an invocation to the environment, which may still be in its init.
    pub(super) fn send(&self, dispatch: Dispatch) {
        self.state.lock().pending = Some(dispatch);
        self.wake.notify_one();
    }

    /// The runtime asks for an event.
    pub(super) fn polled(&self) -> Result<Poll, Refusal> {
        let mut state = self.state.lock();
        let bound = state.pending.is_some();
        match std::mem::replace(&mut state.phase, Phase::Ready) {
            Phase::Init => Ok(Poll::First { bound }),
            Phase::Answered { returned, .. } => Ok(Poll::Again(returned)),
            Phase::Ready => Ok(Poll::Repeated),
            phase @ (Phase::InitFailed | Phase::Running { .. }) => {
                let refusal = Refusal::Transition(phase.name());
                state.phase = phase;
                Err(refusal)
            }
        }
    }

    /// Waits for an event.
    pub(super) async fn event(&self) -> Event {
        loop {
            if let Some(event) = self.hand_over() {
                return event;
            }
            self.wake.notified().await;
        }
    }

    fn hand_over(&self) -> Option<Event> {
        let mut state = self.state.lock();
        let Dispatch { id, trace, payload, delivered, answer, returned } = state.pending.take()?;
        let since = Instant::now();
        let invocation = Running { id: id.clone(), answer, returned };
        state.phase = Phase::Running { since, invocation };
        let _ = delivered.send(since);
        Some(Event { id, trace, payload })
    }

    /// The runtime answers.
    pub(super) fn answer(&self, id: &str, answer: Answer) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if state.phase.id() != Some(id) {
            return Err(Refusal::UnknownId);
        }
        match std::mem::replace(&mut state.phase, Phase::InitFailed) {
            Phase::Running { since, invocation } => {
                state.phase = Phase::Answered { id: invocation.id, returned: invocation.returned };
                let _ = invocation.answer.send(Answered { answer, took: since.elapsed() });
                Ok(())
            }
            phase => {
                let refusal = Refusal::Transition(phase.name());
                state.phase = phase;
                Err(refusal)
            }
        }
    }

    /// The runtime reports that its init failed.
    pub(super) fn init_failed(&self) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        match &state.phase {
            Phase::Init => {
                state.phase = Phase::InitFailed;
                Ok(())
            }
            phase => Err(Refusal::Transition(phase.name())),
        }
    }
}
