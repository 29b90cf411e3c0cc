//! A bucket: where its objects are, and requests for them that clients send themselves.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::SharedCredentialsProvider;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::sign::{SignError, Signer, Unsigned};

/// A bucket of a region.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// With a slash at the end.
    base: String,
    pub(crate) signer: Signer,
}

/// A request that a client sends as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// Where to.
    pub url: String,
    /// Headers that it has to have.
    pub headers: BTreeMap<&'static str, String>,
}

impl Bucket {
    /// A bucket by its name, at an endpoint other than the region's own if one is given.
    ///
    /// # Errors
    ///
    /// A text that says what a name may be.
    pub fn new(
        name: &str,
        region: &str,
        endpoint: Option<&str>,
        credentials: SharedCredentialsProvider,
    ) -> Result<Self, String> {
        if !is_name(name) {
            return Err("it has to be a bucket's name: 3 to 63 of a-z, 0-9 and -".into());
        }
        let base = match endpoint {
            Some(endpoint) => format!("{}/{name}/", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.{}/", host("s3", region)),
        };
        Ok(Self { base, signer: Signer { credentials, region: region.to_owned(), service: "s3" } })
    }

    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}{key}", self.base)
    }

    /// A `PUT` of one object of a length, and of a hash if one is given. It does nothing where the object is there already.
    pub async fn presign_put(
        &self,
        key: &str,
        bytes: u64,
        sha256: Option<&[u8; 32]>,
        now: SystemTime,
        valid: Duration,
    ) -> Result<Presigned, SignError> {
        let mut headers =
            BTreeMap::from([("content-length", bytes.to_string()), ("if-none-match", "*".to_owned())]);
        if let Some(sha256) = sha256 {
            headers.insert("x-amz-checksum-sha256", BASE64.encode(sha256));
        }
        let signed: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = Unsigned { method: "PUT", url: &self.url(key), headers: &signed };
        Ok(Presigned { url: self.signer.presign(request, now, valid).await?, headers })
    }

    /// A `GET` of an object, which browsers save under a name.
    pub async fn presign_get(
        &self,
        key: &str,
        file_name: &str,
        now: SystemTime,
        valid: Duration,
    ) -> Result<String, SignError> {
        let url = format!(
            "{}?response-content-disposition=attachment%3B%20filename%3D{file_name}&response-content-type=application%2Fx-ndjson",
            self.url(key)
        );
        self.signer.presign(Unsigned { method: "GET", url: &url, headers: &[] }, now, valid).await
    }
}

fn is_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// The host of a service in a region.
pub(crate) fn host(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{service}.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    /// That of "Authenticating Requests: Using Query Parameters" in the documentation of Amazon S3.
    fn example() -> Credentials {
        Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "example",
        )
    }

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(380_376)
    }

    #[tokio::test]
    async fn signatures_are_those_of_the_documentation() {
        let signer = Signer {
            credentials: SharedCredentialsProvider::new(example()),
            region: "us-east-1".into(),
            service: "s3",
        };
        let request =
            Unsigned { method: "GET", url: "https://examplebucket.s3.amazonaws.com/test.txt", headers: &[] };
        let url = signer.presign(request, noon(), Duration::from_hours(24)).await.unwrap();
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(url.ends_with(&format!("&X-Amz-Signature={signature}")), "{url}");
        assert!(
            url.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request")
        );
    }

    #[tokio::test]
    async fn an_upload_is_bound_to_its_length_and_hash_and_to_happen_once() {
        let bucket =
            Bucket::new("files-1", "eu-west-1", None, SharedCredentialsProvider::new(example())).unwrap();
        let put = |bytes, sha256| {
            let bucket = bucket.clone();
            async move {
                bucket
                    .presign_put("uploads/a/0", bytes, sha256, noon(), Duration::from_mins(15))
                    .await
                    .unwrap()
            }
        };
        let plain = put(10, None).await;
        assert!(
            plain.url.starts_with("https://files-1.s3.eu-west-1.amazonaws.com/uploads/a/0?"),
            "{}",
            plain.url
        );
        assert!(plain.url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bif-none-match&"));
        assert!(plain.url.contains("X-Amz-Expires=900"));
        assert_eq!(plain.headers["if-none-match"], "*");
        let hashed = put(10, Some(&[0; 32])).await;
        assert!(hashed.url.contains("if-none-match%3Bx-amz-checksum-sha256"), "{}", hashed.url);
        assert_eq!(hashed.headers["x-amz-checksum-sha256"], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_ne!(plain.url, put(11, None).await.url);
    }

    #[test]
    fn names_are_those_of_buckets() {
        let make = |name| Bucket::new(name, "eu-west-1", None, SharedCredentialsProvider::new(example()));
        let long = "a".repeat(64);
        for bad in ["", "ab", "Files", "files/1", "files.1", "-files", "files-", &long] {
            assert!(make(bad).is_err(), "{bad}");
        }
        assert_eq!(make("files").unwrap().url("k"), "https://files.s3.eu-west-1.amazonaws.com/k");
        let local = Bucket::new("files", "x", Some("http://h:1/"), SharedCredentialsProvider::new(example()));
        assert_eq!(local.unwrap().url("k"), "http://h:1/files/k");
        assert_eq!(host("sqs", "cn-north-1"), "sqs.cn-north-1.amazonaws.com.cn");
    }
}
