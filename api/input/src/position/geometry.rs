//! Geometries: of GeoJSON, WKT and WKB, with or without the reference system that `PostGIS` puts before them.

use serde_json::Value;

use super::crs::Crs;
use super::{Fault, RepresentativePoint, Xy, represent};

/// A geometry as rings or lines of points.
#[derive(Debug, PartialEq)]
pub(super) struct Shape {
    /// As the format names it, in the words of GeoJSON.
    pub(super) kind: String,
    pub(super) parts: Vec<Vec<Xy>>,
    pub(super) crs: Option<Crs>,
}

impl Shape {
    /// The point that stands for it.
    pub(super) fn point(&self, wanted: Option<RepresentativePoint>) -> Result<Xy, Fault> {
        let mut points = self.parts.iter().flatten();
        match (self.kind.as_str(), points.next(), wanted) {
            (_, None, _) => Err(Fault::Empty),
            ("Point", Some(&point), _) => Ok(point),
            ("MultiPoint", Some(&point), _) if points.next().is_none() => Ok(point),
            (kind, _, None) => Err(Fault::NotAPoint(kind.to_owned())),
            (kind, _, Some(wanted)) => represent::point(kind, &self.parts, wanted).ok_or(Fault::Empty),
        }
    }
}

/// `POINT (2.35 48.85)`, `SRID=4326;POINT Z(2.35 48.85 35)`, `POLYGON ((…))`.
pub(super) fn wkt(text: &str) -> Option<Result<Shape, Fault>> {
    let (crs, text) = match text.split_once(';') {
        Some((srid, rest)) => {
            let code = srid.trim().to_ascii_uppercase();
            let code: u32 = code.strip_prefix("SRID=")?.trim().parse().ok()?;
            (Some(Crs::of_epsg(code)), rest.trim())
        }
        None => (None, text),
    };
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let kinds = [
        "Point",
        "LineString",
        "Polygon",
        "MultiPoint",
        "MultiLineString",
        "MultiPolygon",
        "GeometryCollection",
    ];
    let word = &text[..end];
    let kind = kinds.iter().find(|kind| {
        kind.eq_ignore_ascii_case(word)
            || ["Z", "M", "ZM"].iter().any(|suffix| word.eq_ignore_ascii_case(&format!("{kind}{suffix}")))
    })?;
    let crs = match crs.transpose() {
        Ok(crs) => crs,
        Err(refused) => return Some(Err(Fault::Crs(refused))),
    };
    Some(wkt_parts(&text[end..]).map(|parts| Shape { kind: (*kind).to_owned(), parts, crs }))
}

fn wkt_parts(text: &str) -> Result<Vec<Vec<Xy>>, Fault> {
    let rest = text.trim_start();
    let rest = ["ZM", "Z", "M", "zm", "z", "m"]
        .iter()
        .find_map(|flag| rest.strip_prefix(flag).filter(|r| r.starts_with([' ', '('])))
        .unwrap_or(rest)
        .trim();
    if rest.eq_ignore_ascii_case("empty") {
        return Ok(Vec::new());
    }
    let balanced = rest.matches('(').count() == rest.matches(')').count();
    if !rest.starts_with('(')
        || !rest.ends_with(')')
        || !balanced
        || rest.contains(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E')
    {
        return Err(Fault::Unreadable);
    }
    let mut parts = Vec::new();
    for part in rest.split(')') {
        let numbers = part.rsplit('(').next().unwrap_or_default().trim().trim_start_matches(',').trim();
        if numbers.is_empty() {
            continue;
        }
        let points: Option<Vec<Xy>> = numbers.split(',').map(wkt_point).collect();
        parts.push(points.ok_or(Fault::Unreadable)?);
    }
    Ok(parts)
}

fn wkt_point(text: &str) -> Option<Xy> {
    let mut numbers =
        text.split_ascii_whitespace().map(|number| number.parse::<f64>().ok().filter(|n| n.is_finite()));
    let (x, y) = (numbers.next()??, numbers.next()??);
    match numbers.next() {
        Some(None) => None,
        third => Some(Xy { x, y, altitude: third.is_some() }),
    }
}

/// Hexadecimal WKB, as `PostGIS` prints a geometry.
pub(super) fn wkb(text: &str) -> Option<Result<Shape, Fault>> {
    let text = text.strip_prefix("\\x").or_else(|| text.strip_prefix("0x")).unwrap_or(text);
    if text.len() < 18 || !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
    let bytes = bytes?;
    // The order of bytes, and a kind that there is: an id of digits is no geometry.
    if bytes[0] > 1 || !matches!(Wkb::new(&bytes).head(), Ok(head) if head.kind.is_some()) {
        return None;
    }
    let (mut parts, mut reader) = (Vec::new(), Wkb::new(&bytes));
    Some(reader.geometry(&mut parts, 0).map(|(kind, crs)| Shape { kind: kind.to_owned(), parts, crs }))
}

/// Kinds of geometries by their numbers, from 1.
const KINDS: [&str; 7] =
    ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"];

/// Deepest nesting of collections.
const MAX_WKB_DEPTH: usize = 8;

/// What stands before the coordinates.
struct Head {
    kind: Option<&'static str>,
    /// Numbers of a point.
    dimensions: usize,
    srid: Option<u32>,
}

/// WKB of ISO 19125, and of `PostGIS`, which says more in the highest bits of the kind.
struct Wkb<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Wkb<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, little: true }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Fault::Unreadable)?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn word(&mut self) -> Result<u32, Fault> {
        let four = self.take()?;
        Ok(if self.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }

