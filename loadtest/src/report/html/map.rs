//! Answers by the position searched from, on an equirectangular map: a degree of longitude is as wide as it is in the middle.

use maud::{Markup, html};

use crate::html::axis;
use crate::html::chart::{HEIGHT, WIDTH, figure, missing, unit};
use crate::report::model::{MapPart, Report, SquarePart};
use crate::report::text::percent;

/// Room around what is shown.
const MARGIN: f64 = 14.0;
/// Radius of the smallest and of the largest circle.
const RADII: (f64, f64) = (1.5, 9.0);
/// Most lines of latitude; there are about as many of longitude.
const LINES: f64 = 5.0;
/// Number of colours for the share from a cache.
const SHADES: f64 = 5.0;

/// The part of the Earth that is shown.
struct View {
    /// Latitude and longitude of the middle, in degrees.
    middle: (f64, f64),
    /// Units per degree of latitude, and per degree of longitude.
    scale: (f64, f64),
}

/// The map.
pub(super) fn map(report: &Report) -> Markup {
    let (id, title) = ("map", "Cells by hits");
    let Some(map) = report.map.as_ref().filter(|map| !map.squares.is_empty()) else {
        return missing(id, title, "No search was answered.");
    };
    let view = View::of(map);
    let most = map.squares.iter().map(|square| square.answers).max().unwrap_or(1);
    let inside = html! {
        (view.graticule())
        g.cells { @for square in &map.squares { (view.circle(square, most)) } }
    };
    figure(id, title, &about(map), &legend(), HEIGHT, &inside)
}

fn about(map: &MapPart) -> String {
    let first = map.squares.first().map_or_else(String::new, |square| format!(" Most: {}.", words(square)));
    format!(
        "Answers by the position searched from, in {} cells of {}°. The larger a circle, the more answers; its colour shows the share \
         that came from a cache.{first}",
        map.squares.len(),
        map.side_deg
    )
}

/// A cell in words.
pub(super) fn words(square: &SquarePart) -> String {
    let share = square.cached_share.map(|share| format!(", {} from a cache", percent(Some(share))));
    format!("{:.3}, {:.3}: {} answers{}", square.lat, square.lon, square.answers, share.unwrap_or_default())
}

fn legend() -> Markup {
    let keys = [
        ("h0", "under 20 % from a cache"),
        ("h1", "40 %"),
        ("h2", "60 %"),
        ("h3", "80 %"),
        ("h4", "up to 100 %"),
        ("hx", "not declared"),
    ];
    html! {
        ul.legend {
            @for (class, name) in keys {
                li {
                    svg.dot viewBox="0 0 12 12" aria-hidden="true" { circle class=(class) cx="6" cy="6" r="5" {} }
                    (name)
                }
            }
        }
    }
}

fn shade(square: &SquarePart) -> String {
    square
        .cached_share
        .map_or_else(|| "hx".to_owned(), |share| format!("h{}", (share * SHADES).min(SHADES - 1.0) as u8))
}

