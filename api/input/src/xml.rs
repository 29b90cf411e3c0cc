//! Places in XML: placemarks of KML, waypoints of GPX, and elements of OpenStreetMap that have tags. Each becomes a
//! Feature in a line of its own, with the line that it had as its member `@line`, and is then read as any other.
//!
//! Tracks, routes and areas become lines and polygons, which are rejected, or stored as --representative-point says.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value, json};

use super::format::Format;
use super::plan::Plan;

/// Deepest nesting, and longest text of an element: what a hostile file can make us keep.
const MAX_DEPTH: usize = 64;
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// The features of an input, one in every line.
pub(crate) fn lines(unpacked: Box<dyn Read + Send>, plan: &Plan) -> Box<dyn Read + Send> {
    let text = BufReader::new(plan.text(unpacked));
    let mut xml = Reader::from_reader(Counting { inner: text, line: 1 });
    xml.config_mut().expand_empty_elements = true;
    Box::new(Features {
        xml,
        format: plan.format,
        buffer: Vec::new(),
        open: Vec::new(),
        ready: VecDeque::new(),
        ended: false,
    })
}

/// Knows the line of what was consumed.
struct Counting<R> {
    inner: R,
    line: u64,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let bytes = ready.len().min(into.len());
        into[..bytes].copy_from_slice(&ready[..bytes]);
        self.consume(bytes);
        Ok(bytes)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        if let Ok(ready) = self.inner.fill_buf() {
            self.line += super::window::newlines(&ready[..bytes.min(ready.len())]);
        }
        self.inner.consume(bytes);
    }
}

struct Features<R> {
    xml: Reader<Counting<R>>,
    format: Format,
    buffer: Vec<u8>,
    /// Elements that are open, from the record down; outside of a record there are none.
    open: Vec<Element>,
    ready: VecDeque<u8>,
    ended: bool,
}

/// An element with all that is in it.
#[derive(Default)]
struct Element {
    name: String,
    line: u64,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    /// All elements of the name below this one, however deep.
    fn all<'a>(&'a self, name: &str, found: &mut Vec<&'a Self>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            child.all(name, found);
        }
    }
}

impl<R: BufRead> Features<R> {
    /// Reads up to the end of the next record.
    fn advance(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            let line = self.xml.get_ref().line;
            let invalid =
                |text: String| io::Error::new(io::ErrorKind::InvalidData, format!("line {line}: {text}"));
            match self.xml.read_event_into(&mut self.buffer).map_err(|error| invalid(error.to_string()))? {
                Event::Start(start) => {
                    let element = element(&start, line).map_err(invalid)?;
                    if !self.open.is_empty() || is_record(self.format, &element.name) {
                        if self.open.len() == MAX_DEPTH {
                            return Err(invalid(format!(
                                "elements are nested deeper than {MAX_DEPTH} levels"
                            )));
                        }
                        self.open.push(element);
                    }
                }
                Event::Text(text) => add(&mut self.open, &text).map_err(invalid)?,
                Event::CData(text) => add(&mut self.open, &text).map_err(invalid)?,
                Event::GeneralRef(reference) => {
                    let character =
                        reference.resolve_char_ref().map_err(|error| invalid(error.to_string()))?;
                    let text = character
                        .map(String::from)
                        .or_else(|| resolve_predefined_entity(&reference).map(str::to_owned))
                        .unwrap_or_else(|| format!("&{};", &*reference));
                    add(&mut self.open, &text).map_err(invalid)?;
                }
                Event::End(_) => {
                    let Some(done) = self.open.pop() else { continue };
                    match self.open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => {
                            if let Some(feature) = feature(self.format, &done) {
                                self.ready.extend(feature.to_string().as_bytes());
                                self.ready.push_back(b'\n');
                                return Ok(());
                            }
                        }
                    }
                }
                Event::Eof => {
                    if !self.open.is_empty() {
                        return Err(invalid("the input ends within an element".into()));
                    }
                    self.ended = true;
                    return Ok(());
                }
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }
}

impl<R: BufRead> Read for Features<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            self.advance()?;
        }
        self.ready.read(into)
    }
}

fn element(start: &BytesStart<'_>, line: u64) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
    }
    Ok(Element { name: start.local_name().as_ref().to_owned(), line, attributes, ..Element::default() })
}

