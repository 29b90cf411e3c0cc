//! Arcs of great circles, and the ones near a point found without a look at all of them.

use crate::cap::Cap;
use crate::distance::Chord;
use crate::point::UnitVector;

/// The shorter arc between two points of the sphere that are not opposite to each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) from: UnitVector,
    pub(super) to: UnitVector,
    /// Perpendicular to its plane, to the left of it; zero for a single point.
    normal: UnitVector,
}

impl Arc {
    pub(super) fn new(from: UnitVector, to: UnitVector) -> Self {
        Self { from, to, normal: normal(from, to) }
    }

    /// On which side of its great circle a point is: positive to the left, and in proportion to the distance.
    pub(super) fn side(&self, point: UnitVector) -> f64 {
        dot(self.normal, point)
    }

    /// Whether some point of it lies within an angle of another point.
    pub(super) fn is_within(&self, point: UnitVector, angle: f64) -> bool {
        let chord = 2.0 * (angle / 2.0).min(std::f64::consts::FRAC_PI_2).sin();
        let chord_sq = chord * chord;
        if point.chord_sq(self.from) <= chord_sq || point.chord_sq(self.to) <= chord_sq {
            return true;
        }
        // Beside the arc, rather than beyond one of its ends, the foot of the perpendicular is nearest.
        let is_beside =
            dot(cross(self.normal, self.from), point) > 0.0 && dot(cross(self.to, self.normal), point) > 0.0;
        is_beside
            && self.side(point).abs() <= angle.min(std::f64::consts::FRAC_PI_2).sin() * length(self.normal)
    }
}

/// Twice the cross product, by differences: it keeps its direction for neighbouring points, where the plain formula would
/// lose it (`RobustCrossProd` of S2, <https://s2geometry.io>).
pub(super) fn normal(a: UnitVector, b: UnitVector) -> UnitVector {
    let difference = UnitVector { x: a.x - b.x, y: a.y - b.y, z: a.z - b.z };
    cross(difference, UnitVector { x: a.x + b.x, y: a.y + b.y, z: a.z + b.z })
}

pub(super) fn cross(a: UnitVector, b: UnitVector) -> UnitVector {
    UnitVector { x: a.y * b.z - a.z * b.y, y: a.z * b.x - a.x * b.z, z: a.x * b.y - a.y * b.x }
}

pub(super) fn dot(a: UnitVector, b: UnitVector) -> f64 {
    a.x * b.x + a.y * b.y + a.z * b.z
}

pub(super) fn length(a: UnitVector) -> f64 {
    dot(a, a).sqrt()
}

/// The direction of a sum of vectors; `None` if they cancel each other.
pub(super) fn direction(sum: UnitVector) -> Option<UnitVector> {
    let length = length(sum);
    (length > 1e-9).then(|| UnitVector { x: sum.x / length, y: sum.y / length, z: sum.z / length })
}

/// The direction of the mean of points.
pub(super) fn mean(points: impl Iterator<Item = UnitVector>) -> Option<UnitVector> {
    let zero = UnitVector { x: 0.0, y: 0.0, z: 0.0 };
    direction(points.fold(zero, |sum, point| UnitVector {
        x: sum.x + point.x,
        y: sum.y + point.y,
        z: sum.z + point.z,
    }))
}

/// Arcs or caps that one cap is kept of.
const GROUP: usize = 8;

/// Many arcs, in groups of neighbours with caps around them, and groups of these.
#[derive(Clone, Debug)]
pub(super) struct Arcs {
    arcs: Vec<Arc>,
    /// Caps around groups of arcs, then around groups of the caps before, up to one.
    levels: Vec<Vec<Cap>>,
}

impl Arcs {
    pub(super) fn new(arcs: Vec<Arc>) -> Self {
        let around = |group: &[Arc]| {
            let ends = || group.iter().flat_map(|arc| [arc.from, arc.to]);
            cap_around(mean(ends()), ends().map(|end| (end, 0.0)))
        };
        let mut levels: Vec<Vec<Cap>> = vec![arcs.chunks(GROUP).map(around).collect()];
        while let Some(below) = levels.last().filter(|caps| caps.len() > 1) {
            let around = |group: &[Cap]| {
                let centre = mean(group.iter().map(|cap| cap.centre));
                cap_around(centre, group.iter().map(|cap| (cap.centre, cap.reach)))
            };
            let above = below.chunks(GROUP).map(around).collect();
            levels.push(above);
        }
        Self { arcs, levels }
    }

    pub(super) fn len(&self) -> usize {
        self.arcs.len()
    }

    /// Whether `found` is true of an arc, among those whose caps are `wanted`.
    pub(super) fn any(&self, wanted: &impl Fn(&Cap) -> bool, found: &mut impl FnMut(&Arc) -> bool) -> bool {
        self.any_below(self.levels.len(), 0, wanted, found)
    }

    /// The same below the cap of a number in the level below `level`; level 0 is that of the arcs.
    fn any_below(
        &self,
        level: usize,
        at: usize,
        wanted: &impl Fn(&Cap) -> bool,
        found: &mut impl FnMut(&Arc) -> bool,
    ) -> bool {
        let Some(below) = level.checked_sub(1) else {
            return self.arcs.get(at).is_some_and(&mut *found);
        };
        let Some(caps) = self.levels.get(below) else { return false };
        if !caps.get(at).is_some_and(wanted) {
            return false;
        }
        let count = if below == 0 { self.arcs.len() } else { self.levels[below - 1].len() };
        let children = at * GROUP..count.min((at + 1) * GROUP);
        children.into_iter().any(|child| self.any_below(below, child, wanted, found))
    }

    /// Whether some point of an arc lies within an angle of another point.
    pub(super) fn any_within(&self, point: UnitVector, angle: f64) -> bool {
        self.any(&|cap| cap.may_reach(point, angle), &mut |arc| arc.is_within(point, angle))
    }
}

/// A cap around others. One that would be as large as half of the sphere is the whole: it holds arcs between what it holds
/// only if it is smaller.
fn cap_around(centre: Option<UnitVector>, others: impl Iterator<Item = (UnitVector, f64)>) -> Cap {
    let north = UnitVector { x: 0.0, y: 0.0, z: 1.0 };
    let centre_or_any = centre.unwrap_or(north);
    let reach =
        |(other, reach): (UnitVector, f64)| Chord::angle_at_least(centre_or_any.chord_sq(other)) + reach;
    let reach = others.map(reach).fold(0.0, f64::max);
    let is_small = centre.is_some() && reach < std::f64::consts::FRAC_PI_2 - 1e-6;
    Cap { centre: centre_or_any, reach: if is_small { reach + 1e-12 } else { std::f64::consts::PI } }
}
