//! The paths of searches.

use std::fmt::Write as _;

use cellar_model::Collection;
use cellar_model::canonical::CellUrl;
use geo_index::CategoryFilter;
use geo_index::edge::{CacheCell, CacheCellError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CellLevel, Mode};
use crate::plan::Search;

/// The path and query for the first page of a search. Numbers are written so that they parse to the same value.
pub(super) fn nearby(collection: &Collection, search: &Search, mode: Mode) -> String {
    let mut path = String::with_capacity(160);
    let (lat, lon) = (search.position.lat(), search.position.lon());
    // Writing to a string cannot fail.
    let _ = write!(path, "/v1/collections/{collection}/nearby?lat={lat}&lon={lon}");
    if let Some(radius) = search.radius {
        let _ = write!(path, "&radius={}", radius.get());
    }
    let _ = write!(path, "&limit={}", search.limit);
    if let Some(category) = &search.category {
        let _ = write!(path, "&category={}", utf8_percent_encode(category, NON_ALPHANUMERIC));
    }
    if mode == Mode::Exact {
        path.push_str("&mode=exact");
    }
    path
}

/// What a search says of categories, as the API reads it.
pub(super) fn category(search: &Search) -> Option<CategoryFilter> {
    let text = search.category.as_deref()?;
    Some(text.parse().unwrap_or_else(|_| CategoryFilter::only(text)))
}

/// The URL of the cell of a level that the user is in: the same for all radii and limits.
pub(super) fn cell(
    collection: &Collection,
    search: &Search,
    cell_level: CellLevel,
) -> Result<CellUrl, CacheCellError> {
    let cell = CacheCell::at(cell_level.grid, search.position, cell_level.level)?;
    Ok(CellUrl { collection: collection.clone(), cell, category: category(search) })
}

#[cfg(test)]
mod tests {
    use geo_index::{Grid, Meters, Position};

    use super::*;

    #[test]
    fn paths_are_what_the_api_reads() {
        let position = Position::new(48.5, -2.25).unwrap();
        let search = Search { user: 1, position, radius: None, limit: 20, category: None, page: 0 };
        let cities: Collection = "cities".parse().unwrap();
        assert_eq!(
            nearby(&cities, &search, Mode::Raw),
            "/v1/collections/cities/nearby?lat=48.5&lon=-2.25&limit=20"
        );
        let search = Search { radius: Meters::new(2_500.0), category: Some("a&b é".to_owned()), ..search };
        let end = "&radius=2500&limit=20&category=a%26b%20%C3%A9&mode=exact";
        assert!(nearby(&cities, &search, Mode::Exact).ends_with(end));
    }

    #[test]
    fn all_users_of_a_cell_ask_for_the_same() {
        let search = |lat, radius_m| Search {
            user: 1,
            position: Position::new(lat, 2.3522).unwrap(),
            radius: Meters::new(radius_m),
            limit: 20,
            category: Some("café".to_owned()),
            page: 0,
        };
        let cities: Collection = "cities".parse().unwrap();
        let path = |search: &Search, grid, level| {
            cell(&cities, search, CellLevel { grid, level }).unwrap().to_string()
        };
        let here = path(&search(48.8566, 500.0), Grid::Geohash, 5);
        assert_eq!(here, "/v1/collections/cities/cells/gh:u09tv/nearby?category=caf%C3%A9");
        assert_eq!(path(&search(48.8567, 9_000.0), Grid::Geohash, 5), here);
        assert!(path(&search(48.8566, 500.0), Grid::H3, 8).contains("/cells/h3:88"));
        assert!(
            cell(&cities, &search(48.8566, 500.0), CellLevel { grid: Grid::Geohash, level: 12 }).is_err()
        );
    }
}
