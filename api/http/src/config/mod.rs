//! What the API is told: limits, health checks, who may write; and what the Lambda function is told, which is all of it.

mod access;
mod api;
mod clients;
mod cors;
mod health;
mod lambda;
mod live;
mod uploads;
mod write;

pub use self::access::AccessConfig;
pub use self::api::ApiConfig;
pub use self::clients::ClientConfig;
pub use self::cors::{CorsConfig, Origins};
pub use self::health::HealthConfig;
pub use self::lambda::LambdaConfig;
pub use self::live::LiveConfig;
pub use self::uploads::UploadConfig;
pub use self::write::{WriteConfig, WriteToken};
