//! Where Redis is, and how to get in.
//!
//! Invariant: no text made from a [`RedisUrl`] or a [`RedisUrlError`] holds the password.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

/// Port of a Redis URL that names none.
const DEFAULT_PORT: u16 = 6379;

/// Why a Redis URL, or what goes with it, cannot be used. Repeats nothing of the URL, which may contain a password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisUrlError {
    /// Not `scheme://…`, or a scheme of something else.
    #[error(
        "a Redis URL begins with redis://, rediss:// (TLS), redis+cluster:// or rediss+cluster:// (cluster mode)"
    )]
    Scheme,
    /// The part before the `@` has characters that have to be written as `%XX`.
    #[error(
        "user and password of a Redis URL: expected user:password@, with every / ? # @ : % in them written as %XX"
    )]
    Login,
    /// No host, or something that is not one.
    #[error("host of a Redis URL: expected a name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    /// Several hosts without cluster mode.
    #[error("a Redis URL with several hosts: expected redis+cluster:// or rediss+cluster://")]
    Hosts,
    /// A port that is not a number from 1 to 65535.
    #[error("port of a Redis URL: expected a number from 1 to 65535")]
    Port,
    /// A path that is not a database number.
    #[error("path of a Redis URL: expected nothing or the number of a database, such as /0")]
    Database,
    /// A database other than 0 in cluster mode.
    #[error("path of a Redis URL in cluster mode: expected nothing, a cluster has only database 0")]
    ClusterDatabase,
    /// Something after the path.
    #[error("a Redis URL ends with its path: expected no ? and no #")]
    Query,
    /// A namespace that would move keys to other slots.
    #[error("namespace of Redis keys: expected no braces")]
    Namespace,
    /// A CA file without TLS, or one that cannot be read.
    #[error("CA file for Redis: {0}")]
    Ca(String),
}

/// A parsed Redis URL: `scheme://[user[:password]@]host[:port][,host[:port]…][/database]`.
///
/// Schemes are `redis`, `rediss` (TLS), `redis+cluster` and `rediss+cluster`. Several hosts, all with the same login,
/// are for cluster mode: nodes to learn the others from.
///
/// ```
/// use cellar_cache::remote::redis::RedisUrl;
///
/// let url: RedisUrl = "rediss+cluster://cellar:secret@cache.example:6380".parse().unwrap();
/// assert_eq!(url.to_string(), "rediss+cluster://cellar:***@cache.example:6380");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(super) tls: bool,
    pub(super) cluster: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) nodes: Vec<Node>,
    pub(super) database: i64,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Name or address, an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(RedisUrlError::Scheme)?;
        let (tls, cluster) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+cluster" => (false, true),
            "rediss+cluster" => (true, true),
            _ => return Err(RedisUrlError::Scheme),
        };
        let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (username, password) = login.map_or(Ok((None, None)), parse_login)?;
        if rest.contains(['?', '#']) {
            return Err(RedisUrlError::Query);
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let nodes = hosts.split(',').map(str::parse).collect::<Result<Vec<Node>, _>>()?;
        if nodes.len() > 1 && !cluster {
            return Err(RedisUrlError::Hosts);
        }
        let database = parse_database(path)?;
        if cluster && database != 0 {
            return Err(RedisUrlError::ClusterDatabase);
        }
        Ok(Self { tls, cluster, username, password, nodes, database })
    }
}

/// Takes `user:password`, `user` or `:password` apart.
fn parse_login(login: &str) -> Result<(Option<String>, Option<String>), RedisUrlError> {
    let decoded = |text: &str| {
        if text.contains(['/', '?', '#', '@', ':']) {
            return Err(RedisUrlError::Login);
        }
        let text = percent_decode_str(text).decode_utf8().map_err(|_| RedisUrlError::Login)?;
        Ok((!text.is_empty()).then(|| text.into_owned()))
    };
    let (username, password) = login.split_once(':').unwrap_or((login, ""));
    Ok((decoded(username)?, decoded(password)?))
}

fn parse_database(path: &str) -> Result<i64, RedisUrlError> {
    match path {
        "" => Ok(0),
        _ => path.parse::<u16>().map(i64::from).map_err(|_| RedisUrlError::Database),
    }
}

impl FromStr for Node {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(RedisUrlError::Port)?)),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_host = if text.starts_with('[') {
            host.parse::<std::net::Ipv6Addr>().is_ok()
        } else {
            !host.is_empty() && host.chars().all(named)
        };
        if !is_host {
            return Err(RedisUrlError::Host);
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port.parse().ok().filter(|&port| port != 0).ok_or(RedisUrlError::Port)?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secure = if self.tls { "s" } else { "" };
        let cluster = if self.cluster { "+cluster" } else { "" };
        write!(f, "redis{secure}{cluster}://{}", self.username.as_deref().unwrap_or_default())?;
        if self.password.is_some() {
            f.write_str(":***")?;
        }
        if self.username.is_some() || self.password.is_some() {
            f.write_str("@")?;
        }
        let nodes: Vec<String> = self.nodes.iter().map(Node::to_string).collect();
        f.write_str(&nodes.join(","))?;
        if self.database != 0 {
            write!(f, "/{}", self.database)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RedisUrl, RedisUrlError> {
        text.parse()
    }

    #[test]
    fn takes_all_forms() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("redis://10.0.0.1:7000/3", "redis://10.0.0.1:7000/3"),
            ("rediss://:se%40cret@cache.example:6380/", "rediss://:***@cache.example:6380"),
            ("redis://user@h", "redis://user@h:6379"),
            ("redis://user:pw@[::1]:7000", "redis://user:***@[::1]:7000"),
            ("redis+cluster://a:1,b:2,[::1]", "redis+cluster://a:1,b:2,[::1]:6379"),
            ("rediss+cluster://u:pw@a", "rediss+cluster://u:***@a:6379"),
        ] {
            assert_eq!(parse(text).map(|url| url.to_string()), Ok(shown.to_owned()), "{text}");
        }
        assert_eq!(parse("rediss://:se%40cret@h").unwrap().password.as_deref(), Some("se@cret"));
    }

    #[test]
    fn says_what_is_expected_and_no_secret() {
        for (text, error) in [
            ("", RedisUrlError::Scheme),
            ("localhost:6379", RedisUrlError::Scheme),
            ("http://u:s3cret@localhost", RedisUrlError::Scheme),
            ("redis://", RedisUrlError::Host),
            ("redis://u:s3cret@", RedisUrlError::Host),
            ("redis://u:s3/cret@h", RedisUrlError::Login),
            ("redis://u:s3:cret@h", RedisUrlError::Login),
            ("redis://u:%ff@h", RedisUrlError::Login),
            ("redis://h:0", RedisUrlError::Port),
            ("redis://h:99999", RedisUrlError::Port),
            ("redis://[::1]7", RedisUrlError::Port),
            ("redis://::1", RedisUrlError::Host),
            ("redis://[h]", RedisUrlError::Host),
            ("redis://h/one", RedisUrlError::Database),
            ("redis://h/0?x=1", RedisUrlError::Query),
            ("redis://a,b", RedisUrlError::Hosts),
            ("redis+cluster://h/1", RedisUrlError::ClusterDatabase),
        ] {
            assert_eq!(parse(text).unwrap_err(), error, "{text}");
            assert!(!error.to_string().contains("s3"), "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn shows_no_password() {
        let url = parse("redis://u:s3cret@h").unwrap();
        assert!(!format!("{url:?} {url}").contains("s3cret"));
    }
}
