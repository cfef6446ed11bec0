//! `tensorflow.TensorProto`, decoded by hand.
//!
//! A float tensor of a request is already what an engine takes: packed floats are little-endian bytes one after another.
//! So the values stay slices of the received message until they are written to shared memory; only integers, which the
//! wire holds as varints, are expanded here.
//!
//! Source: tensorflow/core/framework/tensor.proto and tensor.cc (Tensor::FromProto: fewer values than elements repeat the
//! last one, none at all mean zeros, more are cut off).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{encode_varint, DecodeContext, WireType};
use prost::{DecodeError, Message};
use seaway_wire::DType;
use smallvec::SmallVec;

use super::varint;
use crate::pb::tensorflow::tensor_shape_proto::Dim;
use crate::pb::tensorflow::TensorShapeProto;
use crate::status::{Result, Status};
use crate::tensor::{element_count, show_shape, Shape, Tensor};

/// Bytes that repeating the last value may add: a message of 20 bytes cannot ask for gigabytes.
const MAX_REPEATED_BYTES: usize = 16 << 20;

const TAG_DTYPE: u32 = 1;
const TAG_SHAPE: u32 = 2;
const TAG_CONTENT: u32 = 4;
const TAG_STRING: u32 = 8;

/// A tensor as it came over the wire; [`TensorProto::to_tensor`] checks it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorProto {
    dtype: i32,
    shape: Option<TensorShapeProto>,
    content: Bytes,
    strings: Vec<Bytes>,
    /// The numeric fields that came, one entry a tag.
    values: SmallVec<[(u32, Values); 1]>,
}

/// The values of one field, in their packed form.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// A slice of the message: how every ordinary writer sends them.
    Slice(Bytes),
    /// Several packed runs, or values sent one by one.
    Joined(BytesMut),
}

impl Values {
    fn as_slice(&self) -> &[u8] {
        match self {
            Values::Slice(bytes) => bytes,
            Values::Joined(bytes) => bytes,
        }
    }

    /// What has come so far, to append to.
    fn joined(&mut self) -> &mut BytesMut {
        if let Values::Slice(bytes) = self {
            *self = Values::Joined(BytesMut::from(&bytes[..]));
        }
        match self {
            Values::Joined(bytes) => bytes,
            Values::Slice(_) => unreachable!("it was joined above"),
        }
    }
}

/// How one field holds its values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Varint,
    /// As the arena holds them.
    Fixed,
}

impl TensorProto {
    /// A message with these fields; `values` are those of one numeric field, in their packed form.
    pub(super) fn new(dtype: DType, shape: &[i64], values: Option<(u32, Bytes)>, strings: Vec<Bytes>) -> TensorProto {
        let dim = shape.iter().map(|size| Dim { size: *size, ..Dim::default() }).collect();
        TensorProto {
            dtype: dtype as i32,
            shape: Some(TensorShapeProto { dim, ..TensorShapeProto::default() }),
            content: Bytes::new(),
            strings,
            values: values.into_iter().map(|(tag, values)| (tag, Values::Slice(values))).collect(),
        }
    }

    /// A tensor of this type without elements.
    pub fn empty(dtype: DType) -> TensorProto {
        TensorProto::new(dtype, &[0], None, Vec::new())
    }

    /// The tensor, complete and consistent.
    ///
    /// Errors: INVALID_ARGUMENT when the type cannot cross the wire, the shape is impossible, the values do not fit it, or
    /// it would need more than `max_bytes`.
    pub fn to_tensor(&self, max_bytes: usize) -> Result<Tensor> {
        let dtype = DType::from_number(self.dtype)
            .ok_or_else(|| Status::invalid_argument(format!("data type {} cannot be sent as a tensor", self.dtype)))?;
        let shape = self.shape()?;
        let count = element_count(&shape)?;
        match dtype.size_bytes() {
            None => self.string_tensor(shape, count, max_bytes),
            Some(size) => {
                let bytes = count
                    .checked_mul(size)
                    .filter(|bytes| *bytes <= max_bytes)
                    .ok_or_else(|| too_large(&shape, max_bytes))?;
                let elements = self.elements(dtype, size, bytes)?;
                Tensor::raw(dtype, shape, elements)
            }
        }
    }

    fn shape(&self) -> Result<Shape> {
        match &self.shape {
            None => Ok(Shape::new()),
            Some(shape) if shape.unknown_rank => Err(Status::invalid_argument("a tensor's shape must be known")),
            Some(shape) => Ok(shape.dim.iter().map(|dim| dim.size).collect()),
        }
    }

