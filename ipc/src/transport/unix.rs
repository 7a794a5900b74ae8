//! Unix stream sockets: `<directory>/<incarnation>.sock`.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{self, UnixStream};
use std::path::{Path, PathBuf};

use super::{Transport, uninterrupted};
use crate::ids::Incarnation;

/// Asked of the kernel for each direction; an initial synchronisation should not wait for turns.
const SOCKET_BUFFER_OCTETS: usize = 4 << 20;
/// `sun_path` and its final zero.
const PATH_OCTETS_MAX: usize = 107;
/// Ends of the names of sockets.
pub(crate) const SUFFIX: &str = ".sock";

/// A connected Unix stream socket.
#[derive(Debug)]
pub struct UnixTransport {
    stream: UnixStream,
}

impl UnixTransport {
    /// Connects to the node `remote`, which listens in `dir`.
    ///
    /// # Errors
    /// The system's, naming the socket; `NotFound` and `ConnectionRefused` say that it is not there.
    pub fn connect(dir: &Path, remote: Incarnation) -> io::Result<Self> {
        let path = socket_path(dir, remote)?;
        let stream =
            UnixStream::connect(&path).map_err(|error| named("connect to", &path, &error))?;
        Self::from_stream(stream)
    }

    /// Makes a connected stream a transport.
    ///
    /// # Errors
    /// The system's.
    pub fn from_stream(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        enlarge_buffers(&stream);
        Ok(Self { stream })
    }
}

impl Transport for UnixTransport {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.read(octets))
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.stream.write(octets))
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.stream.as_fd())
    }
}

/// Listens, non-blocking; the socket's name goes away with it.
#[derive(Debug)]
pub struct UnixListener {
    listener: net::UnixListener,
    path: PathBuf,
    /// Device and number of the name that was bound.
    bound: (u64, u64),
}

impl UnixListener {
    /// Listens in `dir` under the name of `me`. A name left there is removed: incarnations are
    /// names of one process each, so it can only be ours.
    ///
    /// # Errors
    /// The system's, naming the socket.
    pub fn bind(dir: &Path, me: Incarnation) -> io::Result<Self> {
        Self::bind_path(socket_path(dir, me)?)
    }

    fn bind_path(path: PathBuf) -> io::Result<Self> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(named("remove", &path, &error));
            }
            _ => {}
        }
        let at = |error: io::Error| named("listen on", &path, &error);
        let listener = net::UnixListener::bind(&path).map_err(at)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(at)?;
        listener.set_nonblocking(true).map_err(at)?;
        let bound = identity(&path).map_err(at)?;
        Ok(Self {
            listener,
            path,
            bound,
        })
    }

    /// The next connection.
    ///
    /// # Errors
    /// `WouldBlock` when none waits.
    pub fn accept(&self) -> io::Result<UnixTransport> {
        let (stream, _) = uninterrupted(|| self.listener.accept())?;
        UnixTransport::from_stream(stream)
    }

    /// Whether the name still leads here; when somebody has removed it, [`UnixListener::rebind`].
    #[must_use]
    pub fn still_there(&self) -> bool {
        identity(&self.path).is_ok_and(|now| now == self.bound)
    }

    /// Listens under the same name again, on a new descriptor. Connections stay.
    ///
    /// # Errors
    /// The system's, naming the socket; the old descriptor stays then.
    pub fn rebind(&mut self) -> io::Result<()> {
        let fresh = Self::bind_path(self.path.clone())?;
        // The old one is dropped here; its name is not the one that it had bound, so it stays.
        *self = fresh;
        Ok(())
    }

    /// The socket's name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        if self.still_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
}

fn socket_path(dir: &Path, name: Incarnation) -> io::Result<PathBuf> {
    let path = dir.join(format!("{name}{SUFFIX}"));
    let octets = path.as_os_str().len();
    if octets > PATH_OCTETS_MAX {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!(
                "{}: {octets} octets, a socket's name has at most {PATH_OCTETS_MAX}: choose a \
                 shorter directory",
                path.display()
            ),
        ));
    }
    Ok(path)
}

fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot {what} {}: {error}", path.display()),
    )
}

/// As large as the kernel allows; smaller ones only cost turns.
fn enlarge_buffers(stream: &UnixStream) {
    use rustix::net::sockopt;
    if sockopt::set_socket_send_buffer_size_force(stream, SOCKET_BUFFER_OCTETS).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(stream, SOCKET_BUFFER_OCTETS);
    }
    if sockopt::set_socket_recv_buffer_size_force(stream, SOCKET_BUFFER_OCTETS).is_err() {
        let _ = sockopt::set_socket_recv_buffer_size(stream, SOCKET_BUFFER_OCTETS);
    }
}

#[cfg(test)]
mod tests;
