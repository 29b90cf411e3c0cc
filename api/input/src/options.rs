//! How an input is to be read, as far as somebody said so.

use cellar_model::Collection;
use geo_index::BBox;
use serde::{Deserialize, Serialize};

use super::format::Format;
use super::items::ItemReader;
use super::position::{Order, RepresentativePoint};

/// How an input is read. What is `None` is recognised. A checkpoint holds only for the same options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// Format; by name and beginning of the input if `None`.
    pub format: Option<Format>,
    /// A layout that many have.
    pub preset: Option<Preset>,
    /// Names of columns, or paths of members.
    pub columns: ColumnNames,
    /// Names of all columns of a CSV that has no header.
    pub header: Vec<String>,
    /// Names of the first columns of a CSV whose first row holds numbers, where that is no fault.
    pub bare_header: Vec<String>,
    /// What separates the cells of a CSV.
    pub delimiter: Option<u8>,
    /// Lines before a CSV begins.
    pub skip_lines: u64,
    /// Encoding of the text, by one of its names at the WHATWG.
    pub encoding: Option<String>,
    /// Whether coordinates have a decimal comma.
    pub decimal_comma: bool,
    /// Types of columns, as they are and not as they look.
    pub types: Vec<(String, Kind)>,
    /// Property of a feature that is its id.
    pub id_property: Option<String>,
    /// Whether places without an id get one made of what they hold.
    pub generate_ids: bool,
    /// Path of the records in a JSON document.
    pub records: Option<String>,
    /// Which coordinate comes first where one cell holds both.
    pub order: Option<Order>,
    /// What is stored of lines and areas.
    pub representative_point: Option<RepresentativePoint>,
    /// Where all places are expected to be.
    pub bbox: Option<BBox>,
    /// What happens to an id that comes again.
    pub on_repeat: OnRepeat,
    /// Of an export of DynamoDB, only items of this collection.
    pub only: Option<Collection>,
    /// Who reads the items of an export of DynamoDB.
    pub items: ItemReader,
}

/// Names of columns, or paths of members, where the usual ones do not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnNames {
    /// Of the id.
    pub id: Option<String>,
    /// Of the latitude.
    pub lat: Option<String>,
    /// Of the longitude.
    pub lon: Option<String>,
    /// Of both.
    pub position: Option<String>,
    /// Of the category; a path into nested properties has dots.
    pub category: Option<String>,
    /// Of the name.
    pub name: Option<String>,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text.
    Text,
    /// Numbers.
    Number,
    /// `true` and `false`.
    Boolean,
}

/// What happens to the records of an id that comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnRepeat {
    /// The last one is stored.
    #[default]
    Last,
    /// The first one is stored.
    First,
    /// The first one is stored, and the others count as rejected.
    Reject,
}

/// A layout that many files have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Dumps of GeoNames: 19 columns without a header, separated by tabs, never quoted.
    Geonames,
    /// stops.txt of GTFS.
    Gtfs,
    /// airports.dat of `OpenFlights`: 14 columns without a header.
    Openflights,
    /// OpenStreetMap: the category is the first of amenity, shop, tourism and others that there is.
    Osm,
    /// Places of Overture Maps.
    Overture,
    /// Open Source Places of Foursquare.
    Foursquare,
}

/// Columns of the dumps of GeoNames (<https://download.geonames.org/export/dump/readme.txt>).
const GEONAMES: [&str; 19] = [
    "geonameid",
    "name",
    "asciiname",
    "alternatenames",
    "latitude",
    "longitude",
    "feature_class",
    "feature_code",
    "country_code",
    "cc2",
    "admin1_code",
    "admin2_code",
    "admin3_code",
    "admin4_code",
    "population",
    "elevation",
    "dem",
    "timezone",
    "modification_date",
];

/// Columns of airports.dat (<https://openflights.org/data.php>).
const OPENFLIGHTS: [&str; 14] = [
    "id",
    "name",
    "city",
    "country",
    "iata",
    "icao",
    "latitude",
    "longitude",
    "altitude",
    "timezone",
    "dst",
    "tz_database",
    "type",
    "source",
];

/// Keys that say what an object of OpenStreetMap is, the most telling first.
const OSM_CATEGORIES: [&str; 12] = [
    "amenity",
    "shop",
    "tourism",
    "leisure",
    "office",
    "craft",
    "healthcare",
    "historic",
    "public_transport",
    "railway",
    "place",
    "natural",
];

