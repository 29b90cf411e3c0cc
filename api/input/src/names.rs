//! Which name means what: the names under which ids, coordinates, categories and names usually come.
//!
//! Names are compared by their letters and digits alone, in lower case: `GEO_LAT`, `geo lat` and `geoLat` are one.

/// What a column, or a member of an object, is to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Its id.
    Id,
    /// Its latitude.
    Lat,
    /// Its longitude.
    Lon,
    /// Both, in one value.
    Position,
    /// Its category.
    Category,
    /// Its name.
    Name,
}

/// Ids, by their usual names; the most certain first.
const IDS: &[&str] = &[
    "id",
    "stopid",
    "geonameid",
    "osmid",
    "placeid",
    "fsqplaceid",
    "fsqid",
    "locationid",
    "stationid",
    "siteid",
    "storeid",
    "poiid",
    "featureid",
    "uuid",
    "guid",
    "identifier",
    "ident",
    "objectid",
    "gid",
    "fid",
    "ogcfid",
];

/// Latitudes, by their usual names; the most certain first.
const LATS: &[&str] = &[
    "lat",
    "latitude",
    "y",
    "stoplat",
    "latitudedeg",
    "latdeg",
    "latitudee7",
    "late7",
    "breitengrad",
    "geolat",
    "geolatitude",
    "decimallatitude",
    "gpslat",
    "gpslatitude",
    "latwgs84",
    "wgs84lat",
    "latdd",
    "latd",
    "latitud",
    "latitudine",
    "pointy",
    "coordy",
    "ycoord",
    "ywgs84",
];

/// Longitudes, by their usual names; the most certain first.
const LONS: &[&str] = &[
    "lon",
    "lng",
    "long",
    "longitude",
    "x",
    "stoplon",
    "longitudedeg",
    "londeg",
    "longitudee7",
    "lone7",
    "lnge7",
    "längengrad",
    "laengengrad",
    "geolon",
    "geolng",
    "geolong",
    "geolongitude",
    "decimallongitude",
    "gpslon",
    "gpslong",
    "gpslongitude",
    "lonwgs84",
    "wgs84lon",
    "londd",
    "longd",
    "longitud",
    "longitudine",
    "pointx",
    "coordx",
    "xcoord",
    "xwgs84",
];

/// Values that hold both coordinates, by their usual names; the most certain first.
const POSITIONS: &[&str] = &[
    "latlon",
    "latlong",
    "latlng",
    "lonlat",
    "longlat",
    "lnglat",
    "latitudelongitude",
    "coordinates",
    "coordinate",
    "coords",
    "geopoint",
    "geopoint2d",
    "geolocation",
    "position",
    "location",
    "point",
    "geom",
    "geometry",
    "thegeom",
    "wkt",
    "ewkt",
    "wkb",
    "ewkb",
    "wkbgeometry",
    "geojson",
    "way",
    "gps",
    "geo",
    "center",
    "centroid",
];

/// Categories, by their usual names; the most certain first.
const CATEGORIES: &[&str] =
    &["category", "categories", "kategorie", "categorie", "categoria", "catégorie", "categoría"];

/// Names, by their usual names; the most certain first.
const NAMES: &[&str] = &[
    "name",
    "stopname",
    "placename",
    "displayname",
    "fullname",
    "businessname",
    "title",
    "label",
    "bezeichnung",
    "nom",
    "nombre",
    "nome",
    "naam",
];

impl Role {
    /// The usual names, the most certain first.
    pub(crate) const fn usual(self) -> &'static [&'static str] {
        match self {
            Self::Id => IDS,
            Self::Lat => LATS,
            Self::Lon => LONS,
            Self::Position => POSITIONS,
            Self::Category => CATEGORIES,
            Self::Name => NAMES,
        }
    }

    /// How a message calls it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Lat => "latitude",
            Self::Lon => "longitude",
            Self::Position => "position",
            Self::Category => "category",
            Self::Name => "name",
        }
    }

    /// The option that names another.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Id => "--id-column",
            Self::Lat => "--lat-column",
            Self::Lon => "--lon-column",
            Self::Position => "--position-column",
            Self::Category => "--category-column",
            Self::Name => "--name-column",
        }
    }
}

/// What names are compared by.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a name says that longitude comes first.
pub(crate) fn is_lon_first(name: &str) -> bool {
    matches!(plain(name).as_str(), "lonlat" | "longlat" | "lnglat")
}

/// Whether a name says that its coordinates are multiplied by ten million, as Google writes them.
pub(crate) fn is_e7(name: &str) -> bool {
    plain(name).ends_with("e7")
}

/// Index of the name that an option wants, exact or in another case; else of the first usual one that is there.
/// An error tells of two between which nothing decides.
pub(crate) fn find(names: &[String], option: Option<&str>, role: Role) -> Result<Option<usize>, String> {
    if let Some(wanted) = option {
        let exact = names.iter().position(|name| name == wanted);
        if exact.is_some() {
            return Ok(exact);
        }
        return only(names, role, |index| names[index].eq_ignore_ascii_case(wanted));
    }
    let plains: Vec<String> = names.iter().map(|name| plain(name)).collect();
    for usual in role.usual() {
        if let Some(found) = only(names, role, |index| plains[index] == *usual)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn only(names: &[String], role: Role, matches: impl Fn(usize) -> bool) -> Result<Option<usize>, String> {
    let found: Vec<usize> = (0..names.len()).filter(|&index| matches(index)).collect();
    match *found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        // Where nothing but a property is at stake, the exact name stands out: `category` beside `Category`.
        [a, b, ..] => match found.iter().find(|&&i| names[i] == role.usual()[0]) {
            Some(&exact) if matches!(role, Role::Category | Role::Name) => Ok(Some(exact)),
            _ => Err(format!(
                "both `{}` and `{}` could be the {}; choose with {} NAME",
                names[a],
                names[b],
                role.words(),
                role.option()
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], role: Role) -> Result<Option<String>, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        find(&names, None, role).map(|index| index.map(|index| names[index].clone()))
    }

    #[test]
    fn names_are_found_in_any_case_and_writing() {
        for (names, role, expected) in [
            (&["Name", "GEO_LAT"][..], Role::Lat, Some("GEO_LAT")),
            (&["latitudeE7"], Role::Lat, Some("latitudeE7")),
            (&["Längengrad"], Role::Lon, Some("Längengrad")),
            (&["uuid", "Id"], Role::Id, Some("Id")),
            (&["Category", "category"], Role::Category, Some("category")),
            (&["kind"], Role::Category, None),
        ] {
            assert_eq!(found(names, role).unwrap().as_deref(), expected, "{names:?}");
        }
        assert_eq!(
            found(&["lat", "LAT"], Role::Lat).unwrap_err(),
            "both `lat` and `LAT` could be the latitude; choose with --lat-column NAME"
        );
        assert!(is_e7("longitude_e7") && !is_e7("latitude"));
        assert!(is_lon_first("lon_lat") && !is_lon_first("latlon"));
    }
}
