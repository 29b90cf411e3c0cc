//! The tools, each asked for the same.

use std::process::Command;

use serde_json::Value;

use super::cpu;

/// One search, as it is sent by tools that send the same over and over.
const PATH: &str = "/v1/collections/places/nearby?lat=48.8566&lon=2.3522&limit=20&mode=exact";
/// Connections of the tools that have a fixed number of them.
const CONNECTIONS: &str = "64";

/// A tool and its rate, in requests per second; without one it sends as fast as it can.
pub(crate) enum Tool {
    Loadtest(u32),
    /// Each request is sent by itself, at high rates, too.
    Apart(u32),
    Oha(Option<u32>),
    Wrk,
}

pub(crate) struct Measured {
    pub(crate) answers: u64,
    pub(crate) cpu_s: f64,
    pub(crate) send_delay_ms: Option<f64>,
}

impl Tool {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Loadtest(_) => "loadtest",
            Self::Apart(_) => "apart",
            Self::Oha(_) => "oha",
            Self::Wrk => "wrk",
        }
    }

    pub(crate) const fn rate(&self) -> Option<u32> {
        match self {
            Self::Loadtest(rate) | Self::Apart(rate) => Some(*rate),
            Self::Oha(rate) => *rate,
            Self::Wrk => None,
        }
    }

    /// Lets it send for so many seconds; `None` if it is not installed.
    pub(crate) fn measure(&self, url: &str, seconds: u64) -> Option<Measured> {
        let length = format!("{seconds}s");
        match self {
            Self::Loadtest(rate) => loadtest(url, *rate, &length, &[]),
            Self::Apart(rate) => loadtest(url, *rate, &length, &["--group-within", "0s"]),
            Self::Oha(rate) => oha(url, *rate, &length),
            Self::Wrk => wrk(url, &length),
        }
    }
}

fn loadtest(url: &str, rate: u32, length: &str, more: &[&str]) -> Option<Measured> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args([
        "--regions",
        &format!("us-east-1={url}"),
        "--collection",
        "places",
        "--json",
        "--arrivals",
        "constant",
    ]);
    command.args(["--rps", &rate.to_string(), "--duration", length]).args(more);
    let (output, cpu_s) = cpu::run(&mut command)?;
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let total = &report["total"];
    Some(Measured {
        answers: total["succeeded_ms"]["count"].as_u64()?,
        cpu_s,
        send_delay_ms: total["send_delay_ms"]["p99"].as_f64(),
    })
}

fn oha(url: &str, rate: Option<u32>, length: &str) -> Option<Measured> {
    let mut command = Command::new("oha");
    command.args(["--no-tui", "--output-format", "json", "-c", CONNECTIONS, "-z", length]);
    if let Some(rate) = rate {
        command.args(["-q", &rate.to_string(), "--latency-correction"]);
    }
    let (output, cpu_s) = cpu::run(command.arg(format!("{url}{PATH}")))?;
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    Some(Measured { answers: report["statusCodeDistribution"]["200"].as_u64()?, cpu_s, send_delay_ms: None })
}

fn wrk(url: &str, length: &str) -> Option<Measured> {
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", length]).arg(format!("{url}{PATH}"));
    let (output, cpu_s) = cpu::run(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains("requests in")).expect("a summary");
    let answers = line.split_whitespace().next()?.parse().ok()?;
    Some(Measured { answers, cpu_s, send_delay_ms: None })
}
