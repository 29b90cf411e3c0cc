//! Amazon CloudFront: `CreateInvalidation`, signed here (docs/adr/0011).
//!
//! A tag is invalidated as the path `#tag`, a collection as `/v1/collections/{collection}/*`. The distribution has to have
//! a `CacheTagConfig`, or it ignores tags.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{Client, Url};

use super::{EdgeInvalidator, Purge, PurgeError, whole};

/// CloudFront is a global service: its requests are signed for this region.
const REGION: &str = "us-east-1";

/// Where it is, in the standard partition.
const ENDPOINT: &str = "https://cloudfront.amazonaws.com";

/// Version of the API, in its paths and its namespace.
const VERSION: &str = "2020-05-31";

/// How long one try may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A distribution.
#[derive(Debug)]
pub struct CloudFrontPurge {
    client: Client,
    url: Url,
    credentials: SharedCredentialsProvider,
}

impl CloudFrontPurge {
    /// A distribution by its id, with the credentials of the AWS environment, at an endpoint other than
    /// CloudFront's own if one is given.
    pub fn new(distribution: &str, sdk: &SdkConfig, endpoint: Option<&str>) -> Result<Self, String> {
        if !is_id(distribution) {
            return Err("it has to be a distribution's id, capitals and digits as in E2QWRUHAPOMQZL".into());
        }
        let endpoint = endpoint.unwrap_or(ENDPOINT).trim_end_matches('/');
        let url = Url::parse(&format!("{endpoint}/{VERSION}/distribution/{distribution}/invalidation"));
        let url = url.map_err(|error| format!("its endpoint is no URL: {error}"))?;
        let credentials = sdk.credentials_provider().ok_or("there are no AWS credentials")?;
        let client = Client::builder().timeout(LIMIT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, url, credentials })
    }

    /// The headers that sign a body.
    async fn signed(&self, body: &str) -> Result<Vec<(String, String)>, PurgeError> {
        let failed =
            |what: &str, error: &dyn std::error::Error| PurgeError(format!("{what}: {}", whole(error)));
        let credentials = self.credentials.provide_credentials().await;
        let identity = credentials.map_err(|error| failed("AWS credentials", &error))?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("cloudfront")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed("signing", &error))?;
        let headers = std::iter::once(("content-type", "text/xml"));
        let request =
            SignableRequest::new("POST", self.url.as_str(), headers, SignableBody::Bytes(body.as_bytes()));
        let signed = request.and_then(|request| sign(request, &params.into()));
        let (instructions, _) = signed.map_err(|error| failed("signing", &error))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[async_trait]
impl EdgeInvalidator for CloudFrontPurge {
    async fn purge(&self, purge: &Purge, reference: &str) -> Result<(), PurgeError> {
        let body = batch(purge, reference);
        let mut request = self.client.post(self.url.clone()).header("content-type", "text/xml");
        for (name, value) in self.signed(&body).await? {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await.map_err(|error| PurgeError(whole(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let text = answer.text().await.unwrap_or_default();
        Err(PurgeError(format!("CloudFront answers {status}: {}", code(&text))))
    }
}

fn is_id(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The body of the request. Collections and tags hold nothing that XML would mind.
fn batch(purge: &Purge, reference: &str) -> String {
    let all = purge.all.then(|| "/v1/*".to_owned());
    let collections = purge.collections.iter().map(|name| format!("/v1/collections/{name}/*"));
    let tags = purge.tags.iter().map(|tag| format!("#{tag}"));
    let mut items = String::new();
    for path in all.into_iter().chain(collections).chain(tags) {
        write!(items, "<Path>{path}</Path>").expect("strings take all");
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/{VERSION}/"><Paths><Quantity>{}</Quantity><Items>{items}</Items></Paths><CallerReference>{reference}</CallerReference></InvalidationBatch>"#,
        purge.paths()
    )
}

/// The error's code, as in `TooManyInvalidationsInProgress`; its message may name accounts and roles.
fn code(text: &str) -> &str {
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or("no reason is given", |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_a_path_for_each_item() {
        let purge = Purge {
            all: false,
            collections: ["bars".to_owned()].into(),
            tags: ["places:831fb4fffffffff".to_owned(), "places:832f5afffffffff".to_owned()].into(),
        };
        let body = batch(&purge, "r-1");
        assert!(body.contains(
            "<Paths><Quantity>3</Quantity><Items><Path>/v1/collections/bars/*</Path><Path>#places:831fb4fffffffff</Path>\
             <Path>#places:832f5afffffffff</Path></Items></Paths><CallerReference>r-1</CallerReference>"
        ));
        assert!(
            batch(&Purge::everything(), "r")
                .contains("<Quantity>1</Quantity><Items><Path>/v1/*</Path></Items>")
        );
    }

    #[test]
    fn an_error_is_told_by_its_code() {
        let text = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:…</Message>";
        assert_eq!((code(text), code("<html>")), ("AccessDenied", "no reason is given"));
    }

    #[test]
    fn ids_are_capitals_and_digits() {
        assert!(is_id("E2QWRUHAPOMQZL") && !is_id("") && !is_id("E2/../x") && !is_id("e2qwruhapomqzl"));
    }
}
