//! The URL of a search, as a log has it.

use geo_index::{Cell, Meters, Position};
use percent_encoding::percent_decode_str;

use super::LogError;
use crate::Collection;

/// What precedes the name of a collection in every path of the API.
pub(super) const COLLECTIONS: &str = "/v1/collections/";

/// Limits that the API accepts.
const LIMITS: std::ops::RangeInclusive<usize> = 1..=100;

/// A search by its URL. Parameters are parsed when they are asked for: a reader of positions is not disturbed by a bad limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedSearch<'a> {
    collection: String,
    /// Of a cell answer.
    cell: Option<String>,
    query: &'a str,
}

impl<'a> LoggedSearch<'a> {
    /// The search of a path with its query, or of a whole URL; `None` for anything else.
    ///
    /// ```
    /// use cellar_model::access_log::LoggedSearch;
    ///
    /// let search = LoggedSearch::parse("/v1/collections/bars/nearby?lat=48.5&lon=2.25&limit=10").unwrap();
    /// assert_eq!((search.name(), search.limit()), ("bars", Ok(Some(10))));
    /// assert_eq!(search.position().unwrap().lat(), 48.5);
    /// assert!(LoggedSearch::parse("/health").is_none());
    /// ```
    pub fn parse(target: &'a str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (_, path) = path.split_once(COLLECTIONS)?;
        let segments: Vec<_> =
            path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy()).collect();
        let cell = match &segments[1..] {
            [nearby] if nearby == "nearby" => None,
            [cells, cell, nearby] if cells == "cells" && nearby == "nearby" => Some(cell.to_string()),
            _ => return None,
        };
        Some(Self { collection: segments[0].to_string(), cell, query })
    }

    /// The name of the collection, as it stands there.
    pub fn name(&self) -> &str {
        &self.collection
    }

    /// The collection.
    ///
    /// # Errors
    ///
    /// No collection can have this name.
    pub fn collection(&self) -> Result<Collection, LogError> {
        self.collection.parse().map_err(|_| LogError::Collection)
    }

    /// The position searched from. For a cell answer it is the cell's centre: the log knows no more.
    ///
    /// # Errors
    ///
    /// The cell or the coordinates are missing, malformed or not on Earth.
    pub fn position(&self) -> Result<Position, LogError> {
        if let Some(cell) = &self.cell {
            return cell.parse::<Cell>().map(Cell::centre).map_err(LogError::Cell);
        }
        let degrees = |name| {
            let text = self.value(name).ok_or(LogError::Missing(name))?;
            text.parse::<f64>().map_err(|_| LogError::Number(name))
        };
        Position::new(degrees("lat")?, degrees("lon")?).map_err(LogError::Position)
    }

    /// How far was searched, if the URL says so.
    ///
    /// # Errors
    ///
    /// The radius is not a distance.
    pub fn radius(&self) -> Result<Option<Meters>, LogError> {
        let metres = |text: String| text.parse().ok().and_then(Meters::new).ok_or(LogError::Radius);
        self.value("radius").map(metres).transpose()
    }

    /// The most places wanted, if the URL says so.
    ///
    /// # Errors
    ///
    /// The limit is not 1 to 100.
    pub fn limit(&self) -> Result<Option<usize>, LogError> {
        let limit =
            |text: String| text.parse().ok().filter(|limit| LIMITS.contains(limit)).ok_or(LogError::Limit);
        self.value("limit").map(limit).transpose()
    }

    /// The category searched for, if any.
    pub fn category(&self) -> Option<String> {
        self.value("category")
    }

    /// Whether it asks for a further page of an earlier answer.
    pub fn continues(&self) -> bool {
        self.value("cursor").is_some()
    }

    fn value(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(target: &str) -> LoggedSearch<'_> {
        LoggedSearch::parse(target).unwrap()
    }

    #[test]
    fn every_parameter_is_read_by_itself() {
        let path = "https://a.example/v1/collections/bars/nearby?lat=48.5&lon=%2B2.25";
        let url = format!("{path}&radius=500&limit=0&category=wine%20bar&cursor=x");
        let found = search(&url);
        assert_eq!(
            (found.collection(), found.position()),
            (Ok("bars".parse().unwrap()), Ok(Position::new(48.5, 2.25).unwrap()))
        );
        assert_eq!((found.radius(), found.limit()), (Ok(Meters::new(500.0)), Err(LogError::Limit)));
        assert_eq!((found.category().as_deref(), found.continues()), (Some("wine bar"), true));
        let bare = search(path);
        assert_eq!(
            (bare.radius(), bare.limit(), bare.category(), bare.continues()),
            (Ok(None), Ok(None), None, false)
        );
    }

    #[test]
    fn the_position_of_a_cell_answer_is_its_centre() {
        let centre = "gh:u09tv".parse::<Cell>().unwrap().centre();
        assert_eq!(search("/v1/collections/bars/cells/gh%3Au09tv/nearby").position(), Ok(centre));
        assert!(matches!(search("/v1/collections/bars/cells/u09/nearby").position(), Err(LogError::Cell(_))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, why) in [
            ("", "no lat"),
            ("lat=1", "no lon"),
            ("lat=x&lon=2", "lat is not a number"),
            ("lat=91&lon=2", "latitude"),
        ] {
            let target = format!("/v1/collections/bars/nearby?{query}");
            let error = search(&target).position().unwrap_err().to_string();
            assert!(error.starts_with(why), "{query}: {error}");
        }
        assert_eq!(search("/v1/collections/a%23b/nearby").collection(), Err(LogError::Collection));
    }

    #[test]
    fn other_urls_are_no_searches() {
        for other in [
            "",
            "/health",
            "/v1/collections",
            "/v1/collections/bars/items/nearby",
            "/v1/collections/bars/nearby/x",
        ] {
            assert_eq!(LoggedSearch::parse(other), None, "{other}");
        }
    }
}
