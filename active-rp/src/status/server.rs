//! The node's end of the status socket.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

use super::{Asked, REQUEST_OCTETS_MAX, Request};

/// Clients served side by side; more wait.
const CLIENTS_MAX: usize = 32;
/// How long a client may take to ask, and to take each piece of its answer.
const PATIENCE: Duration = Duration::from_secs(10);
const PIECE_OCTETS: usize = 64 << 10;

/// A bound status socket; its name goes away with it.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    bound: (u64, u64),
}

impl Server {
    /// Binds the socket, mode 0600. A name that nobody answers on is taken over.
    ///
    /// # Errors
    /// The system's, naming the socket; `AddrInUse` when another process answers there.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let at = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("status socket {}: {error}", path.display()),
            )
        };
        // Whatever else has that name is left alone, and cannot be bound.
        let socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
        match socket.then(|| BlockingStream::connect(path)) {
            Some(Ok(_)) => {
                let used = "another process answers there; choose another name (node.status)";
                return Err(at(io::Error::new(ErrorKind::AddrInUse, used)));
            }
            Some(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(at)?;
            }
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(at)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(at)?;
        let bound = identity(path).map_err(at)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            bound,
        })
    }

    /// Serves clients until the node no longer takes requests and those that asked have their answers.
    pub async fn serve(self, node: mpsc::Sender<Asked>) {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let stream = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = node.closed() => break,
            };
            match stream {
                Ok((stream, _)) => {
                    let node = node.clone();
                    tokio::spawn(async move {
                        if let Err(error) = serve_one(stream, &node).await {
                            debug!(%error, "status client");
                        }
                        drop(place);
                    });
                }
                // Out of descriptors, for instance: others have to go first.
                Err(error) => {
                    debug!(%error, "status socket");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        // Every place is free once the last answer is written.
        let _ = places.acquire_many(CLIENTS_MAX as u32).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.bound) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

async fn serve_one(mut stream: UnixStream, node: &mpsc::Sender<Asked>) -> io::Result<()> {
    let line = match timeout(PATIENCE, read_line(&mut stream)).await {
        Ok(line) => line?,
        Err(_) => Err(format!("no request within {PATIENCE:?}")),
    };
    let answered = match line.and_then(|line| line.parse::<Request>()) {
        Ok(request) => ask(node, request).await,
        Err(why) => Err(why),
    };
    let mut document = answered
        .unwrap_or_else(|error| serde_json::json!({ "error": error }).to_string())
        .into_bytes();
    document.push(b'\n');
    for piece in document.chunks(PIECE_OCTETS) {
        timeout(PATIENCE, stream.write_all(piece)).await??;
    }
    stream.shutdown().await
}

/// The line that a client writes; `Err` says why there is none.
async fn read_line(stream: &mut UnixStream) -> io::Result<Result<String, String>> {
    let mut line = Vec::new();
    let mut piece = [0; 512];
    while !line.contains(&b'\n') {
        if line.len() > REQUEST_OCTETS_MAX {
            return Ok(Err(format!(
                "a request has at most {REQUEST_OCTETS_MAX} octets"
            )));
        }
        match stream.read(&mut piece).await? {
            0 => break,
            octets => line.extend_from_slice(&piece[..octets]),
        }
    }
    let end = line
        .iter()
        .position(|octet| *octet == b'\n')
        .unwrap_or(line.len());
    line.truncate(end);
    Ok(String::from_utf8(line).map_err(|_| "a request is a line of text".to_owned()))
}

async fn ask(node: &mpsc::Sender<Asked>, request: Request) -> Result<String, String> {
    let ending = || "the node is ending".to_owned();
    let (answer, answered) = oneshot::channel();
    node.send(Asked { request, answer })
        .await
        .map_err(|_| ending())?;
    answered.await.unwrap_or_else(|_| Err(ending()))
}
