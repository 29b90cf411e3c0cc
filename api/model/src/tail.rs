//! The tail of a Feature, as pages keep it: `"id":…,"geometry":…,"properties":{…}}`.

/// A payload up to its properties, and what begins with their opening brace. Within a text the quotes would be escaped, so
/// what is found is the member.
pub(crate) fn properties_of(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    const MEMBER: &[u8] = br#""properties":"#;
    let at = payload.windows(MEMBER.len()).position(|window| window == MEMBER)? + MEMBER.len();
    let (before, properties) = payload.split_at(at);
    properties.starts_with(b"{").then_some((before, properties))
}