    fn number(&mut self) -> Result<f64, Fault> {
        let eight = self.take()?;
        Ok(if self.little { f64::from_le_bytes(eight) } else { f64::from_be_bytes(eight) })
    }

    fn head(&mut self) -> Result<Head, Fault> {
        const Z: u32 = 0x8000_0000;
        const M: u32 = 0x4000_0000;
        const SRID: u32 = 0x2000_0000;
        self.little = self.take::<1>()? == [1];
        let flags = self.word()?;
        let code = flags & !(Z | M | SRID);
        let (own, iso) = (code % 1000, code / 1000);
        let z = flags & Z != 0 || iso == 1 || iso == 3;
        let m = flags & M != 0 || iso == 2 || iso == 3;
        let kind = (own as usize).checked_sub(1).and_then(|index| KINDS.get(index)).copied();
        let srid = if flags & SRID == 0 { None } else { Some(self.word()?) };
        Ok(Head { kind: kind.filter(|_| iso <= 3), dimensions: 2 + usize::from(z) + usize::from(m), srid })
    }

    /// Appends the points of a geometry, ring by ring.
    fn geometry(
        &mut self,
        parts: &mut Vec<Vec<Xy>>,
        depth: usize,
    ) -> Result<(&'static str, Option<Crs>), Fault> {
        let head = self.head()?;
        let kind = head.kind.filter(|_| depth < MAX_WKB_DEPTH).ok_or(Fault::Unreadable)?;
        let crs = head.srid.map(Crs::of_epsg).transpose().map_err(Fault::Crs)?;
        match kind {
            // An empty point is written as two NaN.
            "Point" => {
                let point = self.point(head.dimensions)?;
                parts.extend((point.x.is_finite() && point.y.is_finite()).then(|| vec![point]));
            }
            "LineString" => parts.push(self.points(head.dimensions)?),
            "Polygon" => {
                for _ in 0..self.word()? {
                    parts.push(self.points(head.dimensions)?);
                }
            }
            _ => {
                for _ in 0..self.word()? {
                    self.geometry(parts, depth + 1)?;
                }
            }
        }
        Ok((kind, crs))
    }

    fn points(&mut self, dimensions: usize) -> Result<Vec<Xy>, Fault> {
        let count = self.word()?;
        (0..count).map(|_| self.point(dimensions)).collect()
    }

    fn point(&mut self, dimensions: usize) -> Result<Xy, Fault> {
        let (x, y) = (self.number()?, self.number()?);
        for _ in 2..dimensions {
            self.number()?;
        }
        Ok(Xy { x, y, altitude: dimensions > 2 })
    }
}

/// A geometry of GeoJSON.
pub(super) fn geojson(geometry: &Value) -> Result<Shape, Fault> {
    let kind = geometry.get("type").and_then(Value::as_str).ok_or(Fault::Unreadable)?;
    let crs =
        geometry.get("crs").map(|crs| Crs::of_member(&crs.to_string())).transpose().map_err(Fault::Crs)?;
    let mut parts = Vec::new();
    if kind == "GeometryCollection" {
        for member in geometry.get("geometries").and_then(Value::as_array).ok_or(Fault::Unreadable)? {
            parts.extend(geojson(member)?.parts);
        }
    } else {
        let coordinates = geometry.get("coordinates").ok_or(Fault::Unreadable)?;
        collect(coordinates, &mut parts).ok_or(Fault::Unreadable)?;
    }
    Ok(Shape { kind: kind.to_owned(), parts, crs })
}

/// Collects the innermost arrays of positions.
fn collect(coordinates: &Value, parts: &mut Vec<Vec<Xy>>) -> Option<()> {
    let items = coordinates.as_array()?;
    if let Some(point) = position(items) {
        parts.push(vec![point]);
        return Some(());
    }
    let points: Option<Vec<Xy>> = items.iter().map(|item| position(item.as_array()?)).collect();
    match points {
        Some(points) => {
            parts.push(points);
            Some(())
        }
        None => items.iter().try_for_each(|item| collect(item, parts)),
    }
}

