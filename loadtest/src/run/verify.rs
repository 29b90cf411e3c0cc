//! Comparison of a result with the exact endpoint's.

use cellar_client::{Found, Hit};

use crate::plan::Search;
use crate::record::Verdict;

/// Whether a result has the same places in the same order as the exact one.
pub(super) fn compare(search: &Search, found: &Found, exact: Option<&Found>) -> Verdict {
    let Some(exact) = exact else { return Verdict::Unknown };
    let same = |(mine, theirs): (&Hit, &Hit)| {
        mine.place.id == theirs.place.id && mine.place.position == theirs.place.position
    };
    let shared = found.hits.iter().zip(&exact.hits).take_while(|&pair| same(pair)).count();
    if shared == found.hits.len() && shared == exact.hits.len() {
        return Verdict::Same;
    }
    let name = |found: &Found| match found.hits.get(shared) {
        Some(hit) => format!("`{}`", hit.place.id),
        None => "nothing more".to_owned(),
    };
    let (lat, lon) = (search.position.lat(), search.position.lon());
    let radius_m = search.radius.map_or_else(String::new, |radius| format!(" radius={}", radius.get()));
    Verdict::Differs(format!(
        "lat={lat} lon={lon}{radius_m} limit={}: place {} is {} by {:?}, {} by the exact endpoint",
        search.limit,
        shared + 1,
        name(found),
        found.by,
        name(exact)
    ))
}
