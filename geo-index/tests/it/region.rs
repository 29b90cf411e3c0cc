//! Regions against an independent implementation, and searches within them against brute force.

use std::sync::Arc;

use geo_index::tree::{BoxQuery, BoxScan, NearbyQuery, NearbySearch, SearchLimits, Selection};
use geo_index::{BBox, Leaf, Meters, Position, Region, RegionError, distance};
use proptest::prelude::*;
use rand::RngExt;

use crate::support::{
    Index, Keep, Point, anywhere, at_most, brute_force, clustered, destination, found, nearby, rng,
};

type Ring = Vec<[f64; 2]>;
type Vector = [f64; 3];

fn vector(lon: f64, lat: f64) -> Vector {
    let ((sin_lat, cos_lat), (sin_lon, cos_lon)) = (lat.to_radians().sin_cos(), lon.to_radians().sin_cos());
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn minus(a: Vector, b: Vector, times: f64) -> Vector {
    [a[0] - times * b[0], a[1] - times * b[1], a[2] - times * b[2]]
}

/// The angle at `at` from `from` to `to`, counterclockwise, between -π and π.
fn angle_at(at: Vector, from: Vector, to: Vector) -> f64 {
    let flat = |point: Vector| minus(point, at, dot(point, at));
    let (from, to) = (flat(from), flat(to));
    dot(at, cross(from, to)).atan2(dot(from, to))
}

/// How many times a ring goes around a point, by the sum of the angles that its edges are seen under; the turn that it
/// makes around the point on the other side of the sphere shows in the sum as well, so rings are small here.
fn turns(ring: &Ring, point: Vector) -> i64 {
    let corners: Vec<Vector> = ring.iter().map(|[lon, lat]| vector(*lon, *lat)).collect();
    let next = corners.iter().cycle().skip(1);
    let sum: f64 = corners.iter().zip(next).map(|(from, to)| angle_at(point, *from, *to)).sum();
    (sum / std::f64::consts::TAU).round() as i64
}

/// The distance from a point to an arc, in radians, by looking along it.
fn away(point: Vector, [from, to]: [Vector; 2]) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    let sum = |share: f64| {
        let sum = minus([0.0; 3], from, share - 1.0);
        let sum = minus(sum, to, -share);
        let length = dot(sum, sum).sqrt();
        sum.map(|part| part / length)
    };
    let at = |share: f64| {
        let to = minus(sum(share), point, 1.0);
        2.0 * (dot(to, to).sqrt() / 2.0).min(1.0).asin()
    };
    // The distance along an arc of less than half a circle has one minimum.
    for _ in 0..200 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if at(a) < at(b) { high = b } else { low = a }
    }
    at(low).min(at(0.0)).min(at(1.0))
}

fn at(lat: f64, lon: f64) -> Position {
    Position::new(lat, lon).unwrap()
}

fn of(rings: &[Ring]) -> Region {
    let mut region = Region::default();
    region.add_polygon(rings).unwrap();
    region
}

/// A star around a position, a few metres or thousands of kilometres wide.
fn star(centre: Position, size_m: f64, radii: &[f64]) -> Ring {
    let corner = |(i, radius): (usize, &f64)| {
        let bearing = -(i as f64) / radii.len() as f64 * std::f64::consts::TAU;
        let corner = destination(centre, size_m * radius, bearing);
        [corner.lon(), corner.lat()]
    };
    radii.iter().enumerate().map(corner).collect()
}

fn centre() -> impl Strategy<Value = Position> {
    let lat = prop_oneof![-90.0..=90.0_f64, Just(90.0), Just(-90.0), 89.0..90.0_f64, Just(0.0)];
    let lon = prop_oneof![-180.0..=180.0_f64, Just(180.0), Just(-180.0), Just(0.0)];
    (lat, lon).prop_map(|(lat, lon)| at(lat, lon))
}

