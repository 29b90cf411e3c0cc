//! Polygons on the sphere, whose edges are arcs of great circles.
//!
//! A point is inside if the arc from it to a point outside crosses the border an odd number of times.
//!
//! Invariant: what lies within a micrometre of the border is inside. So whatever could be mistaken by rounding (a double
//! tells points of the unit sphere apart that are a nanometre away from each other) is decided before crossings are counted.

use super::arcs::{Arc, Arcs, cross, direction, dot, length, mean, normal};
use super::{BORDER, RegionError, unit};
use crate::cap::Cap;
use crate::distance::Chord;
use crate::point::UnitVector;

/// How far corners may lie from the middle of a polygon, in radians: 89°. So it lies within half of the sphere, and which
/// side of a ring is inside is not in question.
const MAX_REACH: f64 = 89.0 / 180.0 * std::f64::consts::PI;

/// Steps towards the middle of a polygon that lies not around the mean of its corners.
const STEPS: usize = 400;

/// A polygon with holes.
#[derive(Clone, Debug)]
pub(super) struct Polygon {
    arcs: Arcs,
    /// Everything of it.
    cap: Cap,
    /// A point outside, a quarter of a circle from the middle: opposite to nothing inside.
    outside: UnitVector,
}

impl Polygon {
    /// Of rings of `[longitude, latitude]` in degrees, the last corner of which may repeat the first.
    pub(super) fn new(rings: &[Vec<[f64; 2]>]) -> Result<Self, RegionError> {
        let mut arcs = Vec::new();
        for ring in rings {
            let mut corners = ring.iter().map(|corner| unit(*corner)).collect::<Result<Vec<_>, _>>()?;
            corners.dedup();
            if corners.len() > 1 && corners.first() == corners.last() {
                corners.pop();
            }
            if corners.len() < 3 {
                return Err(RegionError::Corners(corners.len()));
            }
            let next = corners.iter().cycle().skip(1);
            arcs.extend(corners.iter().zip(next).map(|(from, to)| Arc::new(*from, *to)));
        }
        let corners: Vec<UnitVector> = arcs.iter().map(|arc| arc.from).collect();
        let cap = around(&corners).ok_or(RegionError::TooWide)?;
        let UnitVector { x, y, z } = cap.centre;
        // The axis that is farthest from the middle.
        let axis = if x.abs() <= y.abs() && x.abs() <= z.abs() {
            UnitVector { x: 1.0, y: 0.0, z: 0.0 }
        } else if y.abs() <= z.abs() {
            UnitVector { x: 0.0, y: 1.0, z: 0.0 }
        } else {
            UnitVector { x: 0.0, y: 0.0, z: 1.0 }
        };
        let outside = direction(cross(cap.centre, axis)).ok_or(RegionError::TooWide)?;
        Ok(Self { arcs: Arcs::new(arcs), cap, outside })
    }

    pub(super) fn corners(&self) -> usize {
        self.arcs.len()
    }

    /// Whether a point lies in it.
    pub(super) fn contains(&self, point: UnitVector) -> bool {
        self.cap.may_reach(point, BORDER)
            && (self.arcs.any_within(point, BORDER) || self.crossings(point) % 2 == 1)
    }

    /// How many times the arc from a point inside of the cap to the one outside crosses the border.
    fn crossings(&self, point: UnitVector) -> usize {
        let outside = self.outside;
        let plane = normal(point, outside);
        // Of corners on the plane itself all are taken to be on one side of it: as if the arc lay a little to the other.
        let is_left = |corner: UnitVector| dot(plane, corner) >= 0.0;
        let mut count = 0;
        self.arcs.any(&cut_by(plane), &mut |arc| {
            let from_left = is_left(arc.from);
            if from_left != is_left(arc.to) {
                // Both arcs cross each other's great circles, and do so at the same place.
                let (here, there) = (arc.side(point), arc.side(outside));
                count += usize::from((here > 0.0) != (there > 0.0) && (there > 0.0) == from_left);
            }
            false
        });
        count
    }

