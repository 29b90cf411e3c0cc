use std::io::{self, Cursor, Read};

use proptest::prelude::*;

use super::*;

/// What a framer makes of a text: the line of each record with its text, or with why it is broken.
fn frames(
    framer: &mut dyn Framer,
    reader: impl Read + Send + 'static,
) -> (Vec<(u64, String)>, Option<InputError>) {
    let mut window = Window::new(Box::new(reader), "");
    let mut found = Vec::new();
    loop {
        match framer.next(&mut window) {
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error)),
            Ok(Some(Frame::Broken { line, reason, .. })) => found.push((line, format!("broken: {reason}"))),
            Ok(Some(Frame::Record { line, text, bytes })) => {
                found.push((line, String::from_utf8_lossy(&window.unread()[text]).into_owned()));
                window.consume(bytes);
            }
        }
    }
}

fn texts(framer: &mut dyn Framer, input: &str) -> Vec<(u64, String)> {
    let (found, error) = frames(framer, Cursor::new(input.to_owned()));
    assert!(error.is_none(), "{error:?}");
    found
}

fn line(number: u64, text: &str) -> (u64, String) {
    (number, text.to_owned())
}

#[test]
fn lines_are_records_unless_blank_or_too_long() {
    let long = "x".repeat(MAX_RECORD_BYTES + 1);
    let input = format!("\n {{1}} \r\n\t\n{long}\n{{2}}");
    let found = texts(&mut Lines::features(), &input);
    assert_eq!((&found[0], &found[2]), (&line(2, "{1}"), &line(5, "{2}")));
    assert_eq!(found[1], line(4, "broken: the record is longer than 65536 bytes"));
    assert_eq!(found.len(), 3);
    let longest = "x".repeat(MAX_RECORD_BYTES);
    assert_eq!(texts(&mut Lines::features(), &longest), [line(1, &longest)]);
}

#[test]
fn a_sequence_is_cut_at_its_separators() {
    let found = texts(&mut Sequence, "\x1e{\n1}\n\x1e\x1e{2}\n\n\x1e\n {3}");
    assert_eq!(found, [line(1, "{\n1}"), line(3, "{2}"), line(6, "{3}")]);
}

#[test]
fn a_quote_that_is_never_closed_costs_one_line() {
    let rows = |input: &str| texts(&mut Csv::new(Dialect::of(b',')), input);
    let stray =
        "broken: a quote opens in this line and is not closed in it; in line 3 text follows the next quote";
    assert_eq!(
        rows("1,\"open,2\n3,4\n5,\"Ba\"\"z\" x,6\n7,8"),
        [
            line(1, stray),
            line(2, "3,4"),
            line(3, "broken: text follows the closing quote of a cell"),
            line(4, "7,8")
        ]
    );
    let open = "broken: a quote opens in this line and is not closed within 65536 bytes or before the end";
    assert_eq!(rows("1,\"open\n2,3\n"), [line(1, open), line(2, "2,3")]);
    let many = format!("1,\"open\n{}last,row\n", "2,3\n".repeat(40_000));
    let found = rows(&many);
    assert_eq!((&found[0], found.len()), (&line(1, open), 40_002));
    assert_eq!(found[40_001], line(40_002, "last,row"));
}

#[test]
fn rows_keep_their_line_through_quoted_newlines_and_both_line_ends() {
    let found = texts(&mut Csv::new(Dialect::of(b',')), "a,\"b\nc\"\r\n\r\n\"d\"\"\ne\",f\r\ng\"h,\"\"\n");
    assert_eq!(found, [line(1, "a,\"b\nc\""), line(4, "\"d\"\"\ne\",f"), line(6, "g\"h,\"\"")]);
    let long = format!("{}\nnext\n", "x".repeat(MAX_RECORD_BYTES + 5));
    let found = texts(&mut Csv::new(Dialect::of(b',')), &long);
    assert_eq!(found, [line(1, "broken: the record is longer than 65536 bytes"), line(2, "next")]);
}

