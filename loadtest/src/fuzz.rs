//! Parsers that are private, for fuzz targets.

/// A header `Cache-Status`: every member has a name.
pub fn cache_status(value: &str) {
    crate::record::check_cache_status(value);
}
