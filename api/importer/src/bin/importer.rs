//! The worker that imports files from a bucket, in AWS Lambda.

use std::process::ExitCode;

fn main() -> ExitCode {
    cellar_importer::process::run()
}
