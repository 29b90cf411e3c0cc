//! Where a server listens: an address, a name, or every address of this machine.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use cellar_cli_kit::CliError;
use tokio::net::{TcpListener, lookup_host};

const EXPECTED: &str = "expected HOST:PORT, such as 127.0.0.1:8080, localhost:8080 or [::1]:8080, or :8080 for every \
                        address of this machine";

/// Ports below it are for privileged programs (ip(7), `ip_unprivileged_port_start`).
const UNPRIVILEGED: u16 = 1024;

/// What `--listen` names.
///
/// ```
/// use cellar::listen::Listen;
///
/// for text in ["127.0.0.1:8080", "[::1]:0", "localhost:8080", ":8080"] {
///     assert_eq!(text.parse::<Listen>()?.to_string(), text);
/// }
/// assert!("8080".parse::<Listen>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address.
    Address(SocketAddr),
    /// A name, of which the first address is taken that this machine has.
    Name(String, u16),
    /// Every address of this machine.
    Every(u16),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let port = port.parse().map_err(|_| format!("{port:?} is no port, 0 to 65535; {EXPECTED}"))?;
        let in_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        match host {
            "" => Ok(Self::Every(port)),
            // Digits and dots that are no address are no name either.
            name if name.chars().all(in_names) && name.contains(|c: char| c.is_ascii_alphabetic()) => {
                Ok(Self::Name(name.to_owned(), port))
            }
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Every(port) => write!(f, ":{port}"),
        }
    }
}

impl Listen {
    /// The addresses that it stands for. Nothing is bound yet.
    pub(crate) async fn resolve(&self) -> Result<Resolved, CliError> {
        let addresses = match self {
            Self::Address(address) => vec![*address],
            // The first one takes IPv4 as well, where the system has both.
            Self::Every(port) => {
                vec![(Ipv6Addr::UNSPECIFIED, *port).into(), (Ipv4Addr::UNSPECIFIED, *port).into()]
            }
            Self::Name(name, port) => addresses(name, *port).await.map_err(|problem| {
                CliError::failure(format!("cannot listen on {self}: {problem}"))
                    .hint("name another address with --listen")
            })?,
        };
        Ok(Resolved { asked: self.clone(), addresses })
    }
}

/// Addresses of a name, in the order of the system's resolver.
async fn addresses(name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = lookup_host((name, port)).await.map_err(|_| format!("no address of {name} is known"))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(format!("{name} has no address")) } else { Ok(addresses) }
}

/// Addresses, of which the first is taken that this machine has.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    asked: Listen,
    addresses: Vec<SocketAddr>,
}

impl Resolved {
    /// Who can reach what listens there.
    pub(crate) fn reach(&self) -> Reach {
        let name = match &self.asked {
            Listen::Name(name, _) => Some(name.clone()),
            Listen::Address(_) | Listen::Every(_) => None,
        };
        Reach { loopback: self.addresses.iter().all(|address| address.ip().is_loopback()), name }
    }

    /// Listens on the first address that this machine has. One that is in use is an error even if another one follows: who
    /// asks the name would be answered by two programs.
    pub(crate) async fn bind(&self) -> Result<(TcpListener, SocketAddr), CliError> {
        let mut last = None;
        for &address in &self.addresses {
            match bind(address).await {
                Ok(bound) => return Ok(bound),
                Err(error) if is_final(&error) => return Err(explain(address, &error)),
                Err(error) => last = Some(explain(address, &error)),
            }
        }
        Err(last.unwrap_or_else(|| CliError::failure(format!("{} has no address", self.asked))))
    }
}

impl Resolved {
    /// The address that [`bind`](Self::bind) would take, for another program to listen on; the port is the one that was asked for, 0 included.
    pub(crate) async fn free(&self) -> Result<SocketAddr, CliError> {
        let (_listener, address) = self.bind().await?;
        let port = self.addresses.first().map_or(0, SocketAddr::port);
        Ok(SocketAddr::new(address.ip(), port))
    }
}

async fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Whether the machine has the address, so that no other is to be tried.
fn is_final(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn explain(address: SocketAddr, error: &io::Error) -> CliError {
    let another = "name another address with --listen";
    let (problem, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ("another program listens there".to_owned(), format!("{another}; port 0 is a free one"))
        }
        io::ErrorKind::PermissionDenied if address.port() < UNPRIVILEGED => (
            format!("ports below {UNPRIVILEGED} are for privileged programs"),
            format!("{another}, such as port 8080, or grant CAP_NET_BIND_SERVICE"),
        ),
        io::ErrorKind::AddrNotAvailable => (
            "this machine has no such address".to_owned(),
            format!("{another}; :{} is every one", address.port()),
        ),
        _ => (error.to_string(), another.to_owned()),
    };
    CliError::failure(format!("cannot listen on {address}: {problem}")).hint(hint)
}

/// Who can reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Only this machine.
    pub(crate) loopback: bool,
    /// The name under which it is asked to listen.
    pub(crate) name: Option<String>,
}

impl Reach {
    /// Only this machine.
    pub(crate) const LOCAL: Self = Self { loopback: true, name: None };
}

/// Where a browser on this machine finds what listens on an address.
pub(crate) fn to_open(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn at(text: &str) -> Result<(TcpListener, SocketAddr), CliError> {
        text.parse::<Listen>().unwrap().resolve().await?.bind().await
    }

    async fn reach(text: &str) -> Reach {
        text.parse::<Listen>().unwrap().resolve().await.unwrap().reach()
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "8080",
            "localhost",
            "localhost:",
            "localhost:http",
            ":65536",
            "::1:80",
            "[::1]",
            "a b:1",
            "1.2.3:4",
            "http://a:1",
        ] {
            let error = bad.parse::<Listen>().unwrap_err();
            assert!(error.contains(EXPECTED), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn names_and_all_addresses_are_listened_on() {
        let (_listener, address) = at("localhost:0").await.unwrap();
        assert!(address.ip().is_loopback() && address.port() > 0, "{address}");
        let (_listener, address) = at(":0").await.unwrap();
        assert!(address.ip().is_unspecified() && to_open(address).ip().is_loopback(), "{address}");
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
    }

    #[tokio::test]
    async fn only_loopback_addresses_are_out_of_reach_of_others() {
        assert_eq!(reach("127.0.0.1:0").await, Reach::LOCAL);
        assert_eq!(reach("[::1]:0").await, Reach::LOCAL);
        assert_eq!(reach("localhost:0").await, Reach { loopback: true, name: Some("localhost".into()) });
        assert!(!reach("0.0.0.0:0").await.loopback && !reach(":0").await.loopback);
    }

    #[tokio::test]
    async fn the_first_address_that_this_machine_has_is_taken() {
        // Of TEST-NET-1 (RFC 5737), which no machine has.
        let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let local = (Ipv4Addr::LOCALHOST, 0).into();
        let both = |addresses| Resolved { asked: Listen::Name("both".into(), 0), addresses };
        let (listener, address) = both(vec![elsewhere, local]).bind().await.unwrap();
        assert_eq!(address.ip(), local.ip());
        let error = both(vec![address, (Ipv4Addr::LOCALHOST, 0).into()]).bind().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on {address}: another program listens there; name another address with --listen; port 0 is a free one"
            )
        );
        drop(listener);
        let error = both(vec![elsewhere]).bind().await.unwrap_err().to_string();
        assert!(error.contains("this machine has no such address"), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_told_of() {
        // RFC 6761: `.invalid` never resolves.
        let error = at("cellar.invalid:80").await.unwrap_err().to_string();
        assert!(
            error.starts_with("cannot listen on cellar.invalid:80: no address of cellar.invalid"),
            "{error}"
        );
    }

    #[test]
    fn a_privileged_port_says_so() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = explain("127.0.0.1:80".parse().unwrap(), &denied).to_string();
        assert!(error.contains("ports below 1024") && error.contains("CAP_NET_BIND_SERVICE"), "{error}");
    }
}
