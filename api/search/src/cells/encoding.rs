//! Content codings: which one a client gets, and how the bytes come about.

use std::io::{self, Write as _};

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, header};

/// log2 of brotli's window: as large as an answer, for a larger one has to be cleared first. 18 is the least with which the
/// library does not use its slow tables at the higher levels.
const BROTLI_WINDOWS: std::ops::RangeInclusive<usize> = 18..=22;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
    /// gzip (RFC 1952).
    Gzip,
    /// None.
    Identity,
}

/// How much work compressing is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// The bytes are kept and sent many times.
    Kept,
    /// They are for one request.
    Once,
}

impl Effort {
    /// Codings in the order in which they are preferred where a client does not care: by the bytes if they are kept, else by
    /// the work (docs/BENCHMARKS.md, "Compression").
    const fn preferred(self) -> [Coding; 4] {
        match self {
            Self::Kept => Coding::ALL,
            Self::Once => [Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Identity],
        }
    }
}

impl Coding {
    /// All of them, those that make the fewest bytes first.
    pub const ALL: [Self; 4] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Identity];

    /// Its name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// What it adds to an entity tag: the bytes depend on how they were compressed, too.
    pub const fn etag_suffix(self, effort: Effort) -> &'static str {
        match (self, effort) {
            (Self::Brotli, Effort::Kept) => "-br5s",
            (Self::Zstd, Effort::Kept) => "-zs6",
            (Self::Gzip, Effort::Kept) => "-gz6",
            (Self::Brotli, Effort::Once) => "-br3s",
            (Self::Zstd, Effort::Once) => "-zs1",
            (Self::Gzip, Effort::Once) => "-gz1",
            (Self::Identity, _) => "",
        }
    }

    /// The level that is worth its cost: of brotli 0 to 11, of zstd 1 to 22, of gzip 0 to 9 (docs/BENCHMARKS.md,
    /// "Compression").
    pub const fn level(self, effort: Effort) -> u8 {
        match (self, effort) {
            (Self::Brotli, Effort::Kept) => 5,
            (Self::Brotli, Effort::Once) => 3,
            (Self::Zstd | Self::Gzip, Effort::Kept) => 6,
            (Self::Zstd | Self::Gzip, Effort::Once) => 1,
            (Self::Identity, _) => 0,
        }
    }

    /// The coding that `Accept-Encoding` asks for (RFC 9110, section 12.5.3); `None` if it rules out all of them.
    pub fn negotiated(headers: &HeaderMap, effort: Effort) -> Option<Self> {
        let accepted = Accepted::of(headers);
        let best = |best: Option<(Self, u16)>, coding: Self| {
            let weight = accepted.weight(coding);
            let better = weight > best.map_or(0, |(_, weight)| weight);
            if better { Some((coding, weight)) } else { best }
        };
        effort.preferred().into_iter().fold(None, best).map(|(coding, _)| coding)
    }

    /// Whether `Accept-Encoding` rules it out.
    pub fn is_acceptable(self, headers: &HeaderMap) -> bool {
        Accepted::of(headers).weight(self) > 0
    }

    /// The bytes in this coding.
    pub fn encode(self, bytes: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
        self.encode_at(bytes, self.level(effort))
    }

    /// The bytes in this coding, at a level of its own scale.
    pub fn encode_at(self, bytes: &[u8], level: u8) -> io::Result<Vec<u8>> {
        let room = bytes.len() / 4;
        match self {
            Self::Brotli => {
                let bits = bytes.len().next_power_of_two().trailing_zeros() as usize;
                let window = bits.clamp(*BROTLI_WINDOWS.start(), *BROTLI_WINDOWS.end());
                let params = BrotliEncoderParams {
                    quality: level.into(),
                    lgwin: window as i32,
                    size_hint: bytes.len(),
                    ..BrotliEncoderParams::default()
                };
                let mut out = Vec::with_capacity(room);
                brotli::BrotliCompress(&mut &bytes[..], &mut out, &params)?;
                Ok(out)
            }
            Self::Zstd => zstd::bulk::compress(bytes, level.into()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(room), Compression::new(level.into()));
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
    zstd: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    any: Option<u16>,
}

impl Accepted {
    fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).for_each(|item| accepted.add(item));
        accepted
    }

    /// Takes an item of the list; what is not well formed is passed over.
    fn add(&mut self, item: &str) {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let Some(weight) = read_weight(parameters.trim()) else { return };
        let name = name.trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let slot = match () {
            () if is("br") => &mut self.brotli,
            () if is("zstd") => &mut self.zstd,
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
            Coding::Zstd => self.zstd.or(self.any).unwrap_or(0),
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

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (header::ACCEPT_ENCODING, line.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(name, line);
        }
        headers
    }

    fn negotiated(lines: &[&str]) -> Option<Coding> {
        Coding::negotiated(&headers(lines), Effort::Kept)
    }

    #[test]
    fn the_weights_decide() {
        use Coding::{Brotli, Gzip, Identity, Zstd};
        for (line, coding) in [
            ("", Identity),
            ("deflate, compress", Identity),
            ("deflate, zstd", Zstd),
            ("gzip", Gzip),
            ("GZIP;Q=1.000", Gzip),
            ("x-gzip", Gzip),
            ("gzip, br", Brotli),
            ("gzip;q=1, br;q=0.999", Gzip),
            ("br ; q=0.2 , gzip;q=0.1", Brotli),
            ("br;q=0, gzip;q=0", Identity),
            ("br;q=0, *", Zstd),
            ("br;q=0, zstd;q=0, *", Gzip),
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

    /// As a browser and curl ask.
    #[test]
    fn without_weights_it_is_the_fewest_bytes_or_the_least_work() {
        let asked = headers(&["gzip, deflate, br, zstd"]);
        assert_eq!(Coding::negotiated(&asked, Effort::Kept), Some(Coding::Brotli));
        assert_eq!(Coding::negotiated(&asked, Effort::Once), Some(Coding::Zstd));
        let weighed = headers(&["gzip, zstd;q=0.9"]);
        assert_eq!(Coding::negotiated(&weighed, Effort::Once), Some(Coding::Gzip));
    }

    #[test]
    fn a_coding_is_acceptable_unless_it_is_ruled_out() {
        for (line, acceptable) in [
            ("gzip", [false, false, true, true]),
            ("br, zstd;q=0.1, identity;q=0", [true, true, false, false]),
            ("*;q=0", [false; 4]),
            ("", [false, false, false, true]),
        ] {
            let headers = headers(&[line]);
            assert_eq!(Coding::ALL.map(|coding| coding.is_acceptable(&headers)), acceptable, "{line}");
        }
    }

    fn decoded(coding: Coding, bytes: &[u8]) -> String {
        let mut decoded = String::new();
        match coding {
            Coding::Brotli => brotli::Decompressor::new(bytes, 4_096).read_to_string(&mut decoded).unwrap(),
            Coding::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_string(&mut decoded).unwrap(),
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_string(&mut decoded).unwrap(),
            Coding::Identity => (&mut &*bytes).read_to_string(&mut decoded).unwrap(),
        };
        decoded
    }

    #[test]
    fn what_is_encoded_can_be_decoded() {
        for text in ["", "a", &"cellar ".repeat(20_000), &"é{}".repeat(2_000_000)] {
            for coding in Coding::ALL {
                for effort in [Effort::Kept, Effort::Once] {
                    let encoded = coding.encode(text.as_bytes(), effort).unwrap();
                    assert!(decoded(coding, &encoded) == text, "{coding:?} of {} bytes", text.len());
                    let again = coding.encode(text.as_bytes(), effort).unwrap();
                    assert_eq!(again, encoded, "always the same");
                }
            }
        }
    }
}
