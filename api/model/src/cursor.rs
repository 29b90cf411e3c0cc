//! Cursors: where a search goes on, as an opaque text.
//!
//! A cursor holds the key of the last place returned, in the order of the results, and a fingerprint of the query: answers
//! follow each other without gaps or repeats even while places come and go, and a cursor that is used with other
//! parameters is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use geo_index::tree::{BoxKey, BoxQuery, NearbyKey, NearbyQuery};
use geo_index::{CategoryFilter, HALF_CIRCUMFERENCE, Leaf, Meters};
use thiserror::Error;
use xxhash_rust::xxh3::Xxh3;

use crate::key::{Collection, MAX_ID_BYTES, PlaceId};
use crate::sort::{SORTED_BYTES, SortKey, SortValue};

/// A text that is not a cursor of this query.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CursorError {
    /// Not a cursor at all.
    #[error("malformed cursor")]
    Malformed,
    /// A cursor of another query.
    #[error("the cursor belongs to another query; repeat the parameters it was given for")]
    Foreign,
}

/// A number that two queries share if a cursor of one may be used with the other: everything but the limit and the cursor
/// counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    hash: u64,
    /// When the walk began, if its cursors say so.
    began_s: Option<u32>,
}

impl Fingerprint {
    /// The fingerprint of a nearby search in a collection.
    pub fn of_nearby(collection: &Collection, query: &NearbyQuery) -> Self {
        let numbers = [query.origin.lat(), query.origin.lon(), query.radius.get()];
        Self::of(b"nearby", collection, &numbers, query.category.as_ref())
    }

    /// The fingerprint of a box scan in a collection.
    pub fn of_box(collection: &Collection, query: &BoxQuery) -> Self {
        Self::of(b"box", collection, &query.bbox.edges(), query.category.as_ref())
    }

    /// The fingerprint of the same query with one more condition, which its name tells from others.
    #[must_use]
    pub fn with(self, name: &str, text: &str) -> Self {
        let mut hash = Xxh3::new();
        hash.update(&self.hash.to_be_bytes());
        hash.update(name.as_bytes());
        hash.update(b"=");
        hash.update(text.as_bytes());
        Self { hash: hash.digest(), ..self }
    }

    /// The fingerprint of the same query whose answers depend on when the first of them was given, in seconds since 1970:
    /// cursors say it, so that those that follow are of the same time.
    #[must_use]
    pub fn began(self, unix_s: u32) -> Self {
        Self { began_s: Some(unix_s), ..self.with("began", &unix_s.to_string()) }
    }

    fn of(kind: &[u8], collection: &Collection, numbers: &[f64], category: Option<&CategoryFilter>) -> Self {
        let mut hash = Xxh3::new();
        hash.update(kind);
        hash.update(collection.as_str().as_bytes());
        // A collection's name cannot contain it, and how many bytes of numbers follow depends on the kind only: so no two
        // queries run together.
        hash.update(b"#");
        for number in numbers {
            hash.update(&number.to_be_bytes());
        }
        if let Some(category) = category {
            hash.update(b"=");
            hash.update(category.to_string().as_bytes());
        }
        Self { hash: hash.digest(), began_s: None }
    }
}

/// When the walk of a cursor began, if it says so: see [`Fingerprint::began`].
pub fn began_s(cursor: &str) -> Option<u32> {
    cursor.rsplit_once(BEGAN)?.1.parse().ok()
}

/// What stands between a cursor and when its walk began.
const BEGAN: char = '.';

