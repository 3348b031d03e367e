//! Ports that a server can listen on a moment later.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::error::{Error, Result};

/// Finds a port of 127.0.0.1 that nobody uses, and keeps it from being given out again for about a minute.
///
/// A connection is opened on the port and closed by the listening side, which leaves the port in TIME_WAIT: the kernel
/// then gives it to nobody who asks for any port, but still to a server that asks for this one with SO_REUSEADDR, as
/// the Go and tokio listeners do.
pub fn reserve() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Port)?;
    let address = listener.local_addr().map_err(Error::Port)?;
    let client = TcpStream::connect(address).map_err(Error::Port)?;
    let (server, _) = listener.accept().map_err(Error::Port)?;
    drop(server);
    drop(client);
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use super::*;
    use crate::wait::PATIENCE;

    #[test]
    fn a_reserved_port_can_be_listened_on_and_is_not_given_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| reserve().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        for port in ports {
            listen(port).unwrap();
        }
    }

    /// Tests beside this one start programs: between fork and exec such a child has a copy of every open socket, also of
    /// a listener that was just closed here. The port is free when the copy is, a moment later.
    #[expect(clippy::disallowed_methods, reason = "it sleeps by the clock on the wall")]
    fn listen(port: u16) -> std::io::Result<TcpListener> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                    std::thread::yield_now();
                }
                answer => return answer,
            }
        }
    }
}
