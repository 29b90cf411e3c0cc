//! Pages as bytes, for caches outside the process.
//!
//! ```text
//! version  u8   2
//! kind     u8   0 places, 1 split, 2 crowd, 3 roots
//!
//! split:   estimate f64
//! crowd:   count of runs, and of each: places, count of spots, latitudes f64…, longitudes f64…, and of all but the
//!          last the length and bytes of its last id
//! roots:   count, and of each the difference to the one before as a number, the first to the base cell
//! places:  count, latitudes f64…, longitudes f64…,
//!          leaves (the difference to the one before, the first to the first leaf below the cell),
//!          ids (lengths, then all bytes), payloads (the same),
//!          categories (count, then length and bytes of each, in order of first use),
//!          category of each place (0 none, else 1 + its number)
//! ```
//!
//! Doubles are little-endian, all other numbers LEB128. Like stands beside like, which makes the bytes compress well.
//! Unit vectors and the children of a split are not written: decoding computes them again.
//!
//! Invariant: decoding takes any bytes, allocates a few times their length at most, and returns a page that could
//! have been loaded, or an error.

use std::collections::BTreeSet;

use super::bytes::{Reader, put_varint};
use super::texts::Texts;
use super::{CrowdPage, NO_CATEGORY, Page, PlacesPage, RootsPage, Run, SplitPage, units};
use crate::error::PageCodecError;
use crate::grid::GridCell;
use crate::grid::h3::{H3Cell, Leaf};
use crate::point::Position;

/// What the bytes begin with.
const VERSION: u8 = 2;
const PLACES: u8 = 0;
const SPLIT: u8 = 1;
const CROWD: u8 = 2;
const ROOTS: u8 = 3;

/// Fewest bytes that a place takes: two doubles, a leaf, two lengths and a category.
const MIN_PLACE_BYTES: usize = 20;

impl Page {
    /// Encodes the page of a cell. [`decode`](Page::decode) needs the cell again.
    ///
    /// ```
    /// use geo_index::{Leaf, Page, PlacesPage, Position, Row};
    ///
    /// let position = Position::new(48.8566, 2.3522)?;
    /// let leaf = Leaf::at(position);
    /// let row = Row { leaf, id: "louvre".into(), position, category: None, payload: b"{}".to_vec() };
    /// let page = Page::Places(PlacesPage::new(vec![row]));
    /// let cell = leaf.ancestor(5).unwrap();
    /// let bytes = page.encode(cell);
    /// assert_eq!(Page::decode(cell, &bytes), Ok(page));
    /// assert!(Page::decode(cell, &bytes[1..]).is_err());
    /// # Ok::<(), geo_index::PositionError>(())
    /// ```
    pub fn encode(&self, cell: H3Cell) -> Vec<u8> {
        match self {
            Self::Split(split) => {
                let mut out = vec![VERSION, SPLIT];
                out.extend_from_slice(&split.estimate().to_le_bytes());
                out
            }
            Self::Crowd(crowd) => {
                let mut out = vec![VERSION, CROWD];
                crowd.encode(&mut out);
                out
            }
            Self::Roots(roots) => {
                let mut out = vec![VERSION, ROOTS];
                roots.encode(cell, &mut out);
                out
            }
            Self::Places(places) => {
                let texts = places.ids.bytes().len() + places.payloads.bytes().len();
                let mut out = Vec::with_capacity(16 + texts + places.len() * 32);
                out.extend([VERSION, PLACES]);
                places.encode(*cell.leaves().start(), &mut out);
                out
            }
        }
    }

    /// Decodes what [`encode`](Page::encode) wrote for the page of the same cell.
    ///
    /// # Errors
    ///
    /// [`PageCodecError`] for bytes that are not the page of this cell. The bytes may come from anywhere: decoding never
    /// panics, and it allocates no more than a few times their length.
    pub fn decode(cell: H3Cell, bytes: &[u8]) -> Result<Self, PageCodecError> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(PageCodecError::Version(version));
        }
        let page = match reader.byte()? {
            PLACES => Self::Places(PlacesPage::decode(cell, &mut reader)?),
            SPLIT => Self::Split(decode_split(cell, &mut reader)?),
            CROWD => Self::Crowd(CrowdPage::decode(cell, &mut reader)?),
            ROOTS => Self::Roots(RootsPage::decode(cell, &mut reader)?),
            _ => return Err(PageCodecError::Malformed("kind")),
        };
        reader.finish()?;
        Ok(page)
    }
}