/// A key of a result that travels as a cursor.
///
/// ```
/// use cellar_model::CursorError;
/// use cellar_model::cursor::{Cursor, Fingerprint};
/// use geo_index::tree::{NearbyKey, NearbyQuery};
/// use geo_index::{Meters, Position};
///
/// let query = NearbyQuery {
///     origin: Position::new(48.8566, 2.3522)?,
///     radius: Meters::new(5_000.0).unwrap(),
///     limit: 20.try_into()?,
///     category: None,
///     after: None,
/// };
/// let [wineries, bars] = ["wineries", "bars"].map(|name| Fingerprint::of_nearby(&name.parse().unwrap(), &query));
/// let key = NearbyKey { distance: Meters::new(12.5).unwrap(), id: "a".into() };
/// let cursor = key.to_cursor(wineries);
/// assert_eq!(NearbyKey::from_cursor(&cursor, wineries), Ok(key));
/// assert_eq!(NearbyKey::from_cursor(&cursor, bars), Err(CursorError::Foreign));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Cursor: Sized {
    /// The cursor of this key for the query with a fingerprint.
    fn to_cursor(&self, fingerprint: Fingerprint) -> String;

    /// Reads a cursor of the query with a fingerprint.
    ///
    /// # Errors
    ///
    /// [`CursorError::Foreign`] for a cursor of another query, [`CursorError::Malformed`] for a text that is no cursor.
    fn from_cursor(cursor: &str, fingerprint: Fingerprint) -> Result<Self, CursorError>;
}

impl Cursor for NearbyKey {
    fn to_cursor(&self, fingerprint: Fingerprint) -> String {
        encode(NEARBY, fingerprint, self.distance.get().to_bits(), &self.id)
    }

    fn from_cursor(cursor: &str, fingerprint: Fingerprint) -> Result<Self, CursorError> {
        let (bits, id) = decode(NEARBY, cursor, fingerprint)?;
        let distance = Meters::new(f64::from_bits(bits)).filter(|d| *d <= HALF_CIRCUMFERENCE);
        Ok(Self { distance: distance.ok_or(CursorError::Malformed)?, id })
    }
}

impl Cursor for BoxKey {
    fn to_cursor(&self, fingerprint: Fingerprint) -> String {
        encode(BOX, fingerprint, self.leaf.index(), &self.id)
    }

    fn from_cursor(cursor: &str, fingerprint: Fingerprint) -> Result<Self, CursorError> {
        let (leaf, id) = decode(BOX, cursor, fingerprint)?;
        Ok(Self { leaf: Leaf::from_index(leaf).map_err(|_| CursorError::Malformed)?, id })
    }
}

/// Where a sorted search goes on. It goes through the places in rings around the position, each of which is sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SortedKey {
    /// The end of the ring before: the ring has the places behind it. Without one it is the innermost.
    pub ring: Option<NearbyKey>,
    /// Only places of the ring behind this one.
    pub after: Option<SortKey>,
}

impl Cursor for SortedKey {
    fn to_cursor(&self, fingerprint: Fingerprint) -> String {
        let mut rest = Vec::new();
        for near in [self.ring.as_ref(), self.after.as_ref().map(|after| &after.near)] {
            let Some(near) = near else {
                rest.push(0);
                continue;
            };
            rest.push(1);
            rest.extend(near.distance.get().to_bits().to_be_bytes());
            rest.extend((near.id.len() as u16).to_be_bytes());
            rest.extend(near.id.as_bytes());
        }
        match self.after.as_ref().map(|after| &after.value) {
            Some(SortValue::Number(number)) => {
                rest.push(b'n');
                rest.extend(number.to_bits().to_be_bytes());
            }
            Some(SortValue::Text(text)) => {
                rest.push(b't');
                rest.extend(text.as_bytes());
            }
            Some(SortValue::Boolean(value)) => rest.extend([b'b', u8::from(*value)]),
            Some(SortValue::None) | None => {}
        }
        encode_bytes(SORTED, fingerprint, &rest)
    }