    fn elements(&self, dtype: DType, size: usize, wanted: usize) -> Result<Bytes> {
        if !self.content.is_empty() {
            // Tensor::raw names the sizes when they differ.
            return Ok(self.content.clone());
        }
        let (tag, packing) = field(dtype);
        let values = self.values.iter().find(|(at, _)| *at == tag).map(|(_, values)| values);
        let given = match (packing, values) {
            (_, None) => Bytes::new(),
            (Packing::Fixed, Some(Values::Slice(bytes))) => bytes.clone(),
            (Packing::Fixed, Some(Values::Joined(bytes))) => Bytes::copy_from_slice(bytes),
            (Packing::Varint, Some(values)) => expand(dtype, size, values.as_slice(), wanted)?,
        };
        complete(given, size, wanted)
    }

    fn string_tensor(&self, shape: Shape, count: usize, max_bytes: usize) -> Result<Tensor> {
        let mut elements = match self.content.is_empty() {
            // More than the shape needs are cut off.
            true => self.strings[..count.min(self.strings.len())].to_vec(),
            false => content_strings(&self.content, count)?,
        };
        if count > elements.len() {
            let repeated = count - elements.len();
            let last = elements.last().cloned().unwrap_or_default();
            // Each takes its bytes in the arena and a handle here.
            if repeated.saturating_mul(last.len() + size_of::<Bytes>()) > MAX_REPEATED_BYTES.min(max_bytes) {
                return Err(too_few(elements.len(), count));
            }
            elements.resize(count, last);
        }
        Tensor::strings(shape, elements)
    }
}

/// The field that holds a type's values, and how.
fn field(dtype: DType) -> (u32, Packing) {
    match dtype {
        DType::Float => (5, Packing::Fixed),
        DType::Double => (6, Packing::Fixed),
        DType::Complex64 => (9, Packing::Fixed),
        DType::Complex128 => (12, Packing::Fixed),
        DType::Int64 => (10, Packing::Varint),
        DType::Bool => (11, Packing::Varint),
        DType::Half | DType::BFloat16 => (13, Packing::Varint),
        DType::UInt32 => (16, Packing::Varint),
        DType::UInt64 => (17, Packing::Varint),
        _ => (7, Packing::Varint),
    }
}

/// The varints of a packed payload as elements of `size` bytes, at most `wanted` bytes: a varint of one byte may become
/// eight.
fn expand(dtype: DType, size: usize, payload: &[u8], wanted: usize) -> Result<Bytes> {
    let mut out = BytesMut::with_capacity(wanted.min(payload.len().saturating_mul(size)));
    for value in varint::each(payload) {
        if out.len() >= wanted {
            break;
        }
        let value = value.map_err(|error| Status::invalid_argument(error.to_string()))?;
        match dtype {
            // Any value but zero is true, and engines know one byte for it.
            DType::Bool => out.put_u8(u8::from(value != 0)),
            _ => out.put_slice(&value.to_le_bytes()[..size]),
        }
    }
    Ok(out.freeze())
}

/// `given`, cut or filled up to `wanted` bytes with its last element.
fn complete(given: Bytes, size: usize, wanted: usize) -> Result<Bytes> {
    if !given.len().is_multiple_of(size) {
        return Err(Status::invalid_argument(format!(
            "{} bytes of values are no whole number of elements of {size} bytes",
            given.len()
        )));
    }
    if given.len() >= wanted {
        return Ok(given.slice(..wanted));
    }
    if wanted - given.len() > MAX_REPEATED_BYTES {
        return Err(too_few(given.len() / size, wanted / size));
    }
    let mut all = BytesMut::with_capacity(wanted);
    all.put_slice(&given);
    match given.len().checked_sub(size) {
        None => all.resize(wanted, 0),
        Some(last) => {
            while all.len() < wanted {
                all.put_slice(&given[last..]);
            }
        }
    }
    Ok(all.freeze())
}

/// Strings in `tensor_content`: every length as a varint, then all bytes.
///
/// Source: tensorflow/core/platform/coding (EncodeStringList).
fn content_strings(content: &Bytes, count: usize) -> Result<Vec<Bytes>> {
    let malformed = || Status::invalid_argument(format!("tensor_content does not hold {count} strings"));
    if count > content.len() {
        return Err(malformed());
    }
    let mut rest = content.clone();
    let mut lens = Vec::with_capacity(count);
    for _ in 0..count {
        lens.push(prost::encoding::decode_varint(&mut rest).map_err(|_| malformed())?);
    }
    let mut elements = Vec::with_capacity(count);
    for len in lens {
        let len = usize::try_from(len).ok().filter(|len| *len <= rest.len()).ok_or_else(malformed)?;
        elements.push(rest.split_to(len));
    }
    match rest.is_empty() {
        true => Ok(elements),
        false => Err(malformed()),
    }
}

