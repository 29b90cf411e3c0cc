//! The function: a binary and its configuration.

use std::path::PathBuf;
use std::time::Duration;

/// Limit of an answer, in bytes: 6 MiB and 100, as in AWS's error message.
pub const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// Limit of the event of a synchronous invocation, in bytes: 6 MiB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A function: its binary and its configuration.
#[derive(Clone, Debug)]
pub struct Function {
    /// The function's name, as in `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: String,
    /// The program: `bootstrap` in the function's package.
    pub binary: PathBuf,
    /// The function's own environment variables; they override those of the emulator.
    pub variables: Vec<(String, String)>,
    /// Memory in MiB, 128 to 10,240, which determines its share of a CPU.
    pub memory_mib: u32,
    /// Time limit of an invocation, at most 15 minutes.
    pub timeout: Duration,
    /// The region that it sees.
    pub region: String,
    /// File for the output of the function; without one it is discarded.
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

    /// Adds an environment variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The function's ARN, in an account that does not exist.
    pub fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:123456789012:function:{}", self.region, self.name)
    }
}

/// Limits of a fleet.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most concurrent invocations; those beyond are throttled.
    pub concurrency: usize,
    /// Provisioned environments: started beforehand and never stopped.
    pub provisioned: usize,
    /// How long an environment may be idle before it is stopped.
    pub idle: Duration,
    /// Time limit of the init: from the start of the process to its first request for an event. Lambda has 10 s.
    pub init: Duration,
    /// Whether to limit the CPU in proportion to memory, where the system allows it.
    pub hold_cpu: bool,
    /// Whether to freeze an environment while it has no event, as Lambda does.
    pub freeze: bool,
}

impl Default for Limits {
    /// The defaults of an account: 1,000 concurrent invocations, no provisioned environments. How long Lambda keeps an idle environment
    /// is not documented; five minutes is the minimum commonly observed.
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