fn size() -> impl Strategy<Value = f64> {
    (0.0..7.0_f64).prop_map(|exponent| 10_f64.powf(exponent) * 0.9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Stars with a hole, anywhere and of any size.
    #[test]
    fn a_polygon_holds_what_its_rings_go_around(
        centre in centre(), size in size(), radii in proptest::collection::vec(0.2..1.0_f64, 3..40),
        hole in proptest::collection::vec(0.05..0.15_f64, 3..9), clockwise: bool,
        points in proptest::collection::vec((0.0..1.3_f64, 0.0..6.3_f64), 20),
    ) {
        let mut rings = vec![star(centre, size, &radii), star(centre, size, &hole)];
        if clockwise {
            rings[0].reverse();
        }
        // At a pole, corners a few centimetres from each other may be computed as one.
        prop_assume!(!matches!(Region::default().add_polygon(&rings), Err(RegionError::Corners(_))));
        let region = of(&rings);
        for (share, bearing) in points {
            let position = destination(centre, share * size, bearing);
            let point = vector(position.lon(), position.lat());
            let inside = rings.iter().map(|ring| turns(ring, point)).sum::<i64>() % 2 != 0;
            let border = rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().cycle().skip(1)));
            let near = border.map(|(from, to)| away(point, [vector(from[0], from[1]), vector(to[0], to[1])]));
            if near.fold(f64::INFINITY, f64::min) * 6_371_008.8 > 1e-4 {
                prop_assert_eq!(region.contains(position), inside, "{:?}", position);
            }
        }
    }

    /// A closed ring, one whose corners begin elsewhere, and one with corners added on its edges are the same.
    #[test]
    fn a_polygon_is_the_same_however_it_is_written(
        centre in centre(), size in size(), radii in proptest::collection::vec(0.2..1.0_f64, 3..20), shift in 0..20_usize,
        points in proptest::collection::vec((0.0..1.3_f64, 0.0..6.3_f64), 10),
    ) {
        let ring = star(centre, size, &radii);
        let mut closed = ring.clone();
        closed.push(ring[0]);
        let mut shifted = ring.clone();
        shifted.rotate_left(shift % ring.len());
        let turned: Ring = ring.iter().map(|[lon, lat]| [if *lon > 0.0 { lon - 360.0 } else { lon + 360.0 }, *lat]).collect();
        let regions = [of(&[ring]), of(&[closed]), of(&[shifted]), of(&[turned])];
        for (share, bearing) in points {
            let position = destination(centre, share * size, bearing);
            let contains: Vec<bool> = regions.iter().map(|region| region.contains(position)).collect();
            prop_assert!(contains[1..].iter().all(|other| *other == contains[0]) || near_border(&regions[0], position), "{:?}", contains);
        }
    }

    /// Every corner and every middle of an edge belongs to its polygon, from both sides.
    #[test]
    fn the_border_belongs_to_it(
        centre in centre(), size in size(), radii in proptest::collection::vec(0.2..1.0_f64, 3..20),
    ) {
        let ring = star(centre, size, &radii);
        let mut backwards = ring.clone();
        backwards.reverse();
        let regions = [of(std::slice::from_ref(&ring)), of(&[backwards])];
        for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let (a, b) = (vector(from[0], from[1]), vector(to[0], to[1]));
            let sum = minus(a, b, -1.0);
            let middle = at(sum[2].atan2(sum[0].hypot(sum[1])).to_degrees(), sum[1].atan2(sum[0]).to_degrees());
            for region in &regions {
                prop_assert!(region.contains(at(from[1], from[0])), "{:?}", from);
                prop_assert!(region.contains(middle), "{:?} {:?}", from, to);
            }
        }
    }

    #[test]
    fn a_corridor_holds_what_is_near_its_line(
        start in centre(), steps in proptest::collection::vec((10.0..3e6_f64, 0.0..6.3_f64), 1..30), width in 1.0..1e6_f64,
        points in proptest::collection::vec((0..30_usize, 0.0..2.0_f64, 0.0..6.3_f64), 20),
    ) {
        let mut line = vec![start];
        for (step, bearing) in steps {
            let last = *line.last().unwrap();
            line.push(destination(last, step, bearing));
        }
        let coordinates: Ring = line.iter().map(|point| [point.lon(), point.lat()]).collect();
        let mut region = Region::default();
        region.add_corridor(&coordinates, Meters::new(width).unwrap()).unwrap();
        for (corner, share, bearing) in points {
            let position = destination(line[corner % line.len()], share * width, bearing);
            let point = vector(position.lon(), position.lat());
            let arcs = line.windows(2).map(|pair| [0, 1].map(|end| vector(pair[end].lon(), pair[end].lat())));
            let near = arcs.map(|arc| away(point, arc)).fold(f64::INFINITY, f64::min) * 6_371_008.8;
            if (near - width).abs() > 0.05 {
                prop_assert_eq!(region.contains(position), near < width, "{} of {}", near, width);
            }
        }
    }

    #[test]
    fn searches_within_a_region_equal_brute_force(
        number in 0..1_000_usize, size in 1e3..6e6_f64, radii in proptest::collection::vec(0.2..1.0_f64, 3..30),
        kind in 0..4_u8, lat in -90.0..=90.0_f64, lon in -180.0..=180.0_f64, limit in 1..=60_usize, seed in 0..3_u64,
    ) {
        let points = clustered(1_000, seed);
        let centre = points[number].position;
        let mut region = Region::default();
        let ring = star(centre, size, &radii);
        match kind {
            0 => region.add_polygon(&[ring]).unwrap(),
            1 => region.add_corridor(&ring, Meters::new(size.min(1e6) / 3.0).unwrap()).unwrap(),
            2 => region.add_box(box_around(centre, size)),
            _ => {
                region.add_polygon(&[ring.clone(), star(centre, size / 4.0, &[1.0; 9])]).unwrap();
                region.add_polygon(&[star(points[(number + 7) % 1_000].position, size, &radii)]).unwrap();
            }
        }
        let inside: Vec<Point> = points.iter().filter(|point| region.contains(point.position)).cloned().collect();
        let index = Index::new(&points);
        let region = Selection { region: Some(Arc::new(region)), filter: None };
        let query = nearby(lat, lon, 21e6, limit);
        let query = NearbyQuery { radius: geo_index::HALF_CIRCUMFERENCE, ..query };
        let search = NearbySearch::new(query.clone(), SearchLimits::default()).selecting(region.clone());
        prop_assert_eq!(found(&index.drive(search).unwrap()), brute_force(&inside, &query));
        let mut expected: Vec<_> = inside.iter().map(|point| (Leaf::at(point.position), point.id.clone())).collect();
        expected.sort();
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let query = BoxQuery { bbox: BBox::WORLD, limit: at_most(limit), category: None, after };
            let answer = index.drive_scan(BoxScan::new(query, SearchLimits::default()).selecting(region.clone()));
            walked.extend(answer.hits.iter().map(|hit| (hit.leaf(), hit.id().to_owned())));
            after = answer.next;
            if after.is_none() {
                break;
            }
        }
        prop_assert_eq!(walked, expected);
    }
}

