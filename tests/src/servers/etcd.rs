//! One etcd, which serves one API server or several under prefixes.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::error::Result;
use crate::process::Process;
use crate::{client, port, program, wait};

/// A running etcd.
pub struct Etcd {
    folder: PathBuf,
    client: u16,
    peer: u16,
    process: Process,
}

impl Etcd {
    /// Starts etcd with its data and log in `folder`, and waits until it serves clients.
    ///
    /// It does not sync its writes to the disk: data survive the end of the process, not of the machine.
    pub async fn start(folder: PathBuf) -> Result<Self> {
        let (client, peer) = (port::reserve()?, port::reserve()?);
        let process = run(&folder, client, peer).await?;
        Ok(Self { folder, client, peer, process })
    }

    /// Where API servers reach it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }

    /// Kills it; the data stay.
    pub(super) async fn stop(&self) {
        self.process.kill().await;
    }

    /// Starts it again on the same port with the same data.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        self.process = run(&self.folder, self.client, self.peer).await?;
        Ok(())
    }
}

async fn run(folder: &std::path::Path, client: u16, peer: u16) -> Result<Process> {
    let (address, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = Command::new(program::server("etcd")?);
    command
        .args(["--name=main", "--unsafe-no-fsync", "--log-level=warn", "--auto-compaction-retention=0"])
        .arg(format!("--data-dir={}", folder.join("data").display()))
        .arg(format!("--listen-client-urls={address}"))
        .arg(format!("--advertise-client-urls={address}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=main={peer}"));
    let process = Process::start("etcd", command, &folder.join("etcd.log"))?;
    let healthy = wait::answers(client::plain(&address)?, "/health");
    process.needed_for("a healthy etcd", Duration::from_mins(1), healthy).await?;
    Ok(process)
}
