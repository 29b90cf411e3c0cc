//! Streams as files.

use geo_index::{Meters, Position};
use proptest::prelude::*;

use super::*;

/// The first lines of `loadtest workload --seed 1 --rps 2 --duration 6s --radius 500-5000 --category any:2,cafe --paging 0.5
/// --think 1s --export -`. A change of the generator changes every figure that rests on it: make the file again only on purpose.
const GOLDEN: &str = include_str!("golden.csv");

fn written(plan: impl Iterator<Item = Planned>, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    export(plan, format, &mut bytes).unwrap();
    bytes
}

fn read(bytes: Vec<u8>) -> Vec<Result<Planned, (u64, String)>> {
    Imported::new(std::io::Cursor::new(bytes)).unwrap().collect()
}

#[test]
fn the_stream_of_a_seed_never_changes() {
    let spec = Spec {
        sessions: Sessions { paging: 0.5, think: Duration::from_secs(1), ..Sessions::default() },
        radius_m: Some(Numbers::parse("500-5000", 1.0..=5_000.0).unwrap()),
        category: Mix::parse("any:2,cafe", |name| Ok((name != "any").then(|| name.to_owned()))).unwrap(),
        ..Spec::default()
    };
    let text = String::from_utf8(written(searches(spec, 12, 2.0).into_iter(), Format::Csv)).unwrap();
    assert_eq!(text, GOLDEN);
}

#[test]
fn broken_lines_are_told_with_their_numbers() {
    let head = "at_ns,user,lat,lon,radius_m,limit,category,page\n";
    let csv = format!(
        "{head}5,1,2,3,,20,,0\n4,1,2,3,,20,,0\n6,1,91,3,,20,,0\nx,1,2,3,,20,,0\n7,1,2,3,-1,20,,0\n8,1,2,3,1.5,0,,0\n9,1,2,3,,9,a,1\n"
    );
    let lines = read(csv.into_bytes());
    let numbers: Vec<u64> =
        lines.iter().filter_map(|line| line.as_ref().err().map(|(number, _)| *number)).collect();
    assert_eq!(
        (lines.iter().filter(|line| line.is_ok()).count(), numbers),
        (2, vec![3, 4, 5, 6, 7]),
        "{lines:?}"
    );
    let json = "{\"at_ns\":1,\"user\":1,\"lat\":2,\"lon\":3,\"limit\":20,\"page\":0}\n\n{\"at_ns\":1}\n{";
    let lines = read(json.into());
    assert!(lines[0].is_ok(), "{lines:?}");
    let numbers: Vec<u64> =
        lines.iter().filter_map(|line| line.as_ref().err().map(|(number, _)| *number)).collect();
    assert_eq!(numbers, [3, 4]);
    assert!(read(Vec::new()).is_empty());
}

prop_compose! {
    fn planned()(
        at_ns: u64, user: u64, lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64,
        radius in prop::option::of(0.0..1e6_f64), limit in 1..1_000_usize,
        category in prop::option::of("[^\\x00]{1,12}"), page in 0..9_u32,
    ) -> Planned {
        let search = Search {
            user,
            position: Position::new(lat, lon).unwrap(),
            radius: radius.and_then(Meters::new),
            limit,
            category,
            page,
        };
        Planned { at: Duration::from_nanos(at_ns), search }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(mut plan in prop::collection::vec(planned(), 0..12)) {
        plan.sort_by_key(|planned| planned.at);
        for format in [Format::Csv, Format::JsonLines] {
            let read: Result<Vec<Planned>, _> = read(written(plan.clone().into_iter(), format)).into_iter().collect();
            prop_assert_eq!(read.as_ref(), Ok(&plan));
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(bytes);
    }
}