fn add(open: &mut [Element], text: &str) -> Result<(), String> {
    let Some(element) = open.last_mut() else { return Ok(()) };
    if element.text.len() + text.len() > MAX_TEXT_BYTES {
        return Err(format!("the text of an element is longer than {MAX_TEXT_BYTES} bytes"));
    }
    element.text.push_str(text);
    Ok(())
}

fn is_record(format: Format, name: &str) -> bool {
    match format {
        Format::Kml => name == "Placemark",
        Format::Gpx => matches!(name, "wpt" | "rte" | "trk"),
        _ => matches!(name, "node" | "way" | "relation"),
    }
}

/// A Feature; `None` for what is no place and part of one, as the nodes of a way are.
fn feature(format: Format, record: &Element) -> Option<Value> {
    let (id, geometry, properties) = match format {
        Format::Kml => kml(record),
        Format::Gpx => gpx(record),
        _ => osm(record)?,
    };
    let mut feature =
        json!({ "type": "Feature", "@line": record.line, "geometry": geometry, "properties": properties });
    if let (Some(id), Some(feature)) = (id, feature.as_object_mut()) {
        feature.insert("id".into(), id.into());
    }
    Some(feature)
}

type Parts = (Option<String>, Value, Map<String, Value>);

fn kml(record: &Element) -> Parts {
    let mut properties = Map::new();
    for child in record.children.iter().filter(|child| child.children.is_empty()) {
        let text = child.text.trim();
        if !text.is_empty() {
            properties.insert(child.name.clone(), text.into());
        }
    }
    let (mut data, mut simple) = (Vec::new(), Vec::new());
    record.all("Data", &mut data);
    record.all("SimpleData", &mut simple);
    for (element, text) in data
        .iter()
        .filter_map(|e| Some((e, e.child_text("value")?)))
        .chain(simple.iter().map(|e| (e, e.text.trim())))
    {
        if let (Some(name), false) = (element.attribute("name"), text.is_empty()) {
            properties.insert(name.to_owned(), text.into());
        }
    }
    let mut geometries: Vec<Value> = Vec::new();
    for (name, kind) in [("Point", "Point"), ("LineString", "LineString"), ("LinearRing", "Polygon")] {
        let mut found = Vec::new();
        record.all(name, &mut found);
        geometries.extend(found.iter().filter_map(|element| kml_geometry(element, kind)));
    }
    let geometry = match geometries.len() {
        0 => Value::Null,
        1 => geometries.remove(0),
        _ => json!({ "type": "GeometryCollection", "geometries": geometries }),
    };
    (record.attribute("id").map(str::to_owned), geometry, properties)
}

fn kml_geometry(element: &Element, kind: &str) -> Option<Value> {
    let text = element.child_text("coordinates")?;
    let points: Option<Vec<Vec<f64>>> = text
        .split_whitespace()
        .map(|point| point.split(',').map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>())
        .collect();
    let points = points?;
    let coordinates = match kind {
        "Point" => json!(points.first()?),
        "Polygon" => json!([points]),
        _ => json!(points),
    };
    Some(json!({ "type": kind, "coordinates": coordinates }))
}

fn gpx(record: &Element) -> Parts {
    let mut properties = Map::new();
    for child in record.children.iter().filter(|child| child.children.is_empty() && child.name != "ele") {
        let text = child.text.trim();
        let text = if text.is_empty() { child.attribute("href").unwrap_or_default() } else { text };
        if !text.is_empty() {
            properties.insert(child.name.clone(), text.into());
        }
    }
    let geometry = if record.name == "wpt" {
        let mut coordinates = point(record, "lon", "lat").unwrap_or_default();
        coordinates.extend(record.child_text("ele").and_then(|ele| ele.parse::<f64>().ok()));
        json!({ "type": "Point", "coordinates": coordinates })
    } else {
        let mut points = Vec::new();
        record.all(if record.name == "trk" { "trkpt" } else { "rtept" }, &mut points);
        let line: Vec<_> = points.iter().filter_map(|element| point(element, "lon", "lat")).collect();
        json!({ "type": "LineString", "coordinates": line })
    };
    (None, geometry, properties)
}

fn osm(record: &Element) -> Option<Parts> {
    let mut properties = Map::new();
    for tag in record.children.iter().filter(|child| child.name == "tag") {
        if let (Some(key), Some(value)) = (tag.attribute("k"), tag.attribute("v")) {
            properties.insert(key.to_owned(), value.into());
        }
    }
    if properties.is_empty() {
        return None;
    }
    let coordinates = point(record, "lon", "lat").or_else(|| point(record.child("center")?, "lon", "lat"));
    let geometry =
        coordinates.map_or(Value::Null, |coordinates| json!({ "type": "Point", "coordinates": coordinates }));
    let id = record.attribute("id").map(|id| format!("{}/{id}", record.name));
    Some((id, geometry, properties))
}

