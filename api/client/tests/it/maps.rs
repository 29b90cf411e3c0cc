//! `maps.json`: documents of density maps, good and bad, and what they say.

use cellar_model::density::parse;
use geo_index::GeohashCell;

use crate::read;

#[test]
fn documents_say_what_is_checked_in() {
    let vectors = read("maps.json");
    for case in vectors["cases"].as_array().unwrap() {
        let map = parse(case["document"].as_str().unwrap());
        let cells = case["cells"].as_object().unwrap();
        for (cell, precision) in cells {
            let cell: GeohashCell = cell.parse().unwrap();
            assert_eq!(map.precision(cell).map(u64::from), precision.as_u64(), "{case}");
        }
        let known = cells.values().filter(|precision| !precision.is_null()).count();
        assert_eq!(
            map.cells().count(),
            case["count"].as_u64().map_or(known, |count| count as usize),
            "{case}"
        );
    }
}
