//! Where a JSON document has its records, and where these have what a place needs.

use cellar_model::geojson::{IdRule, parse_feature};
use serde_json::Value;

use super::super::format::Format;
use super::super::frame::{Frame, InputError, Step, ValueScan};
use super::super::members::{dotted, path as path_of};
use super::super::names::{Role, find, is_lon_first};
use super::super::options::ReadOptions;
use super::super::position::{Crs, Fault, Order, Rules, of_value};
use super::super::properties::Fields;
use super::{Evidence, Plan, Roles, SAMPLE_RECORDS, whole_lines, window_over};

/// How deep records and positions are looked for.
const MAX_DEPTH: usize = 4;

pub(super) fn recognise(
    plan: &mut Plan,
    text: &[u8],
    evidence: &Evidence<'_>,
    options: &ReadOptions,
) -> Result<(), InputError> {
    if plan.format == Format::Json {
        plan.path = match &options.records {
            Some(path) => steps(path).map_err(InputError::Usage)?,
            None => records(text).ok_or_else(|| InputError::Broken {
                line: 1,
                reason: "no array of objects with a position was found in this JSON; name it with --records PATH, such \
                         as `data.items[]`, and the position with --lat-column and --lon-column"
                    .into(),
            })?,
        };
    }
    let sample = if matches!(plan.format, Format::Ndjson | Format::Parquet) {
        whole_lines(text, evidence.whole)
    } else {
        text
    };
    let Sample { values: samples, crs, exported } = sampled(plan, sample);
    plan.exported = exported
        && plan.fields == Fields::default()
        && matches!(plan.format, Format::Geojson | Format::Ndjson);
    let crs = match (crs, evidence.reopen) {
        // Writers put it first, but nothing says that they must.
        (None, Some(reopen)) if !evidence.whole && matches!(plan.format, Format::Geojson | Format::Json) => {
            later_crs(plan, plan.text(reopen()?))
        }
        (crs, _) => crs,
    };
    if let Some(crs) = crs {
        plan.rules.crs = Crs::of_member(&crs).map_err(InputError::Unreadable)?;
    }
    let plain: Vec<Value> = samples.into_iter().filter(|value| !is_feature(value)).collect();
    if let (Some(first), false) = (plain.iter().find(|value| value.is_object()), plain.is_empty()) {
        let strict = plain.iter().all(|value| !looks_geojson(value));
        objects(plan, &plain, (first, evidence.geometry), options, strict)?;
    }
    Ok(())
}

fn is_feature(value: &Value) -> bool {
    value.get("type").and_then(Value::as_str) == Some("Feature")
}

/// Whether an object is a Feature that something is wrong with.
fn looks_geojson(value: &Value) -> bool {
    value.get("geometry").is_some() || value.get("coordinates").is_some()
}

/// The first records.
struct Sample {
    /// Those that are JSON.
    values: Vec<Value>,
    /// What stands in `crs` before them.
    crs: Option<String>,
    /// Whether all are to the byte what `cellar export` writes.
    exported: bool,
}

fn sampled(plan: &Plan, text: &[u8]) -> Sample {
    let (mut window, mut framer) = (window_over(text), plan.framer());
    let (mut found, mut crs, mut exported) = (Vec::new(), None, true);
    let _ = plan.pass_beginning(&mut window);
    while found.len() < SAMPLE_RECORDS {
        let next = framer.next(&mut window);
        crs = framer.take_crs().or(crs);
        match next {
            Ok(Some(Frame::Record { text, bytes, .. })) => {
                let record = &window.unread()[text];
                exported &= is_exported(record);
                found.extend(serde_json::from_slice::<Value>(record).ok());
                window.consume(bytes);
            }
            Ok(Some(Frame::Broken { .. })) => {}
            Ok(None) | Err(_) => break,
        }
    }
    Sample { exported: exported && !found.is_empty(), values: found, crs }
}

fn is_exported(record: &[u8]) -> bool {
    let place =
        |text| parse_feature(text, IdRule::MemberOrProperty).ok().map(|place| (text, place.feature()));
    std::str::from_utf8(record).ok().and_then(place).is_some_and(|(text, written)| text == written)
}

fn later_crs(plan: &Plan, text: Box<dyn std::io::Read + Send>) -> Option<String> {
    let mut window = super::super::window::Window::new(text, "");
    let mut framer = plan.framer();
    let _ = plan.pass_beginning(&mut window);
    let mut crs = None;
    while let Ok(Some(frame)) = framer.next(&mut window) {
        if let Frame::Record { bytes, .. } = frame {
            window.consume(bytes);
        }
        crs = framer.take_crs().or(crs);
    }
    framer.take_crs().or(crs)
}