fn box_around(centre: Position, size: f64) -> BBox {
    let half = size / 111_195.0;
    let (south, north) = ((centre.lat() - half).max(-90.0), (centre.lat() + half).min(90.0));
    let turn = |lon: f64| (lon + 540.0).rem_euclid(360.0) - 180.0;
    BBox::new(turn(centre.lon() - half), south, turn(centre.lon() + half), north).unwrap()
}

/// Whether both lie to either side of a position that is as near as rounding.
fn near_border(region: &Region, position: Position) -> bool {
    let around = (0..16).map(|step| destination(position, 1e-4, f64::from(step)));
    let inside = around.filter(|position| region.contains(*position)).count();
    (1..16).contains(&inside)
}

#[test]
fn poles_and_the_antimeridian_are_nothing_special() {
    let ring: Ring = (0..12).map(|i| [f64::from(i) * 30.0 - 180.0, -60.0]).collect();
    let antarctic = of(std::slice::from_ref(&ring));
    let fiji = of(&[vec![[177.0, -20.0], [-178.0, -20.0], [-178.0, -12.0], [177.0, -12.0]]]);
    // Cut at the antimeridian and at the pole, as GeoJSON has it.
    let mut cut = vec![[-180.0, -90.0]];
    cut.extend(ring.iter().copied());
    cut.extend([[180.0, -60.0], [180.0, -90.0]]);
    let cut = of(&[cut]);
    for lon in [-180.0, -179.9, -90.0, 0.0, 33.0, 179.9, 180.0] {
        for lat in [-90.0, -89.0, -75.0, -62.5, -57.0, 0.0, 89.0, 90.0] {
            assert_eq!(antarctic.contains(at(lat, lon)), lat < -60.0, "{lat}, {lon}");
            assert_eq!(cut.contains(at(lat, lon)), lat < -60.0, "{lat}, {lon}");
        }
        assert_eq!(fiji.contains(at(-18.0, lon)), lon.abs() > 178.0, "{lon}");
    }
}

