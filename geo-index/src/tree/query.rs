//! What is searched for, and the cursors that go on where an answer ended.
//!
//! A cursor is a keyset position (the sort key of the last place returned) with a fingerprint of its query:
//! pages of results follow each other without gaps or repeats even while places come and go, and a cursor
//! that is used with other parameters is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::Xxh3;

use crate::bbox::BBox;
use crate::distance::HALF_CIRCUMFERENCE;
use crate::error::CursorError;
use crate::grid::h3::H3Cell;
use crate::key::{Collection, MAX_ID_BYTES, PlaceId};
use crate::point::Position;
use crate::units::Meters;

/// The places within a radius, nearest first, ties by id.
#[derive(Clone, Debug, PartialEq)]
pub struct NearbyQuery {
    /// Where distances are measured from.
    pub origin: Position,
    /// Places farther than this are left out; at exactly this distance they are in.
    pub radius: Meters,
    /// At most this many places.
    pub limit: usize,
    /// Only places of this category.
    pub category: Option<String>,
    /// Only places behind this one.
    pub after: Option<NearbyKey>,
}

/// The place of a result in the order of a nearby search.
#[derive(Clone, Debug, PartialEq)]
pub struct NearbyKey {
    /// Distance from the origin.
    pub distance: Meters,
    /// Id of the place.
    pub id: String,
}

/// The places in a box, by leaf and id.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxQuery {
    /// The box.
    pub bbox: BBox,
    /// At most this many places.
    pub limit: usize,
    /// Only places of this category.
    pub category: Option<String>,
    /// Only places behind this one.
    pub after: Option<BoxKey>,
}

/// The place of a result in the order of a box scan. An empty id stands before all places of the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxKey {
    /// Leaf of the place.
    pub leaf: u64,
    /// Id of the place.
    pub id: String,
}

impl NearbyQuery {
    /// A number that two queries share when a cursor of one may be used with the other: everything but the
    /// limit and the cursor counts.
    pub fn fingerprint(&self, collection: &Collection) -> u64 {
        let numbers = [self.origin.lat(), self.origin.lon(), self.radius.get()];
        fingerprint(b"nearby", collection, &numbers, self.category.as_deref())
    }
}

impl BoxQuery {
    /// As [`NearbyQuery::fingerprint`].
    pub fn fingerprint(&self, collection: &Collection) -> u64 {
        fingerprint(b"box", collection, &self.bbox.edges(), self.category.as_deref())
    }
}

fn fingerprint(kind: &[u8], collection: &Collection, numbers: &[f64], category: Option<&str>) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(kind);
    hash.update(collection.as_str().as_bytes());
    // Neither a collection nor a number's bytes can contain what follows, so no two queries run together.
    hash.update(b"#");
    for number in numbers {
        hash.update(&number.to_be_bytes());
    }
    if let Some(category) = category {
        hash.update(b"=");
        hash.update(category.as_bytes());
    }
    hash.digest()
}

impl NearbyKey {
    /// The cursor of this position in a query.
    ///
    /// ```
    /// use geo_index::{CursorError, Meters, tree::NearbyKey};
    ///
    /// let key = NearbyKey { distance: Meters::new(12.5).unwrap(), id: "a".into() };
    /// let cursor = key.encode(7);
    /// assert_eq!(NearbyKey::decode(&cursor, 7), Ok(key));
    /// assert_eq!(NearbyKey::decode(&cursor, 8), Err(CursorError::Foreign));
    /// ```
    pub fn encode(&self, fingerprint: u64) -> String {
        encode(NEARBY, fingerprint, self.distance.get().to_bits(), &self.id)
    }

    /// Reads a cursor of the query with this fingerprint.
    pub fn decode(cursor: &str, fingerprint: u64) -> Result<Self, CursorError> {
        let (bits, id) = decode(NEARBY, cursor, fingerprint)?;
        let distance = Meters::new(f64::from_bits(bits)).filter(|d| *d <= HALF_CIRCUMFERENCE);
        Ok(Self { distance: distance.ok_or(CursorError::Malformed)?, id })
    }
}

impl BoxKey {
    /// The cursor of this position in a query.
    pub fn encode(&self, fingerprint: u64) -> String {
        encode(BOX, fingerprint, self.leaf, &self.id)
    }

