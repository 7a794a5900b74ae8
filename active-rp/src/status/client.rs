//! The asking end of the status socket.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::Request;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks the node at `socket`: its answer, a JSON document of one line.
///
/// # Errors
/// One line: nobody answers, or what the node gives as the reason.
pub fn ask(socket: &Path, request: &Request) -> Result<String, String> {
    let document = exchange(socket, request)
        .map_err(|error| format!("{}: {error}; does the node run?", socket.display()))?;
    let value: serde_json::Value = serde_json::from_str(&document)
        .map_err(|error| format!("{}: the answer is not JSON: {error}", socket.display()))?;
    match value.get("error").and_then(serde_json::Value::as_str) {
        Some(error) => Err(error.to_owned()),
        None => Ok(document),
    }
}

fn exchange(socket: &Path, request: &Request) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut document = String::new();
    stream.read_to_string(&mut document)?;
    Ok(document.trim_end().to_owned())
}
