//! The few protobuf primitives that the hand-written codecs need beside prost's.

use bytes::{Buf, BufMut, Bytes};
use prost::encoding::decode_varint;
use prost::DecodeError;

/// The next `len` bytes, as a slice of the buffer where it allows that.
pub fn take(buf: &mut impl Buf, len: usize) -> Result<Bytes, DecodeError> {
    match len <= buf.remaining() {
        true => Ok(buf.copy_to_bytes(len)),
        false => Err(underflow()),
    }
}

/// A length and that many bytes.
pub fn take_delimited(buf: &mut impl Buf) -> Result<Bytes, DecodeError> {
    let len = decode_varint(buf)?;
    take(buf, usize::try_from(len).map_err(|_| underflow())?)
}

/// The varints in `bytes`, one after another.
pub fn each(mut bytes: &[u8]) -> impl Iterator<Item = Result<u64, DecodeError>> + '_ {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| decode_varint(&mut bytes)))
}

/// Writes a field's key, its length, and its bytes.
pub fn put_delimited(tag: u32, bytes: &[u8], out: &mut impl BufMut) {
    prost::encoding::encode_key(tag, prost::encoding::WireType::LengthDelimited, out);
    prost::encoding::encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

fn underflow() -> DecodeError {
    // prost offers no public constructor; decoding a varint from nothing makes the error that is meant.
    decode_varint(&mut [].as_slice()).expect_err("nothing is no varint")
}
