//! Signatures, version 4, in the forms that S3 and SQS want.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SignatureLocation, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

/// What RFC 3986 leaves as it is, and AWS wants so.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a request could not be signed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a request cannot be signed: {0}")]
pub struct SignError(pub(crate) String);

/// A request that is signed as a whole.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    /// Percent-encoded.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

/// Who signs, and for where.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) region: String,
    pub(crate) service: &'static str,
}

impl Signer {
    /// The URL of a request that somebody else may send from now on, for a while.
    pub(crate) async fn presign(
        &self,
        request: Unsigned<'_>,
        now: SystemTime,
        valid: Duration,
    ) -> Result<String, SignError> {
        let mut settings = Self::settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(valid);
        let url = request.url;
        let (_, parameters) = self.sign(request, SignableBody::UnsignedPayload, now, settings).await?;
        let mut signed = String::from(url);
        for (name, value) in parameters {
            signed.push(if signed.contains('?') { '&' } else { '?' });
            signed.push_str(name);
            signed.push('=');
            signed.extend(utf8_percent_encode(&value, RESERVED));
        }
        Ok(signed)
    }

    /// The headers that sign a request with a body.
    #[cfg(feature = "client")]
    pub(crate) async fn headers(
        &self,
        request: Unsigned<'_>,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, SignError> {
        let (headers, _) = self.sign(request, SignableBody::Bytes(body), now, Self::settings()).await?;
        Ok(headers)
    }

    /// S3 takes paths as they are, and wants the hash of the payload among the headers; others take neither amiss where paths
    /// are `/`.
    fn settings() -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.session_token_mode = SessionTokenMode::Include;
        settings
    }

    async fn sign(
        &self,
        request: Unsigned<'_>,
        body: SignableBody<'_>,
        now: SystemTime,
        settings: SigningSettings,
    ) -> Result<(Vec<(String, String)>, Vec<(&'static str, String)>), SignError> {
        let failed = |error: &dyn std::fmt::Display| SignError(error.to_string());
        let identity = self.credentials.provide_credentials().await.map_err(|error| failed(&error))?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = request.headers.iter().copied();
        let signable = SignableRequest::new(request.method, request.url, headers, body);
        let signed = signable.and_then(|signable| sign(signable, &params)).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        let (headers, parameters) = instructions.into_parts();
        let headers = headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned()));
        let parameters = parameters.into_iter().map(|(name, value)| (name, value.into_owned()));
        Ok((headers.collect(), parameters.collect()))
    }
}
