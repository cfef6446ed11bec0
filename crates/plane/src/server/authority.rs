//! Clients of a unix socket whose `:authority` HTTP/2 libraries in Rust refuse.
//!
//! gRPC's C core, and with it every Python client of TensorFlow Serving, names the percent-encoded path of the socket as
//! the authority (`%2Ftmp%2Fserving.sock`). That is no authority by the letter of RFC 3986, and the h2 crate resets the
//! stream before anybody could look at it. Nobody here reads the authority, so on unix sockets each `%` in it becomes a
//! `-` on its way in: the same length, hence no frame and no header table changes. Only the header blocks are walked,
//! without a table, since RFC 7541 lets one skip over fields whose meaning is not wanted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const AUTHORITY: &[u8] = b":authority";
/// The entry of RFC 7541's static table that has this name.
const AUTHORITY_INDEX: u64 = 1;

pin_project_lite::pin_project! {
    /// A stream that reads like the one inside, but for the authority.
    pub struct PlainAuthority<I> {
        #[pin]
        stream: I,
        frames: Frames,
    }
}

impl<I> PlainAuthority<I> {
    /// Looks at what comes in over `stream`, whichever protocol it turns out to be.
    pub fn new(stream: I) -> PlainAuthority<I> {
        PlainAuthority { stream, frames: Frames::default() }
    }
}

impl<I: AsyncRead> AsyncRead for PlainAuthority<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buf.filled().len();
        let polled = this.stream.poll_read(cx, buf);
        this.frames.pass(&mut buf.filled_mut()[before..]);
        polled
    }
}

impl<I: AsyncWrite> AsyncWrite for PlainAuthority<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, buf)
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
        self.project().stream.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in the stream of frames the next byte belongs.
#[derive(Default)]
struct Frames {
    at: At,
    fields: Fields,
}

enum At {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// Within a frame's head.
    Head([u8; FRAME_HEAD_BYTES], usize),
    /// The padding's length comes next, then the rest of a HEADERS payload.
    PadLength { left: usize, priority: bool },
    /// Bytes of the payload that are no header block: how many, then how many of the block, then of padding.
    Skip { skip: usize, block: usize, padding: usize },
    /// Within a header block.
    Block { block: usize, padding: usize },
    /// Not HTTP/2: nothing is looked at any more.
    Other,
}

impl Default for At {
    fn default() -> At {
        At::Preface(0)
    }
}

impl Frames {
    /// Follows the bytes and changes those of an authority.
    fn pass(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() && !matches!(self.at, At::Other) {
            let taken = self.step(bytes);
            bytes = &mut bytes[taken..];
        }
    }

    /// Takes at least one byte, or changes what comes next without taking any; returns how many it took.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        match &mut self.at {
            At::Preface(seen) if bytes[0] != PREFACE[*seen] => self.at = At::Other,
            At::Preface(seen) if *seen + 1 == PREFACE.len() => {
                self.at = At::Head([0; FRAME_HEAD_BYTES], 0);
                return 1;
            }
            At::Preface(seen) => {
                *seen += 1;
                return 1;
            }
            At::Head(head, seen) => {
                head[*seen] = bytes[0];
                *seen += 1;
                if *seen == FRAME_HEAD_BYTES {
                    self.at = payload(head);
                }
                return 1;
            }
            At::PadLength { left, priority } => {
                self.at = headers(*left - 1, bytes[0].into(), *priority);
                return 1;
            }
            At::Skip { skip: 0, block, padding } => self.at = At::Block { block: *block, padding: *padding },
            At::Skip { skip, .. } => {
                let taken = bytes.len().min(*skip);
                *skip -= taken;
                return taken;
            }
            At::Block { block: 0, padding: 0 } => self.at = At::Head([0; FRAME_HEAD_BYTES], 0),
            At::Block { block: 0, padding } => self.at = At::Skip { skip: *padding, block: 0, padding: 0 },
            At::Block { block, .. } => {
                let taken = bytes.len().min(*block);
                *block -= taken;
                bytes[..taken].iter_mut().for_each(|byte| self.fields.pass(byte));
                return taken;
            }
            At::Other => return bytes.len(),
        }
        0
    }
}

