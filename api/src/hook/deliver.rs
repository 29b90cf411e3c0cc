//! Sending a message until it is taken.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::StatusCode;
use cellar_cache::clock::{Clock as _, SystemClock};
use cellar_cli_kit::CliError;
use reqwest::{Client, Url, header, redirect};
use sha2::{Digest as _, Sha256};

use super::sign::Secret;

/// How long an attempt may take (Standard Webhooks recommends 15 to 30 s).
const ATTEMPT_LIMIT: Duration = Duration::from_secs(15);

/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What became of a message.
pub(super) enum Outcome {
    /// Somebody has it.
    Taken,
    /// The other side wants no more messages at all.
    Refused,
    /// Nobody took it, and why.
    Failed(String),
}

/// An address, and how it is sent to.
pub(super) struct Delivery {
    client: Client,
    url: Url,
    secret: Secret,
    attempts: u32,
    pause: Duration,
}

/// An address that may be told what is in a collection: over TLS, or on this machine.
pub(super) fn url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| "expected a URL, such as https://example.com/hook".to_owned())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err("expected https, or http on this machine".to_owned()),
    }
}

/// The id of a message, by which one that comes twice is known: of its content and of where it stands in the stream.
pub(super) fn message_id(token: &str, body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(token.as_bytes());
    hash.update(b"\0");
    hash.update(body.as_bytes());
    let mut id = "msg_".to_owned();
    for byte in &hash.finalize()[..16] {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

impl Delivery {
    pub(super) fn new(url: Url, secret: Secret, attempts: u32, pause: Duration) -> Result<Self, CliError> {
        let agent = concat!("cellar/", env!("CARGO_PKG_VERSION"));
        let client = Client::builder().timeout(ATTEMPT_LIMIT).redirect(redirect::Policy::none());
        let client = client.user_agent(agent).build();
        let client = client.map_err(|error| CliError::failure(format!("cannot send anything: {error}")))?;
        Ok(Self { client, url, secret, attempts, pause })
    }

    /// Sends a message, again and again if need be.
    pub(super) async fn send(&self, id: &str, body: &str) -> Outcome {
        let mut reason = String::new();
        for attempt in 1..=self.attempts {
            let wait = match self.attempt(id, body).await {
                Ok((status, _)) if status.is_success() => return Outcome::Taken,
                Ok((StatusCode::GONE, _)) => return Outcome::Refused,
                Ok((status, wait)) => {
                    reason = format!("status {}", status.as_u16());
                    wait
                }
                Err(error) => {
                    // Without the address, which may hold a secret.
                    reason = error.without_url().to_string();
                    None
                }
            };
            if attempt < self.attempts {
                let pause = wait.unwrap_or_default().max(self.pause(attempt)).min(LONGEST_PAUSE);
                tracing::info!(
                    id,
                    attempt,
                    reason,
                    pause_ms = pause.as_millis(),
                    "a message is not taken yet"
                );
                tokio::time::sleep(pause).await;
            }
        }
        Outcome::Failed(format!("{reason}, after {} attempts", self.attempts))
    }

    /// Doubles with each attempt; the actual pause is anything from half of that up, so that hooks do not come together.
    fn pause(&self, attempt: u32) -> Duration {
        let longest = self.pause.saturating_mul(1 << (attempt - 1).min(20)).min(LONGEST_PAUSE);
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// The status, and how long to wait if the other side says so.
    async fn attempt(&self, id: &str, body: &str) -> Result<(StatusCode, Option<Duration>), reqwest::Error> {
        let timestamp = SystemClock.unix_ms() / 1_000;
        let request = self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp);
        let request = request.header("webhook-signature", self.secret.sign(id, timestamp, body));
        let answer = request.body(body.to_owned()).send().await?;
        let wait =
            answer.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
        Ok((answer.status(), wait.map(Duration::from_secs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_safe_or_here() {
        for good in
            ["https://example.com/a?b", "http://localhost:9000", "http://127.0.0.1/", "http://[::1]:80/"]
        {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in
            ["", "example.com", "http://example.com", "ftp://localhost", "http://localhost.example.com"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