    fn from_cursor(cursor: &str, fingerprint: Fingerprint) -> Result<Self, CursorError> {
        let rest = decode_bytes(SORTED, cursor, fingerprint, 2 * (11 + MAX_ID_BYTES) + 1 + SORTED_BYTES)?;
        let read = || {
            let (ring, rest) = split_near(&rest)?;
            let (near, rest) = split_near(rest)?;
            let value = match rest.split_first() {
                None => SortValue::None,
                Some((b'n', bits)) => {
                    let number = f64::from_bits(u64::from_be_bytes(bits.try_into().ok()?));
                    SortValue::Number(Some(number).filter(|number| number.is_finite())?)
                }
                Some((b't', text)) => SortValue::Text(String::from_utf8(text.to_vec()).ok()?),
                Some((b'b', [value @ (0 | 1)])) => SortValue::Boolean(*value == 1),
                Some(_) => return None,
            };
            let is_whole = near.is_some() || value == SortValue::None;
            is_whole.then(|| Self { ring, after: near.map(|near| SortKey { value, near }) })
        };
        read().ok_or(CursorError::Malformed)
    }
}

/// A place of a cursor, if there is one, and what follows it; `None` if neither can be.
fn split_near(bytes: &[u8]) -> Option<(Option<NearbyKey>, &[u8])> {
    let (is_there, rest) = bytes.split_first()?;
    if *is_there == 0 {
        return Some((None, rest));
    }
    let (bits, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (id, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let distance = Meters::new(f64::from_bits(u64::from_be_bytes(*bits)))?;
    let id = Some(String::from_utf8(id.to_vec()).ok()?).filter(|id| is_id(id))?;
    (*is_there == 1 && distance <= HALF_CIRCUMFERENCE).then_some((Some(NearbyKey { distance, id }), rest))
}

/// An empty id stands before all places at its distance, or of its leaf.
fn is_id(id: &str) -> bool {
    id.is_empty() || id.parse::<PlaceId>().is_ok()
}

const NEARBY: u8 = b'n';
const BOX: u8 = b'b';
const SORTED: u8 = b's';

/// One byte of kind, eight of fingerprint, eight of position, the id.
fn encode(kind: u8, fingerprint: Fingerprint, position: u64, id: &str) -> String {
    encode_bytes(kind, fingerprint, &[&position.to_be_bytes(), id.as_bytes()].concat())
}

fn encode_bytes(kind: u8, Fingerprint { hash, began_s }: Fingerprint, rest: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(1 + 8 + rest.len());
    bytes.push(kind);
    bytes.extend(hash.to_be_bytes());
    bytes.extend(rest);
    let mut cursor = URL_SAFE_NO_PAD.encode(bytes);
    if let Some(began_s) = began_s {
        cursor.push(BEGAN);
        cursor.push_str(&began_s.to_string());
    }
    cursor
}

fn decode(kind: u8, cursor: &str, fingerprint: Fingerprint) -> Result<(u64, String), CursorError> {
    const MALFORMED: CursorError = CursorError::Malformed;
    let rest = decode_bytes(kind, cursor, fingerprint, 8 + MAX_ID_BYTES)?;
    let (position, id) = rest.split_first_chunk().ok_or(MALFORMED)?;
    let id = String::from_utf8(id.to_vec()).map_err(|_| MALFORMED)?;
    if is_id(&id) { Ok((u64::from_be_bytes(*position), id)) } else { Err(MALFORMED) }
}

/// What follows the kind and the fingerprint: at most so many bytes.
fn decode_bytes(
    kind: u8,
    cursor: &str,
    fingerprint: Fingerprint,
    most: usize,
) -> Result<Vec<u8>, CursorError> {
    const MALFORMED: CursorError = CursorError::Malformed;
    let cursor = match fingerprint.began_s {
        None => cursor,
        Some(began_s) => cursor.strip_suffix(&format!("{BEGAN}{began_s}")).ok_or(CursorError::Foreign)?,
    };
    if cursor.len() > (9 + most) * 4 / 3 + 4 {
        return Err(MALFORMED);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| MALFORMED)?;
    let (&[its_kind], rest) = bytes.split_first_chunk().ok_or(MALFORMED)?;
    let (its_fingerprint, rest) = rest.split_first_chunk().ok_or(MALFORMED)?;
    if its_kind != kind || u64::from_be_bytes(*its_fingerprint) != fingerprint.hash {
        return Err(CursorError::Foreign);
    }
    Ok(rest.to_vec())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use geo_index::{BBox, Position};
    use proptest::prelude::*;

    use super::*;

    fn query(lat: f64, category: Option<&str>) -> NearbyQuery {
        NearbyQuery {
            origin: Position::new(lat, 2.0).unwrap(),
            radius: Meters::new(1_000.0).unwrap(),
            limit: NonZeroUsize::MIN,
            category: category.map(Into::into),
            after: None,
        }
    }

    #[test]
    fn a_fingerprint_tells_queries_apart() {
        let (bars, cafes) = ("bars".parse().unwrap(), "cafes".parse().unwrap());
        let base = Fingerprint::of_nearby(&bars, &query(1.0, None));
        assert_ne!(base, Fingerprint::of_nearby(&cafes, &query(1.0, None)));
        assert_ne!(base, Fingerprint::of_nearby(&bars, &query(1.5, None)));
        assert_ne!(base, Fingerprint::of_nearby(&bars, &query(1.0, Some("x"))));
        assert_ne!(base, Fingerprint::of_nearby(&bars, &query(1.0, Some(""))));
        let longer = NearbyQuery { limit: NonZeroUsize::MAX, ..query(1.0, None) };
        assert_eq!(base, Fingerprint::of_nearby(&bars, &longer));
        let area = BoxQuery { bbox: BBox::WORLD, limit: NonZeroUsize::MIN, category: None, after: None };
        assert_ne!(Fingerprint::of_box(&bars, &area), Fingerprint::of_box(&cafes, &area));
    }

    #[test]
    fn a_cursor_says_when_its_walk_began() {
        let base = Fingerprint { hash: 1, began_s: None };
        let (one, other) = (base.began(1_790_000_000), base.began(1_790_000_001));
        let key = NearbyKey { distance: Meters::ZERO, id: "a".into() };
        let cursor = key.to_cursor(one);
        assert_eq!((began_s(&cursor), began_s(&key.to_cursor(base))), (Some(1_790_000_000), None));
        assert_eq!(NearbyKey::from_cursor(&cursor, one), Ok(key.clone()));
        assert!(NearbyKey::from_cursor(&cursor, base).is_err());
        let moved = cursor.replace("1790000000", "1790000001");
        assert_eq!(began_s(&moved), Some(1_790_000_001));
        for (bad, fingerprint) in [(&moved, other), (&moved, one), (&key.to_cursor(base), one)] {
            assert_eq!(NearbyKey::from_cursor(bad, fingerprint), Err(CursorError::Foreign), "{bad}");
        }
        for none in ["a.", "a.-1", "a.4294967296", ".x"] {
            assert_eq!(began_s(none), None, "{none}");
        }
    }

    #[test]
    fn malformed_cursors_are_refused() {
        let one = Fingerprint { hash: 1, began_s: None };
        let key = NearbyKey { distance: Meters::new(1.5).unwrap(), id: "ü".into() };
        let cursor = key.to_cursor(one);
        assert_eq!(NearbyKey::from_cursor(&cursor, one), Ok(key));
        assert_eq!(BoxKey::from_cursor(&cursor, one), Err(CursorError::Foreign));
        for bad in ["", "x", "====", &cursor[..20], &format!("{cursor}A"), &"A".repeat(5_000)] {
            assert!(NearbyKey::from_cursor(bad, one).is_err(), "{bad}");
        }
        let nan = encode(NEARBY, one, f64::NAN.to_bits(), "a");
        assert_eq!(NearbyKey::from_cursor(&nan, one), Err(CursorError::Malformed));
        let not_a_leaf = encode(BOX, one, 17, "a");
        assert_eq!(BoxKey::from_cursor(&not_a_leaf, one), Err(CursorError::Malformed));
    }

    #[test]
    fn a_sorted_cursor_is_whole_or_refused() {
        let one = Fingerprint { hash: 1, began_s: None };
        let near = |id: &str| NearbyKey { distance: Meters::new(1.5).unwrap(), id: id.into() };
        let after = Some(SortKey { value: SortValue::Text("é".into()), near: near("b") });
        let key = SortedKey { ring: Some(near("")), after };
        let cursor = key.to_cursor(one);
        assert_eq!(SortedKey::from_cursor(&cursor, one), Ok(key));
        assert_eq!(NearbyKey::from_cursor(&cursor, one), Err(CursorError::Foreign));
        assert_eq!(
            SortedKey::from_cursor(&cursor, Fingerprint { hash: 2, began_s: None }),
            Err(CursorError::Foreign)
        );
        let number = |bits: f64| [&[0, 1], &bits.to_bits().to_be_bytes()[..], &[0, 1, b'a', b'n']].concat();
        for bad in [
            vec![],
            vec![0],
            vec![2, 0],
            vec![0, 0, b't'],
            vec![0, 0, b'x'],
            vec![1, 0],
            vec![0, 1, 0],
            [number(-1.0), vec![0; 8]].concat(),
            [number(1.0), vec![0; 7]].concat(),
            [number(1.0), f64::NAN.to_bits().to_be_bytes().to_vec()].concat(),
        ] {
            let cursor = encode_bytes(SORTED, one, &bad);
            assert_eq!(SortedKey::from_cursor(&cursor, one), Err(CursorError::Malformed), "{bad:?}");
        }
        let good = encode_bytes(SORTED, one, &[number(1.0), vec![0; 8]].concat());
        assert!(SortedKey::from_cursor(&good, one).is_ok());
        assert!(SortedKey::from_cursor(&"A".repeat(5_000), one).is_err());
    }

    proptest! {
        #[test]
        fn sorted_keys_round_trip(
            ring in proptest::option::of((0.0..2e7_f64, "[^\\p{Cc}./]{0,40}")), metres in 0.0..2e7_f64, id in "[^\\p{Cc}./]{1,40}",
            number in -1e300..1e300_f64, text in "\\PC{0,20}", kind in 0..5_u8, fingerprint: u64,
        ) {
            let fingerprint = Fingerprint { hash: fingerprint, began_s: None };
            let near = |(metres, id)| NearbyKey { distance: Meters::new(metres).unwrap(), id };
            let value = match kind {
                0 => SortValue::Number(number),
                1 => SortValue::Text(text),
                2 => SortValue::Boolean(number > 0.0),
                _ => SortValue::None,
            };
            let after = (kind < 4).then(|| SortKey { value, near: near((metres, id)) });
            let key = SortedKey { ring: ring.map(near), after };
            prop_assert_eq!(SortedKey::from_cursor(&key.to_cursor(fingerprint), fingerprint), Ok(key));
        }

        /// To the last bit: a walk over all results goes on exactly where it stood.
        #[test]
        fn keys_round_trip(
            lat in -90.0..=90.0, lon in -180.0..=180.0, metres in 0.0..2e7_f64, id in "[^\\p{Cc}]{1,40}",
            fingerprint: u64,
        ) {
            prop_assume!(id != "." && id != "..");
            let fingerprint = Fingerprint { hash: fingerprint, began_s: None };
            let key = NearbyKey { distance: Meters::new(metres).unwrap(), id: id.clone() };
            prop_assert_eq!(NearbyKey::from_cursor(&key.to_cursor(fingerprint), fingerprint), Ok(key));
            // An empty id stands before all places of a leaf.
            for id in [id, String::new()] {
                let key = BoxKey { leaf: Leaf::at(Position::new(lat, lon).unwrap()), id };
                prop_assert_eq!(BoxKey::from_cursor(&key.to_cursor(fingerprint), fingerprint), Ok(key));
            }
        }
    }
}
