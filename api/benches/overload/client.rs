//! Connections that ask, in a closed loop or in an open one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause before a connection that failed is made anew.
const PAUSE: Duration = Duration::from_millis(100);

/// What came back.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Requests that were sent.
    pub(crate) sent: u64,
    /// 503 and 429.
    pub(crate) refused: u64,
    /// Other answers, none in time, and connections that broke.
    pub(crate) other: u64,
    /// Of good answers, in microseconds since they were due.
    took_us: Vec<u32>,
    seconds: f64,
}

impl Outcome {
    fn add(&mut self, mut more: Self) {
        self.sent += more.sent;
        self.refused += more.refused;
        self.other += more.other;
        self.took_us.append(&mut more.took_us);
    }

    fn note(&mut self, answer: &io::Result<u16>, due: Instant) {
        self.sent += 1;
        match answer {
            Ok(200) => self.took_us.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX)),
            Ok(503 | 429) => self.refused += 1,
            Ok(_) | Err(_) => self.other += 1,
        }
    }

    pub(crate) fn good_per_second(&self) -> f64 {
        self.took_us.len() as f64 / self.seconds
    }

    pub(crate) fn quantile(&self, part: f64) -> String {
        let mut took = self.took_us.clone();
        took.sort_unstable();
        let at = ((took.len() as f64 * part) as usize).min(took.len().saturating_sub(1));
        took.get(at).map_or("none".into(), |us| format!("{:.1} ms", f64::from(*us) / 1e3))
    }
}

/// Each connection asks again as soon as it is answered.
pub(crate) async fn closed(
    at: SocketAddr,
    paths: &Arc<[String]>,
    connections: usize,
    time: Duration,
) -> Outcome {
    let end = Instant::now() + time;
    let ask = |number: usize| {
        let paths = Arc::clone(paths);
        async move {
            let (mut outcome, mut connection, mut next) = (Outcome::default(), None, number);
            while Instant::now() < end {
                let due = Instant::now();
                outcome.note(&ask(&mut connection, at, &paths[next % paths.len()]).await, due);
                next += connections;
            }
            outcome
        }
    };
    all((0..connections).map(ask), time).await
}

/// Requests are due at instants that are fixed beforehand.
pub(crate) async fn open(
    at: SocketAddr,
    paths: &Arc<[String]>,
    connections: usize,
    rate: f64,
    time: Duration,
) -> Outcome {
    let every = Duration::from_secs_f64(connections as f64 / rate);
    // Connections are made before: a server that takes them slowly is another question.
    let begin = Instant::now() + Duration::from_secs(1);
    let ask = |number: usize| {
        let paths = Arc::clone(paths);
        async move {
            let mut connection = TcpStream::connect(at).await.ok();
            let (mut outcome, mut next) = (Outcome::default(), number);
            let mut due = begin + every.mul_f64(number as f64 / connections as f64);
            while due < begin + time {
                sleep_until(due).await;
                outcome.note(&ask(&mut connection, at, &paths[next % paths.len()]).await, due);
                next += connections;
                due += every;
                let now = Instant::now();
                if due < now {
                    // Left out: those that were due meanwhile.
                    let missed = now.duration_since(due).as_secs_f64() / every.as_secs_f64();
                    due += every.mul_f64(missed.ceil());
                }
            }
            outcome
        }
    };
    all((0..connections).map(ask), time).await
}

async fn all<F>(asking: impl Iterator<Item = F>, time: Duration) -> Outcome
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let tasks: Vec<_> = asking.map(tokio::spawn).collect();
    let mut outcome = Outcome { seconds: time.as_secs_f64(), ..Outcome::default() };
    for task in tasks {
        outcome.add(task.await.expect("it does not panic"));
    }
    outcome
}

/// How long it takes until one request alone is answered well, over a connection of its own.
pub(crate) async fn until_well(at: SocketAddr, path: &str) -> Duration {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        if matches!(ask(&mut None, at, path).await, Ok(200)) && asked.elapsed() < Duration::from_millis(100) {
            return asked.duration_since(began);
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Sends a request and reads the answer; its status. A connection that broke is made anew with the next one.
async fn ask(connection: &mut Option<TcpStream>, at: SocketAddr, path: &str) -> io::Result<u16> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => timeout(PATIENCE, TcpStream::connect(at)).await.map_err(io::Error::other)??,
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    match timeout(PATIENCE, exchange(&mut open, request.as_bytes())).await {
        Ok(Ok((status, keeps))) => {
            *connection = keeps.then_some(open);
            Ok(status)
        }
        Ok(Err(error)) => {
            sleep(PAUSE).await;
            Err(error)
        }
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The status, and whether the connection stays.
async fn exchange(open: &mut TcpStream, mut request: &[u8]) -> io::Result<(u16, bool)> {
    while !request.is_empty() {
        open.writable().await?;
        match open.try_write(request) {
            Ok(written) => request = &request[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    let mut answer = Vec::with_capacity(8 << 10);
    loop {
        open.readable().await?;
        match open.try_read_buf(&mut answer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                if let Some(done) = whole(&answer)? {
                    return Ok(done);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// The status of an answer that is there as a whole, and whether the connection stays.
fn whole(answer: &[u8]) -> io::Result<Option<(u16, bool)>> {
    let Some(end) = answer.windows(4).position(|part| part == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&answer[..end]).map_err(io::Error::other)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no status"))?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    };
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    let keeps = header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    Ok((answer.len() >= end + 4 + length).then_some((status, keeps)))
}
