//! Which process answers: its id, its region, and whether it answers for the first time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderName, HeaderValue};

/// Id of the process that answered.
pub const INSTANCE: HeaderName = HeaderName::from_static("x-cellar-instance");
/// `true` on the first answer of a process, else `false`.
pub const COLD: HeaderName = HeaderName::from_static("x-cellar-cold");
/// Region of the process that answered.
pub const REGION: HeaderName = HeaderName::from_static("x-cellar-region");

/// A process among others.
#[derive(Debug)]
pub struct Instance {
    /// 16 hexadecimal digits, chosen at random at the start.
    pub id: Arc<str>,
    id_value: HeaderValue,
    region_value: HeaderValue,
    used: AtomicBool,
}

impl Instance {
    /// A process that has answered nothing yet.
    ///
    /// ```
    /// use cellar_http::instance::Instance;
    ///
    /// let instance = Instance::new("eu-west-1");
    /// assert_eq!((instance.use_now(), instance.use_now()), (true, false));
    /// ```
    pub fn new(region: &str) -> Self {
        let id = format!("{:016x}", fastrand::u64(..));
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"));
        Self {
            id_value: value(&id),
            region_value: value(region),
            id: id.into(),
            used: AtomicBool::new(false),
        }
    }

    /// Takes note that something is asked, and tells whether it is the first thing.
    pub fn use_now(&self) -> bool {
        // Reading first keeps the cache line shared.
        self.is_unused() && !self.used.swap(true, Ordering::Relaxed)
    }

    /// Whether nothing was asked yet.
    pub fn is_unused(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    /// The headers of an answer.
    pub fn headers(&self, cold: bool) -> [(HeaderName, HeaderValue); 3] {
        let cold = HeaderValue::from_static(if cold { "true" } else { "false" });
        [(INSTANCE, self.id_value.clone()), (COLD, cold), (REGION, self.region_value.clone())]
    }
}