#[test]
fn features_are_found_wherever_the_collection_has_them() {
    let input = "{\"type\":\"FeatureCollection\", \"crs\":{\"a\":[1,\"}]\"]},\n\"features\" : [ {\"a\":\"]}\\\"\"}\n,7,\n\n\"x\"],\"bbox\":[1]}\n";
    let found = texts(&mut Collection::new(), input);
    assert_eq!(found, [line(2, "{\"a\":\"]}\\\"\"}"), line(3, "7"), line(5, "\"x\"")]);
    assert_eq!(texts(&mut Collection::new(), "{\"features\":[]}"), []);
    let long = format!("{{\"features\":[[\"{}\"],\n8]}}", "]".repeat(MAX_RECORD_BYTES));
    let found = texts(&mut Collection::new(), &long);
    assert_eq!(found, [line(1, "broken: the record is longer than 65536 bytes"), line(2, "8")]);
}

#[test]
fn a_broken_collection_ends_with_its_line_after_what_was_whole() {
    let ends = |input: &str| {
        let (found, error) = frames(&mut Collection::new(), Cursor::new(input.to_owned()));
        (found.len(), error.expect("it is broken").to_string())
    };
    for (input, whole, message) in [
        ("{\"features\":[1,\n2", 1, "line 2: the input ends before the FeatureCollection does"),
        ("{\"features\":[1,\n2]", 2, "line 2: the input ends before the FeatureCollection does"),
        ("{\"features\":[1 2]}", 1, "line 1: not valid JSON: expected `,`"),
        ("{\"features\":[1,]}", 1, "line 1: not valid JSON: expected a value"),
        ("{\"features\":[1]}\n{", 1, "line 2: something follows the end of the FeatureCollection"),
        ("{\"features\":[1],\"features\":[2]}", 1, "line 1: `features` is there twice"),
        ("{\"features\":7}", 0, "line 1: `features` is not an array"),
        ("{\"type\":\"Topology\"}", 0, "line 1: expected a FeatureCollection, not a Topology"),
        ("{}", 0, "line 1: not a FeatureCollection: it has no member `features`"),
        ("[]", 0, "line 1: expected a FeatureCollection, `{`"),
        ("", 0, "line 1: expected a FeatureCollection, `{`"),
        ("{features:[]}", 0, "line 1: not valid JSON: expected the name of a member"),
    ] {
        assert_eq!(ends(input), (whole, message.to_owned()), "{input}");
    }
    assert!(ends("{\"type\":\"Feature\",\"features\":[]}").1.contains("single Feature"));
}

#[test]
fn quotes_are_escaped_by_backslashes_where_that_is_the_dialect() {
    let dialect = Dialect { backslash: true, ..Dialect::of(b',') };
    let text = "1,\"A \\\"quoted\\\", b\",c\n2,\"\\\\\",\"x\"\"y\"\n";
    let rows = texts(&mut Csv::new(dialect), text);
    let read: Vec<Vec<String>> = rows
        .iter()
        .map(|(_, row)| cells(row, dialect).map(|cell| cell.text.into_owned()).collect())
        .collect();
    assert_eq!(read, [vec!["1", "A \"quoted\", b", "c"], vec!["2", "\\", "x\"y"]]);
    let bare = Dialect { quotes: false, ..Dialect::of(b'\t') };
    assert_eq!(
        texts(&mut Csv::new(bare), "1\t\"x\n2\ty\n").len(),
        2,
        "a quote is a character like any other"
    );
}

