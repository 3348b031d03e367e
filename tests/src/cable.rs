//! A cable between a client and a server: it passes bytes that it does not understand, TLS from end to end, and can be made to
//! fail as cables do. What HTTP knows of, and a test wants to look into, is for [`crate::proxy`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::error::{Error, Result};

/// How much is passed on at a time.
const PIECE: usize = 16 << 10;

/// What is wrong with a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    None,
    /// Each connection is reset when the server has said so many bytes in it.
    Reset(usize),
    /// Connections are open, and can be opened, and nothing passes: half-open.
    Silent,
    /// What the server says passes one byte at a time, with so much time between them.
    Trickle(Duration),
    /// Connections are reset as soon as they are made, and those that are open.
    Cut,
}

/// A cable, on a port of its own; it ends, with all its connections, when it is dropped.
pub struct Cable {
    url: String,
    damage: watch::Sender<Damage>,
    /// How many connections were made, and how many of them met with damage.
    counts: watch::Sender<Counts>,
    listening: JoinHandle<()>,
}

/// What became of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// So many were made.
    pub made: usize,
    /// So often one of them met with damage.
    pub harmed: usize,
}

impl Cable {
    /// A cable to a server at a URL of `https://127.0.0.1:port`.
    pub async fn to(server: &str) -> Result<Self> {
        let address = server.trim_start_matches("https://");
        let address: SocketAddr =
            address.parse().map_err(|_| Error::Port(io::Error::other(format!("{server} has no port to lead to"))))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Error::Port)?;
        let port = listener.local_addr().map_err(Error::Port)?.port();
        let (damage, counts) = (watch::Sender::new(Damage::None), watch::Sender::default());
        let listening = tokio::spawn(listen(listener, address, damage.subscribe(), counts.clone()));
        Ok(Self { url: format!("https://127.0.0.1:{port}"), damage, counts, listening })
    }

    /// Where its other end is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Damages it, or mends it.
    pub fn is(&self, damage: Damage) {
        self.damage.send_replace(damage);
    }

    /// What became of connections so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until connections met with damage `times` more often than `before`.
    pub async fn harmed(&self, before: Counts, times: usize, patience: Duration) -> Result<()> {
        let mut counts = self.counts.subscribe();
        let harmed = counts.wait_for(|now| now.harmed >= before.harmed + times);
        if matches!(tokio::time::timeout(patience, harmed).await, Ok(Ok(_))) {
            return Ok(());
        }
        let awaited = format!("{times} connections that meet with {:?}", *self.damage.borrow());
        Err(Error::Unmet { awaited, waited: patience, last_seen: format!("{:?}", self.counts()) })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(
    listener: TcpListener,
    server: SocketAddr,
    damage: watch::Receiver<Damage>,
    counts: watch::Sender<Counts>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        counts.send_modify(|counts| counts.made += 1);
        let (damage, counts) = (damage.clone(), counts.clone());
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect(server).await {
                // However it ends, both ends learn of it when they are dropped.
                let _ = join(client, server, damage, &counts).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Passes bytes both ways until one side ends, or the cable is cut.
async fn join(
    mut client: TcpStream,
    mut server: TcpStream,
    mut damage: watch::Receiver<Damage>,
    counts: &watch::Sender<Counts>,
) -> io::Result<()> {
    let harmed = || counts.send_modify(|counts| counts.harmed += 1);
    let (mut asked, mut said) = (vec![0; PIECE], vec![0; PIECE]);
    // Since the damage was done.
    let mut passed = 0;
    let mut known = Damage::None;
    loop {
        let now = *damage.borrow_and_update();
        if now != known {
            (known, passed) = (now, 0);
            if matches!(now, Damage::Silent | Damage::Trickle(_)) {
                harmed();
            }
        }
        let most = match now {
            Damage::Cut => 0,
            Damage::Reset(after) => after.saturating_sub(passed).min(PIECE),
            Damage::Trickle(_) => 1,
            Damage::None => PIECE,
            Damage::Silent => {
                if damage.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            }
        };
        if most == 0 {
            harmed();
            // So that the other side hears of it as of an error, not of an end.
            return client.set_zero_linger();
        }
        tokio::select! {
            changed = damage.changed() => if changed.is_err() { return Ok(()) },
            read = client.read(&mut asked) => match read? {
                0 => return Ok(()),
                length => server.write_all(&asked[..length]).await?,
            },
            read = server.read(&mut said[..most]) => match read? {
                0 => return Ok(()),
                length => {
                    passed += length;
                    client.write_all(&said[..length]).await?;
                    if let Damage::Trickle(pause) = now {
                        tokio::time::sleep(pause).await;
                    }
                }
            },
        }
    }
}
