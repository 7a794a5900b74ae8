//! The asynchronous face: Stack, TcpListener, TcpStream, in the shape of tokio::net.
