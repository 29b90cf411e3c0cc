//! Round-trip times between users and regions.

use std::str::FromStr;
use std::time::Duration;

/// The speed of light in vacuum, in metres per second (by definition of the metre).
const LIGHT_M_PER_S: f64 = 299_792_458.0;

/// Speed of light in fibre relative to vacuum: the refractive index of glass is about 1.5.
const FIBRE: f64 = 2.0 / 3.0;

/// How much longer paths are than great circles: the median ping took 3.2 times as long as light in vacuum between the same
/// points (I. Bozkurt et al., "Why Is the Internet so Slow?!", PAM 2017; 3.1 in A. Singla et al., "The Internet at the
/// Speed of Light", `HotNets` 2014), of which 1.5 are the fibre's.
const PATH_FACTOR: f64 = 2.1;

/// The round trip to add to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ClientRtt {
    /// None: the real network is measured.
    #[default]
    None,
    /// By distance: 2 · distance / (2/3 c) · 2.1, without the last mile.
    Distance,
    /// The same for all users.
    Fixed(Duration),
}

impl ClientRtt {
    /// The round trip over a great-circle distance in metres.
    ///
    /// ```
    /// use cellar_loadtest::regions::ClientRtt;
    ///
    /// // Paris to N. Virginia: about 6,200 km.
    /// let rtt = ClientRtt::Distance.of(6_200_000.0);
    /// assert!((125..135).contains(&rtt.as_millis()), "{rtt:?}");
    /// ```
    pub fn of(self, away_m: f64) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(rtt) => rtt,
            Self::Distance => Duration::from_secs_f64(2.0 * away_m / (FIBRE * LIGHT_M_PER_S) * PATH_FACTOR),
        }
    }
}

impl FromStr for ClientRtt {
    type Err = String;

    /// Parses `none`, `distance` or milliseconds: `20ms`, at most ten seconds.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "distance" => Ok(Self::Distance),
            _ => {
                let ms = text.strip_suffix("ms").and_then(|number| number.parse::<f64>().ok());
                let ms = ms.filter(|ms| (0.0..=10_000.0).contains(ms));
                let rtt = ms.map(|ms| Self::Fixed(Duration::from_secs_f64(ms / 1e3)));
                rtt.ok_or_else(|| {
                    format!("expected `none`, `distance`, or a time from 0ms to 10000ms, not `{text}`")
                })
            }
        }
    }
}
