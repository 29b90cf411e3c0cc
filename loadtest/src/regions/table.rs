//! The regions of AWS.

use geo_index::Position;

/// A region of AWS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownRegion {
    /// Its code.
    pub name: &'static str,
    /// What AWS calls the place.
    pub place: &'static str,
    lat: f64,
    lon: f64,
}

impl KnownRegion {
    /// About where it is.
    pub fn position(&self) -> Position {
        Position::new(self.lat, self.lon).expect("a position on Earth")
    }
}

const fn at(name: &'static str, place: &'static str, lat: f64, lon: f64) -> KnownRegion {
    KnownRegion { name, place, lat, lon }
}

/// Codes and places: AWS, "AWS Regions"
/// (<https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>), in 2026. AWS names a city, a state or a
/// country and not its data centres; the positions are those of the city (GeoNames, CC BY 4.0, a tenth of a degree), and where none
/// is named, of the place that it is known to build at: Ashburn for N. Virginia, Columbus for Ohio, San José for
/// N. California, Boardman for Oregon, Dublin, Montréal for Canada (Central), Querétaro for Mexico (Central), Zaragoza for
/// Spain, Dubai for the UAE, Kuala Lumpur and Bangkok for their countries.
const REGIONS: [KnownRegion; 34] = [
    at("af-south-1", "Africa (Cape Town)", -33.9, 18.4),
    at("ap-east-1", "Asia Pacific (Hong Kong)", 22.3, 114.2),
    at("ap-east-2", "Asia Pacific (Taipei)", 25.0, 121.5),
    at("ap-northeast-1", "Asia Pacific (Tokyo)", 35.7, 139.7),
    at("ap-northeast-2", "Asia Pacific (Seoul)", 37.6, 127.0),
    at("ap-northeast-3", "Asia Pacific (Osaka)", 34.7, 135.5),
    at("ap-south-1", "Asia Pacific (Mumbai)", 19.1, 72.9),
    at("ap-south-2", "Asia Pacific (Hyderabad)", 17.4, 78.5),
    at("ap-southeast-1", "Asia Pacific (Singapore)", 1.3, 103.8),
    at("ap-southeast-2", "Asia Pacific (Sydney)", -33.9, 151.2),
    at("ap-southeast-3", "Asia Pacific (Jakarta)", -6.2, 106.8),
    at("ap-southeast-4", "Asia Pacific (Melbourne)", -37.8, 145.0),
    at("ap-southeast-5", "Asia Pacific (Malaysia)", 3.1, 101.7),
    at("ap-southeast-6", "Asia Pacific (New Zealand)", -36.8, 174.8),
    at("ap-southeast-7", "Asia Pacific (Thailand)", 13.8, 100.5),
    at("ca-central-1", "Canada (Central)", 45.5, -73.6),
    at("ca-west-1", "Canada West (Calgary)", 51.0, -114.1),
    at("eu-central-1", "Europe (Frankfurt)", 50.1, 8.7),
    at("eu-central-2", "Europe (Zurich)", 47.4, 8.5),
    at("eu-north-1", "Europe (Stockholm)", 59.3, 18.1),
    at("eu-south-1", "Europe (Milan)", 45.5, 9.2),
    at("eu-south-2", "Europe (Spain)", 41.7, -0.9),
    at("eu-west-1", "Europe (Ireland)", 53.3, -6.3),
    at("eu-west-2", "Europe (London)", 51.5, -0.1),
    at("eu-west-3", "Europe (Paris)", 48.9, 2.4),
    at("il-central-1", "Israel (Tel Aviv)", 32.1, 34.8),
    at("me-central-1", "Middle East (UAE)", 25.3, 55.3),
    at("me-south-1", "Middle East (Bahrain)", 26.2, 50.6),
    at("mx-central-1", "Mexico (Central)", 20.6, -100.4),
    at("sa-east-1", "South America (São Paulo)", -23.5, -46.6),
    at("us-east-1", "US East (N. Virginia)", 39.0, -77.5),
    at("us-east-2", "US East (Ohio)", 40.0, -83.0),
    at("us-west-1", "US West (N. California)", 37.3, -121.9),
    at("us-west-2", "US West (Oregon)", 45.8, -119.7),
];

/// All regions that are known by name.
pub fn known() -> &'static [KnownRegion] {
    &REGIONS
}

pub(super) fn position(name: &str) -> Option<Position> {
    REGIONS.iter().find(|region| region.name == name).map(KnownRegion::position)
}