/// What comes after a frame's head.
fn payload(head: &[u8; FRAME_HEAD_BYTES]) -> At {
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let (kind, flags) = (head[3], head[4]);
    match kind {
        HEADERS if flags & PADDED != 0 && length > 0 => At::PadLength { left: length, priority: flags & PRIORITY != 0 },
        HEADERS => headers(length, 0, flags & PRIORITY != 0),
        CONTINUATION => At::Block { block: length, padding: 0 },
        _ => At::Skip { skip: length, block: 0, padding: 0 },
    }
}

/// The payload of a HEADERS frame. Lengths that contradict each other are the HTTP/2 library's to refuse.
fn headers(length: usize, padding: usize, priority: bool) -> At {
    let skip = if priority { 5.min(length) } else { 0 };
    let padding = padding.min(length - skip);
    At::Skip { skip, block: length - skip - padding, padding }
}

/// Where in a header block the next byte belongs; a block may go on in the next frame.
#[derive(Default)]
enum Fields {
    /// A field's first byte.
    #[default]
    Start,
    /// An index or table size that goes on; nothing but an authority's value is of interest.
    Number { value: u64, shift: u32, then: Then },
    /// The first byte of a string.
    String { of: Part },
    /// A string's length goes on.
    Length { of: Part, value: u64, shift: u32 },
    /// Within a string.
    Text { of: Part, left: u64 },
}

/// What a number was the index of.
#[derive(Clone, Copy)]
enum Then {
    /// A whole field, or a table size.
    Field,
    /// The name of a field whose value follows.
    Value,
}

/// Which string of a field.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A name, of which so many bytes are those of `:authority`, or which is another; its value follows.
    Name(Option<usize>),
    /// A value that is not changed.
    Value,
    /// The value of `:authority`, in plain octets.
    Authority,
}

impl Part {
    /// The same part, one byte on.
    fn after(self, byte: u8) -> Part {
        match self {
            Part::Name(same) => Part::Name(same.filter(|&at| AUTHORITY.get(at) == Some(&byte)).map(|at| at + 1)),
            other => other,
        }
    }
}

impl Fields {
    /// Follows one byte of a header block, and changes it where it belongs to an authority.
    ///
    /// Source: RFC 7541, sections 5 and 6.
    fn pass(&mut self, byte: &mut u8) {
        *self = match self {
            Fields::Start => Fields::first(*byte),
            Fields::Number { value, shift, then } => match more(*value, *shift, *byte) {
                (value, true) => Fields::Number { value, shift: *shift + 7, then: *then },
                (value, false) => after_number(value, *then),
            },
            Fields::String { of } => {
                // Huffman-coded text is left as it is: no client that sends paths codes them.
                let of = match (*byte & 0x80 != 0, *of) {
                    (true, Part::Name(_)) => Part::Name(None),
                    (true, _) => Part::Value,
                    (false, of) => of,
                };
                match *byte & 0x7f {
                    0x7f => Fields::Length { of, value: 0x7f, shift: 0 },
                    length => text(of, length.into()),
                }
            }
            Fields::Length { of, value, shift } => match more(*value, *shift, *byte) {
                (value, true) => Fields::Length { of: *of, value, shift: *shift + 7 },
                (value, false) => text(*of, value),
            },
            Fields::Text { of, left } => {
                if *of == Part::Authority && *byte == b'%' {
                    *byte = b'-';
                }
                text(of.after(*byte), *left - 1)
            }
        };
    }

    fn first(byte: u8) -> Fields {
        let (mask, then) = match byte {
            _ if byte & 0x80 != 0 => (0x7f, Then::Field),
            _ if byte & 0x40 != 0 => (0x3f, Then::Value),
            _ if byte & 0x20 != 0 => (0x1f, Then::Field),
            _ => (0x0f, Then::Value),
        };
        match byte & mask {
            value if value == mask => Fields::Number { value: value.into(), shift: 0, then },
            value => after_number(value.into(), then),
        }
    }
}

/// One more byte of a number, and whether another follows. A number too long to be one is the library's to refuse.
fn more(value: u64, shift: u32, byte: u8) -> (u64, bool) {
    let added = u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
    (value.wrapping_add(added), byte & 0x80 != 0 && shift < 56)
}

fn after_number(index: u64, then: Then) -> Fields {
    match (then, index) {
        (Then::Field, _) => Fields::Start,
        (Then::Value, 0) => Fields::String { of: Part::Name(Some(0)) },
        (Then::Value, AUTHORITY_INDEX) => Fields::String { of: Part::Authority },
        (Then::Value, _) => Fields::String { of: Part::Value },
    }
}

