//! The local edge as files: the CDN's function and the script that runs it in nginx.

use std::io;
use std::path::Path;

/// Each file by its path below the directory, as `infra/edge/` has them.
pub const FILES: [(&str, &str); 5] = [
    ("function.js", include_str!("../edge/function.js")),
    ("start.sh", include_str!("../edge/start.sh")),
    ("local/cloudfront.js", include_str!("../edge/local/cloudfront.js")),
    ("local/edge.js", include_str!("../edge/local/edge.js")),
    ("local/nginx.conf", include_str!("../edge/local/nginx.conf")),
];

/// Writes them below a directory that is there.
///
/// ```
/// let directory = tempfile::tempdir()?;
/// cellar_infra::edge::write(directory.path())?;
/// assert!(directory.path().join("local/nginx.conf").exists());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory.join("local"))?;
    FILES.iter().try_for_each(|(path, text)| std::fs::write(directory.join(path), text))
}
