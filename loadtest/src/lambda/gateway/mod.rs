//! An emulator of function URLs and HTTP APIs: an HTTP listener in front of a fleet.
//!
//! Each request becomes an event of payload format 2.0, and the answer becomes a response, so that any HTTP client can drive the
//! function: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

mod answer;
mod event;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use self::event::{Gateway, get_event};

use super::fleet::Fleet;
use super::function::MAX_EVENT_BYTES;
use super::outcome::InvokeError;

/// A listener in front of a fleet. Dropping it closes it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use cellar_loadtest::lambda::{GatewayEmulator, Fleet, Function, Gateway, Limits};
///
/// let fleet = Fleet::start(Function::new("nearby", "target/dist/bootstrap"), Limits::default()).await?;
/// let emulator = GatewayEmulator::open(Arc::new(fleet), Gateway::FunctionUrl, "127.0.0.1:0").await?;
/// println!("drive http://{}", emulator.address());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GatewayEmulator {
    address: SocketAddr,
    server: AbortHandle,
}

#[derive(Clone)]
struct Backend {
    fleet: Arc<Fleet>,
    gateway: Gateway,
}

impl GatewayEmulator {
    /// Listens at an address, such as `127.0.0.1:0` for a free port.
    ///
    /// # Errors
    ///
    /// The address cannot be bound.
    pub async fn open(fleet: Arc<Fleet>, gateway: Gateway, address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(pass).with_state(Backend { fleet, gateway });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { address, server: server.abort_handle() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for GatewayEmulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(
    State(backend): State<Backend>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_EVENT_BYTES).await else {
        let error = InvokeError::EventTooLarge { bytes: MAX_EVENT_BYTES + 1, limit: MAX_EVENT_BYTES };
        return answer::of_error(&error);
    };
    let event = event::of(backend.gateway, &parts, &body, peer);
    match backend.fleet.invoke(event.to_string().into()).await {
        Ok(invocation) => answer::of(&invocation.payload),
        Err(error) => answer::of_error(&error),
    }
}
