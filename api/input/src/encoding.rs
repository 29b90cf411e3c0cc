//! From the encoding of an input to UTF-8, and from carriage returns to newlines.
//!
//! UTF-16 is certain by its byte order mark, or by the zeros that every other byte of ASCII text is. Which of the
//! hundred eight-bit encodings a text is in cannot be told, so that one is named with `--encoding`.
//!
//! Invariant: nothing is replaced in silence. What is not valid in its encoding is an error.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// What encoding the beginning of a text shows, if it is certain.
pub(crate) fn certain(beginning: &[u8]) -> Result<Option<&'static Encoding>, String> {
    if beginning.starts_with(&[0xff, 0xfe, 0, 0]) || beginning.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err("it is UTF-32; convert it to UTF-8, for instance with `iconv -f UTF-32 -t UTF-8`".into());
    }
    if let Some((encoding, _)) = Encoding::for_bom(beginning) {
        return Ok(Some(encoding));
    }
    let sample = &beginning[..beginning.len().min(512)];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&byte| byte == 0).count();
    let half = sample.len() / 2;
    let (even, odd) = (zeros(0), zeros(1));
    Ok(match () {
        () if half < 4 => None,
        () if odd * 10 > half * 8 && even * 10 < half => Some(UTF_16LE),
        () if even * 10 > half * 8 && odd * 10 < half => Some(UTF_16BE),
        () => None,
    })
}

/// An encoding by one of its names.
pub(crate) fn named(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.trim().as_bytes())
}

/// The text as UTF-8. UTF-8 is handed on as it is: a record that is not valid costs that record.
pub(crate) fn decoded(text: Box<dyn Read + Send>, encoding: &'static Encoding) -> Box<dyn Read + Send> {
    if encoding == UTF_8 {
        return text;
    }
    Box::new(Decoded {
        inner: text,
        decoder: encoding.new_decoder_with_bom_removal(),
        bytes: Vec::new(),
        start: 0,
        ended: false,
        spare: Vec::new(),
    })
}

const READ_BYTES: usize = 32 * 1024;

struct Decoded {
    inner: Box<dyn Read + Send>,
    decoder: Decoder,
    bytes: Vec<u8>,
    start: usize,
    ended: bool,
    /// Text that did not fit the caller's buffer.
    spare: Vec<u8>,
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.spare.is_empty() {
                let taken = self.spare.len().min(into.len());
                into[..taken].copy_from_slice(&self.spare[..taken]);
                self.spare.drain(..taken);
                return Ok(taken);
            }
            if self.start == self.bytes.len() && !self.ended {
                self.bytes.resize(READ_BYTES, 0);
                let read = self.inner.read(&mut self.bytes)?;
                self.bytes.truncate(read);
                (self.start, self.ended) = (0, read == 0);
            }
            let mut text = vec![0; READ_BYTES * 3];
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
                &self.bytes[self.start..],
                &mut text,
                self.ended,
            );
            self.start += read;
            text.truncate(written);
            self.spare = text;
            if let DecoderResult::Malformed(..) = result {
                let name = self.decoder.encoding().name();
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the text is not valid {name}"),
                ));
            }
            if self.spare.is_empty() && self.ended {
                return Ok(0);
            }
        }
    }
}

/// Whether the lines of a text end with carriage returns only, as on Macs of the last century.
pub(crate) fn has_bare_returns(text: &[u8]) -> bool {
    text.contains(&b'\r') && !text.contains(&b'\n')
}

/// The text with a newline for every carriage return.
pub(crate) struct Newlines(pub(crate) Box<dyn Read + Send>);

impl Read for Newlines {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(into)?;
        for byte in &mut into[..read] {
            if *byte == b'\r' {
                *byte = b'\n';
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: bool, little: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    fn read(bytes: Vec<u8>, encoding: &'static Encoding) -> io::Result<String> {
        let mut text = String::new();
        decoded(Box::new(io::Cursor::new(bytes)), encoding).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn utf16_is_certain_with_and_without_a_mark() {
        let text = "id,lat,lon\nñ,1,2\n";
        for (mark, little) in [(true, true), (true, false), (false, true), (false, false)] {
            let bytes = utf16(text, mark, little);
            let encoding = certain(&bytes).unwrap().unwrap();
            assert_eq!(encoding, if little { UTF_16LE } else { UTF_16BE });
            assert_eq!(read(bytes, encoding).unwrap(), text);
        }
        assert_eq!(certain(b"id,lat,lon\n1,2,3\n").unwrap(), None);
        assert_eq!(certain("日本語の名前".as_bytes()).unwrap(), None);
        assert!(certain(&[0xff, 0xfe, 0, 0, b'i', 0, 0, 0]).is_err());
    }

    #[test]
    fn eight_bits_are_read_as_said_and_long_texts_whole() {
        let bytes = b"caf\xe9\n".repeat(40_000);
        assert_eq!(read(bytes, named("latin1").unwrap()).unwrap(), "café\n".repeat(40_000));
        let japanese = named("shift_jis").unwrap();
        assert!(read(vec![b'a', 0x81], japanese).is_err(), "half a character is an error");
        assert_eq!(named("klingon"), None);
    }
}
