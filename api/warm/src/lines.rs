//! Lines of a file that somebody else wrote: of any bytes and any length.

use std::io::{self, BufRead};

/// Most bytes of a line that are looked at; the rest of it is passed over.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Calls `each` for every line, with its number from 1 on. What is not UTF-8 comes as replacement characters.
pub fn for_each_line(mut reader: impl BufRead, mut each: impl FnMut(u64, &str)) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if !read_line(&mut reader, &mut line)? {
            break;
        }
        each(number, String::from_utf8_lossy(&line).trim());
    }
    Ok(())
}

/// Reads up to the end of the line; false at the end of the file.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut any = false;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(MAX_LINE_BYTES - line.len())]);
        let read = part.len() + usize::from(end.is_some());
        reader.consume(read);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        // A buffer of three bytes, so that lines lie across its ends.
        let reader = BufReader::with_capacity(3, bytes);
        for_each_line(reader, |number, line| lines.push((number, line.to_owned()))).unwrap();
        lines
    }

    #[test]
    fn lines_are_numbered_and_trimmed() {
        let expected = [(1, "ab".to_owned()), (2, String::new()), (3, "cdef".to_owned())];
        assert_eq!(lines(b"ab\r\n\n  cdef"), expected);
        assert_eq!(lines(b"ab\r\n\n  cdef\n"), expected);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"a\xffb"), [(1, "a\u{fffd}b".to_owned())]);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let long = [vec![b'x'; 3 * MAX_LINE_BYTES], b"\nnext".to_vec()].concat();
        let lines = lines(&long);
        assert_eq!(lines[0].1.len(), MAX_LINE_BYTES);
        assert_eq!(lines[1], (2, "next".to_owned()));
    }
}
