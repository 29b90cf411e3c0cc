//! The cells of one level that a disc or a bounding box touches.

use crate::bbox::BBox;
use crate::grid::{GridCell, cap};
use crate::point::Position;
use crate::units::Meters;

/// All cells of `level` below which something within `radius` of `centre` may be keyed, in ascending order.
///
/// Covers err on the side of more: no cell that holds a position of the disc is missing, and a cell that lies just
/// outside may be included. A level that the grid does not have counts as the nearest that it has.
///
/// ```
/// use geo_index::{GeohashCell, GridCell, Meters, Position, cover};
///
/// let paris = Position::new(48.8566, 2.3522)?;
/// let cells = cover::disc::<GeohashCell>(paris, Meters::new(1_000.0).unwrap(), 5);
/// assert!(cells.contains(&GeohashCell::at(paris, 5).unwrap()));
/// assert!(cells.len() < 5);
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub fn disc<C: GridCell>(centre: Position, radius: Meters, level: u8) -> Vec<C> {
    descend(level, |cell: C| cell.min_distance(centre) <= radius)
}

/// All cells of `level` below which a position in `bbox` may be keyed, in ascending order. As in [`disc`], a cell that
/// lies just outside may be included.
///
/// ```
/// use geo_index::{BBox, H3Cell, cover};
///
/// let fiji = BBox::new(176.0, -21.0, -178.0, -12.0)?;
/// let cells = cover::bbox::<H3Cell>(fiji, 2);
/// assert!((8..40).contains(&cells.len()));
/// # Ok::<(), geo_index::PositionError>(())
/// ```
pub fn bbox<C: GridCell>(bbox: BBox, level: u8) -> Vec<C> {
    descend(level, |cell: C| bbox.may_touch(&cap(cell)))
}

fn descend<C: GridCell>(level: u8, touched: impl Fn(C) -> bool) -> Vec<C> {
    let level = level.clamp(C::COARSEST, C::FINEST);
    let mut found = Vec::new();
    let mut stack = C::coarsest();
    while let Some(cell) = stack.pop() {
        if !touched(cell) {
            continue;
        }
        if cell.level() >= level {
            found.push(cell);
        } else {
            stack.extend(cell.children());
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::distance;
    use crate::grid::geohash::GeohashCell;
    use crate::grid::h3::{H3Cell, Leaf};
    use proptest::prelude::*;

    fn holds<C: GridCell>(centre: Position, radius: Meters, other: Position, level: u8, key: C) -> bool {
        let ancestor = std::iter::successors(Some(key), |c| c.parent()).find(|c| c.level() == level).unwrap();
        distance(centre, other) > radius || disc::<C>(centre, radius, level).contains(&ancestor)
    }

    proptest! {
        #[test]
        fn a_disc_is_covered(
            lat in prop_oneof![-90.0..=90.0, 89.0..=90.0, -90.0..=-89.0], lon in -180.0..=180.0,
            bearing in 0.0..360.0_f64, share in 0.0..1.0_f64, radius in 1.0..200_000.0,
        ) {
            let centre = Position::new(lat, lon).unwrap();
            let radius = Meters::new(radius).unwrap();
            let north = share * radius.get() / 111_195.0 * bearing.to_radians().cos();
            let east = share * radius.get() / 111_195.0 * bearing.to_radians().sin();
            let other_lat = (lat + north).clamp(-90.0, 90.0);
            let other_lon = lon + east / other_lat.to_radians().cos().max(1e-6);
            let other = Position::new(other_lat, (other_lon + 180.0).rem_euclid(360.0) - 180.0).unwrap();
            prop_assert!(holds(centre, radius, other, 3, H3Cell::from(Leaf::at(other))));
            prop_assert!(holds(centre, radius, other, 3, GeohashCell::at(other, 12).unwrap()));
        }

        #[test]
        fn a_box_is_covered(
            west in -180.0..=180.0, south in -90.0..=90.0, east in -180.0..=180.0, north in -90.0..=90.0,
            lat in -90.0..=90.0, lon in -180.0..=180.0,
        ) {
            let (south, north) = if south <= north { (south, north) } else { (north, south) };
            let area = BBox::new(west, south, east, north).unwrap();
            let inside = Position::new(lat, lon).unwrap();
            if area.contains(inside) {
                prop_assert!(bbox::<H3Cell>(area, 2).contains(&Leaf::at(inside).ancestor(2).unwrap()));
                prop_assert!(bbox::<GeohashCell>(area, 2).contains(&GeohashCell::at(inside, 2).unwrap()));
            }
        }
    }

    #[test]
    fn a_level_beyond_the_grid_is_the_nearest_that_it_has() {
        let here = Position::new(51.5, -0.12).unwrap();
        assert_eq!(disc::<H3Cell>(here, Meters::ZERO, 16), disc::<H3Cell>(here, Meters::ZERO, 15));
        assert_eq!(disc::<GeohashCell>(here, Meters::ZERO, 0), disc::<GeohashCell>(here, Meters::ZERO, 1));
    }

    #[test]
    fn a_small_disc_has_a_small_cover() {
        let here = Position::new(51.5, -0.12).unwrap();
        let radius = Meters::new(10_000.0).unwrap();
        assert!(disc::<H3Cell>(here, radius, 5).len() <= 12);
        assert!(disc::<GeohashCell>(here, radius, 5).len() <= 36);
    }
}
