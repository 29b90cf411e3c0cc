//! A transport that spoils answers.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use axum::http::StatusCode;
use cellar_client::{HttpTransport, Response, Transport, TransportError};
use serde_json::Value;

/// What is done to answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trick {
    /// The answer of another cell, which some user asked for before.
    OtherCell,
    /// The answer without or with another category.
    OtherCategory,
    /// The answer of the same cell of another collection.
    OtherCollection,
    /// The end is missing.
    CutOff,
    /// Some features are missing.
    Thinned,
    Shuffled,
    Repeated,
    /// A certificate that is larger by a metre.
    Overstated,
    NoCertificate,
    NotANumber,
    Html,
    Nothing,
    NotModified,
    Unavailable,
    NoConnection,
}

pub(super) const TRICKS: [Trick; 15] = [
    Trick::OtherCell,
    Trick::OtherCategory,
    Trick::OtherCollection,
    Trick::CutOff,
    Trick::Thinned,
    Trick::Shuffled,
    Trick::Repeated,
    Trick::Overstated,
    Trick::NoCertificate,
    Trick::NotANumber,
    Trick::Html,
    Trick::Nothing,
    Trick::NotModified,
    Trick::Unavailable,
    Trick::NoConnection,
];

/// Answers with places in them are spoilt; the exact endpoint's only if it is to be.
pub(super) struct Spoilt {
    pub(super) honest: HttpTransport,
    pub(super) trick: Trick,
    pub(super) exact_too: bool,
    pub(super) played: AtomicU32,
}

impl Spoilt {
    async fn spoil(&self, path: &str, answer: Response) -> Result<Response, TransportError> {
        let text = String::from_utf8(answer.body.to_vec()).expect("JSON");
        let with = |status, body: String| Ok(Response { status, body: body.into(), ..answer.clone() });
        let json = |change: fn(&mut Value)| {
            let mut document: Value = serde_json::from_str(&text).expect("JSON");
            change(&mut document);
            with(StatusCode::OK, document.to_string())
        };
        let other = async |path: String| self.honest.get(&path).await;
        match self.trick {
            Trick::OtherCell => other(path.replacen("gh:u0", "gh:u1", 1)).await,
            Trick::OtherCategory if path.contains('?') => {
                other(path[..path.find('?').unwrap()].to_owned()).await
            }
            Trick::OtherCategory => other(format!("{path}?category=inn")).await,
            Trick::OtherCollection => other(path.replacen("/town/", "/twin/", 1)).await,
            Trick::CutOff => with(StatusCode::OK, text[..text.len() * 2 / 3].to_owned()),
            Trick::Thinned => json(|document| drop(features(document).pop())),
            Trick::Shuffled => json(|document| features(document).reverse()),
            Trick::Repeated => json(|document| {
                let first = features(document)[0].clone();
                features(document)[1] = first;
            }),
            Trick::Overstated => json(|document| {
                let metres = document["certified_radius_m"].as_f64().unwrap_or_default();
                document["certified_radius_m"] = (metres + 1.0).into();
                features(document)[0]["distance_m"] = 1.into();
            }),
            Trick::NoCertificate => json(|document| {
                document.as_object_mut().unwrap().remove("certified_radius_m");
                features(document)[0].as_object_mut().unwrap().remove("distance_m");
            }),
            Trick::NotANumber => {
                with(StatusCode::OK, text.replacen("\"coordinates\":[", "\"coordinates\":[NaN,", 1))
            }
            Trick::Html => {
                with(StatusCode::OK, "<html><body>Sign in to the hotel's network</body></html>".into())
            }
            Trick::Nothing => with(StatusCode::OK, String::new()),
            Trick::NotModified => with(StatusCode::NOT_MODIFIED, String::new()),
            Trick::Unavailable => with(StatusCode::SERVICE_UNAVAILABLE, String::new()),
            Trick::NoConnection => Err(TransportError("reset by peer".into())),
        }
    }
}

fn features(document: &mut Value) -> &mut Vec<Value> {
    document["features"].as_array_mut().expect("features")
}

#[async_trait]
impl Transport for Spoilt {
    async fn get(&self, path: &str) -> Result<Response, TransportError> {
        let answer = self.honest.get(path).await?;
        let spoils = path.contains("/cells/") || (self.exact_too && path.contains("/nearby?"));
        // Reversing one place is no trick.
        let many = answer.body.windows(14).filter(|part| *part == b"\"coordinates\":").count() > 1;
        if !(spoils && many) {
            return Ok(answer);
        }
        self.played.fetch_add(1, Ordering::Relaxed);
        self.spoil(path, answer).await
    }
}