fn decode_split(cell: H3Cell, reader: &mut Reader<'_>) -> Result<SplitPage, PageCodecError> {
    let estimate = reader.doubles(1)?.next().unwrap_or(f64::NAN);
    if !(0.0..f64::INFINITY).contains(&estimate) {
        return Err(PageCodecError::Malformed("estimate"));
    }
    let split = SplitPage::new(cell).map_err(|_| PageCodecError::Malformed("split of a leaf"))?;
    Ok(split.with_estimate(estimate))
}

/// Fewest bytes of a run: two counts.
const MIN_RUN_BYTES: usize = 2;

impl CrowdPage {
    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.runs().len() as u64);
        for run in self.runs() {
            put_varint(out, u64::from(run.places));
            put_varint(out, run.spots.len() as u64);
            out.extend(run.spots.iter().flat_map(|spot| spot.lat().to_le_bytes()));
            out.extend(run.spots.iter().flat_map(|spot| spot.lon().to_le_bytes()));
            if let Some(last) = &run.last {
                put_varint(out, last.len() as u64);
                out.extend_from_slice(last.as_bytes());
            }
        }
    }

    fn decode(cell: H3Cell, reader: &mut Reader<'_>) -> Result<Self, PageCodecError> {
        const MALFORMED: PageCodecError = PageCodecError::Malformed("run");
        let count = length(reader, MIN_RUN_BYTES)?;
        if Leaf::try_from(cell).is_err() || count == 0 {
            return Err(PageCodecError::Malformed("crowd"));
        }
        let mut runs: Vec<Run> = Vec::new();
        for number in 1..=count {
            let places = u32::try_from(reader.varint()?).map_err(|_| MALFORMED)?;
            let spots = length(reader, 16)?;
            let spots = positions(reader, spots)?;
            let last = if number == count {
                None
            } else {
                let bytes = length(reader, 1)?;
                let last = std::str::from_utf8(reader.take(bytes)?).map_err(|_| MALFORMED)?;
                if runs.last().and_then(|before| before.last.as_deref()).is_some_and(|before| before >= last)
                {
                    return Err(PageCodecError::Malformed("order"));
                }
                Some(last.into())
            };
            runs.push(Run { last, places, spots });
        }
        runs.shrink_to_fit();
        Ok(Self::from_runs(runs))
    }
}

impl RootsPage {
    fn encode(&self, base: H3Cell, out: &mut Vec<u8>) {
        put_varint(out, self.roots().len() as u64);
        let mut before = base.index();
        for root in self.roots() {
            put_varint(out, root.index().wrapping_sub(before));
            before = root.index();
        }
    }

    fn decode(base: H3Cell, reader: &mut Reader<'_>) -> Result<Self, PageCodecError> {
        const FOREIGN: PageCodecError = PageCodecError::Malformed("root");
        if base.level() != H3Cell::COARSEST {
            return Err(FOREIGN);
        }
        let count = length(reader, 1)?;
        let mut roots = Vec::with_capacity(count);
        let mut before = base.index();
        for _ in 0..count {
            before = before.wrapping_add(reader.varint()?);
            roots.push(H3Cell::from_index(before).map_err(|_| FOREIGN)?);
        }
        let page = Self::new(base, roots.iter().copied());
        if page.roots() == roots { Ok(page) } else { Err(FOREIGN) }
    }
}

