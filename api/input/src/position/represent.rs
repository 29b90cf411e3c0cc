//! The point that stands for a line or an area.
//!
//! In the plane of longitude and latitude, as other programs do: areas that cross the antimeridian are cut there in
//! GeoJSON (RFC 7946, 3.1.9), and nobody expects more of a point that stands for a park than that it is in the park.

use serde::{Deserialize, Serialize};

use super::Xy;

/// Which point stands for a geometry that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
pub enum RepresentativePoint {
    /// The centre of mass, which may lie outside of a bent area.
    Centroid,
    /// A point that is certainly on the surface of an area, or on a line.
    Surface,
}

pub(super) fn point(kind: &str, parts: &[Vec<Xy>], wanted: RepresentativePoint) -> Option<Xy> {
    let areal = kind.ends_with("Polygon");
    let area: f64 = parts.iter().map(|ring| ring_moments(ring).0).sum();
    let centre = match kind {
        _ if areal && area != 0.0 => of_areas(parts),
        "Point" | "MultiPoint" => of_points(parts),
        _ => of_lines(parts).or_else(|| of_points(parts)),
    }?;
    if wanted == RepresentativePoint::Centroid {
        return Some(centre);
    }
    if areal && area != 0.0 { on_surface(parts, centre) } else { nearest_vertex(parts, centre) }
}

/// Twice the signed area of a ring, and its first moments.
fn ring_moments(ring: &[Xy]) -> (f64, f64, f64) {
    let origin = ring.first().copied().unwrap_or(Xy { x: 0.0, y: 0.0, altitude: false });
    let mut sums = (0.0, 0.0, 0.0);
    for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let (ax, ay, bx, by) = (a.x - origin.x, a.y - origin.y, b.x - origin.x, b.y - origin.y);
        let cross = ax * by - bx * ay;
        sums.0 += cross;
        sums.1 += (ax + bx) * cross;
        sums.2 += (ay + by) * cross;
    }
    (sums.0, sums.1 + 3.0 * sums.0 * origin.x, sums.2 + 3.0 * sums.0 * origin.y)
}

/// Holes run the other way round, so that their moments subtract. Where a file does not keep to that, as before
/// RFC 7946, a ring within the one before it is taken for a hole.
fn of_areas(parts: &[Vec<Xy>]) -> Option<Xy> {
    let mut sums = (0.0, 0.0, 0.0);
    let mut outer: Option<&Vec<Xy>> = None;
    for ring in parts {
        let moments = ring_moments(ring);
        let hole = outer
            .zip(ring.first())
            .is_some_and(|(outer, first)| crossings(&[outer], first.x, first.y) % 2 == 1);
        let sign = if hole { -moments.0.signum() } else { moments.0.signum() };
        if !hole {
            outer = Some(ring);
        }
        sums = (sums.0 + sign * moments.0, sums.1 + sign * moments.1, sums.2 + sign * moments.2);
    }
    (sums.0 != 0.0).then(|| flat(sums.1 / (3.0 * sums.0), sums.2 / (3.0 * sums.0)))
}

fn of_lines(parts: &[Vec<Xy>]) -> Option<Xy> {
    let (mut length, mut x, mut y) = (0.0, 0.0, 0.0);
    for pair in parts.iter().flat_map(|part| part.windows(2)) {
        let piece = (pair[1].x - pair[0].x).hypot(pair[1].y - pair[0].y);
        length += piece;
        x += piece * f64::midpoint(pair[0].x, pair[1].x);
        y += piece * f64::midpoint(pair[0].y, pair[1].y);
    }
    (length > 0.0).then(|| flat(x / length, y / length))
}

fn of_points(parts: &[Vec<Xy>]) -> Option<Xy> {
    let count = parts.iter().map(Vec::len).sum::<usize>() as f64;
    let (x, y) = parts.iter().flatten().fold((0.0, 0.0), |(x, y), point| (x + point.x, y + point.y));
    (count > 0.0).then(|| flat(x / count, y / count))
}