#[test]
fn records_are_cut_at_the_end_of_any_path() {
    let each = || Step::Each;
    let member = |name: &str| Step::Member(name.into());
    for (path, input, expected) in [
        (vec![each()], "[{\"a\":1},\n7]", vec![line(1, "{\"a\":1}"), line(2, "7")]),
        (
            vec![member("data"), member("items"), each()],
            "{\"n\":[1],\"data\":{\"x\":{},\"items\":[1,2]},\"z\":0}",
            vec![line(1, "1"), line(1, "2")],
        ),
        (
            vec![each(), member("features"), each()],
            "[{\"features\":[1]},\n{\"features\":[],\"type\":\"x\"},{\"features\":[2]}]",
            vec![line(1, "1"), line(2, "2")],
        ),
        (vec![Step::EachMember], "{\"a\":{},\n\"b\":{}}", vec![line(1, "{}"), line(2, "{}")]),
        (vec![], " {\"a\":1} ", vec![line(1, "{\"a\":1}")]),
        (
            vec![each(), member("features"), each()],
            "[null,{\"features\":[1]}]",
            vec![line(1, "broken: it is not an object, as the records before are in"), line(1, "1")],
        ),
    ] {
        assert_eq!(texts(&mut Tree::new(path), input), expected, "{input}");
    }
    let mut keyed = Tree::new(vec![Step::EachMember]);
    let mut window = Window::new(Box::new(Cursor::new("{\"k 1\":{}}")), "");
    keyed.next(&mut window).unwrap();
    assert_eq!(keyed.key(), Some("k 1"));
    for broken in ["[1", "[1 2]", "[1,]", "[1]]", "{}", ""] {
        let (_, error) = frames(&mut Tree::new(vec![Step::Each]), Cursor::new(broken));
        assert!(error.is_some(), "{broken}");
    }
}

/// A text that goes on for so many bytes.
struct Endless(&'static [u8], usize);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.len().min(self.1).min(into.len());
        into[..bytes].copy_from_slice(&self.0[..bytes]);
        self.1 -= bytes;
        Ok(bytes)
    }
}

#[test]
fn memory_stays_bounded_whatever_a_record_weighs() {
    const LENGTH_BYTES: usize = 8 * 1024 * 1024;
    let begun: [(Box<dyn Framer>, &'static [u8]); 5] = [
        (Box::new(Lines::features()), b"{\"a\":\""),
        (Box::new(Sequence), b"\x1e{\"a\":\""),
        (Box::new(Csv::new(Dialect::of(b','))), b"a,b,"),
        (Box::new(Collection::new()), b"{\"features\":[{\"a\":\""),
        (Box::new(Collection::new()), b"{\"other\":\""),
    ];
    for (mut framer, beginning) in begun {
        let mut window = Window::new(Box::new(beginning.chain(Endless(&[b'x'; 4096], LENGTH_BYTES))), "");
        while let Ok(Some(_)) = framer.next(&mut window) {}
        assert!(window.unread().is_empty(), "all was read");
        assert!(window.capacity() < 512 * 1024, "{} bytes", window.capacity());
    }
}

proptest! {
    #[test]
    fn rows_are_read_as_the_csv_crate_wrote_them(
        rows in proptest::collection::vec(proptest::collection::vec("[a\",;\n\r é]{0,6}", 2..5), 1..8),
        terminator in prop_oneof![Just(::csv::Terminator::CRLF), Just(::csv::Terminator::Any(b'\n'))],
        delimiter in prop_oneof![Just(b','), Just(b';')],
    ) {
        let mut writer = ::csv::WriterBuilder::new()
            .flexible(true).terminator(terminator).delimiter(delimiter).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let written = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let found = texts(&mut Csv::new(Dialect::of(delimiter)), &written);
        let read: Vec<Vec<String>> = found
            .iter()
            .map(|(_, text)| cells(text, Dialect::of(delimiter)).map(|cell| cell.text.into_owned()).collect())
            .collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn no_byte_of_any_text_is_lost(input in "[ab,\"\n\r]{0,80}") {
        let (found, error) = frames(&mut Csv::new(Dialect::of(b',')), Cursor::new(input.clone()));
        prop_assert!(error.is_none());
        let covered: Vec<u64> = found
            .iter()
            .flat_map(|(begins, text)| {
                let lines = if text.starts_with("broken") { 1 } else { text.matches('\n').count() as u64 + 1 };
                *begins..begins + lines
            })
            .collect();
        for (number, text) in (1..).zip(input.split('\n')) {
            let blank = text.bytes().all(|b| b == b'\r');
            prop_assert!(blank || covered.contains(&number), "line {} of {:?}", number, input);
        }
        prop_assert!(covered.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", covered);
    }
}
