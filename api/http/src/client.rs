//! Whose request it is: the address of the client, as far as it can be known.
//!
//! Anybody can write any address into a header. Invariant: what a header says counts only if whoever passed it on is a
//! trusted proxy, and then the address that the last of these has seen.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// The other end of the connection. Transports leave it in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The header in which proxies note whom they got a request from, each at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Proxies whose notes count, and where these are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Addresses of proxies.
    pub trusted: Vec<IpNet>,
    /// Where they note addresses. The other header is what anybody may have written.
    pub header: ForwardedHeader,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Proxies {
    /// The address of a client: the nearest one on the way to it that is no trusted proxy.
    ///
    /// ```
    /// use axum::http::HeaderMap;
    /// use cellar_http::client::{ForwardedHeader, Proxies};
    ///
    /// let proxies = Proxies { trusted: vec!["10.0.0.0/8".parse()?], header: ForwardedHeader::default() };
    /// let mut headers = HeaderMap::new();
    /// headers.insert("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.2".parse()?);
    /// assert_eq!(proxies.client("10.0.0.1".parse()?, &headers).to_string(), "203.0.113.7");
    /// assert_eq!(proxies.client("198.51.100.1".parse()?, &headers).to_string(), "198.51.100.1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let mut noted = match self.header {
            ForwardedHeader::XForwardedFor => {
                lines(headers, &X_FORWARDED_FOR).flat_map(|line| line.split(',')).map(address).collect()
            }
            ForwardedHeader::Forwarded => {
                let elements = lines(headers, &header::FORWARDED).flat_map(|line| parts(line, ','));
                elements.map(forwarded_for).collect::<Vec<_>>()
            }
        };
        // What cannot be read ends the way: the proxy that wrote it stands for its client.
        while let Some(Some(next)) = noted.pop() {
            client = next;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    /// Whether it is the address of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// An address as limits are counted by: of IPv6 the network of 64 bits, all of which a client has to itself.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (!0 << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

/// All lines of a header, in their order. One that is no text has one element, which cannot be read.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    headers.get_all(name).into_iter().map(|line| line.to_str().unwrap_or_default())
}

/// An address, as it is or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// A member of the last element of `Forwarded`, which the nearest proxy has written.
pub(crate) fn forwarded_member<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let line = headers.get_all(header::FORWARDED).iter().next_back()?.to_str().ok()?;
    parts(parts(line, ',').last()?, ';').find_map(|pair| {
        let (member, value) = pair.split_once('=')?;
        member.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// The `for` of an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    parts(element, ';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"')))?
    })
}

/// A text cut at a separator, except within quotes.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(header: ForwardedHeader, peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
        let name = match header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, line.parse().unwrap());
        }
        Proxies { trusted, header }.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_have_seen_counts() {
        let of = |peer: &str, lines: &[&str]| of(ForwardedHeader::XForwardedFor, peer, lines);
        for (peer, lines, client) in [
            ("203.0.113.9", &["1.1.1.1"][..], "203.0.113.9"),
            ("::ffff:203.0.113.9", &[], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9, 10.9.9.9"], "203.0.113.9"),
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, nonsense, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", &["1.1.1.1, , "], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("fd00::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(of(peer, lines), client, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_if_it_is_the_one_that_proxies_write() {
        let of = |lines: &[&str]| of(ForwardedHeader::Forwarded, "10.0.0.1", lines);
        for (lines, client) in [
            (&[r#"for=1.1.1.1, For="203.0.113.9:80";proto=https;by=10.0.0.1"#][..], "203.0.113.9"),
            (&[r#"proto=http;for="[2001:db8::1]:4711""#], "2001:db8::1"),
            (&["for=1.1.1.1", "for=10.3.3.3"], "1.1.1.1"),
            (&[r#"for=1.1.1.1;ext="a,b;for=9.9.9.9""#], "1.1.1.1"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["by=1.1.1.1"], "10.0.0.1"),
        ] {
            assert_eq!(of(lines), client, "{lines:?}");
        }
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, "1.1.1.1".parse().unwrap())]);
        let trusted = vec!["10.0.0.0/8".parse().unwrap()];
        let proxies = Proxies { trusted, header: ForwardedHeader::Forwarded };
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(proxies.client(peer, &headers), peer, "anybody may have written the other header");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("203.0.113.9"), "203.0.113.9");
        assert_eq!(counted("::ffff:203.0.113.9"), "203.0.113.9");
    }

    proptest! {
        #[test]
        fn no_header_makes_a_client_of_an_untrusted_hop(text in "[ -~]{0,60}", forwarded: bool) {
            let header = if forwarded { ForwardedHeader::Forwarded } else { ForwardedHeader::XForwardedFor };
            prop_assert_eq!(of(header, "203.0.113.9", &[&text]), "203.0.113.9");
            // The last element is what the trusted proxy has seen, whatever comes before it.
            let seen = if forwarded { "for=198.51.100.7" } else { "198.51.100.7" };
            prop_assert_eq!(of(header, "10.0.0.1", &[&text, seen]), "198.51.100.7");
        }
    }
}
