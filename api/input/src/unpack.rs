//! Takes off the compression of an input: gzip, Zstandard, bzip2, xz, and a zip that holds one file.
//!
//! The bytes themselves decide, not the name: a browser may have unpacked `.gz` on the way.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::Crc;
use flate2::bufread::MultiGzDecoder;
use flate2::read::DeflateDecoder;
use serde::{Deserialize, Serialize};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

/// How an input is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, also of several members.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// A zip archive of one file.
    Zip,
}

impl Compression {
    fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame, which pzstd writes first.
            [kind, 0x2a, 0x4d, 0x18, ..] if (0x50..=0x5f).contains(kind) => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "Zstandard",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zip => "zip",
        })
    }
}

/// Most bytes that are looked at to tell the compression.
const MAGIC_BYTES: u64 = 6;

/// Most memory that an xz stream may ask for, in KiB: what `xz -9` needs, and some more.
const XZ_MEMORY_KIB: u32 = 128 * 1024;

/// What is inside of a stream. A zip needs its file, for its list of contents is at the end.
pub(crate) fn unpacked(
    raw: impl Read + Send + 'static,
    path: Option<&Path>,
) -> io::Result<(Compression, Box<dyn Read + Send>)> {
    let mut reader = BufReader::new(raw);
    let mut beginning = Vec::new();
    reader.by_ref().take(MAGIC_BYTES).read_to_end(&mut beginning)?;
    let compression = Compression::of(&beginning);
    let whole = io::Cursor::new(beginning).chain(reader);
    let inside: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(whole)?),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(whole, true, XZ_MEMORY_KIB)),
        Compression::Zip => match path {
            Some(path) => Box::new(zipped(whole, path)?),
            None => {
                return Err(io::Error::other(
                    "it is a zip, which can only be read from a file; unpack it, or name the file",
                ));
            }
        },
    };
    Ok((compression, inside))
}

/// Any text, such as an access log, without its compression. `-` is standard input.
///
/// # Errors
///
/// The file cannot be opened, or its compression is broken from the beginning.
pub fn open_text(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let inside = if path == Path::new("-") {
        unpacked(io::stdin(), None)?.1
    } else {
        unpacked(File::open(path)?, Some(path))?.1
    };
    Ok(Box::new(BufReader::new(inside)))
}

/// The file that is read of a zip, if it has others, too.
pub(crate) fn chosen_of_several(path: &Path) -> io::Result<Option<String>> {
    member(path).map(|(member, several)| several.then_some(member.name))
}

/// The file in a zip. The archive is passed over as a stream, so that what is read of it is counted.
fn zipped(archive: impl Read + Send + 'static, path: &Path) -> io::Result<Checked> {
    let (member, _) = member(path)?;
    let mut archive = archive;
    io::copy(&mut archive.by_ref().take(member.start), &mut io::sink())?;
    let packed = archive.take(member.packed_bytes);
    let inside: Box<dyn Read + Send> = if member.method == CompressionMethod::Stored {
        Box::new(packed)
    } else {
        Box::new(DeflateDecoder::new(packed))
    };
    Ok(Checked { inside, crc: Crc::new(), wanted: member.crc })
}

/// A file in a zip.
struct Member {
    name: String,
    /// Where its bytes begin in the archive.
    start: u64,
    packed_bytes: u64,
    method: CompressionMethod,
    encrypted: bool,
    crc: u32,
}

/// The file to read, and whether there are others: of several it is the places of a KMZ or of a GTFS feed.
fn member(path: &Path) -> io::Result<(Member, bool)> {
    let members = members(path)?;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    if let Some(what) = known_archive(&names) {
        return Err(io::Error::other(what));
    }
    // Macs add their own notes about every file.
    let is_file = |member: &Member| !member.name.ends_with('/') && !member.name.starts_with("__MACOSX/");
    let mut files: Vec<Member> = members.into_iter().filter(is_file).collect();
    let several = files.len() > 1;
    if several && let Some(chosen) = of_places(&files) {
        files = vec![files.swap_remove(chosen)];
    }
    if files.len() != 1 {
        let text = format!("it is a zip of {} files; unpack it and name the one to import", files.len());
        return Err(io::Error::other(text));
    }
    let member = files.remove(0);
    if member.encrypted || !matches!(member.method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(io::Error::other("the zip is encrypted, or not packed with deflate; unpack it"));
    }
    Ok((member, several))
}

/// Which of several files holds the places: the KML of a KMZ, which has images beside it, and stops.txt of a GTFS feed.
fn of_places(files: &[Member]) -> Option<usize> {
    let ends = |member: &Member, ending: &str| member.name.to_ascii_lowercase().ends_with(ending);
    let only = |ending: &str| {
        let mut found = (0..files.len()).filter(|&index| ends(&files[index], ending));
        found.next().filter(|_| found.next().is_none())
    };
    let feed = files.iter().any(|member| ends(member, "stop_times.txt"));
    only(".kml").or_else(|| only("stops.txt").filter(|_| feed))
}

/// The list of contents, which is at the end.
fn members(path: &Path) -> io::Result<Vec<Member>> {
    let damaged = |error: ZipError| {
        io::Error::new(io::ErrorKind::InvalidData, format!("the zip is damaged: {error}; unpack it"))
    };
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
    let count = archive.len();
    let mut member = |index| {
        let file = archive.by_index_raw(index)?;
        Ok(Member {
            name: file.name()?.into_owned(),
            start: file.data_start().unwrap_or_default(),
            packed_bytes: file.compressed_size(),
            method: file.compression(),
            encrypted: file.encrypted(),
            crc: file.crc32(),
        })
    };
    let members: Result<Vec<Member>, ZipError> = (0..count).map(&mut member).collect();
    members.map_err(damaged)
}

/// Formats that are a zip on the outside.
fn known_archive(names: &[&str]) -> Option<&'static str> {
    let any = |wanted: fn(&str) -> bool| names.iter().any(|name| wanted(&name.to_ascii_lowercase()));
    if any(|name| name == "[content_types].xml") {
        return Some(
            "it is a workbook or document of Microsoft Office; save the sheet as CSV (UTF-8) and import that",
        );
    }
    if any(|name| name == "content.xml") && any(|name| name == "mimetype") {
        return Some("it is an OpenDocument file; save the sheet as CSV and import that");
    }
    if any(|name| name.rsplit_once('.').is_some_and(|(_, ending)| ending == "shp")) {
        return Some(
            "it is a zipped shapefile; use `ogr2ogr -f GeoJSONSeq -t_srs EPSG:4326 /vsistdout/ /vsizip/FILE | \
             cellar import - --generate-ids …`",
        );
    }
    None
}

/// Compares the checksum at the end.
struct Checked {
    inside: Box<dyn Read + Send>,
    crc: Crc,
    wanted: u32,
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inside.read(into)?;
        self.crc.update(&into[..read]);
        if read == 0 && !into.is_empty() && self.crc.sum() != self.wanted {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the zip is damaged: its checksum differs",
            ));
        }
        Ok(read)
    }
}
