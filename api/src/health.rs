//! `cellar health`: asks a server how it is, for health checks where there is no `curl`.

use std::time::Duration;

use cellar_cli_kit::{CliError, code, say, terminal};
use clap::{Args, ValueEnum};
use reqwest::{Client, Response, Url};

const EXAMPLES: &str = "\
Examples:
  cellar health
  cellar health --url http://127.0.0.1:9000 --probe ready
  until cellar health --quiet; do sleep 1; done

Prints what the server answers, unless --quiet is asked for.

Exit codes: 0 it is well, 1 it is not, or does not answer, 2 wrong usage.";

/// Asks a server how it is
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct HealthArgs {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: Url,

    /// What to ask: `live` whether the process answers, `ready` whether it should get requests, `health` whether it reaches
    /// its store
    #[arg(long, value_enum, default_value = "health")]
    probe: Probe,

    /// How long it may take to answer
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// A probe of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Probe {
    Live,
    Ready,
    Health,
}

impl Probe {
    const fn path(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ready => "ready",
            Self::Health => "health",
        }
    }
}

/// Asks, and tells by the exit code.
pub async fn run(args: HealthArgs) -> Result<u8, CliError> {
    let url = probe_url(&args.url, args.probe)?;
    let client = Client::builder().no_proxy().timeout(args.timeout).build();
    let client = client.map_err(|error| CliError::failure(error.to_string()))?;
    let shown = url.as_str().to_owned();
    let silent = |problem: &str| {
        CliError::failure(format!("{shown} {problem}"))
            .hint("check --url, and that `cellar serve` runs there")
    };
    let answer = client.get(url).send().await.map_err(|error| {
        silent(if error.is_timeout() { "does not answer in time" } else { "does not answer" })
    })?;
    let (status, body) = read(answer).await.map_err(|_| silent("broke off its answer"))?;
    if status != 200 {
        return Err(silent(&format!("answers {status}: {}", body.trim())));
    }
    if !terminal::is_quiet() {
        say(body.trim())?;
    }
    Ok(code::OK)
}

async fn read(answer: Response) -> Result<(u16, String), reqwest::Error> {
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// The probe below the server's address. Its password is nobody's business.
fn probe_url(server: &Url, probe: Probe) -> Result<Url, CliError> {
    let usable = matches!(server.scheme(), "http" | "https") && server.username().is_empty();
    if !usable || server.password().is_some() {
        return Err(CliError::usage("--url: it has to be an address as in http://127.0.0.1:8080"));
    }
    let mut url = server.clone();
    let path = format!("{}/{}", server.path().trim_end_matches('/'), probe.path());
    url.set_path(&path);
    url.set_query(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_stands_below_the_address() {
        let of = |url: &str| probe_url(&url.parse().unwrap(), Probe::Ready).map(|url| url.to_string());
        assert_eq!(of("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080/ready");
        assert_eq!(of("https://example.com/geo/?a=b").unwrap(), "https://example.com/geo/ready");
        for bad in ["ftp://example.com", "http://user:hunter2@example.com"] {
            let error = of(bad).unwrap_err().to_string();
            assert!(error.starts_with("--url: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