/// A path as an option says it: `data.items[]`, `[].features[]`, `*`.
fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        match name {
            "" => {}
            "*" => steps.push(Step::EachMember),
            name => steps.push(Step::Member(name.to_owned())),
        }
        steps.extend(std::iter::repeat_n(Step::Each, (part.len() - name.len()) / 2));
    }
    if steps.is_empty() {
        return Err(format!(
            "`{path}` is no path of records; expected one such as `data.items[]`, `[]` or `*`"
        ));
    }
    Ok(steps)
}

/// A value within a text that may be cut off.
#[derive(Clone, Copy)]
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn at(text: &'a [u8]) -> Self {
        Self(text.trim_ascii_start())
    }

    /// The value, if it is whole.
    fn value(self) -> Option<Value> {
        let end = ValueScan::default().find_end(self.0)?;
        // `NaN` is no JSON, but it is in a record all the same.
        let text = String::from_utf8_lossy(&self.0[..end]).replace("NaN", "null");
        serde_json::from_str(&text).ok()
    }

    /// What follows the value, without the comma between.
    fn after(self) -> Option<Self> {
        let rest = &self.0[ValueScan::default().find_end(self.0)?..];
        Some(Self::at(rest.trim_ascii_start().strip_prefix(b",")?))
    }

    /// The first members of an object.
    fn members(self) -> Vec<(String, Self)> {
        let (mut members, mut at) = (Vec::new(), self.0.strip_prefix(b"{").map(Self::at));
        while let Some(name) = at {
            let Some(end) = ValueScan::default().find_end(name.0).filter(|_| name.0.starts_with(b"\""))
            else {
                break;
            };
            let Ok(text) = serde_json::from_slice(&name.0[..end]) else { break };
            let Some(value) = name.0[end..].trim_ascii_start().strip_prefix(b":").map(Self::at) else {
                break;
            };
            members.push((text, value));
            at = value.after();
            if members.len() == 64 {
                break;
            }
        }
        members
    }

    fn first_item(self) -> Option<Self> {
        self.0.strip_prefix(b"[").map(Self::at)
    }
}

/// The way to the records of a document, of which the beginning is known.
fn records(text: &[u8]) -> Option<Vec<Step>> {
    let mut path = Vec::new();
    descend(Cut::at(text), &mut path).then_some(path)
}

fn descend(at: Cut<'_>, path: &mut Vec<Step>) -> bool {
    if path.len() > MAX_DEPTH {
        return false;
    }
    if at.0.starts_with(b"[") {
        path.push(Step::Each);
        let Some(first) = at.first_item() else { return false };
        if first.0.starts_with(b"]")
            && path.len() > 1
            && path[path.len() - 2] == Step::Member("features".into())
        {
            return true;
        }
        if first.value().is_some_and(|value| is_record(&value)) || descend(first, path) {
            return true;
        }
        path.pop();
        return false;
    }
    if !at.0.starts_with(b"{") {
        return false;
    }
    if !path.is_empty() && at.value().is_some_and(|value| is_record(&value))
        || path.is_empty() && is_single(at)
    {
        return true;
    }
    let members = at.members();
    for (name, value) in &members {
        path.push(Step::Member(name.clone()));
        if value.0.starts_with(b"[") && descend(*value, path) {
            return true;
        }
        path.pop();
    }
    let first_object = members.iter().find(|(_, value)| value.0.starts_with(b"{"));
    if first_object.is_some_and(|(_, value)| value.value().is_some_and(|value| is_record(&value))) {
        path.push(Step::EachMember);
        return true;
    }
    for (name, value) in &members {
        path.push(Step::Member(name.clone()));
        if value.0.starts_with(b"{") && descend(*value, path) {
            return true;
        }
        path.pop();
    }
    false
}

/// Whether the document itself is the only record.
fn is_single(at: Cut<'_>) -> bool {
    at.value().is_some_and(|value| {
        is_feature(&value) || value.as_object().is_some_and(|_| matches!(position(&value, &mut Vec::new(), 0), Some(Where::Pair(ref lat, _)) if lat.len() == 1))
    })
}

fn is_record(value: &Value) -> bool {
    is_feature(value)
        || value.is_object()
            && value.get("features").is_none()
            && position(value, &mut Vec::new(), 0).is_some()
}

enum Where {
    Pair(Vec<String>, Vec<String>),
    One(Vec<String>),
}

