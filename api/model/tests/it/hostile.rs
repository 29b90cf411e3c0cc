//! Texts that anybody can send, valid ones with some damage among them: nothing panics, and what is read is printed so
//! that it is read as the same again.

use cellar_model::access_log::LogParser;
use cellar_model::canonical::{Canonical, canonical};
use cellar_model::key::BaseKey;
use cellar_model::{Category, Collection, PageKey, PlaceId};
use geo_index::edge::CacheCell;
use geo_index::{GeohashCell, H3Cell, Leaf};
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::support::max_radius;

/// Where a text is damaged, in thousandths of its length, and how.
type Damage = (usize, bool, String);

/// One of these texts, a few of whose characters are others, or gone.
fn damaged(samples: &'static [&'static str]) -> impl Strategy<Value = String> {
    let damage =
        (0..1_000_usize, any::<bool>(), prop_oneof!["[ -~]{0,2}", any::<char>().prop_map(String::from)]);
    let damages = proptest::collection::vec(damage, 0..4);
    (proptest::sample::select(samples), damages).prop_map(|(sample, damages): (&str, Vec<Damage>)| {
        damages.into_iter().fold(sample.to_owned(), |text, (at, replaces, put)| {
            let chars: Vec<char> = text.chars().collect();
            let at = at * chars.len() / 1_000;
            let rest = &chars[(at + usize::from(replaces)).min(chars.len())..];
            chars[..at].iter().copied().chain(put.chars()).chain(rest.iter().copied()).collect()
        })
    })
}

fn prints_back<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr + Display + PartialEq + Debug,
{
    if let Ok(read) = text.parse::<T>() {
        prop_assert_eq!(read.to_string().parse::<T>().ok(), Some(read));
    }
    Ok(())
}

const NAMES: &[&str] = &[
    "gh:u09t",
    "u09tvw0",
    "h3:841fb47ffffffff",
    "841fb47ffffffff",
    "8f1fb46625550c3",
    "wineries",
    "wineries#w-1",
    "wineries/831fb4fffffffff",
    "wine bar",
    "#collection#wineries",
];

const LINES: &[&str] = &[
    r#"::1 - - [10/Oct/2000:13:55:36 -0700] "GET /v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1" 200 5"#,
    r#"{"time":"2000-10-10T20:55:36Z","remote_addr":"1.2.3.4","request_method":"GET","request_uri":"/v1/collections/bars/nearby?lat=1&lon=2"}"#,
    "2014-05-23\t01:13:11\tFRA2\t182\t192.0.2.10\tGET\td111.cloudfront.net\t/v1/collections/bars/nearby\t200\t-\tcurl\tlat=1&lon=2",
    "#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query",
    r#"https 2018-07-02T22:23:00.186641Z app/lb/50dc6 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://e.com:443/v1/collections/bars/nearby?lat=1&lon=2 HTTP/1.1" "curl" - -"#,
];

const URLS: &[&str] = &[
    "/v1/collections/bars/cells/gh:u09t/nearby?category=wine%20bar",
    "/v1/collections/bars/nearby?lat=48.8566&lon=2.3522&mode=cell&radius=5000&limit=10&precision=5",
    "/v1/collections/bars/nearby?category=!a,b\\,c&lat=-90&lon=180&mode=cell",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn names_and_cells_print_back(text in prop_oneof![damaged(NAMES), any::<String>()]) {
        prints_back::<CacheCell>(&text)?;
        prints_back::<GeohashCell>(&text)?;
        prints_back::<H3Cell>(&text)?;
        prints_back::<Leaf>(&text)?;
        prints_back::<Collection>(&text)?;
        prints_back::<PlaceId>(&text)?;
        prints_back::<Category>(&text)?;
        prints_back::<BaseKey>(&text)?;
        prints_back::<PageKey>(&text)?;
    }

    #[test]
    fn a_line_of_a_log_is_a_request_or_an_error(
        lines in proptest::collection::vec(prop_oneof![damaged(LINES), any::<String>()], 1..4),
    ) {
        let mut parser = LogParser::default();
        for line in &lines {
            let Ok(Some(request)) = parser.parse(line) else { continue };
            let _ = request.at_ns();
            let Some(search) = request.search() else { continue };
            let (collection, position) = (search.collection(), search.position());
            let _ = (search.radius(), search.limit(), search.category(), search.continues());
            prop_assert!(collection.is_err() || search.name().len() <= 64);
            prop_assert!(position.is_err() || position.is_ok_and(|at| at.lat().abs() <= 90.0));
        }
    }

    #[test]
    fn a_canonical_url_is_its_own_canonical_url(url in damaged(URLS)) {
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        if let Ok(Canonical::Cell(cell)) = canonical(path, query, max_radius(), |_, _| None) {
            let again = canonical(&cell.path(), &cell.query(), max_radius(), |_, _| None);
            prop_assert_eq!(again, Ok(Canonical::Cell(cell)));
        }
    }
}
