//! Decoding of bodies, as a phone would do it.

use std::io::Read;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::CONTENT_ENCODING;

use crate::http::exchange::MAX_BODY_BYTES;

/// A body without its content coding. However well it was compressed, no more is read than a body may have.
pub(super) fn decoded(headers: &HeaderMap, body: Bytes) -> Result<Bytes, String> {
    let coding = headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?"));
    match coding {
        None | Some("identity") => Ok(body),
        Some("br") => read(brotli::Decompressor::new(&body[..], 4_096)),
        Some("gzip") => read(flate2::read::MultiGzDecoder::new(&body[..])),
        Some(other) => Err(format!("unknown content coding `{other}`")),
    }
}

fn read(coded: impl Read) -> Result<Bytes, String> {
    let mut all = Vec::new();
    coded.take(MAX_BODY_BYTES + 1).read_to_end(&mut all).map_err(|error| error.to_string())?;
    if all.len() as u64 > MAX_BODY_BYTES { Err("the body is too long".to_owned()) } else { Ok(all.into()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use hyper::header::HeaderValue;

    use super::*;

    fn gzip(text: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap().into()
    }

    fn brotli(text: &[u8]) -> Bytes {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4_096, 5, 20).write_all(text).unwrap();
        out.into()
    }

    fn decode(coding: &'static str, body: Bytes) -> Result<Bytes, String> {
        decoded(&HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]), body)
    }

    #[test]
    fn codings_are_undone() {
        assert_eq!(&decode("gzip", gzip(b"places")).unwrap()[..], b"places");
        assert_eq!(&decode("br", brotli(b"places")).unwrap()[..], b"places");
        assert_eq!(&decoded(&HeaderMap::new(), Bytes::from_static(b"places")).unwrap()[..], b"places");
    }

    #[test]
    fn what_is_broken_foreign_or_huge_is_refused() {
        assert!(decode("gzip", Bytes::from_static(b"places")).is_err());
        assert!(decode("br", Bytes::from_static(b"places")).is_err());
        assert!(decode("zstd", Bytes::new()).is_err());
        assert!(decode("gzip", gzip(&vec![0; MAX_BODY_BYTES as usize + 1])).is_err());
    }
}
