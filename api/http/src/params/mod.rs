//! What a URL may say, read strictly: a parameter that is not known, is there twice, is empty or is out of range
//! is an error that names it. Nothing is clamped, guessed or ignored.

mod categories;
mod cell;
mod format;
mod items;
mod live;
mod nearby;
mod path;
mod query;
mod values;

pub use self::categories::{CategoriesParams, parse_categories};
pub use self::cell::cell_url;
pub use self::format::{Format, OnlyFormat};
pub use self::items::{ItemsParams, parse_items};
pub use self::live::{ChangesParams, LiveParams, parse_changes, parse_live};
pub use self::nearby::{NearbyParams, parse_nearby};
pub use self::path::{CollectionPath, NoQuery, PlacePath};
pub use self::query::QueryText;
