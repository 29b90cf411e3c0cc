//! `open_at`: only places that are open then.

use std::time::SystemTime;

use cellar_model::cursor::Fingerprint;
use cellar_model::features::Form;
use geo_index::tree::Selection;

use super::query::QueryText;
use super::values;
use crate::problem::{Kind, Problem};

/// The names of the parameters.
pub(super) const OPEN_AT: &str = "open_at";
pub(super) const UNKNOWN: &str = "open_at_unknown";

const OPEN_AT_ALLOWED: &str = "now; a date and a time as the clocks of each place show them, such as 2026-12-24T18:00; or an instant, with Z or an offset behind it; of the years 2000 to 2075";
const UNKNOWN_ALLOWED: &str = "include";

/// Restricts a search to the places that are open when its parameters say, if they do, and its cursors to that time; the
/// answers then say until when. `now` is what `open_at=now` means, unless a cursor says when its walk began.
pub(super) fn restrict(
    query: &QueryText<'_>,
    now: SystemTime,
    selection: &mut Selection,
    fingerprint: Fingerprint,
    form: &mut Form,
) -> Result<Fingerprint, Problem> {
    let unknown = query.optional(UNKNOWN, UNKNOWN_ALLOWED)?;
    let Some(text) = query.optional(OPEN_AT, OPEN_AT_ALLOWED)? else {
        if unknown.is_none() {
            return Ok(fingerprint);
        }
        let detail = format!("`{UNKNOWN}` takes `{OPEN_AT}`");
        return Err(Problem::new(Kind::ParameterMissing, detail).parameter(OPEN_AT).allowed(OPEN_AT_ALLOWED));
    };
    let include = match unknown {
        None => false,
        Some(UNKNOWN_ALLOWED) => true,
        Some(other) => return Err(values::invalid(UNKNOWN, other, "which says nothing", UNKNOWN_ALLOWED)),
    };
    let cursor = values::cursor(query)?;
    restrict_to(text, include, (now, cursor), selection, form).map(|began| {
        let fingerprint = fingerprint.with(UNKNOWN, if include { UNKNOWN_ALLOWED } else { "" });
        match began {
            Began::Now(unix_s) => fingerprint.began(unix_s),
            Began::At(text) => fingerprint.with(OPEN_AT, &text),
        }
    })
}

/// Restricts a search to the places that are open at a time, and lets its form say until when: for searches without a
/// cursor. With `include`, places of which it cannot be told are found, too.
pub fn open_at(
    text: &str,
    include: bool,
    now: SystemTime,
    selection: &mut Selection,
    form: &mut Form,
) -> Result<(), Problem> {
    restrict_to(text, include, (now, None), selection, form).map(|_| ())
}

/// What binds a cursor to its time.
#[cfg_attr(not(feature = "hours"), expect(dead_code, reason = "no search has one"))]
enum Began {
    /// When its walk began.
    Now(u32),
    /// A time that the query says itself.
    At(String),
}

#[cfg(feature = "hours")]
fn restrict_to(
    text: &str,
    include: bool,
    (now, cursor): (SystemTime, Option<&str>),
    selection: &mut Selection,
    form: &mut Form,
) -> Result<Began, Problem> {
    use std::sync::Arc;

    use cellar_hours::{OpenAt, OpenAtError, OpenPlaces, Unstated};
    use cellar_model::CursorError;
    use cellar_model::cursor::began_s;

    let refused = |error: OpenAtError| match error {
        OpenAtError::Year => values::out_of_range(OPEN_AT, text, OPEN_AT_ALLOWED),
        OpenAtError::Malformed | OpenAtError::Space => {
            let detail = format!("`{OPEN_AT}` is \"{}\"; {error}", super::query::echo(text));
            Problem::new(Kind::ParameterInvalid, detail).parameter(OPEN_AT).allowed(OPEN_AT_ALLOWED)
        }
    };
    let (at, began) = if text == "now" {
        let unix_s = if let Some(cursor) = cursor {
            began_s(cursor).ok_or(CursorError::Foreign)?
        } else {
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            u32::try_from(since).unwrap_or(u32::MAX)
        };
        let at = OpenAt::of_unix_s(unix_s);
        let of_cursor = |error| if cursor.is_some() { CursorError::Foreign.into() } else { refused(error) };
        (at.map_err(of_cursor)?, Began::Now(unix_s))
    } else {
        let at: OpenAt = text.parse().map_err(refused)?;
        (at, Began::At(at.to_string()))
    };
    let unstated = if include { Unstated::Included } else { Unstated::LeftOut };
    let places = Arc::new(OpenPlaces::new(at, unstated, selection.filter.take()));
    selection.filter = Some(places.clone());
    form.members = Some(places);
    Ok(began)
}

#[cfg(not(feature = "hours"))]
fn restrict_to(
    _: &str,
    _: bool,
    _: (SystemTime, Option<&str>),
    _: &mut Selection,
    _: &mut Form,
) -> Result<Began, Problem> {
    let detail =
        "this server was built without time zones and holidays, and does not know which places are open";
    Err(Problem::new(Kind::OpenAtUnsupported, detail).parameter(OPEN_AT))
}

#[cfg(all(test, not(feature = "hours")))]
mod tests {
    use super::*;

    #[test]
    fn without_hours_it_is_refused() {
        let refused =
            open_at("now", false, SystemTime::now(), &mut Selection::default(), &mut Form::default());
        assert_eq!(refused.unwrap_err().kind(), Kind::OpenAtUnsupported);
    }
}
