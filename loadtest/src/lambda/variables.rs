//! The environment variables of Lambda, and no others.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>. `_X_AMZN_TRACE_ID` is not among them: for
//! custom runtimes Lambda sends the trace id with each event, and the runtime sets the variable.

use std::net::SocketAddr;
use std::path::Path;

use super::function::Function;

/// The variables of an environment.
pub(super) fn of(
    function: &Function,
    runtime_api: SocketAddr,
    stream: &str,
    provisioned: bool,
) -> Vec<(String, String)> {
    let root = function.binary.parent().unwrap_or(Path::new("/var/task")).display().to_string();
    let initialization = if provisioned { "provisioned-concurrency" } else { "on-demand" };
    let fixed = [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".into()),
        ("AWS_DEFAULT_REGION", function.region.clone()),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".into()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", initialization.into()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", stream.to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string()),
        ("AWS_REGION", function.region.clone()),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
        ("AWS_SESSION_TOKEN", "session-token-of-the-rig".into()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".into()),
        ("LAMBDA_TASK_ROOT", root),
        ("LANG", "en_US.UTF-8".into()),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".into()),
        ("TZ", ":UTC".into()),
        ("_HANDLER", "bootstrap".into()),
    ];
    let mut variables: Vec<_> = fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    variables.retain(|(name, _)| function.variables.iter().all(|(own, _)| own != name));
    variables.extend(function.variables.iter().cloned());
    variables
}
