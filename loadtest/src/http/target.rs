//! Where requests go: a URL and the addresses of its host.

use std::net::SocketAddr;

use hyper::Uri;
use thiserror::Error;

/// Why a URL cannot be a target.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// Not a URL of a server.
    #[error(
        "`{0}` is not the URL of a server: write, for example, `http://127.0.0.1:8080` or `https://places.example`"
    )]
    Url(String),
    /// The host has no address.
    #[error("`{host}` cannot be resolved: {reason}")]
    Unknown {
        /// The name.
        host: String,
        /// The reason given by the system.
        reason: String,
    },
}

/// A base URL: scheme, host, port and path prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is HTTPS.
    pub secure: bool,
    /// The host, without brackets.
    pub host: String,
    /// The port, by default that of the scheme.
    pub port: u16,
    /// Host and port as in the `Host` header.
    pub authority: String,
    /// Prefix of every path, without a trailing slash.
    pub prefix: String,
}

impl std::str::FromStr for BaseUrl {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        parse(text).ok_or_else(|| TargetError::Url(text.to_owned()))
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

fn parse(text: &str) -> Option<BaseUrl> {
    let uri: Uri = text.parse().ok()?;
    let secure = match uri.scheme_str()? {
        "http" => false,
        "https" => true,
        _ => return None,
    };
    let authority = uri.authority()?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
        return None;
    }
    // The URI parser treats a port that is not a number as absent.
    let named = authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, rest)| rest);
    if named.contains(':') && authority.port_u16().is_none_or(|port| port == 0) {
        return None;
    }
    Some(BaseUrl {
        secure,
        host: host.to_owned(),
        port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
        authority: authority.as_str().to_owned(),
        prefix: uri.path().trim_end_matches('/').to_owned(),
    })
}

/// A URL and the addresses of its host, resolved once: a run must not measure the resolver.
#[derive(Clone, Debug)]
pub struct Target {
    /// The URL.
    pub url: BaseUrl,
    /// The addresses, at least one.
    pub addresses: Vec<SocketAddr>,
}

impl Target {
    /// Resolves the host.
    ///
    /// # Errors
    ///
    /// The host has no address, or cannot be resolved.
    pub async fn resolve(url: BaseUrl) -> Result<Self, TargetError> {
        let unknown = |reason: String| TargetError::Unknown { host: url.host.clone(), reason };
        let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|error| unknown(error.to_string()))?.collect();
        if addresses.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        Ok(Self { url, addresses })
    }

    /// Whether all its addresses are loopback addresses.
    pub fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn urls_are_taken_apart() {
        let plain = url("http://127.0.0.1:8080/");
        assert_eq!((plain.secure, plain.port, plain.prefix.as_str()), (false, 8080, ""));
        let secure = url("https://places.example/api/");
        assert_eq!(
            (secure.port, secure.authority.as_str(), secure.prefix.as_str()),
            (443, "places.example", "/api")
        );
        assert_eq!((url("http://[::1]:81").host.as_str(), url("http://[::1]").port), ("::1", 80));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let bad = [
            "",
            "127.0.0.1:8080",
            "localhost",
            "ftp://a",
            "http://",
            "http://a?b",
            "http://a#b",
            "http://u:p@a",
        ];
        for bad in
            bad.into_iter().chain(["http://a:port", "http://a:99999", "http://a:0", "http:///x", "/v1"])
        {
            assert_eq!(bad.parse::<BaseUrl>(), Err(TargetError::Url(bad.to_owned())), "{bad}");
        }
    }

    #[tokio::test]
    async fn loopback_is_a_matter_of_addresses() {
        let target =
            |address: &str| Target { url: url("http://a"), addresses: vec![address.parse().unwrap()] };
        for (address, loopback) in
            [("127.0.0.2:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("10.0.0.1:1", false)]
        {
            assert_eq!(target(address).is_loopback(), loopback, "{address}");
        }
        assert!(Target::resolve(url("http://127.0.0.1:9")).await.unwrap().is_loopback());
    }
}
