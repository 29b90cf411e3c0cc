//! The paths of searches.

use std::fmt::Write as _;

use geo_index::Collection;
use geo_index::edge::{CellUrl, SnapCell, SnapCellError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Mode, Snap};
use crate::plan::Ask;

/// The path and query for the first page of an ask. Numbers are written so that they read back as the same.
pub(super) fn nearby(collection: &Collection, ask: &Ask, mode: Mode) -> String {
    let mut path = String::with_capacity(160);
    let (lat, lon) = (ask.position.lat(), ask.position.lon());
    // Writing to a string cannot fail.
    let _ = write!(path, "/v1/collections/{collection}/nearby?lat={lat}&lon={lon}");
    if let Some(radius) = ask.radius {
        let _ = write!(path, "&radius={}", radius.get());
    }
    let _ = write!(path, "&limit={}", ask.limit);
    if let Some(category) = &ask.category {
        let _ = write!(path, "&category={}", utf8_percent_encode(category, NON_ALPHANUMERIC));
    }
    if mode == Mode::Exact {
        path.push_str("&mode=exact");
    }
    path
}

/// The answer of the cell of a level that the user is in: the same for all radii and limits.
pub(super) fn cell(collection: &Collection, ask: &Ask, snap: Snap) -> Result<CellUrl, SnapCellError> {
    let cell = SnapCell::at(snap.grid, ask.position, snap.level)?;
    Ok(CellUrl { collection: collection.clone(), cell, category: ask.category.clone() })
}

#[cfg(test)]
mod tests {
    use geo_index::{Grid, Meters, Position};

    use super::*;

    #[test]
    fn paths_are_what_the_api_reads() {
        let position = Position::new(48.5, -2.25).unwrap();
        let ask = Ask { user: 1, position, radius: None, limit: 20, category: None, page: 0 };
        let cities: Collection = "cities".parse().unwrap();
        assert_eq!(
            nearby(&cities, &ask, Mode::Raw),
            "/v1/collections/cities/nearby?lat=48.5&lon=-2.25&limit=20"
        );
        let ask = Ask { radius: Meters::new(2_500.0), category: Some("a&b é".to_owned()), ..ask };
        let end = "&radius=2500&limit=20&category=a%26b%20%C3%A9&mode=exact";
        assert!(nearby(&cities, &ask, Mode::Exact).ends_with(end));
    }

    #[test]
    fn all_users_of_a_cell_ask_for_the_same() {
        let ask = |lat, radius_m| Ask {
            user: 1,
            position: Position::new(lat, 2.3522).unwrap(),
            radius: Meters::new(radius_m),
            limit: 20,
            category: Some("café".to_owned()),
            page: 0,
        };
        let cities: Collection = "cities".parse().unwrap();
        let path = |ask: &Ask, grid, level| cell(&cities, ask, Snap { grid, level }).unwrap().to_string();
        let here = path(&ask(48.8566, 500.0), Grid::Geohash, 5);
        assert_eq!(here, "/v1/collections/cities/cells/gh:u09tv/nearby?category=caf%C3%A9");
        assert_eq!(path(&ask(48.8567, 9_000.0), Grid::Geohash, 5), here);
        assert!(path(&ask(48.8566, 500.0), Grid::H3, 8).contains("/cells/h3:88"));
        assert!(cell(&cities, &ask(48.8566, 500.0), Snap { grid: Grid::Geohash, level: 12 }).is_err());
    }
}
