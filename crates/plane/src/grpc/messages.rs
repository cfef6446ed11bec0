//! Request messages within their bounds, before anything is decoded.
//!
//! tonic makes room for as many bytes as a message's header announces, and has one limit for what came and for what was
//! unpacked. So messages pass through here first: a message goes on only once all of it has come, so that five bytes cannot
//! reserve two gigabytes; and what is compressed is unpacked here, under a limit of its own, on a thread that others do not
//! wait for when it is large.
//!
//! Source: the gRPC protocol over HTTP/2, Length-Prefixed-Message.

use std::collections::VecDeque;
use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use hyper::body::{Body, Frame};
use tokio::task::JoinHandle;

/// Compressed flag and length.
const HEADER_BYTES: usize = 5;
/// Compressed messages up to this size are unpacked where they are: at most about a thousand times as many bytes.
const UNPACK_INLINE_BYTES: usize = 4 << 10;

/// How large a message may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// As it comes, in bytes.
    pub message: usize,
    /// Unpacked, in bytes.
    pub unpacked: usize,
}

pin_project_lite::pin_project! {
    /// A request's body, whose messages are whole, plain and no larger than they may be.
    pub struct Messages<B> {
        #[pin]
        body: B,
        limits: Limits,
        gzip: bool,
        held: Held,
        ready: VecDeque<Bytes>,
        unpacking: Option<JoinHandle<Result<Bytes, tonic::Status>>>,
        ended: bool,
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl<B> Messages<B> {
    /// The messages of `body`; with `gzip`, those whose flag says so are unpacked.
    pub fn new(body: B, limits: Limits, gzip: bool) -> Messages<B> {
        Messages { body, limits, gzip, held: Held::default(), ready: VecDeque::new(), unpacking: None, ended: false }
    }
}

impl<B> Body for Messages<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut this = self.project();
        let failed = |status: tonic::Status| Poll::Ready(Some(Err(Error::from(status))));
        loop {
            if let Some(unpacking) = this.unpacking.as_mut() {
                let unpacked = ready!(Pin::new(unpacking).poll(cx));
                *this.unpacking = None;
                match unpacked {
                    Ok(Ok(message)) => this.ready.push_back(message),
                    Ok(Err(status)) => return failed(status),
                    Err(_) => return failed(tonic::Status::unavailable("the server is shutting down")),
                }
            }
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            match this.held.message(*this.limits) {
                Ok(None) => {}
                Ok(Some(Message { compressed: true, bytes })) if *this.gzip => {
                    let (packed, limit) = (joined(bytes), this.limits.unpacked.min(this.limits.message));
                    if packed.len() > UNPACK_INLINE_BYTES {
                        *this.unpacking = Some(tokio::task::spawn_blocking(move || unpack(&packed, limit)));
                    } else {
                        match unpack(&packed, limit) {
                            Ok(message) => this.ready.push_back(message),
                            Err(status) => return failed(status),
                        }
                    }
                    continue;
                }
                Ok(Some(message)) => {
                    this.ready.extend(message.bytes);
                    continue;
                }
                Err(status) => return failed(status),
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(frame)) => match frame.into_data() {
                    // Nearly every request of a small tensor: nothing to hold, nothing to take apart.
                    Ok(data) if this.held.bytes == 0 && is_whole(&data, *this.limits) => {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    Ok(data) => this.held.push(data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None => {
                    *this.ended = true;
                    if let Some(status) = this.held.cut_short() {
                        return failed(status);
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.bytes == 0 && self.ready.is_empty() && self.unpacking.is_none() && self.body.is_end_stream()
    }
}

/// Whether this is one plain message, no more and no less, that is not too large.
fn is_whole(data: &[u8], limits: Limits) -> bool {
    match data.split_at_checked(HEADER_BYTES) {
        Some(([0, len @ ..], payload)) => {
            payload.len() <= limits.message
                && len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)) == payload.len()
        }
        _ => false,
    }
}

/// What has come of a message.
#[derive(Default)]
struct Held {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

/// One whole message with its header.
struct Message {
    compressed: bool,
    bytes: VecDeque<Bytes>,
}

impl Held {
    fn push(&mut self, data: Bytes) {
        self.bytes += data.len();
        if !data.is_empty() {
            self.pieces.push_back(data);
        }
    }

    /// Flag and length of the message that is coming.
    fn header(&self) -> Option<(u8, usize)> {
        let mut bytes = self.pieces.iter().flat_map(|piece| piece.iter().copied());
        let flag = bytes.next()?;
        let mut len = [0; 4];
        for byte in &mut len {
            *byte = bytes.next()?;
        }
        Some((flag, u32::from_be_bytes(len) as usize))
    }

    /// The next message, once all of it has come.
    ///
    /// Errors: RESOURCE_EXHAUSTED for one that is larger than it may be, as gRPC's own servers answer.
    fn message(&mut self, limits: Limits) -> Result<Option<Message>, tonic::Status> {
        let Some((flag, len)) = self.header() else { return Ok(None) };
        if len > limits.message {
            return Err(tonic::Status::resource_exhausted(format!(
                "Received message larger than max ({len} vs. {})",
                limits.message
            )));
        }
        let whole = HEADER_BYTES + len;
        if self.bytes < whole {
            return Ok(None);
        }
        // Flags beyond 1 go on as they are: tonic refuses them.
        Ok(Some(Message { compressed: flag == 1, bytes: self.split(whole) }))
    }

    /// Takes the first `len` bytes, of which all have come.
    fn split(&mut self, len: usize) -> VecDeque<Bytes> {
        self.bytes -= len;
        let mut taken = VecDeque::with_capacity(1);
        let mut missing = len;
        while missing > 0 {
            let Some(mut piece) = self.pieces.pop_front() else { break };
            if piece.len() > missing {
                taken.push_back(piece.split_to(missing));
                self.pieces.push_front(piece);
                break;
            }
            missing -= piece.len();
            taken.push_back(piece);
        }
        taken
    }

    /// The error of a request that ended inside a message.
    fn cut_short(&self) -> Option<tonic::Status> {
        (self.bytes > 0).then(|| {
            let wanted = self.header().map_or_else(
                || format!("a header of {HEADER_BYTES}"),
                |(_, len)| format!("a message of {}", HEADER_BYTES + len),
            );
            tonic::Status::internal(format!("the request ended after {} of the bytes of {wanted}", self.bytes))
        })
    }
}

fn joined(mut pieces: VecDeque<Bytes>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop_front().expect("there is one");
    }
    let mut all = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| all.extend_from_slice(piece));
    all.freeze()
}

/// A gzip message with its header, as a plain one.
///
/// Errors: RESOURCE_EXHAUSTED beyond `limit` bytes; INVALID_ARGUMENT when it is not gzip.
fn unpack(message: &[u8], limit: usize) -> Result<Bytes, tonic::Status> {
    let mut packed = message;
    packed.advance(HEADER_BYTES);
    let mut plain = Vec::with_capacity((HEADER_BYTES + 2 * packed.len()).min(HEADER_BYTES + limit));
    plain.resize(HEADER_BYTES, 0);
    flate2::bufread::GzDecoder::new(packed)
        .take((limit as u64).saturating_add(1))
        .read_to_end(&mut plain)
        .map_err(|error| tonic::Status::invalid_argument(format!("the message is not gzip: {error}")))?;
    let len = plain.len() - HEADER_BYTES;
    match u32::try_from(len) {
        Ok(announced) if len <= limit => {
            plain[1..HEADER_BYTES].copy_from_slice(&announced.to_be_bytes());
            Ok(plain.into())
        }
        _ => Err(tonic::Status::resource_exhausted(format!(
            "the message is larger than {limit} bytes once unpacked; network.max_decompressed_bytes bounds it"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};
    use std::io::Write;

    const LIMITS: Limits = Limits { message: 1000, unpacked: 500 };

    fn message(flag: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![flag];
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn gzip(payload: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(payload).unwrap();
        encoder.finish().unwrap()
    }

    /// What comes out of `bytes` when they arrive `step` at a time: the data, or the first error.
    async fn through(bytes: &[u8], step: usize, limits: Limits) -> Result<Vec<u8>, tonic::Status> {
        let frames: Vec<Result<Frame<Bytes>, Error>> =
            bytes.chunks(step).map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk)))).collect();
        let body = StreamBody::new(tokio_stream::iter(frames));
        match Messages::new(body, limits, true).collect().await {
            Ok(collected) => Ok(collected.to_bytes().to_vec()),
            Err(error) => Err(*error.downcast::<tonic::Status>().unwrap()),
        }
    }

    #[tokio::test]
    async fn plain_messages_pass_unchanged_however_they_arrive() {
        let bytes = [message(0, b""), message(0, b"hello"), message(0, &[7; 300])].concat();
        for step in [1, 2, 5, 7, 100, 1000] {
            assert_eq!(through(&bytes, step, LIMITS).await.unwrap(), bytes, "{step} at a time");
        }
    }

    #[tokio::test]
    async fn compressed_messages_come_out_plain() {
        let bytes = [message(1, &gzip(b"hello")), message(0, b"plain"), message(1, &gzip(&[1; 500]))].concat();
        let expected = [message(0, b"hello"), message(0, b"plain"), message(0, &[1; 500])].concat();
        for step in [1, 6, 1000] {
            assert_eq!(through(&bytes, step, LIMITS).await.unwrap(), expected, "{step} at a time");
        }
    }

    #[tokio::test]
    async fn a_large_compressed_message_is_unpacked_too() {
        let mut random = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        })
        .take(50_000)
        .collect();
        let limits = Limits { message: 1 << 20, unpacked: 1 << 20 };
        assert_eq!(through(&message(1, &gzip(&noise)), 4096, limits).await.unwrap(), message(0, &noise));
    }

    #[tokio::test]
    async fn a_bomb_is_refused_at_the_limit_which_is_named() {
        for size in [501, 400_000] {
            let status = through(&message(1, &gzip(&vec![0; size])), 1 << 20, LIMITS).await.unwrap_err();
            assert_eq!(status.code(), tonic::Code::ResourceExhausted);
            assert_eq!(
                status.message(),
                "the message is larger than 500 bytes once unpacked; network.max_decompressed_bytes bounds it"
            );
        }
    }

    #[tokio::test]
    async fn a_message_that_announces_too_much_is_refused_by_its_header() {
        let status = through(&[0, 0x7f, 0xff, 0xff, 0xff], 5, LIMITS).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        assert_eq!(status.message(), "Received message larger than max (2147483647 vs. 1000)");
    }

    #[tokio::test]
    async fn a_request_that_ends_inside_a_message_says_how_far_it_came() {
        let cases = [
            (message(0, b"hello")[..7].to_vec(), "the request ended after 7 of the bytes of a message of 10"),
            (vec![0, 0, 0], "the request ended after 3 of the bytes of a header of 5"),
        ];
        for (bytes, expected) in cases {
            let status = through(&bytes, 2, LIMITS).await.unwrap_err();
            assert_eq!((status.code(), status.message()), (tonic::Code::Internal, expected));
        }
    }

    #[tokio::test]
    async fn what_is_not_gzip_is_refused() {
        let mut cut = gzip(b"hello");
        cut.truncate(12);
        for payload in [b"hello".to_vec(), cut] {
            let status = through(&message(1, &payload), 100, LIMITS).await.unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{}", status.message());
        }
    }

    #[tokio::test]
    async fn nothing_is_held_for_bytes_that_have_not_come() {
        let limits = Limits { message: i32::MAX as usize, unpacked: 500 };
        let status = through(&[0, 0x7f, 0xff, 0xff, 0xff, 1], 6, limits).await.unwrap_err();
        assert_eq!(status.message(), "the request ended after 6 of the bytes of a message of 2147483652");
    }
}
