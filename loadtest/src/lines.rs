//! Lines of files that others wrote: as many as there are, of bounded length, and what is wrong with some.

use std::fmt;
use std::io::{self, BufRead, Read as _};

/// The longest line that is looked at. Access logs hold URLs and names of browsers, 8 KB each at most.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Broken lines that are told with their numbers.
const TOLD: usize = 5;

/// Lines that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// How many.
    pub count: u64,
    /// The first of them: line numbers, from 1, and what is wrong.
    pub first: Vec<(u64, String)>,
}

impl Broken {
    /// Counts a line.
    pub fn add(&mut self, line: u64, why: impl Into<String>) {
        self.count += 1;
        if self.first.len() < TOLD {
            self.first.push((line, why.into()));
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.first.iter().map(|(line, why)| format!("line {line}: {why}")).collect();
        write!(f, "{} unreadable lines", self.count)?;
        if !lines.is_empty() {
            write!(f, " ({}{})", lines.join("; "), if self.count > TOLD as u64 { "; …" } else { "" })?;
        }
        Ok(())
    }
}

/// Calls `each` with the number, from 1, and the text of every line, without white space around it; lines that are too
/// long or not UTF-8 are broken.
pub fn each_line(
    mut reader: impl BufRead,
    broken: &mut Broken,
    mut each: impl FnMut(u64, &str, &mut Broken),
) -> io::Result<()> {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() as u64 == MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
            reader.skip_until(b'\n')?;
            broken.add(number, "longer than 1 MiB");
            continue;
        }
        match std::str::from_utf8(&bytes) {
            Ok(line) => each(number, line.trim(), broken),
            Err(_) => broken.add(number, "not UTF-8"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_bounded() {
        let long = vec![b'x'; MAX_LINE_BYTES as usize + 10];
        let text = [b"a\r\n\xff\n".as_slice(), &long, b"\nlast"].concat();
        let (mut broken, mut seen) = (Broken::default(), Vec::new());
        each_line(text.as_slice(), &mut broken, |number, line, _| seen.push((number, line.to_owned())))
            .unwrap();
        assert_eq!(seen, [(1, "a".to_owned()), (4, "last".to_owned())]);
        assert_eq!(broken.to_string(), "2 unreadable lines (line 2: not UTF-8; line 3: longer than 1 MiB)");
    }
}
