//! What an upload's URL lets its holder do, and what it does not.

use std::time::Duration;

use cellar_http::imports::{Announced, Imports as _};
use futures::{StreamExt as _, stream};
use reqwest::Client;

use crate::bed::{Bed, order, put};

#[tokio::test]
async fn an_upload_is_of_one_length_and_happens_once() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.order(7, None, &[]).await.unwrap();
    for other in ["123456", "12345678"] {
        let upload = job.upload.as_ref().unwrap();
        let mut request = Client::new().put(&upload.url).body(other);
        for (name, value) in upload.headers.iter().filter(|(name, _)| **name != "content-length") {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 403, "{other}");
        assert!(answer.text().await.unwrap().contains("SignatureDoesNotMatch"));
    }
    assert_eq!(put(&job, "1234567").await.status(), 200);
    assert_eq!(put(&job, "7654321").await.status(), 412, "nobody replaces what is being imported");
    assert_eq!(bed.aws.object(&format!("uploads/places/{}", job.id)).unwrap(), "1234567");
}

#[tokio::test]
async fn with_a_hash_no_other_file_is_taken() {
    let bed = Bed::new(|_, _| {}).await;
    let sha256 = Some(<sha2::Sha256 as sha2::Digest>::digest("1234567").into());
    let announced = Some(Announced { bytes: 7, sha256 });
    let job = bed.uploads.submit(order(announced, None, &[]), stream::empty().boxed()).await.unwrap();
    assert_eq!(put(&job, "7654321").await.status(), 400);
    let mut forged = job.clone();
    forged.upload.as_mut().unwrap().headers.remove("x-amz-checksum-sha256");
    assert_eq!(put(&forged, "7654321").await.status(), 403);
    assert_eq!(put(&job, "1234567").await.status(), 200);
}

#[tokio::test]
async fn an_upload_has_to_begin_in_time() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.order(1, None, &[]).await.unwrap();
    bed.clock.advance(Duration::from_mins(16));
    assert_eq!(put(&job, "x").await.status(), 403);
    assert_eq!(bed.job(&job.id).await.upload, None, "nor is there another URL");
}

#[tokio::test]
async fn nothing_else_can_be_done_with_it() {
    let bed = Bed::new(|_, _| {}).await;
    let job = bed.send("id,lat,lon\na,1,2\n").await;
    let sent = bed.order(1, None, &[]).await.unwrap();
    let url = &sent.upload.as_ref().unwrap().url;
    let other = url.replace(&sent.id, &job.id);
    for (what, request) in [
        ("another object", Client::new().put(&other).header("if-none-match", "*").body("x")),
        ("without the condition", Client::new().put(url).body("x")),
        ("reading", Client::new().get(url)),
        ("deleting", Client::new().delete(url)),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 403, "{what}");
    }
}