impl Preset {
    /// Names of the columns, where the file has no header.
    pub(crate) const fn header(self) -> &'static [&'static str] {
        match self {
            Self::Geonames => &GEONAMES,
            Self::Openflights => &OPENFLIGHTS,
            Self::Gtfs | Self::Osm | Self::Overture | Self::Foursquare => &[],
        }
    }

    pub(crate) const fn delimiter(self) -> Option<u8> {
        match self {
            Self::Geonames => Some(b'\t'),
            Self::Openflights | Self::Gtfs => Some(b','),
            Self::Osm | Self::Overture | Self::Foursquare => None,
        }
    }

    /// Whether it is a layout of CSV only.
    const fn is_of_tables(self) -> bool {
        matches!(self, Self::Geonames | Self::Gtfs | Self::Openflights)
    }

    pub(crate) const fn quotes(self) -> bool {
        !matches!(self, Self::Geonames)
    }

    pub(crate) const fn id(self) -> Option<&'static str> {
        match self {
            Self::Geonames => Some("geonameid"),
            Self::Gtfs => Some("stop_id"),
            Self::Openflights | Self::Overture => Some("id"),
            Self::Foursquare => Some("fsq_place_id"),
            Self::Osm => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Overture => "names.primary",
            Self::Gtfs => "stop_name",
            Self::Geonames | Self::Openflights | Self::Osm | Self::Foursquare => "name",
        }
    }

    /// Where the category is, the first that there is.
    pub(crate) const fn categories(self) -> &'static [&'static str] {
        match self {
            Self::Geonames => &["feature_code"],
            Self::Openflights => &["type"],
            Self::Overture => &["categories.primary"],
            Self::Foursquare => &["fsq_category_labels"],
            Self::Osm => &OSM_CATEGORIES,
            Self::Gtfs => &[],
        }
    }

    /// Columns that look like numbers and are none.
    pub(crate) const fn texts(self) -> &'static [&'static str] {
        match self {
            Self::Geonames => &["admin1_code", "admin2_code", "admin3_code", "admin4_code", "cc2"],
            Self::Gtfs => &["stop_code", "zone_id", "parent_station", "level_id", "platform_code"],
            Self::Openflights | Self::Osm | Self::Overture | Self::Foursquare => &[],
        }
    }
}

impl ReadOptions {
    /// The id that is asked for, by its option or by the preset.
    pub(crate) fn id(&self) -> Option<&str> {
        let asked = self.columns.id.as_deref().or(self.id_property.as_deref());
        asked.or(self.preset.and_then(Preset::id))
    }

    /// Where the name and the category are asked for.
    pub(crate) fn fields(&self) -> super::properties::Fields {
        let preset = self.preset;
        let category = match &self.columns.category {
            Some(one) => vec![one.clone()],
            None => {
                preset.map(Preset::categories).unwrap_or_default().iter().map(|&c| c.to_owned()).collect()
            }
        };
        let name = self.columns.name.clone().or_else(|| preset.map(|preset| preset.name().to_owned()));
        super::properties::Fields { category, name }
    }

    /// Options that say nothing about a format; an error names the first.
    pub(crate) fn ensure_apply(&self, format: Format) -> Result<(), String> {
        let (table, objects) =
            (format == Format::Csv, matches!(format, Format::Json | Format::Ndjson | Format::Parquet));
        let backup = format == Format::DynamodbJson;
        let columns = &self.columns;
        let given = [
            ("--id-column", columns.id.is_some(), table || objects),
            ("--lat-column", columns.lat.is_some(), table || objects),
            ("--lon-column", columns.lon.is_some(), table || objects),
            ("--position-column", columns.position.is_some(), table || objects),
            ("--position-order", self.order.is_some(), table || objects),
            ("--columns", !self.header.is_empty(), table),
            ("--delimiter", self.delimiter.is_some(), table),
            ("--skip", self.skip_lines > 0, table),
            ("--decimal-comma", self.decimal_comma, table),
            ("--types", !self.types.is_empty(), table),
            ("--id-property", self.id_property.is_some(), !table && !backup),
            ("--records", self.records.is_some(), matches!(format, Format::Json | Format::Geojson)),
            ("--category-column", columns.category.is_some(), !backup),
            ("--name-column", columns.name.is_some(), !backup),
            ("--generate-ids", self.generate_ids, !backup),
            (
                "--preset",
                self.preset.is_some(),
                !backup && (table || !self.preset.is_some_and(Preset::is_of_tables)),
            ),
            ("--representative-point", self.representative_point.is_some(), !backup),
            ("--encoding", self.encoding.is_some(), !backup),
        ];
        match given.into_iter().find(|&(_, given, applies)| given && !applies) {
            None => Ok(()),
            Some((option, ..)) => {
                let instead = match option {
                    "--id-column" => "; use --id-property NAME",
                    "--id-property" => "; use --id-column NAME",
                    _ => "",
                };
                Err(format!("{option} says nothing about {}{instead}", format.words()))
            }
        }
    }
}