fn too_large(shape: &[i64], max_bytes: usize) -> Status {
    Status::invalid_argument(format!(
        "a tensor of shape {} is larger than the limit of {max_bytes} bytes",
        show_shape(shape)
    ))
}

fn too_few(given: usize, wanted: usize) -> Status {
    Status::invalid_argument(format!(
        "the shape needs {wanted} values and {given} were sent; repeating the last one may add at most {MAX_REPEATED_BYTES} bytes"
    ))
}

impl Message for TensorProto {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        if self.dtype != 0 {
            prost::encoding::int32::encode(TAG_DTYPE, &self.dtype, buf);
        }
        if let Some(shape) = &self.shape {
            prost::encoding::message::encode(TAG_SHAPE, shape, buf);
        }
        if !self.content.is_empty() {
            varint::put_delimited(TAG_CONTENT, &self.content, buf);
        }
        for (tag, values) in &self.values {
            varint::put_delimited(*tag, values.as_slice(), buf);
        }
        for element in &self.strings {
            varint::put_delimited(TAG_STRING, element, buf);
        }
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> std::result::Result<(), DecodeError> {
        match (tag, wire_type) {
            (TAG_DTYPE, _) => prost::encoding::int32::merge(wire_type, &mut self.dtype, buf, ctx),
            (TAG_SHAPE, _) => prost::encoding::message::merge(wire_type, self.shape.get_or_insert_default(), buf, ctx),
            (TAG_CONTENT, WireType::LengthDelimited) => {
                self.content = varint::take_delimited(buf)?;
                Ok(())
            }
            (TAG_STRING, WireType::LengthDelimited) => {
                self.strings.push(varint::take_delimited(buf)?);
                Ok(())
            }
            _ => match (wire_type_of(tag), wire_type) {
                (Some(_), WireType::LengthDelimited) => {
                    let packed = varint::take_delimited(buf)?;
                    self.push_packed(tag, packed);
                    Ok(())
                }
                // A writer may also send the values one by one, not packed.
                (Some(single), _) if single == wire_type => self.push_single(tag, single, buf),
                // Fields that no tensor of these types has, or in a form that they do not have: unknown to every reader.
                _ => prost::encoding::skip_field(wire_type, tag, buf, ctx),
            },
        }
    }

    fn encoded_len(&self) -> usize {
        let mut counted = Counter(0);
        self.encode_raw(&mut counted);
        counted.0
    }

    fn clear(&mut self) {
        *self = TensorProto::default();
    }
}

impl TensorProto {
    fn push_packed(&mut self, tag: u32, packed: Bytes) {
        match self.values.iter_mut().find(|(at, _)| *at == tag) {
            Some((_, values)) => values.joined().put_slice(&packed),
            None => self.values.push((tag, Values::Slice(packed))),
        }
    }

    fn push_single(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
    ) -> std::result::Result<(), DecodeError> {
        if !self.values.iter().any(|(at, _)| *at == tag) {
            self.values.push((tag, Values::Joined(BytesMut::new())));
        }
        let (_, values) = self.values.iter_mut().find(|(at, _)| *at == tag).expect("it was pushed above");
        let joined = values.joined();
        match wire_type {
            WireType::Varint => encode_varint(prost::encoding::decode_varint(buf)?, joined),
            WireType::ThirtyTwoBit => joined.put_slice(&varint::take(buf, 4)?),
            _ => joined.put_slice(&varint::take(buf, 8)?),
        }
        Ok(())
    }
}

/// How a numeric field's values come when they are not packed; `None` for a tag that is no such field.
fn wire_type_of(tag: u32) -> Option<WireType> {
    match tag {
        5 | 9 => Some(WireType::ThirtyTwoBit),
        6 | 12 => Some(WireType::SixtyFourBit),
        7 | 10 | 11 | 13 | 16 | 17 => Some(WireType::Varint),
        _ => None,
    }
}

/// A buffer that only counts.
struct Counter(usize);

// SAFETY: `advance_mut` only adds to a number; the chunk given out is never read back.
unsafe impl BufMut for Counter {
    fn remaining_mut(&self) -> usize {
        usize::MAX - self.0
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        self.0 += count;
    }

    fn chunk_mut(&mut self) -> &mut bytes::buf::UninitSlice {
        bytes::buf::UninitSlice::new(&mut [])
    }

    fn put_slice(&mut self, src: &[u8]) {
        self.0 += src.len();
    }

    fn put<T: Buf>(&mut self, mut src: T) {
        self.0 += src.remaining();
        src.advance(src.remaining());
    }

    fn put_u8(&mut self, _: u8) {
        self.0 += 1;
    }
}

#[cfg(test)]
#[path = "tensor_proto_tests.rs"]
mod tests;
