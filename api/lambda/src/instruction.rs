//! What the scheduler, or an operator, tells the function to do.

use cellar_model::Collection;
use cellar_warm::{parse_cell, read_polygons};
use geo_index::{Area, BBox, Meters};
use serde::Deserialize;
use serde_json::Value;

use super::Refusal;

/// Longest margin of a warm-up, in metres: the longest radius that the API has by default.
const MAX_MARGIN_M: f64 = 200_000.0;
const MAX_CONCURRENCY: usize = 256;
const MAX_TOP: usize = 10_000;
const MAX_HOURS: u64 = 24;

/// What to do.
#[derive(Debug)]
pub(super) enum Instruction {
    /// Open connections.
    Warmer,
    /// Go on with deletions of collections.
    Delete,
    /// Make the density maps that are old.
    EdgeMap,
    /// Fill the caches.
    Warm(Box<WarmOrder>),
}

/// A warm-up.
#[derive(Debug)]
pub struct WarmOrder {
    /// The collection.
    pub collection: Collection,
    /// Where its users are.
    pub target: Target,
    /// How far they look.
    pub margin: Meters,
    /// Pages that are asked for at a time.
    pub concurrency: usize,
    /// Pages to visit at most.
    pub max_pages: u64,
    /// Which part of the places pages is compared with the store, 0 to 1.
    pub verify: f64,
}

/// Where users are.
#[derive(Debug)]
pub enum Target {
    /// In an area.
    Area(Area),
    /// Where they were: the hottest cells, so many, over so many hours.
    Hottest {
        /// How many cells.
        count: usize,
        /// Over how many hours.
        hours: u64,
    },
}

#[derive(Deserialize)]
#[serde(tag = "instruction", rename_all = "lowercase", deny_unknown_fields)]
enum Written {
    Warmer {},
    Delete {},
    #[serde(rename = "edge-map")]
    EdgeMap {},
    Warm(WrittenWarm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWarm {
    collection: String,
    cells: Option<Vec<String>>,
    bbox: Option<[f64; 4]>,
    area: Option<Value>,
    top: Option<usize>,
    #[serde(default = "day")]
    hours: u64,
    #[serde(default = "ten_kilometres")]
    margin_m: f64,
    #[serde(default = "eight")]
    concurrency: usize,
    #[serde(default = "hundred_thousand")]
    max_pages: u64,
    #[serde(default)]
    verify: f64,
}

const fn day() -> u64 {
    24
}

const fn ten_kilometres() -> f64 {
    10_000.0
}

const fn eight() -> usize {
    8
}

const fn hundred_thousand() -> u64 {
    100_000
}

impl Instruction {
    /// Reads an instruction; an error names the member at fault.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let written =
            serde_json::from_str(text).map_err(|error| Refusal::new(format!("instruction: {error}")))?;
        match written {
            Written::Warmer {} => Ok(Self::Warmer),
            Written::Delete {} => Ok(Self::Delete),
            Written::EdgeMap {} => Ok(Self::EdgeMap),
            Written::Warm(warm) => order(&warm).map(|order| Self::Warm(Box::new(order))),
        }
    }
}

fn order(written: &WrittenWarm) -> Result<WarmOrder, Refusal> {
    let target = target(written)?;
    let margin = Meters::new(written.margin_m).filter(|margin| margin.get() <= MAX_MARGIN_M);
    Ok(WarmOrder {
        collection: written
            .collection
            .parse()
            .map_err(|error| Refusal::new(format!("`collection`: {error}")))?,
        target,
        margin: margin.ok_or_else(|| out_of_range("margin_m", "0 to 200000"))?,
        concurrency: within("concurrency", written.concurrency, 1, MAX_CONCURRENCY)?,
        max_pages: within("max_pages", written.max_pages, 1, u64::MAX)?,
        verify: within("verify", written.verify, 0.0, 1.0)?,
    })
}

fn target(written: &WrittenWarm) -> Result<Target, Refusal> {
    match (&written.cells, &written.bbox, &written.area, written.top) {
        (Some(cells), None, None, None) => cells_area(cells).map(Target::Area),
        (None, Some(bbox), None, None) => {
            let mut area = Area::default();
            area.add_box(bbox_of(*bbox)?);
            Ok(Target::Area(area))
        }
        (None, None, Some(geojson), None) => {
            let read = read_polygons(geojson.to_string().as_bytes());
            read.map(|read| Target::Area(read.area)).map_err(|error| Refusal::new(format!("`area`: {error}")))
        }
        (None, None, None, Some(count)) => Ok(Target::Hottest {
            count: within("top", count, 1, MAX_TOP)?,
            hours: within("hours", written.hours, 1, MAX_HOURS)?,
        }),
        _ => Err(Refusal::new("a warm-up needs exactly one of `cells`, `bbox`, `area` and `top`")),
    }
}

fn cells_area(cells: &[String]) -> Result<Area, Refusal> {
    let parsed = cells
        .iter()
        .map(|text| parse_cell(text).map_err(|error| Refusal::new(format!("`cells`: {text:?}: {error}"))));
    let area: Area = parsed.collect::<Result<Vec<_>, _>>()?.into_iter().collect();
    if area.is_empty() { Err(Refusal::new("`cells` is empty")) } else { Ok(area) }
}

fn bbox_of([west, south, east, north]: [f64; 4]) -> Result<BBox, Refusal> {
    BBox::new(west, south, east, north).map_err(|error| Refusal::new(format!("`bbox`: {error}")))
}

fn within<T: PartialOrd + Copy + std::fmt::Display>(
    name: &str,
    value: T,
    least: T,
    most: T,
) -> Result<T, Refusal> {
    if (&least..=&most).contains(&&value) {
        Ok(value)
    } else {
        Err(out_of_range(name, &format!("{least} to {most}")))
    }
}

fn out_of_range(name: &str, allowed: &str) -> Refusal {
    Refusal::new(format!("`{name}` is out of range; allowed: {allowed}"))
}
