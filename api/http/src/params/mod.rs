//! What a URL may say, read strictly: a parameter that is not known, is there twice, is empty or is out of range
//! is an error that names it. Nothing is clamped, guessed or ignored.

mod attributes;
mod categories;
mod cell;
mod format;
mod items;
mod live;
mod map;
mod members;
mod nearby;
mod opening;
mod path;
mod query;
mod region;
mod search;
mod values;

pub use self::categories::{CategoriesParams, parse_categories};
pub use self::cell::cell_url;
pub use self::format::{Format, OnlyFormat};
pub use self::items::{ItemsParams, parse_items};
pub use self::live::{ChangesParams, LiveParams, parse_changes, parse_live};
pub use self::map::{CellsParams, TileParams, TilePath, parse_cells, parse_tile};
pub use self::members::{MembersError, read_members};
pub use self::nearby::{NearbyParams, nearby_names, parse_nearby, parse_nearby_text};
pub use self::opening::open_at;
pub use self::path::{CollectionPath, NoQuery, PlacePath};
pub use self::query::QueryText;
pub use self::search::{SearchParams, Wanted, parse_search, parse_search_body};
