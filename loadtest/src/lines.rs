//! Reading files line by line, in bounded memory, with a count of the lines that cannot be read.

use std::fmt;
use std::io::{self, BufRead, Read as _};

/// The longest line that is read. Access logs hold URLs and user agents, each 8 KB at most.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// How many unreadable lines are reported with their numbers.
const MAX_EXAMPLES: usize = 5;

/// Lines that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadLines {
    /// How many there were.
    pub count: u64,
    /// The first few: line numbers, from 1, and what is wrong with them.
    pub first: Vec<(u64, String)>,
}

impl BadLines {
    /// Adds a line.
    pub fn add(&mut self, line: u64, why: impl Into<String>) {
        self.count += 1;
        if self.first.len() < MAX_EXAMPLES {
            self.first.push((line, why.into()));
        }
    }
}

impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.first.iter().map(|(line, why)| format!("line {line}: {why}")).collect();
        write!(f, "{} unreadable {}", self.count, if self.count == 1 { "line" } else { "lines" })?;
        if !lines.is_empty() {
            write!(
                f,
                " ({}{})",
                lines.join("; "),
                if self.count > MAX_EXAMPLES as u64 { "; …" } else { "" }
            )?;
        }
        Ok(())
    }
}

/// Calls `each` with the number, from 1, and the trimmed text of every line. Lines that are too long or not UTF-8 are added to
/// `bad_lines`.
///
/// # Errors
///
/// The reader fails.
pub fn each_line(
    mut reader: impl BufRead,
    bad_lines: &mut BadLines,
    mut each: impl FnMut(u64, &str, &mut BadLines),
) -> io::Result<()> {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() as u64 == MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
            reader.skip_until(b'\n')?;
            bad_lines.add(number, "longer than 1 MiB");
            continue;
        }
        match std::str::from_utf8(&bytes) {
            Ok(line) => each(number, line.trim(), bad_lines),
            Err(_) => bad_lines.add(number, "not UTF-8"),
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
        let (mut bad_lines, mut seen) = (BadLines::default(), Vec::new());
        each_line(text.as_slice(), &mut bad_lines, |number, line, _| seen.push((number, line.to_owned())))
            .unwrap();
        assert_eq!(seen, [(1, "a".to_owned()), (4, "last".to_owned())]);
        assert_eq!(
            bad_lines.to_string(),
            "2 unreadable lines (line 2: not UTF-8; line 3: longer than 1 MiB)"
        );
    }
}
