//! Content codings: which one a client gets, and how the bytes come about.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, header};

/// Of 0 to 11. 128 places of the demo data, 24.7 KB, become 3,564 bytes; 9 takes seven times as long for 3,501. gzip makes
/// 3,911 of them. Each answer is compressed once for all who get it.
const BROTLI_QUALITY: i32 = 5;
/// log2 of the window: 4 MB, more than an answer has.
const BROTLI_WINDOW: i32 = 22;
/// Of 0 to 9; the usual one.
const GZIP_LEVEL: u32 = 6;

const BUFFER_BYTES: usize = 8 << 10;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
    /// None.
    Identity,
}

impl Coding {
    /// In the order in which they are preferred where a client does not care.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// Its name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// What it adds to an entity tag: the bytes depend on how they were compressed, too.
    pub(super) const fn etag_suffix(self) -> &'static str {
        match self {
            Self::Brotli => "-br5",
            Self::Gzip => "-gz6",
            Self::Identity => "",
        }
    }

    /// The coding that `Accept-Encoding` asks for (RFC 9110, section 12.5.3); `None` if it rules out all of them.
    pub fn negotiated(headers: &HeaderMap) -> Option<Self> {
        let mut accepted = Accepted::default();
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).for_each(|item| accepted.add(item));
        let best = |best: Option<(Self, u16)>, coding: Self| {
            let weight = accepted.weight(coding);
            let better = weight > best.map_or(0, |(_, weight)| weight);
            if better { Some((coding, weight)) } else { best }
        };
        Self::ALL.into_iter().fold(None, best).map(|(coding, _)| coding)
    }

    /// The bytes in this coding.
    pub fn encode(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Brotli => {
                let out = Vec::with_capacity(bytes.len() / 4);
                let mut encoder = brotli::CompressorWriter::new(
                    out,
                    BUFFER_BYTES,
                    BROTLI_QUALITY as u32,
                    BROTLI_WINDOW as u32,
                );
                encoder.write_all(bytes)?;
                Ok(encoder.into_inner())
            }
            Self::Gzip => {
                let out = Vec::with_capacity(bytes.len() / 4);
                let mut encoder = GzEncoder::new(out, Compression::new(GZIP_LEVEL));
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Identity => Ok(bytes.to_vec()),
        }
    }
}

/// Weights of 0 to 1,000 that a client gave; `None` where it said nothing.
#[derive(Default)]
struct Accepted {
    brotli: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Accepted {
    /// Takes an item of the list; what is not well formed is passed over.
    fn add(&mut self, item: &str) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let Some(weight) = read_weight(parameters.trim()) else { return };
        let name = name.trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let slot = match () {
            () if is("br") => &mut self.brotli,
            () if is("gzip") || is("x-gzip") => &mut self.gzip,
            () if is("identity") => &mut self.identity,
            () if name == "*" => &mut self.any,
            () => return,
        };
        // The first counts.
        slot.get_or_insert(weight);
    }

    fn weight(&self, coding: Coding) -> u16 {
        match coding {
            Coding::Brotli => self.brotli.or(self.any).unwrap_or(0),
            Coding::Gzip => self.gzip.or(self.any).unwrap_or(0),
            // Acceptable unless it is ruled out, and the last choice unless it is asked for.
            Coding::Identity => self.identity.or(self.any).unwrap_or(1),
        }
    }
}

/// `q=` and a number of at most three decimals; nothing means 1.
fn read_weight(parameters: &str) -> Option<u16> {
    if parameters.is_empty() {
        return Some(1_000);
    }
    let (name, value) = parameters.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn negotiated(lines: &[&str]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, line.parse().unwrap());
        }
        Coding::negotiated(&headers)
    }

    #[test]
    fn the_weights_decide() {
        use Coding::{Brotli, Gzip, Identity};
        for (line, coding) in [
            ("", Identity),
            ("deflate, zstd", Identity),
            ("gzip", Gzip),
            ("GZIP;Q=1.000", Gzip),
            ("x-gzip", Gzip),
            ("gzip, br", Brotli),
            ("gzip;q=1, br;q=0.999", Gzip),
            ("br ; q=0.2 , gzip;q=0.1", Brotli),
            ("br;q=0, gzip;q=0", Identity),
            ("br;q=0, *", Gzip),
            ("*", Brotli),
            ("*;q=0, gzip;q=0.001", Gzip),
            ("identity, gzip;q=0.5", Identity),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
            ("br;q=1.1, br;level=5, gzip;q=0.0001, br;q=", Identity),
            ("br;q=0, br", Identity),
        ] {
            assert_eq!(negotiated(&[line]), Some(coding), "{line}");
        }
        assert_eq!(negotiated(&[]), Some(Identity));
        assert_eq!(negotiated(&["gzip", "br"]), Some(Brotli), "over two lines");
    }

    #[test]
    fn all_may_be_ruled_out() {
        for line in ["identity;q=0", "*;q=0", "identity;q=0, br;q=0.000, gzip;q=0", "identity;q=0, deflate"] {
            assert_eq!(negotiated(&[line]), None, "{line}");
        }
    }

    #[test]
    fn what_is_encoded_can_be_decoded() {
        for text in ["", "a", &"cellar ".repeat(20_000)] {
            let brotli = Coding::Brotli.encode(text.as_bytes()).unwrap();
            let gzip = Coding::Gzip.encode(text.as_bytes()).unwrap();
            let mut decoded = String::new();
            brotli::Decompressor::new(&brotli[..], BUFFER_BYTES).read_to_string(&mut decoded).unwrap();
            assert_eq!(decoded, text);
            decoded.clear();
            flate2::read::GzDecoder::new(&gzip[..]).read_to_string(&mut decoded).unwrap();
            assert_eq!(decoded, text);
            assert_eq!(Coding::Gzip.encode(text.as_bytes()).unwrap(), gzip, "always the same");
        }
    }
}
