//! Times in a key's record, as people read them (RFC 3339).

use std::time::SystemTime;

use serde::{Deserialize as _, Deserializer, Serializer};

fn parse<E: serde::de::Error>(text: &str) -> Result<SystemTime, E> {
    humantime::parse_rfc3339(text)
        .map_err(|_| E::custom(format!("{text:?} is no time such as 2027-01-15T08:00:00Z")))
}

pub(super) mod required {
    use super::*;

    pub(in crate::keys) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_rfc3339_seconds(*time))
    }

    pub(in crate::keys) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        parse(&String::deserialize(from)?)
    }
}

pub(super) mod optional {
    use super::*;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::keys) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => required::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::keys) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Option::<String>::deserialize(from)?.map(|text| parse::<D::Error>(&text)).transpose()
    }
}