/// Where an object has its position: a latitude beside a longitude, or one value that holds both.
fn position(value: &Value, path: &mut Vec<String>, depth: usize) -> Option<Where> {
    let object = value.as_object().filter(|_| depth < MAX_DEPTH)?;
    let names: Vec<String> = object.keys().cloned().collect();
    let scalar =
        |index: &usize| matches!(object[&names[*index]], Value::Number(_) | Value::String(_) | Value::Null);
    let lat = find(&names, None, Role::Lat).ok().flatten().filter(scalar);
    let lon = find(&names, None, Role::Lon).ok().flatten().filter(scalar);
    let with = |path: &[String], name: &str| [path, &[name.to_owned()]].concat();
    if let (Some(lat), Some(lon)) = (lat, lon) {
        return Some(Where::Pair(with(path, &names[lat]), with(path, &names[lon])));
    }
    if !path.is_empty() && value.get("type").is_some() && value.get("coordinates").is_some() {
        return Some(Where::One(path.clone()));
    }
    if let Ok(Some(index)) = find(&names, None, Role::Position)
        && matches!(of_value(&object[&names[index]], Rules::default()), Ok(_) | Err(Fault::NotAPoint(_)))
    {
        return Some(Where::One(with(path, &names[index])));
    }
    for name in &names {
        path.push(name.clone());
        let found = position(&object[name], path, depth + 1);
        path.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}

fn objects(
    plan: &mut Plan,
    samples: &[Value],
    (first, declared): (&Value, Option<&str>),
    options: &ReadOptions,
    strict: bool,
) -> Result<(), InputError> {
    let names: Vec<String> =
        first.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect();
    let fault = |problem: String| InputError::Columns { problem, columns: names.clone() };
    let asked = |name: &Option<String>| name.as_deref().map(path_of);
    let mut roles = Roles {
        id: options.id().map(path_of),
        lat: asked(&options.columns.lat),
        lon: asked(&options.columns.lon),
        position: asked(&options.columns.position),
    };
    if roles.position.is_none() && (roles.lat.is_none() || roles.lon.is_none()) {
        let found = samples.iter().find_map(|value| position(value, &mut Vec::new(), 0));
        let declared = declared.map(|name| Where::One(vec![name.to_owned()]));
        let found = match found {
            Some(pair @ Where::Pair(..)) => Some(pair),
            other => declared.or(other),
        };
        match found {
            Some(Where::Pair(lat, lon)) => {
                roles.lat = roles.lat.or(Some(lat));
                roles.lon = roles.lon.or(Some(lon));
            }
            Some(Where::One(path)) => {
                if options.order.is_none() && path.last().is_some_and(|name| is_lon_first(name)) {
                    plan.rules.order = Order::LonLat;
                }
                roles.position = Some(path);
            }
            None if strict => {
                return Err(fault(
                    "no latitude and longitude were found in its objects; name them with --lat-column PATH and \
                     --lon-column PATH"
                        .into(),
                ));
            }
            None => return Ok(()),
        }
    }
    let keyed = plan.path.last() == Some(&Step::EachMember);
    if roles.id.is_none() && !keyed {
        let id = samples.iter().find_map(|value| {
            let names: Vec<String> = value.as_object()?.keys().cloned().collect();
            find(&names, None, Role::Id).ok().flatten().map(|index| vec![names[index].clone()])
        });
        if id.is_none() && !options.generate_ids {
            return Err(fault(
                "there is no member for the id (`id`); name it with --id-column NAME, or make ids with --generate-ids"
                    .into(),
            ));
        }
        roles.id = id;
    }
    plan.roles = roles;
    Ok(())
}

impl Roles {
    /// The paths that were found, as they are shown.
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        let parts = [
            ("id", &self.id),
            ("latitude", &self.lat),
            ("longitude", &self.lon),
            ("position", &self.position),
        ];
        parts.into_iter().filter_map(|(role, path)| Some((role, dotted(path.as_ref()?)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(text: &str) -> Option<String> {
        let steps = records(text.as_bytes())?;
        Some(super::super::show::way(&steps))
    }

    #[test]
    fn records_are_found_wherever_they_are() {
        for (text, expected) in [
            (r#"[{"id":1,"lat":1,"lon":2}]"#, Some("[]")),
            (r#"[{"type":"Feature"}]"#, Some("[]")),
            (r#"{"meta":{"n":1},"data":{"items":[{"lat":1,"lng":2}]}}"#, Some("data.items[]")),
            (r#"[{"type":"FeatureCollection","features":[{"type":"Feature"}]}]"#, Some("[].features[]")),
            (r#"{"a":{"lat":1,"lon":2},"b":{"lat":1,"lon":2}}"#, Some("*")),
            (r#"{"a":{"AddressInfo":{"Latitude":1,"Longitude":2}}}"#, Some("*")),
            (r#"{"lat":1,"lon":2}"#, Some("")),
            (r#"{"venues":[{"location":{"type":"Point","coordinates":[1,2]}}, {"loc"#, Some("venues[]")),
            (r#"{"features":[]}"#, Some("features[]")),
            ("[1,2]", None),
            (r#"{"a":[{"b":1}]}"#, None),
        ] {
            assert_eq!(way(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_path_can_be_said() {
        for path in ["[]", "data.items[]", "[].features[]", "*", "a.*"] {
            assert_eq!(super::super::show::way(&steps(path).unwrap()), path);
        }
        assert!(steps("").is_err());
    }
}
