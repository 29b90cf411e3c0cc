//! Files of positions: those of users, with a time or a weight.

use std::sync::Arc;

use cellar_model::place::Properties;
use geo_index::Position;

use super::frame::InputError;
use super::members::{Members, number_text};
use super::names::plain;
use super::options::ReadOptions;
use super::records::{Record, Records};
use super::reject::Reject;
use super::source::Input;

/// A position of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundPosition {
    /// Line in which it is, from 1.
    pub line: u64,
    /// Where.
    pub position: Position,
    /// The number beside it, if there is one.
    pub number: Option<f64>,
}

/// Hands on the positions of a file in any format that is read, each with the number in the first of some columns that it has.
/// No ids are needed. A CSV whose first row holds numbers has latitude, longitude and that number, if rows have a third cell.
///
/// ```
/// use cellar_input::{Input, ReadOptions, read_positions};
///
/// let mut found = Vec::new();
/// let csv = "48.5,2.25\n1,2,30\n";
/// let input = Input::Stream(Box::new(csv.as_bytes()));
/// read_positions(input, &ReadOptions::default(), &["time"], |line| found.push(line.unwrap()))?;
/// assert_eq!((found[0].position.lat(), found[0].number, found[1].number), (48.5, None, Some(30.0)));
/// # Ok::<(), cellar_input::InputError>(())
/// ```
///
/// # Errors
///
/// The input cannot be read on, or nothing in it says where latitudes and longitudes are.
pub fn read_positions(
    input: Input,
    options: &ReadOptions,
    columns: &[&str],
    mut each: impl FnMut(Result<FoundPosition, Reject>),
) -> Result<(), InputError> {
    let third = columns.first().copied().unwrap_or("value");
    let options = ReadOptions {
        bare_header: ["lat", "lon", third].map(str::to_owned).to_vec(),
        generate_ids: true,
        ..options.clone()
    };
    let mut records =
        Records::open(input.sources(), options, Arc::default(), None).map_err(|(error, _)| error)?;
    while let Some(record) = records.next_record()? {
        match record {
            Ok(Record::Place(found)) => {
                let number = number(&found.place.properties, columns);
                let (line, position) = (found.line, found.place.position);
                let reject = |reason| Reject { record: found.record, ..Reject::new(line, None, reason, b"") };
                each(number.map(|number| FoundPosition { line, position, number }).map_err(reject));
            }
            Ok(Record::Collection(_) | Record::Skipped) => {}
            Err(reject) => each(Err(*reject)),
        }
    }
    Ok(())
}

/// The number in the first of the columns that is there.
fn number(properties: &Properties, columns: &[&str]) -> Result<Option<f64>, String> {
    let Some(members) = Members::of(properties.as_json()) else { return Ok(None) };
    let named = |column: &&str| members.0.iter().find(|(name, _)| plain(name) == **column);
    let Some((name, value)) = columns.iter().find_map(named).filter(|(_, value)| value.get() != "null")
    else {
        return Ok(None);
    };
    let text = number_text(value);
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(20).collect();
        format!("{name} `{shown}` is not a number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Latitude, longitude and the number beside them.
    type Line = (f64, f64, Option<f64>);

    fn read(text: &'static str) -> (Vec<Line>, Vec<(u64, String)>) {
        let (mut found, mut bad) = (Vec::new(), Vec::new());
        let (input, options) = (Input::Stream(Box::new(text.as_bytes())), ReadOptions::default());
        read_positions(input, &options, &["weight", "population"], |line| match line {
            Ok(one) => found.push((one.position.lat(), one.position.lon(), one.number)),
            Err(reject) => bad.push((reject.line, reject.reason)),
        })
        .unwrap();
        (found, bad)
    }

    #[test]
    fn columns_are_found_by_name_or_place() {
        let named = read("id,name,LON,Lat,Population\n1,\"A, B\",2.5,48.5,7\n2,C,180,-90,\n");
        assert_eq!(named.0, [(48.5, 2.5, Some(7.0)), (-90.0, 180.0, None)]);
        assert_eq!(read("48.5;2.5;3\n1;2\n").0, [(48.5, 2.5, Some(3.0)), (1.0, 2.0, None)]);
        assert_eq!(read(r#"[{"lat":1,"lng":2,"weight":"1e3"}]"#).0, [(1.0, 2.0, Some(1000.0))]);
    }

    #[test]
    fn what_is_no_number_is_told_with_its_line() {
        let (found, bad) = read("lat,lon,weight\n1,2,x\n91,0,1\n3,4,5\n");
        assert_eq!(found, [(3.0, 4.0, Some(5.0))]);
        assert_eq!(bad[0], (2, "weight `x` is not a number".to_owned()));
        assert_eq!(bad[1].0, 3);
    }
}
