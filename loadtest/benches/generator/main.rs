//! What a request costs the sender, beside oha and wrk: requests per CPU second of each, against the same server in one run.
//!
//! `cargo bench -p cellar-loadtest --bench generator --profile dist -- [ROUNDS] [SECONDS]`; a tool that is not installed is left
//! out (`cargo install oha`, `apt-get install wrk`). CPU is user and system time of the whole process, start and end included,
//! as the kernel counts it.

mod cpu;
mod server;
mod tools;

use self::server::Server;
use self::tools::{Measured, Tool};

/// Rates at which tools that can hold one are measured, in requests per second.
const RATES: [u32; 3] = [300, 2_000, 10_000];

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let mut number = |default: u64| args.next().and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (rounds, seconds) = (number(3), number(8));
    let server = Server::start();
    println!(
        "{:<10} {:>8} {:>10} {:>10} {:>14} {:>18}",
        "tool", "rate", "answers", "CPU s", "per CPU second", "send delay p99 ms"
    );
    for _ in 0..rounds {
        for rate in RATES {
            print(&Tool::Loadtest(rate), &server, seconds);
            print(&Tool::Apart(rate), &server, seconds);
            print(&Tool::Oha(Some(rate)), &server, seconds);
        }
        print(&Tool::Oha(None), &server, seconds);
        print(&Tool::Wrk, &server, seconds);
    }
}

fn print(tool: &Tool, server: &Server, seconds: u64) {
    let (name, rate) = (tool.name(), tool.rate().map_or_else(|| "most".to_owned(), |rate| rate.to_string()));
    let Some(Measured { answers, cpu_s, send_delay_ms }) = tool.measure(&server.url(), seconds) else {
        println!("{name:<10} {rate:>8} not installed");
        return;
    };
    let delay = send_delay_ms.map_or_else(|| "-".to_owned(), |delay| format!("{delay:.3}"));
    let per_second = answers as f64 / cpu_s;
    println!("{name:<10} {rate:>8} {answers:>10} {cpu_s:>10.2} {per_second:>14.0} {delay:>18}");
}
