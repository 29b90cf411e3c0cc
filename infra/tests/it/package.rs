//! The checks of a package, each on a package that fails it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/package/check.sh");

/// This test itself: a program for this machine that needs its C library.
fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// A zip of one file, by the tool that every Python has.
fn zip(directory: &TempDir, name: &str, file: &Path, mode: u32) -> PathBuf {
    let zip = directory.path().join("bootstrap.zip");
    let script = "import sys, zipfile\n\
                  info = zipfile.ZipInfo(sys.argv[2]); info.external_attr = int(sys.argv[4]) << 16\n\
                  zipfile.ZipFile(sys.argv[1], 'w').writestr(info, open(sys.argv[3], 'rb').read())\n";
    let made = Command::new("python3")
        .args(["-c", script])
        .args([zip.as_os_str(), name.as_ref(), file.as_os_str()])
        .arg((0o100_000 | mode).to_string())
        .status()
        .unwrap();
    assert!(made.success());
    zip
}

fn check(zip: &Path, arch: &str, bounds: &[(&str, &str)]) -> Output {
    Command::new(CHECK).arg(zip).arg(arch).envs(bounds.iter().copied()).output().unwrap()
}

/// Bounds that this test's program is within.
const WIDE: [(&str, &str); 2] = [("MAX_GLIBC", "99.0"), ("MAX_ZIP_BYTES", "999999999")];

fn told(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn other_arch() -> &'static str {
    if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" }
}

#[test]
fn a_package_within_the_bounds_passes_with_its_figures() {
    let directory = tempfile::tempdir().unwrap();
    let zip = zip(&directory, "bootstrap", &program(), 0o755);
    let output = check(&zip, std::env::consts::ARCH, &WIDE);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let bytes = zip.metadata().unwrap().len();
    assert!(text.contains(&format!("zip          {bytes} bytes")), "{text}");
    assert!(text.contains("glibc        2."), "{text}");
}

#[test]
fn a_newer_c_library_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let zip = zip(&directory, "bootstrap", &program(), 0o755);
    // 2.4 is older than 2.17, as versions go.
    let text = told(&check(&zip, std::env::consts::ARCH, &[("MAX_GLIBC", "2.4"), WIDE[1]]));
    assert!(text.contains("bootstrap needs glibc 2.") && text.contains("newer than 2.4"), "{text}");
}

#[test]
fn a_larger_package_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let zip = zip(&directory, "bootstrap", &program(), 0o755);
    let most = (zip.metadata().unwrap().len() - 1).to_string();
    let text = told(&check(&zip, std::env::consts::ARCH, &[WIDE[0], ("MAX_ZIP_BYTES", &most)]));
    assert!(text.contains(&format!("more than {most}")), "{text}");
}

#[test]
fn what_lambda_could_not_run_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let arch = std::env::consts::ARCH;
    let cases = [
        ("boot", program(), 0o755, arch, "holds no file bootstrap"),
        ("bootstrap", program(), 0o644, arch, "its mode lacks x"),
        ("bootstrap", CHECK.into(), 0o755, arch, "is for no machine"),
        ("bootstrap", program(), 0o755, other_arch(), "not for"),
    ];
    for (name, file, mode, arch, problem) in cases {
        let zip = zip(&directory, name, &file, mode);
        let text = told(&check(&zip, arch, &WIDE));
        assert!(text.contains(problem), "{text}");
    }
    let text = told(&check(&directory.path().join("none.zip"), arch, &WIDE));
    assert!(text.contains("none.zip is not there"), "{text}");
}
