//! Tiles of the web's maps: WebMercatorQuad of OGC's Two Dimensional Tile Matrix Set, and where in a tile a position is.
//!
//! Invariant: at every zoom a position between the latitudes that the projection has belongs to exactly one tile, and to a
//! child of the one that it belongs to a zoom before. Longitudes 180 and -180 are one meridian, the western edge.

use std::f64::consts::PI;

use geo_index::{BBox, Position};

/// Finest zoom.
pub const MAX_ZOOM: u8 = 22;
/// Units of a tile, along each edge.
pub const EXTENT: u32 = 4_096;
/// Units around a tile whose places are in it, too: what is drawn at a place on the edge, such as its name, reaches into the
/// neighbour.
pub const BUFFER: i64 = 64;

const UNITS: i64 = EXTENT as i64;

/// A tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    zoom: u8,
    column: u32,
    row: u32,
}

/// A place in a tile, in units from its upper left corner; in the buffer it is negative, or not less than [`EXTENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixel {
    /// To the east.
    pub x: i64,
    /// To the south.
    pub y: i64,
}

impl Tile {
    /// A tile, if the zoom has it.
    ///
    /// ```
    /// use cellar_http::tiling::Tile;
    ///
    /// assert!(Tile::new(2, 3, 3).is_some());
    /// assert!(Tile::new(2, 4, 3).is_none() && Tile::new(23, 0, 0).is_none());
    /// ```
    pub fn new(zoom: u8, column: u32, row: u32) -> Option<Self> {
        let is_there = zoom <= MAX_ZOOM && column < 1 << zoom && row < 1 << zoom;
        is_there.then_some(Self { zoom, column, row })
    }

    /// A box that holds every position of the tile and its buffer.
    pub fn bounds(self) -> BBox {
        let world = self.world() as f64;
        // A unit more: what rounding does is far less.
        let edges = |index: u32| {
            let first = i64::from(index) * UNITS;
            [first - BUFFER - 1, first + UNITS + BUFFER + 1].map(|unit| unit as f64 / world)
        };
        let ([west, east], [north, south]) = (edges(self.column), edges(self.row));
        let lat = |y: f64| (PI * (1.0 - 2.0 * y)).sinh().atan().to_degrees();
        let (west, east) = if east - west >= 1.0 { (-180.0, 180.0) } else { (wrapped(west), wrapped(east)) };
        BBox::new(west, lat(south), east, lat(north)).unwrap_or(BBox::WORLD)
    }

    /// Where in the tile or its buffer a position is; `None` if it is in neither.
    pub fn pixel(self, position: Position) -> Option<Pixel> {
        let (x, y) = projected(position)?;
        let world = self.world();
        let unit = |part: f64| (part * world as f64).floor() as i64;
        let x = unit(x) - i64::from(self.column) * UNITS;
        let around = [0, -world, world].into_iter().map(|turn| x + turn);
        let distance = |x: &i64| (-x).max(x - UNITS + 1).max(0);
        let pixel = Pixel { x: around.min_by_key(distance)?, y: unit(y) - i64::from(self.row) * UNITS };
        let near = -BUFFER..UNITS + BUFFER;
        (near.contains(&pixel.x) && near.contains(&pixel.y)).then_some(pixel)
    }

    /// Units of the world at its zoom.
    const fn world(self) -> i64 {
        UNITS << self.zoom
    }
}

impl Pixel {
    /// Whether it is in the tile itself, not in its buffer.
    pub fn is_inside(self) -> bool {
        let tile = 0..UNITS;
        tile.contains(&self.x) && tile.contains(&self.y)
    }
}

/// Longitude of a part of the way round from -180.
fn wrapped(x: f64) -> f64 {
    x.rem_euclid(1.0) * 360.0 - 180.0
}

/// Position in the square of the whole world, from the upper left corner; `None` beyond the latitudes that it has.
fn projected(position: Position) -> Option<(f64, f64)> {
    let x = ((position.lon() + 180.0) / 360.0).rem_euclid(1.0);
    let y = (1.0 - position.lat().to_radians().tan().asinh() / PI) / 2.0;
    (0.0..1.0).contains(&y).then_some((x, y))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anywhere() -> impl Strategy<Value = Position> {
        let lat = prop_oneof![-85.0..=85.0, Just(0.0), Just(66.513_260_443_111_86)];
        let lon = prop_oneof![-180.0..=180.0, Just(180.0), Just(-180.0), Just(0.0), Just(90.0), Just(-45.0)];
        (lat, lon).prop_map(|(lat, lon)| Position::new(lat, lon).unwrap())
    }

    /// The tiles of a zoom that have a position inside.
    fn holding(zoom: u8, position: Position) -> Vec<Tile> {
        let (x, y) = projected(position).unwrap();
        let count = i64::from(1_u32 << zoom);
        let around = |part: f64| {
            let at = (part * count as f64) as i64;
            let mut near = [-1, 0, 1].map(|step| (at + step).rem_euclid(count) as u32).to_vec();
            near.sort_unstable();
            near.dedup();
            near
        };
        let rows = around(y);
        let tiles = around(x).into_iter().flat_map(|x| rows.iter().map(move |&y| Tile::new(zoom, x, y)));
        let inside = |tile: &Tile| tile.pixel(position).is_some_and(Pixel::is_inside);
        tiles.flatten().filter(inside).collect()
    }

    proptest! {
        #[test]
        fn a_position_is_in_one_tile_of_each_zoom(position in anywhere()) {
            let mut parent: Option<Tile> = None;
            for zoom in 0..=MAX_ZOOM {
                let tiles = holding(zoom, position);
                prop_assert_eq!(tiles.len(), 1, "{:?}", tiles);
                let tile = tiles[0];
                prop_assert!(tile.bounds().contains(position), "{:?} {:?}", tile, position);
                if let Some(parent) = parent {
                    prop_assert_eq!((tile.column / 2, tile.row / 2), (parent.column, parent.row));
                }
                parent = Some(tile);
            }
        }

        #[test]
        fn the_bounds_hold_the_buffer(position in anywhere(), zoom in 0..=MAX_ZOOM, x in 0..1_u32 << 22, y in 0..1_u32 << 22) {
            let tile = Tile::new(zoom, x % (1 << zoom), y % (1 << zoom)).unwrap();
            prop_assert!(tile.pixel(position).is_none() || tile.bounds().contains(position));
        }
    }

    #[test]
    fn corners_are_where_the_standard_has_them() {
        let at = |lat, lon| Position::new(lat, lon).unwrap();
        let pixel = |zoom, x, y, lat, lon| Tile::new(zoom, x, y).unwrap().pixel(at(lat, lon));
        assert_eq!(pixel(0, 0, 0, 0.0, 0.0), Some(Pixel { x: 2_048, y: 2_048 }));
        assert_eq!(pixel(1, 1, 1, 0.0, 0.0), Some(Pixel { x: 0, y: 0 }));
        assert_eq!(pixel(1, 0, 0, 0.0, 0.0), Some(Pixel { x: 4_096, y: 4_096 }), "in its buffer");
        assert_eq!(pixel(1, 0, 0, 0.0, 180.0), Some(Pixel { x: 0, y: 4_096 }));
        assert_eq!(
            pixel(1, 1, 0, 10.0, 180.0).map(|pixel| pixel.x),
            Some(4_096),
            "across the edge of the map"
        );
        assert_eq!(pixel(0, 0, 0, 90.0, 0.0), None, "beyond the projection");
        assert_eq!(pixel(0, 0, 0, -85.06, 0.0), None);
    }
}