    /// Whether anything in a cap may lie in it.
    pub(super) fn may_touch(&self, cap: &Cap) -> bool {
        let reach = cap.reach + BORDER + 1e-9;
        self.cap.may_reach(cap.centre, reach)
            && (self.arcs.any_within(cap.centre, reach) || self.contains(cap.centre))
    }
}

/// Which caps a plane through the middle of the sphere cuts, by a vector that is perpendicular to it.
fn cut_by(plane: UnitVector) -> impl Fn(&Cap) -> bool {
    let length = length(plane);
    move |cap| {
        let sine = cap.reach.min(std::f64::consts::FRAC_PI_2).sin();
        dot(plane, cap.centre).abs() <= (sine + 1e-12) * length
    }
}

/// A cap around all corners that is smaller than half of the sphere.
fn around(corners: &[UnitVector]) -> Option<Cap> {
    let reach_of = |centre: UnitVector| {
        let angles = corners.iter().map(|corner| Chord::angle_at_least(centre.chord_sq(*corner)));
        angles.fold(0.0, f64::max)
    };
    let mut centre = mean(corners.iter().copied());
    if centre.is_none_or(|centre| reach_of(centre) > MAX_REACH) {
        centre = middle(corners);
    }
    let centre = centre?;
    let reach = reach_of(centre);
    (reach <= MAX_REACH).then_some(Cap { centre, reach: reach + 1e-9 })
}

/// About the middle of the smallest ball around points, by steps towards the farthest one (M. Bădoiu and K. Clarkson,
/// "Smaller Core-Sets for Balls", 2003); as a direction.
fn middle(corners: &[UnitVector]) -> Option<UnitVector> {
    let mut at = *corners.first()?;
    for step in 1..=STEPS {
        let farthest = corners.iter().copied().max_by(|a, b| at.chord_sq(*a).total_cmp(&at.chord_sq(*b)))?;
        let share = 1.0 / (step as f64 + 1.0);
        at = UnitVector {
            x: at.x + (farthest.x - at.x) * share,
            y: at.y + (farthest.y - at.y) * share,
            z: at.z + (farthest.z - at.z) * share,
        };
    }
    direction(at)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::distance::destination;
    use crate::point::Position;

    /// A zigzag of 10,000 corners is asked in some hundred steps; in more only where the plane of the arc lies along it.
    #[test]
    fn a_point_is_compared_with_few_edges() {
        let centre = Position::new(48.0, 11.0).unwrap();
        let corner = |i: u32| {
            let size = if i.is_multiple_of(2) { 50_000.0 } else { 45_000.0 };
            let corner = destination(centre, size, f64::from(i) / 10_000.0 * std::f64::consts::TAU);
            [corner.lon(), corner.lat()]
        };
        let polygon = Polygon::new(&[(0..10_000).map(corner).collect()]).unwrap();
        let (mut most, mut sum) = ([0, 0], 0);
        for step in 0..500 {
            let position = destination(centre, f64::from(step) * 120.0, f64::from(step));
            let point = super::super::unit_of(position.lon(), position.lat());
            let steps = Cell::new(0);
            let count = |wanted| {
                steps.set(steps.get() + 1);
                wanted
            };
            polygon.arcs.any(&|cap| count(cap.may_reach(point, BORDER)), &mut |_| count(false));
            most[0] = most[0].max(steps.take());
            let wanted = cut_by(normal(point, polygon.outside));
            polygon.arcs.any(&|cap| count(wanted(cap)), &mut |_| count(false));
            sum += steps.get();
            most[1] = most[1].max(steps.take());
        }
        let mean = sum / 500;
        println!("near: at most {}; crossings: {mean} in the mean, at most {}", most[0], most[1]);
        assert!(most[0] < 300 && most[1] < 2_500 && (20..600).contains(&mean), "{most:?} {mean}");
    }
}
