//! The corpora: files in `corpus/TARGET/`, each an input.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of a target's corpus.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

/// All inputs of a target's corpus with their file names, in the order of these.
///
/// # Errors
/// The folder, or a file in it, cannot be read.
pub fn load(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let folder = folder(target);
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        inputs.push((name.into_owned(), fs::read(&path).map_err(named)?));
    }
    inputs.sort();
    Ok(inputs)
}