fn point(element: &Element, x: &str, y: &str) -> Option<Vec<f64>> {
    let number = |name: &str| element.attribute(name)?.trim().parse::<f64>().ok();
    Some(vec![number(x)?, number(y)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ReadOptions;

    fn read(format: Format, text: &str) -> Vec<Value> {
        let plan = Plan::plain(format, &ReadOptions::default());
        let mut out = String::new();
        lines(Box::new(io::Cursor::new(text.to_owned())), &plan).read_to_string(&mut out).unwrap();
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn placemarks_become_features() {
        let kml = "<?xml version=\"1.0\"?>\n<kml xmlns=\"http://www.opengis.net/kml/2.2\"><Document><Folder>\n\
                   <Placemark id=\"p1\"><name>A &amp; B</name><description><![CDATA[<b>x</b>]]></description>\n\
                   <ExtendedData><Data name=\"kind\"><value>cafe</value></Data></ExtendedData>\n\
                   <Point><coordinates>2.35,48.85,0</coordinates></Point></Placemark>\n\
                   <Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 1,0 1,1 0,0</coordinates>\
                   </LinearRing></outerBoundaryIs></Polygon></Placemark></Folder></Document></kml>";
        let found = read(Format::Kml, kml);
        assert_eq!(found[0]["id"], "p1");
        assert_eq!(found[0]["@line"], 3);
        assert_eq!(found[0]["geometry"], json!({"type":"Point","coordinates":[2.35,48.85,0.0]}));
        assert_eq!(found[0]["properties"], json!({"name":"A & B","description":"<b>x</b>","kind":"cafe"}));
        assert_eq!((&found[1]["geometry"]["type"], found[1].get("id")), (&json!("Polygon"), None));
    }

    #[test]
    fn waypoints_become_features() {
        let gpx = "<gpx><wpt lat=\"48.85\" lon=\"2.35\"><ele>35</ele><name>A</name><link href=\"http://a\"/></wpt>\n\
                   <trk><name>T</name><trkseg><trkpt lat=\"1\" lon=\"2\"/><trkpt lat=\"3\" lon=\"4\"/></trkseg></trk></gpx>";
        let found = read(Format::Gpx, gpx);
        assert_eq!(found[0]["geometry"]["coordinates"], json!([2.35, 48.85, 35.0]));
        assert_eq!(found[0]["properties"], json!({"name":"A","link":"http://a"}));
        assert_eq!(found[1]["geometry"], json!({"type":"LineString","coordinates":[[2.0,1.0],[4.0,3.0]]}));
        assert_eq!(found[1]["@line"], 2);
    }

    #[test]
    fn elements_with_tags_become_features() {
        let osm = "<osm><node id=\"1\" lat=\"48.85\" lon=\"2.35\"><tag k=\"name\" v=\"A\"/></node>\n\
                   <node id=\"2\" lat=\"1\" lon=\"2\"/>\n\
                   <way id=\"1\"><nd ref=\"2\"/><center lat=\"3\" lon=\"4\"/><tag k=\"shop\" v=\"deli\"/></way>\n\
                   <way id=\"9\"><nd ref=\"2\"/><tag k=\"highway\" v=\"x\"/></way></osm>";
        let found = read(Format::Osm, osm);
        let ids: Vec<_> = found.iter().map(|feature| feature["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["node/1", "way/1", "way/9"]);
        assert_eq!(found[1]["geometry"]["coordinates"], json!([4.0, 3.0]));
        assert_eq!(found[2]["geometry"], Value::Null);
    }

    #[test]
    fn broken_xml_is_an_error_with_its_line() {
        let plan = Plan::plain(Format::Gpx, &ReadOptions::default());
        for broken in
            ["<gpx>\n<wpt lat=\"1\" lon=\"2\"><name>x</wpt></gpx>", "<gpx>\n<wpt lat=\"1\" lon=\"2\">"]
        {
            let mut out = String::new();
            let read = lines(Box::new(io::Cursor::new(broken)), &plan).read_to_string(&mut out);
            assert!(read.unwrap_err().to_string().starts_with("line 2: "), "{broken}");
        }
    }
}
