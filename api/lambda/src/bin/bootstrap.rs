//! The AWS Lambda function: the API, its warmer, warm-up jobs and invalidations, in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    cellar_lambda::run()
}