/// The middle of the longest piece of the centre's parallel that is inside.
fn on_surface(parts: &[Vec<Xy>], centre: Xy) -> Option<Xy> {
    let rings: Vec<&Vec<Xy>> = parts.iter().collect();
    if crossings(&rings, centre.x, centre.y) % 2 == 1 {
        return Some(centre);
    }
    let heights: Vec<f64> = parts.iter().flatten().map(|point| point.y).collect();
    let (low, high) =
        heights.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &y| (l.min(y), h.max(y)));
    // A line through a corner would count it twice; between corners there are none.
    let y = if heights.contains(&centre.y) { centre.y + (high - low) * 1e-9 } else { centre.y };
    let mut cuts: Vec<f64> = edges(&rings).filter_map(|(a, b)| cut(a, b, y)).collect();
    cuts.sort_by(f64::total_cmp);
    let (pieces, _) = cuts.as_chunks::<2>();
    let longest = pieces.iter().max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
    Some(flat(f64::midpoint(longest[0], longest[1]), y))
}

fn nearest_vertex(parts: &[Vec<Xy>], centre: Xy) -> Option<Xy> {
    let squared = |point: &Xy| (point.x - centre.x).powi(2) + (point.y - centre.y).powi(2);
    parts
        .iter()
        .flatten()
        .min_by(|a, b| squared(a).total_cmp(&squared(b)))
        .map(|point| flat(point.x, point.y))
}

fn edges<'a>(rings: &'a [&Vec<Xy>]) -> impl Iterator<Item = (&'a Xy, &'a Xy)> {
    rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().cycle().skip(1)))
}

/// Where an edge crosses a parallel.
fn cut(a: &Xy, b: &Xy, y: f64) -> Option<f64> {
    ((a.y > y) != (b.y > y)).then(|| a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x))
}

/// How many edges lie to the east of a point.
fn crossings(rings: &[&Vec<Xy>], x: f64, y: f64) -> usize {
    edges(rings).filter_map(|(a, b)| cut(a, b, y)).filter(|&at| at > x).count()
}

const fn flat(x: f64, y: f64) -> Xy {
    Xy { x, y, altitude: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(points: &[(f64, f64)]) -> Vec<Xy> {
        points.iter().map(|&(x, y)| flat(x, y)).collect()
    }

    fn at(kind: &str, parts: &[Vec<Xy>], wanted: RepresentativePoint) -> (f64, f64) {
        let point = point(kind, parts, wanted).unwrap();
        ((point.x * 1e9).round() / 1e9, (point.y * 1e9).round() / 1e9)
    }

    #[test]
    fn centres_are_those_of_mass() {
        let square = ring(&[(10.0, 50.0), (14.0, 50.0), (14.0, 54.0), (10.0, 54.0), (10.0, 50.0)]);
        assert_eq!(at("Polygon", std::slice::from_ref(&square), RepresentativePoint::Centroid), (12.0, 52.0));
        // The right half is a hole, wound either way.
        let mut hole = ring(&[(12.0, 51.0), (12.0, 53.0), (13.0, 53.0), (13.0, 51.0), (12.0, 51.0)]);
        let holed = at("Polygon", &[square.clone(), hole.clone()], RepresentativePoint::Centroid);
        hole.reverse();
        assert_eq!(holed, at("Polygon", &[square, hole], RepresentativePoint::Centroid));
        assert_eq!(holed, (((16.0 * 12.0 - 2.0 * 12.5) / 14.0 * 1e9_f64).round() / 1e9, 52.0));
        let line = ring(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)]);
        assert_eq!(at("LineString", &[line], RepresentativePoint::Centroid), (3.0, 1.0));
        assert_eq!(
            at("MultiPoint", &[ring(&[(0.0, 0.0)]), ring(&[(2.0, 4.0)])], RepresentativePoint::Centroid),
            (1.0, 2.0)
        );
        assert_eq!(point("Polygon", &[], RepresentativePoint::Surface), None);
    }

    #[test]
    fn a_point_on_the_surface_is_inside() {
        let horseshoe = ring(&[
            (0.0, 0.0),
            (10.0, 0.0),
            (10.0, 10.0),
            (8.0, 10.0),
            (8.0, 2.0),
            (2.0, 2.0),
            (2.0, 10.0),
            (0.0, 10.0),
            (0.0, 0.0),
        ]);
        let centroid =
            point("Polygon", std::slice::from_ref(&horseshoe), RepresentativePoint::Centroid).unwrap();
        assert_eq!(crossings(&[&horseshoe], centroid.x, centroid.y) % 2, 0, "the centre is in the gap");
        let surface =
            point("Polygon", std::slice::from_ref(&horseshoe), RepresentativePoint::Surface).unwrap();
        assert_eq!(crossings(&[&horseshoe], surface.x, surface.y) % 2, 1);
        let line = ring(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)]);
        assert_eq!(at("LineString", &[line], RepresentativePoint::Surface), (4.0, 0.0));
    }
}
