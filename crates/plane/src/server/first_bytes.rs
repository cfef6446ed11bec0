//! A bound on the time until a connection has said what it speaks.
//!
//! hyper times the headers of HTTP/1 requests, but neither the preface of HTTP/2 nor the bytes by which the two are told
//! apart: a client that connects and sends nothing would hold its connection for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Bytes of HTTP/2's preface; no HTTP/1 request worth timing is shorter.
const PREFACE_BYTES: usize = 24;

pin_project_lite::pin_project! {
    /// A stream whose first bytes have to come within a time.
    pub struct FirstBytes<I> {
        #[pin]
        stream: I,
        missing: usize,
        answer_disarms: bool,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

impl<I> FirstBytes<I> {
    /// Wants the first bytes of `stream` within `timeout`. With `answer_disarms`, or as soon as something is written to
    /// it: a complete HTTP/1 request may be shorter than a preface, while an HTTP/2 server speaks first.
    pub fn within(timeout: Duration, stream: I, answer_disarms: bool) -> FirstBytes<I> {
        let timer = Some(Box::pin(tokio::time::sleep(timeout)));
        FirstBytes { stream, missing: PREFACE_BYTES, answer_disarms, timer }
    }
}

impl<I: AsyncRead> AsyncRead for FirstBytes<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let polled = this.stream.poll_read(cx, buf);
        let Some(timer) = this.timer.as_mut() else { return polled };
        *this.missing = this.missing.saturating_sub(buf.filled().len() - before);
        if *this.missing == 0 {
            *this.timer = None;
            return polled;
        }
        if polled.is_pending() && timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client has not said what it speaks")));
        }
        polled
    }
}

impl<I: AsyncWrite> AsyncWrite for FirstBytes<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        if *this.answer_disarms {
            *this.timer = None;
        }
        this.stream.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        if *this.answer_disarms {
            *this.timer = None;
        }
        this.stream.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_too_little_is_timed_out() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut stream = FirstBytes::within(TIMEOUT, server, true);
        client.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_said_enough_may_be_quiet() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut stream = FirstBytes::within(TIMEOUT, server, false);
        client.write_all(&[b'x'; PREFACE_BYTES]).await.unwrap();
        stream.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap();
        assert!(tokio::time::timeout(10 * TIMEOUT, stream.read_u8()).await.is_err(), "it goes on waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_the_watch_only_where_the_client_speaks_first() {
        for (answer_disarms, goes_on) in [(true, true), (false, false)] {
            let (_client, server) = tokio::io::duplex(64);
            let mut stream = FirstBytes::within(TIMEOUT, server, answer_disarms);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let read = tokio::time::timeout(10 * TIMEOUT, stream.read_u8()).await;
            assert_eq!(read.is_err(), goes_on, "disarms: {answer_disarms}");
        }
    }
}
