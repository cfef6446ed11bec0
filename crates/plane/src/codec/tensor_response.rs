//! PredictResponse, encoded straight from shared memory.
//!
//! By default outputs are written as typed fields, as TensorFlow Serving does: for floats and doubles that is the arena's
//! bytes with a key and a length before them.
//!
//! Source: tensorflow_serving/apis/predict.proto; tensorflow/core/framework/tensor.cc (Tensor::AsProtoField, AsProtoTensorContent).

use bytes::{BufMut, BytesMut};
use prost::encoding::{encode_key, encode_varint, encoded_len_varint, WireType};
use prost::Message;
use seaway_wire::DType;

use super::varint::put_delimited;
use super::RawMessage;
use crate::pb::tensorflow::serving::ModelSpec;
use crate::status::Result;
use crate::tensor::TensorView;

/// How outputs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Representation {
    /// In `float_val`, `int_val` and so on.
    TypedFields,
    /// In `tensor_content` where the type allows it.
    TensorContent,
}

/// The response to a Predict call.
///
/// Errors: INTERNAL when an output of the worker is not well formed.
pub fn encode_predict_response(
    spec: &ModelSpec,
    outputs: &[TensorView<'_>],
    representation: Representation,
) -> Result<RawMessage> {
    let tensors: usize = outputs.iter().map(|output| output.bytes.len() + output.name.len() + 64).sum();
    let mut out = BytesMut::with_capacity(tensors + spec.encoded_len() + 8);
    let mut tensor = BytesMut::new();
    for output in outputs {
        tensor.clear();
        // The payload is appended behind the entry's keys, so that large values are copied once.
        let payload = payload(output, representation)?;
        put_header(output, &mut tensor);
        let tensor_len = tensor.len() + payload.len();
        let entry_len = delimited_len(output.name.len()) + delimited_len(tensor_len);
        encode_key(1, WireType::LengthDelimited, &mut out);
        encode_varint(entry_len as u64, &mut out);
        put_delimited(1, output.name.as_bytes(), &mut out);
        encode_key(2, WireType::LengthDelimited, &mut out);
        encode_varint(tensor_len as u64, &mut out);
        out.put_slice(&tensor);
        payload.put(&mut out);
    }
    put_delimited(2, &spec.encode_to_vec(), &mut out);
    Ok(RawMessage::new(out))
}

/// The values of one tensor, as fields.
enum Payload<'a> {
    Empty,
    /// One field with these bytes.
    Borrowed(u32, &'a [u8]),
    /// One field with these bytes.
    Owned(u32, Vec<u8>),
    /// `string_val`, once an element.
    Strings(Vec<&'a [u8]>),
}

impl Payload<'_> {
    fn len(&self) -> usize {
        match self {
            Payload::Empty => 0,
            // Every tag here is below 16 but those of unsigned integers, whose keys take two bytes.
            Payload::Borrowed(tag, bytes) => field_len(*tag, bytes.len()),
            Payload::Owned(tag, bytes) => field_len(*tag, bytes.len()),
            Payload::Strings(elements) => elements.iter().map(|element| field_len(8, element.len())).sum(),
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Payload::Empty => {}
            Payload::Borrowed(tag, bytes) => put_delimited(*tag, bytes, out),
            Payload::Owned(tag, bytes) => put_delimited(*tag, bytes, out),
            Payload::Strings(elements) => elements.iter().for_each(|element| put_delimited(8, element, out)),
        }
    }
}

fn payload<'a>(output: &TensorView<'a>, representation: Representation) -> Result<Payload<'a>> {
    if output.dtype == DType::String {
        return Ok(Payload::Strings(output.string_elements()?));
    }
    if output.bytes.is_empty() {
        return Ok(Payload::Empty);
    }
    if representation == Representation::TensorContent {
        return Ok(Payload::Borrowed(4, output.bytes));
    }
    Ok(match output.dtype {
        DType::Float => Payload::Borrowed(5, output.bytes),
        DType::Double => Payload::Borrowed(6, output.bytes),
        DType::Complex64 => Payload::Borrowed(9, output.bytes),
        DType::Complex128 => Payload::Borrowed(12, output.bytes),
        DType::Int64 => Payload::Owned(10, varints::<8>(output.bytes, u64::from_le_bytes)),
        DType::Bool => Payload::Owned(11, varints::<1>(output.bytes, |[byte]| u64::from(byte != 0))),
        DType::Half | DType::BFloat16 => {
            Payload::Owned(13, varints::<2>(output.bytes, |bytes| u16::from_le_bytes(bytes).into()))
        }
        DType::UInt32 => Payload::Owned(16, varints::<4>(output.bytes, |bytes| u32::from_le_bytes(bytes).into())),
        DType::UInt64 => Payload::Owned(17, varints::<8>(output.bytes, u64::from_le_bytes)),
        DType::UInt8 | DType::QUInt8 => Payload::Owned(7, varints::<1>(output.bytes, |[byte]| byte.into())),
        DType::UInt16 | DType::QUInt16 => {
            Payload::Owned(7, varints::<2>(output.bytes, |bytes| u16::from_le_bytes(bytes).into()))
        }
        // A negative int32 field is a varint of its 64-bit sign extension.
        DType::Int8 | DType::QInt8 => {
            Payload::Owned(7, varints::<1>(output.bytes, |bytes| i64::from(i8::from_le_bytes(bytes)) as u64))
        }
        DType::Int16 | DType::QInt16 => {
            Payload::Owned(7, varints::<2>(output.bytes, |bytes| i64::from(i16::from_le_bytes(bytes)) as u64))
        }
        DType::Int32 | DType::QInt32 => {
            Payload::Owned(7, varints::<4>(output.bytes, |bytes| i64::from(i32::from_le_bytes(bytes)) as u64))
        }
        DType::String => unreachable!("strings were answered above"),
    })
}

fn varints<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for element in bytes.chunks_exact(N) {
        encode_varint(value(element.try_into().expect("chunks of N")), &mut out);
    }
    out
}

/// Type and shape.
fn put_header(output: &TensorView<'_>, out: &mut BytesMut) {
    prost::encoding::int32::encode(1, &(output.dtype as i32), out);
    let mut shape = BytesMut::with_capacity(output.shape.len() * 12);
    for dim in output.shape {
        let mut field = BytesMut::with_capacity(11);
        // proto3 leaves out a zero, and with it the dimension would be an empty message, which is what it means.
        if *dim != 0 {
            prost::encoding::int64::encode(1, dim, &mut field);
        }
        put_delimited(2, &field, &mut shape);
    }
    put_delimited(2, &shape, out);
}

fn field_len(tag: u32, len: usize) -> usize {
    encoded_len_varint(u64::from(tag) << 3) + encoded_len_varint(len as u64) + len
}

fn delimited_len(len: usize) -> usize {
    field_len(1, len)
}