    /// Reads a cursor of the query with this fingerprint.
    pub fn decode(cursor: &str, fingerprint: u64) -> Result<Self, CursorError> {
        let (leaf, id) = decode(BOX, cursor, fingerprint)?;
        // The last leaf range of a pentagon begins at a number that names no cell; only the root must be one.
        let resolution_15 = leaf >> 52 & 0xf == u64::from(H3Cell::LEAF) && leaf >> 59 == 1;
        if resolution_15 { Ok(Self { leaf, id }) } else { Err(CursorError::Malformed) }
    }
}

const NEARBY: u8 = b'n';
const BOX: u8 = b'b';

/// One byte of kind, eight of fingerprint, eight of position, the id.
fn encode(kind: u8, fingerprint: u64, position: u64, id: &str) -> String {
    let mut bytes = Vec::with_capacity(1 + 8 + 8 + id.len());
    bytes.push(kind);
    bytes.extend(fingerprint.to_be_bytes());
    bytes.extend(position.to_be_bytes());
    bytes.extend(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(kind: u8, cursor: &str, fingerprint: u64) -> Result<(u64, String), CursorError> {
    const MALFORMED: CursorError = CursorError::Malformed;
    if cursor.len() > (17 + MAX_ID_BYTES) * 4 / 3 + 4 {
        return Err(MALFORMED);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| MALFORMED)?;
    let (&[its_kind], rest) = bytes.split_first_chunk().ok_or(MALFORMED)?;
    let (its_fingerprint, rest) = rest.split_first_chunk().ok_or(MALFORMED)?;
    let (position, id) = rest.split_first_chunk().ok_or(MALFORMED)?;
    let id = String::from_utf8(id.to_vec()).map_err(|_| MALFORMED)?;
    if !id.is_empty() && id.parse::<PlaceId>().is_err() {
        return Err(MALFORMED);
    }
    if its_kind != kind || u64::from_be_bytes(*its_fingerprint) != fingerprint {
        return Err(CursorError::Foreign);
    }
    Ok((u64::from_be_bytes(*position), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(lat: f64, category: Option<&str>) -> NearbyQuery {
        NearbyQuery {
            origin: Position::new(lat, 2.0).unwrap(),
            radius: Meters::new(1_000.0).unwrap(),
            limit: 5,
            category: category.map(Into::into),
            after: None,
        }
    }

    #[test]
    fn a_fingerprint_tells_queries_apart() {
        let (bars, cafes) = ("bars".parse().unwrap(), "cafes".parse().unwrap());
        let base = query(1.0, None).fingerprint(&bars);
        assert_ne!(base, query(1.0, None).fingerprint(&cafes));
        assert_ne!(base, query(1.5, None).fingerprint(&bars));
        assert_ne!(base, query(1.0, Some("x")).fingerprint(&bars));
        assert_ne!(base, query(1.0, Some("")).fingerprint(&bars));
        assert_eq!(base, NearbyQuery { limit: 9, ..query(1.0, None) }.fingerprint(&bars));
        let area = BoxQuery { bbox: BBox::WORLD, limit: 1, category: None, after: None };
        assert_ne!(area.fingerprint(&bars), area.fingerprint(&cafes));
    }

    #[test]
    fn malformed_cursors_are_refused() {
        let key = NearbyKey { distance: Meters::new(1.5).unwrap(), id: "ü".into() };
        let cursor = key.encode(1);
        assert_eq!(NearbyKey::decode(&cursor, 1), Ok(key));
        assert_eq!(BoxKey::decode(&cursor, 1), Err(CursorError::Foreign));
        for bad in ["", "x", "====", &cursor[..20], &format!("{cursor}A"), &"A".repeat(5_000)] {
            assert!(NearbyKey::decode(bad, 1).is_err(), "{bad}");
        }
        let nan = encode(NEARBY, 1, f64::NAN.to_bits(), "a");
        assert_eq!(NearbyKey::decode(&nan, 1), Err(CursorError::Malformed));
        let not_a_leaf = encode(BOX, 1, 17, "a");
        assert_eq!(BoxKey::decode(&not_a_leaf, 1), Err(CursorError::Malformed));
    }
}
