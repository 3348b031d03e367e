//! A TCP connection that the fence stands in front of: not one byte leaves after leadership has ended.
//!
//! The fence is asked before each request, too. But a request that was admitted may still lie in a buffer when the process is
//! stopped (a frozen VM, SIGSTOP), and the connection's task would be the first to run when it goes on, long after another
//! replica has taken over. Here the clock is read right before the system call.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::fence::Fence;

/// See the module.
pub(super) struct Tcp {
    stream: TcpStream,
    fence: Option<Fence>,
}

impl Tcp {
    pub(super) const fn new(stream: TcpStream, fence: Option<Fence>) -> Self {
        Self { stream, fence }
    }

    fn admit(&self) -> io::Result<()> {
        match self.fence.as_ref().map(|fence| fence.admit(Instant::now())) {
            Some(Err(fenced)) => Err(io::Error::other(fenced)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.admit()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.admit()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn not_one_byte_leaves_after_the_end_of_leadership() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut other, _) = listener.accept().await.unwrap();
        let fence = Fence::open();
        let mut tcp = Tcp::new(stream, Some(fence.clone()));
        tcp.write_all(b"led").await.unwrap();
        fence.close();
        assert!(tcp.write_all(b"late").await.is_err());
        assert!(tcp.write_vectored(&[io::IoSlice::new(b"late")]).await.is_err());
        other.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        tcp.read_exact(&mut answer).await.unwrap();
        drop(tcp);
        let mut sent = Vec::new();
        other.read_to_end(&mut sent).await.unwrap();
        assert_eq!((&*sent, &answer), (&b"led"[..], b"answer"));
    }
}
