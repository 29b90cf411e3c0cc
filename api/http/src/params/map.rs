//! Parameters of `/cells` and of tiles.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use cellar_model::fields::Fields;
use geo_index::{BBox, CategoryFilter};

use super::attributes;
use super::items::{BBOX_ALLOWED, bbox};
use super::query::QueryText;
use super::values;
use crate::problem::{Kind, Problem};
use crate::tiling::{MAX_ZOOM, Tile};

const CELLS: [&str; 3] = ["bbox", "resolution", "category"];
const TILE: [&str; 2] = ["category", attributes::FIELDS];

const FINEST: u8 = 15;

/// Which cells are to be counted.
#[derive(Clone, Debug)]
pub struct CellsParams {
    /// Those with places in this box.
    pub bbox: BBox,
    /// Their resolution.
    pub resolution: u8,
    /// Only these places.
    pub category: Option<CategoryFilter>,
}

/// Reads the query string of `/cells`.
pub fn parse_cells(raw: Option<&str>) -> Result<CellsParams, Problem> {
    let text = QueryText::parse_with_list(raw, &CELLS, "bbox")?;
    let allowed = format_args!("0 to {FINEST}");
    Ok(CellsParams {
        bbox: bbox(text.required("bbox", BBOX_ALLOWED)?)?,
        resolution: whole("resolution", text.required("resolution", allowed)?, FINEST.into())? as u8,
        category: values::category(&text)?,
    })
}

/// What a tile is to have.
#[derive(Clone, Debug)]
pub struct TileParams {
    /// Only these places.
    pub category: Option<CategoryFilter>,
    /// Properties beside those that every place has.
    pub fields: Option<Fields>,
}

/// Reads the query string of a tile.
pub fn parse_tile(raw: Option<&str>) -> Result<TileParams, Problem> {
    let text = QueryText::parse(raw, &TILE)?;
    Ok(TileParams { category: values::category(&text)?, fields: attributes::fields(&text)? })
}

/// The segments `{z}`, `{x}` and `{y}`.
#[derive(Clone, Copy, Debug)]
pub struct TilePath(pub Tile);

impl<S: Send + Sync> FromRequestParts<S> for TilePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(Kind::QueryMalformed, "the path is not percent-encoded UTF-8"))?;
        let segment = |name| params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        parse_tile_path(segment("z"), segment("x"), segment("y")).map(Self)
    }
}

/// Reads the three segments of the path of a tile; the last may end in `.mvt` or `.pbf`.
fn parse_tile_path(z: &str, x: &str, y: &str) -> Result<Tile, Problem> {
    let zoom = whole("z", z, MAX_ZOOM.into())?;
    let last = (1_u32 << zoom) - 1;
    let y = y.strip_suffix(".mvt").or_else(|| y.strip_suffix(".pbf")).unwrap_or(y);
    let (x, y) = (whole("x", x, last)?, whole("y", y, last)?);
    Tile::new(zoom as u8, x, y).ok_or_else(|| values::out_of_range("z", z, format_args!("0 to {MAX_ZOOM}")))
}

/// A whole number from 0 to a largest.
fn whole(name: &'static str, text: &str, last: u32) -> Result<u32, Problem> {
    let allowed = format_args!("0 to {last}");
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(values::invalid(name, text, "which is not a whole number", allowed));
    }
    let value = text.parse().ok().filter(|value| *value <= last);
    value.ok_or_else(|| values::out_of_range(name, text, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_tile() {
        let tile = parse_tile_path("3", "7", "0.mvt").unwrap();
        assert_eq!(Some(tile), Tile::new(3, 7, 0));
        assert_eq!(parse_tile_path("03", "7", "0.pbf").unwrap(), tile);
        for (z, x, y, parameter, kind) in [
            ("23", "0", "0", "z", Kind::ParameterOutOfRange),
            ("-1", "0", "0", "z", Kind::ParameterOutOfRange),
            ("3", "8", "0", "x", Kind::ParameterOutOfRange),
            ("3", "7", "8", "y", Kind::ParameterOutOfRange),
            ("3", "99999999999", "0", "x", Kind::ParameterOutOfRange),
            ("a", "0", "0", "z", Kind::ParameterInvalid),
            ("3", "1.5", "0", "x", Kind::ParameterInvalid),
            ("3", "0", "0.png", "y", Kind::ParameterInvalid),
            ("3", "+1", "0", "x", Kind::ParameterInvalid),
            ("3", "0", ".mvt", "y", Kind::ParameterInvalid),
        ] {
            let problem = parse_tile_path(z, x, y).unwrap_err();
            assert_eq!((problem.parameter_name(), problem.kind()), (Some(parameter), kind), "{z}/{x}/{y}");
        }
    }

    #[test]
    fn cells_take_a_box_and_a_resolution() {
        let params = parse_cells(Some("bbox=1,2,3,4&resolution=7&category=bar")).unwrap();
        assert_eq!((params.resolution, params.category), (7, Some("bar".into())));
        for (raw, parameter, kind) in [
            ("resolution=7", "bbox", Kind::ParameterMissing),
            ("bbox=1,2,3,4", "resolution", Kind::ParameterMissing),
            ("bbox=1,2,3,4&resolution=16", "resolution", Kind::ParameterOutOfRange),
            ("bbox=1,2,3,4&resolution=-1", "resolution", Kind::ParameterOutOfRange),
            ("bbox=1,2,3,4&resolution=5.0", "resolution", Kind::ParameterInvalid),
            ("bbox=1,2,3&resolution=5", "bbox", Kind::ParameterInvalid),
            ("bbox=1,5,3,4&resolution=5", "bbox", Kind::ParameterOutOfRange),
            ("bbox=1,2,3,4&resolution=5&limit=3", "limit", Kind::ParameterUnknown),
        ] {
            let problem = parse_cells(Some(raw)).unwrap_err();
            assert_eq!((problem.parameter_name(), problem.kind()), (Some(parameter), kind), "{raw}");
        }
    }
}
