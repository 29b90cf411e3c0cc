//! What is run: a binary and what it is configured with.

use std::path::PathBuf;
use std::time::Duration;

/// The runtime API's limit of an answer, in bytes: 6 MiB and 100, as AWS reports it in its error.
pub const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// The limit of an event of a synchronous invocation, in bytes: 6 MiB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A function: its binary and its configuration.
#[derive(Clone, Debug)]
pub struct Function {
    /// The function's name, as in `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: String,
    /// The program that is `bootstrap` in the function's package.
    pub binary: PathBuf,
    /// Variables of the function's own; they win over those that the rig sets.
    pub variables: Vec<(String, String)>,
    /// Memory in MiB, 128 to 10,240. It says how much of a CPU the function gets.
    pub memory_mib: u32,
    /// The longest that one invocation may take, at most 15 minutes.
    pub timeout: Duration,
    /// The region it believes to be in.
    pub region: String,
    /// A file that gets what the function prints; without one it is thrown away.
    pub log: Option<PathBuf>,
}

impl Function {
    /// A function with 512 MiB and 10 s in `us-east-1`.
    ///
    /// ```
    /// use cellar_loadtest::lambda::Function;
    ///
    /// let function = Function::new("nearby", "target/dist/bootstrap").with("RUST_LOG", "warn");
    /// assert_eq!(function.memory_mib, 512);
    /// ```
    pub fn new(name: impl Into<String>, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            binary: binary.into(),
            variables: Vec::new(),
            memory_mib: 512,
            timeout: Duration::from_secs(10),
            region: "us-east-1".into(),
            log: None,
        }
    }

    /// With one more variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The function's name for AWS, in an account that does not exist.
    pub fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:123456789012:function:{}", self.region, self.name)
    }
}

/// How many environments there may be, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most invocations at a time; one beyond them is throttled.
    pub concurrency: usize,
    /// Environments that are started beforehand and are never reaped.
    pub provisioned: usize,
    /// An environment that was not asked for this long is ended.
    pub idle: Duration,
    /// Longest time from the start of the process to its first request for an event. Lambda has 10 s.
    pub init: Duration,
    /// Whether the CPU is held to the share of the function's memory, where the system allows that.
    pub hold_cpu: bool,
    /// Whether an environment is stopped while it has no event, as Lambda does.
    pub freeze: bool,
}

impl Default for Limits {
    /// As an account begins: 1,000 invocations at a time, no environment provisioned. How long Lambda keeps an idle environment is
    /// not documented; five minutes is the least that is commonly observed.
    fn default() -> Self {
        Self {
            concurrency: 1_000,
            provisioned: 0,
            idle: Duration::from_mins(5),
            init: Duration::from_secs(10),
            hold_cpu: false,
            freeze: true,
        }
    }
}
