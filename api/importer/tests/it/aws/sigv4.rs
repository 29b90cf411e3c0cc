//! Signatures, version 4, computed a second time: "Create a signed AWS API request" in the user guide of IAM.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::{KEY, REGION};

/// Whether a request is signed by the key: in its headers, or in its URL.
pub(super) fn check(
    service: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    now_ms: u64,
) -> Result<(), &'static str> {
    let query = uri.query().unwrap_or_default();
    let mut parameters: BTreeMap<&str, &str> =
        query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let given = parameters.remove("X-Amz-Signature").map(str::to_owned);
    let (signature, scope, signed, at, payload) = if let Some(signature) = given {
        let text = |name| percent_decode_str(parameters[name]).decode_utf8().unwrap().into_owned();
        let at = text("X-Amz-Date");
        let expires: u64 = text("X-Amz-Expires").parse().unwrap();
        if now_ms / 1_000 > unix_s(&at) + expires {
            return Err("AccessDenied");
        }
        (signature, text("X-Amz-Credential"), text("X-Amz-SignedHeaders"), at, "UNSIGNED-PAYLOAD".to_owned())
    } else {
        let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
        let authorization =
            text("authorization").strip_prefix("AWS4-HMAC-SHA256 ").ok_or("MissingAuthentication")?;
        let part = |name: &str| {
            let found = authorization.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.unwrap().to_owned()
        };
        if text("x-amz-content-sha256") != hex(&Sha256::digest(body)) {
            return Err("XAmzContentSHA256Mismatch");
        }
        let payload = text("x-amz-content-sha256").to_owned();
        (part("Signature"), part("Credential"), part("SignedHeaders"), text("x-amz-date").to_owned(), payload)
    };
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut lines = format!("{method}\n{}\n{}\n", uri.path(), pairs.join("&"));
    for name in signed.split(';') {
        let value = headers.get(name).ok_or("SignatureDoesNotMatch")?.to_str().unwrap().trim();
        lines.extend([name, ":", value, "\n"]);
    }
    lines.extend(["\n", &signed, "\n", &payload]);
    let expected = [KEY.0, &at[..8], REGION, service, "aws4_request"].join("/");
    let scope_only = scope.split_once('/').map_or("", |(_, rest)| rest);
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope_only}\n{}", hex(&Sha256::digest(lines.as_bytes())));
    let mut key = format!("AWS4{}", KEY.1).into_bytes();
    for part in scope_only.split('/') {
        key = hmac(&key, part.as_bytes());
    }
    let is_right = scope == expected && hex(&hmac(&key, text.as_bytes())) == signature;
    if is_right { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

/// RFC 2104.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    let short = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36), text].concat());
    Sha256::digest([&block.map(|byte| byte ^ 0x5c), inner.as_slice()].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

pub(super) fn base64_sha256(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let hash = Sha256::digest(bytes);
    let text: String = hash
        .chunks(3)
        .flat_map(|part| {
            let word =
                part.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
            (0..4).map(move |at| {
                if at > part.len() { '=' } else { char::from(DIGITS[(word >> (18 - 6 * at)) as usize & 63]) }
            })
        })
        .collect();
    text
}

/// Of a time as in `20261130T120000Z`.
fn unix_s(text: &str) -> u64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    // Days from the civil calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let (year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 + day
        - 1
        - 719_468;
    (days * 86_400 + number(9, 11) * 3_600 + number(11, 13) * 60 + number(13, 15)) as u64
}