fn text(of: Part, left: u64) -> Fields {
    match (left, of) {
        (0, Part::Name(Some(same))) if same == AUTHORITY.len() => Fields::String { of: Part::Authority },
        (0, Part::Name(_)) => Fields::String { of: Part::Value },
        (0, _) => Fields::Start,
        _ => Fields::Text { of, left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("a test's payload is small").to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
    }

    fn literal(first: u8, texts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![first];
        for text in texts {
            bytes.push(u8::try_from(text.len()).expect("a test's text is short"));
            bytes.extend_from_slice(text);
        }
        bytes
    }

    /// A block of what a client sends: indexed, other literals with `%`, then the authority.
    fn block(authority: &[u8]) -> Vec<u8> {
        let fields = [
            vec![0x83, 0x3f, 0xe1, 0x1f],
            literal(0x44, &[b"/a%2Fb"]),
            literal(0x40, &[b"x%n", b"v%v"]),
            literal(0x41, &[authority]),
            literal(0x0f, &[]),
            vec![0x20, 3, b'1', b'%', b'S'],
        ];
        fields.concat()
    }

    fn passed(mut bytes: Vec<u8>, at_once: usize) -> Vec<u8> {
        let mut frames = Frames::default();
        bytes.chunks_mut(at_once).for_each(|part| frames.pass(part));
        bytes
    }

    fn check(frames: impl Fn(&[u8]) -> Vec<u8>) {
        let [sent, wanted] =
            [&b"%2Ftmp%2Fs.sock"[..], b"-2Ftmp-2Fs.sock"].map(|name| [PREFACE.to_vec(), frames(name)].concat());
        for at_once in [1, 2, 7, 1000] {
            assert_eq!(passed(sent.clone(), at_once), wanted, "{at_once} bytes at once");
        }
    }

    #[test]
    fn an_authority_loses_its_percent_signs_and_nothing_else_does() {
        check(|name| [frame(4, 0, b"%%%%%%"), frame(1, 4, &block(name)), frame(0, 1, b"data %")].concat());
    }

    #[test]
    fn the_name_may_be_spelled_out_and_others_that_begin_alike_are_others() {
        let fields = |name: &[u8]| {
            let spelled = literal(0x40, &[AUTHORITY, name]);
            let longer = literal(0x40, &[b":authority-too", b"%"]);
            let shorter = literal(0x00, &[b":author", b"%"]);
            frame(1, 4, &[longer, spelled, shorter].concat())
        };
        check(fields);
    }

    #[test]
    fn padding_and_priority_are_not_fields() {
        check(|name| {
            let block = block(name);
            let padded = [&[4, 0, 0, 0, 0, 9][..], &block, b"%A%A"].concat();
            [frame(1, 4 | PADDED | PRIORITY, &padded), frame(1, 4, &block)].concat()
        });
    }

    #[test]
    fn a_block_may_go_on_in_another_frame() {
        check(|name| {
            let block = block(name);
            let (first, rest) = block.split_at(25);
            [frame(1, 0, first), frame(9, 4, rest), frame(1, 4, &block)].concat()
        });
    }

    #[test]
    fn a_long_authority_is_followed_to_its_end() {
        let name = |sign: &str| format!("{sign}2F").repeat(100).into_bytes();
        let sent = |name: &[u8]| {
            let block = [&[0x41, 0x7f, 0xad, 0x01][..], name, &[0x83]].concat();
            [PREFACE.to_vec(), frame(1, 4, &block), frame(1, 4, &literal(0x44, &[b"/%"]))].concat()
        };
        assert_eq!(passed(sent(&name("%")), 3), sent(&name("-")));
    }

    #[test]
    fn what_is_not_http_2_is_left_alone() {
        let request = b"GET /v1/models/a%20b HTTP/1.1\r\nHost: %2Ftmp\r\n\r\n".to_vec();
        assert_eq!(passed(request.clone(), 5), request);
    }

    #[test]
    fn noise_is_followed_without_a_panic() {
        for seed in 0..200_u32 {
            let mut state = seed;
            let noise = std::iter::repeat_with(|| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            });
            let bytes: Vec<u8> = PREFACE.iter().copied().chain(noise.take(3000)).collect();
            assert_eq!(passed(bytes.clone(), 11).len(), bytes.len());
        }
    }
}