/// Between corners, edges are not parallels: they bend towards the pole.
#[test]
fn edges_are_great_circles_unless_they_are_planar() {
    let ring = vec![[0.0, 40.0], [60.0, 40.0], [60.0, 50.0], [0.0, 50.0]];
    let geodesic = of(std::slice::from_ref(&ring));
    let mut planar = Region::default();
    planar.add_planar_polygon(&[ring]).unwrap();
    let mut bbox = Region::default();
    bbox.add_box(BBox::new(0.0, 40.0, 60.0, 50.0).unwrap());
    for (lat, lon, on_sphere, in_plane) in [
        (45.0, 30.0, true, true),
        (41.0, 30.0, false, true),
        (52.0, 30.0, true, false),
        (39.0, 30.0, false, false),
    ] {
        let found = [&geodesic, &planar, &bbox].map(|region| region.contains(at(lat, lon)));
        assert_eq!(found, [on_sphere, in_plane, in_plane], "{lat}, {lon}");
    }
}

/// What lies on a border is inside whatever the edges are.
#[test]
fn the_border_of_a_planar_polygon_is_inside() {
    let planar = |ring: &[[f64; 2]]| {
        let mut region = Region::default();
        region.add_planar_polygon(&[ring.to_vec()]).unwrap();
        region
    };
    // A micrometre is some 9e-12 degrees of latitude.
    let near = 5e-12;
    let diamond = planar(&[[10.0, -0.01], [10.01, 0.0], [10.0, 0.01], [9.99, 0.0]]);
    for (lat, lon) in
        [(-0.01, 10.0), (0.0, 10.01), (0.01, 10.0), (0.0, 9.99), (0.005, 10.005), (-0.005, 9.995)]
    {
        assert!(diamond.contains(at(lat, lon)), "{lat}, {lon}");
    }
    let square = planar(&[[170.0, 60.0], [190.0, 60.0], [190.0, 70.0], [170.0, 70.0]]);
    for (lat, lon) in [(60.0, 175.0), (70.0, 175.0), (65.0, 170.0), (65.0, -170.0), (70.0, -170.0)] {
        for (dlat, dlon) in [(0.0, 0.0), (near, 0.0), (-near, 0.0), (0.0, near), (0.0, -near)] {
            assert!(square.contains(at(lat + dlat, lon + dlon)), "{lat}, {lon}, {dlat}, {dlon}");
        }
    }
    for (lat, lon) in [(59.999_999, 175.0), (70.000_001, 175.0), (65.0, 169.999_99), (65.0, -169.999_99)] {
        assert!(!square.contains(at(lat, lon)), "{lat}, {lon}");
    }
    let world = planar(&[[-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0]]);
    let north = planar(&[[-180.0, 89.8], [180.0, 89.8], [180.0, 90.0], [-180.0, 90.0]]);
    let wedge = planar(&[[0.0, 80.0], [10.0, 80.0], [10.0, 90.0], [0.0, 90.0]]);
    let points = [
        (90.0, 0.0),
        (90.0, -77.0),
        (-90.0, 5.0),
        (0.0, 180.0),
        (0.0, -180.0),
        (-89.9, 180.0),
        (89.9, 180.0),
    ];
    for (lat, lon) in points {
        assert!(world.contains(at(lat, lon)), "{lat}, {lon}");
        assert_eq!(north.contains(at(lat, lon)), lat > 89.0, "{lat}, {lon}");
        assert_eq!(wedge.contains(at(lat, lon)), lat >= 90.0, "{lat}, {lon}");
    }
    // A search comes to them as well.
    let points: Vec<Point> =
        points.iter().enumerate().map(|(i, (lat, lon))| Point::new(i.to_string(), *lat, *lon)).collect();
    let index = Index::new(&points);
    for (region, count) in [(world, 7), (north, 3), (wedge, 2)] {
        let selection = Selection { region: Some(Arc::new(region)), filter: None };
        let search = NearbySearch::new(nearby(80.0, 5.0, 20_037_508.0, 10), SearchLimits::default());
        let answer = index.drive(search.selecting(selection.clone())).unwrap();
        assert_eq!(answer.hits.len(), count);
        let query = BoxQuery { bbox: BBox::WORLD, limit: at_most(10), category: None, after: None };
        let scan = BoxScan::new(query, SearchLimits::default()).selecting(selection);
        assert_eq!(index.drive_scan(scan).hits.len(), count);
    }
}