fn position(items: &[Value]) -> Option<Xy> {
    if !(2..=4).contains(&items.len()) {
        return None;
    }
    Some(Xy { x: items[0].as_f64()?, y: items[1].as_f64()?, altitude: items.len() > 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(shape: Option<Result<Shape, Fault>>) -> (f64, f64, bool, Option<Crs>) {
        let shape = shape.expect("it is a geometry").expect("it can be read");
        let point = shape.point(None).unwrap();
        (point.x, point.y, point.altitude, shape.crs)
    }

    #[test]
    fn points_are_read_from_text() {
        assert_eq!(point(wkt("POINT (2.35 48.85)")), (2.35, 48.85, false, None));
        assert_eq!(point(wkt("SRID=4326;POINT(2.36 48.86)")), (2.36, 48.86, false, Some(Crs::Wgs84)));
        assert_eq!(point(wkt("point z (1 2 3)")), (1.0, 2.0, true, None));
        assert_eq!(point(wkt("POINTZ(1 2 3)")), (1.0, 2.0, true, None));
        assert_eq!(point(wkt("MULTIPOINT ((1 2))")), (1.0, 2.0, false, None));
        for other in ["somewhere", "", "48.85, 2.35", "POINTS (1 2)", "SRID=x;POINT(1 2)"] {
            assert!(wkt(other).is_none(), "{other}");
        }
        for broken in ["POINT (1)", "POINT (1 2", "POINT 1 2", "POINT (a b)", "POINT (NaN 1)"] {
            assert_eq!(wkt(broken), Some(Err(Fault::Unreadable)), "{broken}");
        }
        assert_eq!(wkt("POINT EMPTY").unwrap().unwrap().point(None), Err(Fault::Empty));
        let line = wkt("LINESTRING (1 2, 3 4)").unwrap().unwrap();
        assert_eq!(line.point(None), Err(Fault::NotAPoint("LineString".into())));
        assert!(matches!(wkt("SRID=4267;POINT(1 2)"), Some(Err(Fault::Crs(_)))));
    }

    /// Printed by `PostGIS`: `SELECT 'SRID=4326;POINT(2.35 48.85)'::geometry`, the second by `ST_AsBinary`.
    #[test]
    fn points_are_read_from_wkb() {
        let ewkb = "0101000020E6100000CDCCCCCCCCCC0240CDCCCCCCCC6C4840";
        assert_eq!(point(wkb(ewkb)), (2.35, 48.85, false, Some(Crs::Wgs84)));
        let iso = "0101000000CDCCCCCCCCCC0240CDCCCCCCCC6C4840";
        assert_eq!(point(wkb(iso)), (2.35, 48.85, false, None));
        let big = "00000000014002CCCCCCCCCCCD40486CCCCCCCCCCD";
        assert_eq!(point(wkb(big)), (2.35, 48.85, false, None));
        assert_eq!(wkb("0101000000"), None);
        assert_eq!(wkb(&format!("01FF{}", &iso[4..])), None, "digits that name no kind");
        assert_eq!(wkb(&iso[..iso.len() - 2]), Some(Err(Fault::Unreadable)));
    }

    #[test]
    fn areas_are_read_from_wkb() {
        let number = |value: f64| format!("{:016x}", u64::from_be_bytes(value.to_le_bytes()));
        let corners = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)];
        let ring: String = corners.iter().map(|&(x, y)| number(x) + &number(y)).collect();
        let polygon = format!("01030000000100000005000000{ring}");
        let many = format!("010600000001000000{polygon}");
        for text in [polygon, many] {
            let shape = wkb(&text).unwrap().unwrap();
            assert!(matches!(shape.point(None), Err(Fault::NotAPoint(_))));
            let centre = shape.point(Some(RepresentativePoint::Centroid)).unwrap();
            assert_eq!((centre.x, centre.y), (2.0, 2.0));
        }
    }

    #[test]
    fn geometries_of_geojson_are_read_at_any_depth() {
        let shape = |json: &str| geojson(&serde_json::from_str(json).unwrap()).unwrap();
        let polygon = shape(r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]]]}"#);
        assert_eq!((polygon.kind.as_str(), polygon.parts.len(), polygon.parts[0].len()), ("Polygon", 1, 4));
        let point = shape(r#"{"type":"Point","coordinates":[1,2,3]}"#);
        assert_eq!(point.point(None), Ok(Xy { x: 1.0, y: 2.0, altitude: true }));
    }
}
