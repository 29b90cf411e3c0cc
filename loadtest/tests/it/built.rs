//! Programs that the tests run and that cargo need not have built for them: those of other packages, and examples where only
//! this test was asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// An example of ours: `hello-function` or `unruly-function`.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let at = |name: &str| format!("examples/{name}");
    BUILT.get_or_init(|| {
        for name in ["hello-function", "unruly-function"] {
            program(&at(name), &["examples"], &["-p", "cellar-loadtest", "--examples"]);
        }
    });
    beside(&at(name))
}

/// A program beside ours. Where it is not there, or older than its sources, it is built now.
pub(crate) fn program(name: &str, sources: &[&str], what: &[&str]) -> PathBuf {
    let program = beside(name);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources.iter().map(|source| newest(&here.join(source))).max().unwrap();
    if std::fs::metadata(&program).and_then(|file| file.modified()).is_ok_and(|built| built >= sources) {
        return program;
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_loadtest"));
    let target = ours.parent().and_then(Path::parent).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build").args(what).arg("--target-dir").arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(here).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert!(program.is_file(), "{} was not built", program.display());
    program
}

/// A path in the directory of our program.
fn beside(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_loadtest")).with_file_name(name)
}

/// When the newest file of a directory was changed.
fn newest(directory: &Path) -> SystemTime {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let changed = entries.map(|entry| {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() { newest(&entry.path()) } else { metadata.modified().unwrap() }
    });
    changed.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
