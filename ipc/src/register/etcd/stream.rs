//! TLS below the HTTP client: a handshake, octets both ways, and the last words of a server that ends the connection.
//!
//! In TLS 1.3 a server judges the client's certificate after the client believes that all is well. What it has to say then comes
//! when the first request has left, or could not leave any more: so a write that fails is followed by a look at what had come.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// Why a TLS connection is of no use.
#[derive(Debug)]
pub(super) enum Broken {
    /// One side says so.
    Tls(rustls::Error),
    /// The other side left within the handshake, without a word.
    Left,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Left => f.write_str("the connection ended within the handshake"),
        }
    }
}

impl core::error::Error for Broken {}

impl Broken {
    fn from_tls(error: rustls::Error) -> Error {
        Error::Other(Box::new(Self::Tls(error)))
    }
}

/// Puts TLS on every connection.
#[derive(Debug)]
pub(super) struct TlsConnector(pub(super) Arc<ClientConfig>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = TlsStream<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(below) = chained else {
            return Ok(None);
        };
        let host = details.uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Error::BadUri(format!("{host:?} is neither an address nor a host's name"))
        })?;
        let tls = ClientConnection::new(Arc::clone(&self.0), name).map_err(Broken::from_tls)?;
        let mut socket = TransportAdapter::new(below, Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        let config = details.config;
        let mut stream = TlsStream {
            buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
            tls,
            socket,
        };
        stream.shake_hands()?;
        Ok(Some(stream))
    }
}

/// A connection with TLS on it.
pub(super) struct TlsStream<T: Transport> {
    buffers: LazyBuffers,
    tls: ClientConnection,
    socket: TransportAdapter<T>,
}

impl<T: Transport> fmt::Debug for TlsStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream({:?})", self.socket.get_ref())
    }
}

impl<T: Transport> TlsStream<T> {
    fn shake_hands(&mut self) -> Result<(), Error> {
        let left = || Error::Other(Box::new(Broken::Left));
        let of_reset = |error| match error {
            Error::Io(error) if is_reset(error.kind()) => left(),
            other => other,
        };
        while self.tls.is_handshaking() {
            self.write_all().map_err(of_reset)?;
            if self.tls.is_handshaking() && !self.read_some().map_err(of_reset)? {
                return Err(left());
            }
        }
        self.write_all()
    }

    /// Writes what TLS has to write.
    fn write_all(&mut self) -> Result<(), Error> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Ok(_) => {}
                Err(error) => return Err(self.last_words().unwrap_or_else(|| error.into())),
            }
        }
        Ok(())
    }

    /// What the other side said before it ended the connection.
    fn last_words(&mut self) -> Option<Error> {
        while let Ok(1..) = self.tls.read_tls(&mut self.socket) {
            if let Err(error) = self.tls.process_new_packets() {
                return Some(Broken::from_tls(error));
            }
        }
        None
    }

    /// Reads once; `false` at the end of the stream.
    fn read_some(&mut self) -> Result<bool, Error> {
        if self.tls.read_tls(&mut self.socket)? == 0 {
            return Ok(false);
        }
        let Err(error) = self.tls.process_new_packets() else {
            return Ok(true);
        };
        // An alert that says why; whether it arrives makes no difference here.
        let _ = self.tls.write_tls(&mut self.socket);
        Err(Broken::from_tls(error))
    }
}

/// Whether the other side has dropped the connection.
fn is_reset(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
    )
}

impl<T: Transport> Transport for TlsStream<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.socket.set_timeout(timeout);
        let mut written = 0;
        while written < amount {
            let output = &self.buffers.output()[written..amount];
            written += self.tls.writer().write(output)?;
            self.write_all()?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.socket.set_timeout(timeout);
        loop {
            let read = self.tls.reader().read(self.buffers.input_append_buf());
            match read {
                Ok(octets) => {
                    self.buffers.input_appended(octets);
                    return Ok(octets > 0);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            // The end of the stream without a goodbye is an error of the reader's.
            self.read_some()?;
            self.write_all()?;
        }
    }

    fn is_open(&mut self) -> bool {
        self.socket.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