impl View {
    /// All cells, and not less than a few of them.
    fn of(map: &MapPart) -> Self {
        let ends = |value: fn(&SquarePart) -> f64| {
            let values = map.squares.iter().map(value);
            let (least, most) =
                (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
            (f64::midpoint(least, most), (most - least).max(8.0 * map.side_deg))
        };
        let ((lat, high), (lon, wide)) = (ends(|square| square.lat), ends(|square| square.lon));
        let shrink = lat.to_radians().cos().max(0.1);
        let scale = ((HEIGHT - 2.0 * MARGIN) / high).min((WIDTH - 2.0 * MARGIN) / (wide * shrink));
        Self { middle: (lat, lon), scale: (scale, scale * shrink) }
    }

    fn at(&self, lat: f64, lon: f64) -> (f64, f64) {
        let x = (lon - self.middle.1).mul_add(self.scale.1, WIDTH / 2.0);
        let y = (self.middle.0 - lat).mul_add(self.scale.0, HEIGHT / 2.0);
        (unit(x), unit(y))
    }

    fn circle(&self, square: &SquarePart, most: u64) -> Markup {
        let (x, y) = self.at(square.lat, square.lon);
        let part = (square.answers as f64 / most as f64).sqrt();
        let radius = unit(part.mul_add(RADII.1 - RADII.0, RADII.0));
        html! { circle class=(shade(square)) cx=(x) cy=(y) r=(radius) { title { (words(square)) } } }
    }

    /// Lines of latitude and longitude, with their degrees.
    fn graticule(&self) -> Markup {
        let high = HEIGHT / self.scale.0;
        let step = [10.0, 15.0, 30.0, 45.0, 60.0].into_iter().find(|step| high / step <= LINES);
        let step = step.filter(|_| high / LINES > 5.0).unwrap_or_else(|| axis::round(high / LINES, true));
        let wide = WIDTH / self.scale.1;
        let lon_step = if wide / step > 2.0 * LINES { step * 2.0 } else { step };
        let lats = multiples(self.middle.0, high, step, 90.0);
        let lons = multiples(self.middle.1, wide, lon_step, 180.0);
        html! {
            g.grid {
                @for lat in lats {
                    @let y = self.at(lat, 0.0).1;
                    line x1="0" x2=(WIDTH) y1=(y) y2=(y) {}
                    @if (10.0..=HEIGHT - 24.0).contains(&y) { text.in x="3" y=(y - 3.0) { (degrees(lat, ["N", "S"])) } }
                }
                @for lon in lons {
                    @let x = self.at(0.0, lon).0;
                    line x1=(x) x2=(x) y1="0" y2=(HEIGHT) {}
                    @if (44.0..=WIDTH - 44.0).contains(&x) { text.in x=(x + 3.0) y=(HEIGHT - 5.0) { (degrees(lon, ["E", "W"])) } }
                }
            }
        }
    }
}

/// The multiples of a step that are in view and on Earth.
fn multiples(middle: f64, extent: f64, step: f64, end: f64) -> Vec<f64> {
    let least = (middle - extent / 2.0).max(-end);
    let most = (middle + extent / 2.0).min(end);
    ((least / step).ceil() as i64..=(most / step).floor() as i64).map(|number| number as f64 * step).collect()
}

fn degrees(value: f64, [positive, negative]: [&str; 2]) -> String {
    let rounded = (value.abs() * 1e4).round() / 1e4;
    let side = if value > 0.0 { positive } else { negative };
    if rounded == 0.0 { "0°".to_owned() } else { format!("{rounded}° {side}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_of(squares: &[(f64, f64)], side_deg: f64) -> MapPart {
        let square = |&(lat, lon): &(f64, f64)| SquarePart { lat, lon, answers: 1, cached_share: None };
        MapPart { side_deg, squares: squares.iter().map(square).collect() }
    }

    #[test]
    fn every_cell_is_in_view_and_north_is_up() {
        for (squares, side_deg) in [
            (&[(85.0, 175.0), (-85.0, -175.0)][..], 10.0),
            (&[(48.8, 2.3)], 0.01),
            (&[(60.0, 10.0), (60.0, 30.0)], 1.0),
            (&[(89.5, 0.5)], 1.0),
        ] {
            let view = View::of(&map_of(squares, side_deg));
            for &(lat, lon) in squares {
                let (x, y) = view.at(lat, lon);
                assert!((MARGIN - 0.1..=WIDTH - MARGIN + 0.1).contains(&x), "{lat} {lon}: {x}");
                assert!((MARGIN - 0.1..=HEIGHT - MARGIN + 0.1).contains(&y), "{lat} {lon}: {y}");
            }
            assert!(view.at(1.0, 0.0).1 < view.at(0.0, 0.0).1 && view.at(0.0, 1.0).0 > view.at(0.0, 0.0).0);
        }
    }

    #[test]
    fn shades_are_fifths() {
        for (share, class) in
            [(Some(0.0), "h0"), (Some(0.39), "h1"), (Some(0.99), "h4"), (Some(1.0), "h4"), (None, "hx")]
        {
            assert_eq!(shade(&SquarePart { lat: 0.0, lon: 0.0, answers: 1, cached_share: share }), class);
        }
    }
}