impl PlacesPage {
    fn encode(&self, first_leaf: Leaf, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        out.extend(self.positions.iter().flat_map(|position| position.lat().to_le_bytes()));
        out.extend(self.positions.iter().flat_map(|position| position.lon().to_le_bytes()));
        let mut before = first_leaf;
        for &leaf in &self.leaves {
            put_varint(out, leaf.index().wrapping_sub(before.index()));
            before = leaf;
        }
        put_texts(out, &self.ids);
        put_texts(out, &self.payloads);
        put_varint(out, self.categories.len() as u64);
        for name in &self.categories {
            put_varint(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
        }
        for &category in &self.category {
            put_varint(out, if category == NO_CATEGORY { 0 } else { u64::from(category) + 1 });
        }
    }

    fn decode(cell: H3Cell, reader: &mut Reader<'_>) -> Result<Self, PageCodecError> {
        let count = length(reader, MIN_PLACE_BYTES)?;
        let positions = positions(reader, count)?;
        let leaves = leaves(reader, cell, count)?;
        let ids = texts(reader, count)?;
        let id_bytes = std::str::from_utf8(ids.bytes()).map_err(|_| PageCodecError::Malformed("id"))?;
        check_ids(id_bytes, &ids, &leaves)?;
        let payloads = texts(reader, count)?;
        let categories = categories(reader)?;
        let category = category_column(reader, count, categories.len())?;
        Ok(Self { units: units(&positions), positions, leaves, ids, payloads, category, categories })
    }
}

fn put_texts(out: &mut Vec<u8>, texts: &Texts) {
    for row in 0..texts.len() {
        put_varint(out, texts.get(row).len() as u64);
    }
    out.extend_from_slice(texts.bytes());
}

/// A count of things of which each takes at least `bytes` of what is left.
fn length(reader: &mut Reader<'_>, bytes: usize) -> Result<usize, PageCodecError> {
    let most = reader.remaining() / bytes;
    usize::try_from(reader.varint()?).ok().filter(|count| *count <= most).ok_or(PageCodecError::Truncated)
}

fn positions(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Position>, PageCodecError> {
    let (lats, lons) = (reader.doubles(count)?, reader.doubles(count)?);
    let mut positions = Vec::with_capacity(count);
    for (lat, lon) in lats.zip(lons) {
        positions.push(Position::new(lat, lon).map_err(|_| PageCodecError::Malformed("position"))?);
    }
    Ok(positions)
}

fn leaves(reader: &mut Reader<'_>, cell: H3Cell, count: usize) -> Result<Vec<Leaf>, PageCodecError> {
    const FOREIGN: PageCodecError = PageCodecError::Malformed("leaf");
    let (first, last) = cell.leaves().into_inner();
    let mut leaves = Vec::with_capacity(count);
    let mut before = first;
    for _ in 0..count {
        let index = before.index().checked_add(reader.varint()?).ok_or(FOREIGN)?;
        let leaf = Leaf::from_index(index).ok().filter(|leaf| *leaf <= last).ok_or(FOREIGN)?;
        leaves.push(leaf);
        before = leaf;
    }
    Ok(leaves)
}

fn texts(reader: &mut Reader<'_>, count: usize) -> Result<Texts, PageCodecError> {
    let mut ends = Vec::with_capacity(count);
    let mut end = 0_u32;
    for _ in 0..count {
        let length = u32::try_from(reader.varint()?).map_err(|_| PageCodecError::Truncated)?;
        end = end.checked_add(length).ok_or(PageCodecError::Truncated)?;
        ends.push(end);
    }
    Ok(Texts::from_parts(reader.take(end as usize)?.to_vec(), ends))
}

/// Ids begin and end between characters, and ascend where the leaves are the same.
fn check_ids(text: &str, ids: &Texts, leaves: &[Leaf]) -> Result<(), PageCodecError> {
    let mut end = 0;
    for row in 0..ids.len() {
        end += ids.get(row).len();
        if !text.is_char_boundary(end) {
            return Err(PageCodecError::Malformed("id"));
        }
        if row > 0 && leaves[row - 1] == leaves[row] && ids.get(row - 1) > ids.get(row) {
            return Err(PageCodecError::Malformed("order"));
        }
    }
    Ok(())
}

fn categories(reader: &mut Reader<'_>) -> Result<Vec<String>, PageCodecError> {
    const MALFORMED: PageCodecError = PageCodecError::Malformed("category");
    let count = length(reader, 1)?;
    // A name's own size is many times that of the byte that it takes at least, so this grows with what is read.
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    for _ in 0..count {
        let bytes = length(reader, 1)?;
        let name = std::str::from_utf8(reader.take(bytes)?).map_err(|_| MALFORMED)?;
        // Search looks a name up once: rows under a second number would be lost.
        if !seen.insert(name) {
            return Err(MALFORMED);
        }
        names.push(name.to_owned());
    }
    names.shrink_to_fit();
    Ok(names)
}

/// Numbers of categories, each of which comes first in the order of the names.
fn category_column(reader: &mut Reader<'_>, count: usize, names: usize) -> Result<Vec<u32>, PageCodecError> {
    const MALFORMED: PageCodecError = PageCodecError::Malformed("category");
    let mut column = Vec::with_capacity(count);
    let mut used = 0;
    for _ in 0..count {
        let number = reader.varint()?;
        if number > used + 1 || number > names as u64 {
            return Err(MALFORMED);
        }
        used = used.max(number);
        column.push(if number == 0 { NO_CATEGORY } else { number as u32 - 1 });
    }
    if used == names as u64 { Ok(column) } else { Err(MALFORMED) }
}
