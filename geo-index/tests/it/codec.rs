//! Pages as bytes: what goes in comes out to the last bit, and no bytes do harm.

use geo_index::tree::{LEAF_MAX, PAGE_MAX};
use geo_index::{H3Cell, Leaf, Page, PageCodecError, PlacesPage, Position, Row, SplitPage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Poles, the antimeridian, both zeros, and everything else.
fn position() -> impl Strategy<Value = Position> {
    let lat = prop_oneof![Just(90.0), Just(-90.0), Just(0.0), Just(-0.0), -90.0..=90.0];
    let lon = prop_oneof![Just(180.0), Just(-180.0), Just(0.0), Just(-0.0), -180.0..=180.0];
    (lat, lon).prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
}

/// Rows below one cell: they share their leaf or are spread over its leaves.
fn rows() -> impl Strategy<Value = (H3Cell, Vec<Row>)> {
    let id = prop_oneof!["[a-z0-9]{1,8}", "\\PC{1,20}"];
    let category = prop_oneof![Just(None), "[a-c]".prop_map(Some), "\\PC{0,8}".prop_map(Some)];
    let payload = prop_oneof![Just(Vec::new()), vec(any::<u8>(), 0..40), vec(any::<u8>(), 300..400)];
    let row = (position(), id, category, payload, vec(any::<Index>(), 15));
    (position(), 3..=15_u8, vec(row, 0..60)).prop_map(|(around, level, rows)| {
        let cell = Leaf::at(around).ancestor(level).unwrap();
        let row = |(position, id, category, payload, path): (_, _, _, _, Vec<Index>)| Row {
            leaf: leaf_below(cell, &path),
            id,
            position,
            category,
            payload,
        };
        (cell, rows.into_iter().map(row).collect())
    })
}

fn leaf_below(cell: H3Cell, path: &[Index]) -> Leaf {
    use geo_index::GridCell;
    let mut cell = cell;
    for step in path {
        match &cell.children()[..] {
            [] => break,
            children => cell = *step.get(children),
        }
    }
    cell.try_into().unwrap()
}

fn places(rows: Vec<Row>) -> Page {
    Page::Places(PlacesPage::new(rows))
}

fn here() -> Leaf {
    Leaf::at(Position::new(48.8566, 2.3522).unwrap())
}

proptest! {
    #[test]
    fn places_round_trip((cell, rows) in rows()) {
        let page = places(rows);
        let decoded = Page::decode(cell, &page.encode(cell)).unwrap();
        // Equality of pages compares unit vectors, too; zeros of both signs are equal, so texts decide.
        prop_assert_eq!(format!("{decoded:?}"), format!("{page:?}"));
        prop_assert_eq!(decoded.weight(), page.weight());
        prop_assert_eq!(decoded, page);
    }

    #[test]
    fn splits_round_trip(around in position(), level in 3..15_u8, places in prop_oneof![Just(0.0), 0.0..1e9]) {
        let cell = Leaf::at(around).ancestor(level).unwrap();
        let page = Page::Split(SplitPage::new(cell).unwrap().with_estimate(places));
        prop_assert_eq!(Page::decode(cell, &page.encode(cell)), Ok(page));
    }

    /// Mutated bytes are an error or some page that behaves as one.
    #[test]
    fn damage_is_harmless(
        (cell, rows) in rows(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let mut bytes = places(rows).encode(cell);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        use_page(cell, &bytes);
    }

    #[test]
    fn noise_is_harmless(around in position(), level in 3..=15_u8, kind in 0..3_u8, noise in vec(any::<u8>(), 0..300)) {
        let cell = Leaf::at(around).ancestor(level).unwrap();
        use_page(cell, &noise);
        use_page(cell, &[&[2, kind][..], &noise].concat());
    }

    #[test]
    fn every_prefix_is_an_error((cell, rows) in rows(), cut in any::<Index>()) {
        let bytes = places(rows).encode(cell);
        prop_assert!(Page::decode(cell, &bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(Page::decode(cell, &[&bytes[..], &[0]].concat()), Err(PageCodecError::Trailing(1)));
    }
}

/// Decodes and, if there is a page, touches all of it.
fn use_page(cell: H3Cell, bytes: &[u8]) {
    let Ok(page) = Page::decode(cell, bytes) else { return };
    assert!(page.weight() < 4_000 + 8 * bytes.len(), "{} bytes became {}", bytes.len(), page.weight());
    if let Page::Places(places) = &page {
        for row in 0..places.len() {
            let _ = (places.id(row), places.payload(row), places.category(row), places.position(row).unit());
            assert!(cell.covers(places.leaf(row)));
        }
    }
    let again = Page::decode(cell, &page.encode(cell)).unwrap();
    assert_eq!(again, page);
}

#[test]
fn a_crowd_round_trips() {
    let position = Position::new(-33.87, 151.21).unwrap();
    let leaf = Leaf::at(position);
    let row = |i: usize| Row {
        leaf,
        id: format!("{i:05}é"),
        position,
        category: [None, Some("bar".to_owned()), Some(String::new())][i % 3].clone(),
        payload: if i == 7 { vec![b'x'; 300_000] } else { vec![b'y'; i % 9] },
    };
    let page = places((0..LEAF_MAX).map(row).collect());
    assert_eq!(Page::decode(leaf.into(), &page.encode(leaf.into())), Ok(page));
}

#[test]
fn an_empty_page_takes_four_bytes() {
    let bytes = places(Vec::new()).encode(here().into());
    assert_eq!(bytes, [2, 0, 0, 0]);
    assert!(Page::decode(here().into(), &bytes).unwrap().is_empty());
}

#[test]
fn what_no_page_of_the_cell_holds_is_refused() {
    let leaf = here();
    let row = |id: &str, leaf| Row {
        leaf,
        id: id.into(),
        position: Position::new(48.8566, 2.3522).unwrap(),
        category: Some("c".into()),
        payload: b"p".to_vec(),
    };
    let cell = leaf.ancestor(9).unwrap();
    let elsewhere = Leaf::at(Position::new(10.0, 10.0).unwrap());
    let foreign = places(vec![row("a", elsewhere)]).encode(cell);
    assert_eq!(Page::decode(cell, &foreign), Err(PageCodecError::Malformed("leaf")));

    let good = places(vec![row("a", leaf), row("b", leaf)]).encode(leaf.into());
    // version, kind, count, 32 bytes of position, two leaves, then lengths and bytes of two ids and two payloads.
    let (lat, leaves) = (3, 35);
    let (ids, payload_lengths) = (leaves + 4, leaves + 6);
    let categories = payload_lengths + 4;
    assert_eq!(good[ids..], *b"ab\x01\x01pp\x01\x01c\x01\x01");
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        Page::decode(leaf.into(), &changed)
    };
    let nan = f64::NAN.to_le_bytes();
    for (what, at, bytes, error) in [
        ("another version", 0, &[1][..], PageCodecError::Version(1)),
        ("another kind", 1, &[9], PageCodecError::Malformed("kind")),
        ("a count beyond the bytes", 2, &[0x7f], PageCodecError::Truncated),
        ("a latitude that is none", lat, &nan, PageCodecError::Malformed("position")),
        ("a latitude beyond the pole", lat, &90.5_f64.to_le_bytes(), PageCodecError::Malformed("position")),
        ("a leaf behind the cell", leaves + 1, &[1], PageCodecError::Malformed("leaf")),
        ("an id that is no text", ids, &[0xff], PageCodecError::Malformed("id")),
        ("an id that ends in a character", ids, "é".as_bytes(), PageCodecError::Malformed("id")),
        ("ids out of order", ids, b"ba", PageCodecError::Malformed("order")),
        ("a payload beyond the bytes", payload_lengths, &[0x7f], PageCodecError::Truncated),
        ("a category without a name", categories + 3, &[1, 2], PageCodecError::Malformed("category")),
        ("a name that nobody has", categories + 3, &[0, 0], PageCodecError::Malformed("category")),
    ] {
        assert_eq!(with(at, bytes), Err(error), "{what}");
    }
    assert!(with(ids, b"ab").is_ok());

    let double = [&good[..categories], b"\x02\x01c\x01c\x01\x02"].concat();
    assert_eq!(
        Page::decode(leaf.into(), &double),
        Err(PageCodecError::Malformed("category")),
        "one name twice"
    );
    let split = Page::Split(SplitPage::new(cell).unwrap().with_estimate(PAGE_MAX as f64)).encode(cell);
    assert_eq!(Page::decode(leaf.into(), &split), Err(PageCodecError::Malformed("split of a leaf")));
    for estimate in [f64::NAN, f64::INFINITY, -1.0] {
        let bytes = [&[2, 1][..], &estimate.to_le_bytes()].concat();
        assert_eq!(Page::decode(cell, &bytes), Err(PageCodecError::Malformed("estimate")));
    }
}