#[test]
fn what_is_no_region_is_refused() {
    let polygon = |ring: &[[f64; 2]]| Region::default().add_polygon(&[ring.to_vec()]).unwrap_err();
    assert_eq!(polygon(&[]), RegionError::Corners(0));
    assert_eq!(polygon(&[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), RegionError::Corners(2));
    assert_eq!(
        polygon(&[[0.0, 90.0], [50.0, 90.0], [1.0, 1.0]]),
        RegionError::Corners(2),
        "a pole is one point"
    );
    assert_eq!(polygon(&[[0.0, 0.0], [1.0, 91.0], [0.0, 1.0]]), RegionError::Latitude(91.0));
    assert_eq!(polygon(&[[0.0, 0.0], [361.0, 9.0], [0.0, 1.0]]), RegionError::Longitude(361.0));
    assert!(matches!(polygon(&[[0.0, 0.0], [f64::NAN, 9.0], [0.0, 1.0]]), RegionError::Longitude(_)));
    assert_eq!(polygon(&[[0.0, 0.0], [120.0, 0.0], [-120.0, 0.0]]), RegionError::TooWide);
    assert_eq!(
        polygon(&[[-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0]]),
        RegionError::Corners(2)
    );
    let line = |line: &[[f64; 2]], width| {
        Region::default().add_corridor(line, Meters::new(width).unwrap()).unwrap_err()
    };
    assert_eq!(line(&[[0.0, 0.0], [0.0, 0.0]], 1.0), RegionError::Points(1));
    assert_eq!(line(&[[0.0, 0.0], [180.0, 0.0]], 1.0), RegionError::Opposite);
    assert_eq!(line(&[[0.0, 0.0], [9.0, 0.0]], 0.0), RegionError::Width(0.0));
    assert_eq!(line(&[[0.0, 0.0], [9.0, 0.0]], 1_000_001.0), RegionError::Width(1_000_001.0));
}

/// A town of 20,000 places and a polygon of a few streets: its places cost few reads, from wherever they are sorted.
#[test]
fn a_region_costs_the_reads_of_its_own_pages() {
    let mut rng = rng(4);
    let town = at(35.7, 139.7);
    let place = |i: usize| {
        let position = destination(town, rng.random_range(0.0..15_000.0), rng.random_range(0.0..6.3));
        Point::new(format!("p{i}"), position.lat(), position.lon())
    };
    let points: Vec<Point> = (0..20_000).map(place).collect();
    let mut region = Region::default();
    region.add_polygon(&[star(destination(town, 6_000.0, 1.0), 400.0, &[1.0; 40])]).unwrap();
    let inside: Vec<Point> = points.iter().filter(|point| region.contains(point.position)).cloned().collect();
    assert!(inside.len() > 5);
    for from in [town, at(35.0, 139.0), anywhere(&mut rng)] {
        let index = Index::keeping(&points, Keep::Nothing);
        let query =
            NearbyQuery { radius: geo_index::HALF_CIRCUMFERENCE, ..nearby(from.lat(), from.lon(), 1.0, 100) };
        let selection = Selection { region: Some(Arc::new(region.clone())), filter: None };
        let answer = index
            .drive(NearbySearch::new(query.clone(), SearchLimits::default()).selecting(selection))
            .unwrap();
        assert_eq!(found(&answer), brute_force(&inside, &query));
        assert!(index.queries.get() <= 14, "{} reads from {from:?}", index.queries.get());
        assert!(distance(from, town).get() >= 0.0);
    }
}
