//! What a server's OpenAPI document says of its limits.

use geo_index::Meters;
use http::StatusCode;
use serde_json::Value;

use super::call::refused;
use super::error::{ClientError, Fault};
use super::transport::Transport;

/// Where the parameters of a search are described.
const PARAMETERS: &str = "/paths/~1v1~1collections~1{collection}~1nearby/get/parameters";

/// The limits of a server's searches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerLimits {
    /// Longest radius that may be asked for.
    pub max_radius: Meters,
    /// How far a search without a radius looks.
    pub horizon: Meters,
}

pub(super) async fn ask(transport: &impl Transport) -> Result<ServerLimits, ClientError> {
    let response = transport.get("/openapi.json").await?;
    if response.status != StatusCode::OK {
        return Err(refused(&response));
    }
    read(&response.body).ok_or_else(|| Fault::Document("it does not describe a radius".to_owned()).into())
}

fn read(body: &[u8]) -> Option<ServerLimits> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let parameters = document.pointer(PARAMETERS)?.as_array()?;
    let radius = parameters.iter().find(|parameter| parameter["name"] == "radius")?;
    let metres = |name: &str| Meters::new(radius["schema"][name].as_f64()?);
    Some(ServerLimits { max_radius: metres("maximum")?, horizon: metres("default")? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_radius_says_both() {
        let document = |schema: Value| {
            let parameters = json!([{"name": "lat"}, {"name": "radius", "schema": schema}]);
            json!({"paths": {"/v1/collections/{collection}/nearby": {"get": {"parameters": parameters}}}})
                .to_string()
        };
        let limits = read(document(json!({"maximum": 20_015_115, "default": 5_000.5})).as_bytes()).unwrap();
        assert_eq!((limits.max_radius.get(), limits.horizon.get()), (20_015_115.0, 5_000.5));
        for schema in [json!({"maximum": 5}), json!({"maximum": -1, "default": 5}), json!(7)] {
            assert_eq!(read(document(schema).as_bytes()), None);
        }
        assert_eq!(read(b"{}"), None);
    }
}
