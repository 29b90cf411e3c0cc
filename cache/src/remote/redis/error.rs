//! From what redis-rs says to what the callers of the remote tier tell apart.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::remote::RemoteError;

/// Longest error text that is passed on, in characters.
const TEXT_LIMIT: usize = 300;

/// What must not be in a text.
#[derive(Clone, Default)]
pub(super) struct Secret(Vec<String>);

impl Secret {
    pub(super) fn new(password: Option<&str>) -> Self {
        Self(password.filter(|password| !password.is_empty()).map(str::to_owned).into_iter().collect())
    }

    /// A text on one line, short, and without the secret: a server that does not know a command repeats what it got.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret, "***");
        }
        text.chars().take(TEXT_LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// Which of our errors this is.
    pub(super) fn classify(&self, error: &RedisError) -> RemoteError {
        if error.is_timeout() {
            return RemoteError::TimedOut;
        }
        let text = self.clean(&error.to_string());
        if is_refusal(error, &text) { RemoteError::Refused(text) } else { RemoteError::Unavailable(text) }
    }
}

/// Whether a server is there and works, but not for this.
fn is_refusal(error: &RedisError, text: &str) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
        ),
        ErrorKind::Extension
        | ErrorKind::AuthenticationFailed
        | ErrorKind::UnexpectedReturnType
        | ErrorKind::RESP3NotSupported => true,
        // A cluster connection wraps what its nodes say into a text.
        _ => {
            ["WRONGPASS", "NOAUTH", "NOPERM", "authentication failed"].iter().any(|mark| text.contains(mark))
        }
    }
}

/// An answer of a form that the command does not have.
pub(super) fn unexpected() -> RemoteError {
    RemoteError::Refused("an answer of an unexpected form".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(line: &[u8]) -> RemoteError {
        let error = redis::parse_redis_value(line).unwrap().extract_error().unwrap_err();
        Secret::new(Some("s3cret")).classify(&error)
    }

    #[test]
    fn tells_absent_from_unwilling() {
        for line in ["LOADING Redis is", "CLUSTERDOWN The", "TRYAGAIN Multiple", "MASTERDOWN Link"] {
            let error = classify(format!("-{line}\r\n").as_bytes());
            assert!(matches!(error, RemoteError::Unavailable(_)), "{line}: {error:?}");
        }
        for line in
            ["OOM command", "READONLY You", "NOPERM this", "WRONGTYPE Op", "NOAUTH A", "WRONGPASS i", "ERR x"]
        {
            let error = classify(format!("-{line}\r\n").as_bytes());
            assert!(matches!(error, RemoteError::Refused(_)), "{line}: {error:?}");
        }
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert_eq!(Secret::default().classify(&error), RemoteError::TimedOut);
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(matches!(Secret::default().classify(&error), RemoteError::Unavailable(_)));
    }

    #[test]
    fn repeats_no_password() {
        let error =
            classify(b"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 's3cret'\r\n");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
