//! PredictResponse, encoded straight from shared memory.
//!
//! By default outputs are written as typed fields, as TensorFlow Serving does: for floats and doubles that is the arena's
//! bytes with a key and a length before them.
//!
//! Source: tensorflow_serving/apis/predict.proto; tensorflow/core/framework/tensor.cc (Tensor::AsProtoField, AsProtoTensorContent).

use bytes::BytesMut;
use prost::encoding::{encode_key, encode_varint, encoded_len_varint, WireType};
use prost::Message;
use seaway_wire::DType;

use super::varint::put_delimited;
use super::{RawMessage, TensorProto};
use crate::pb::tensorflow::serving::ModelSpec;
use crate::status::Result;
use crate::tensor::{Elements, Tensor, TensorView};

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
    for output in outputs {
        // Every length is known before it is written, so that large values are copied once.
        let payload = payload(output, representation)?;
        let shape_len = output.shape.iter().map(|dim| delimited_len(dim_len(*dim))).sum();
        let header_len = prost::encoding::int32::encoded_len(1, &(output.dtype as i32)) + delimited_len(shape_len);
        let tensor_len = header_len + payload.len();
        encode_key(1, WireType::LengthDelimited, &mut out);
        encode_varint((delimited_len(output.name.len()) + delimited_len(tensor_len)) as u64, &mut out);
        put_delimited(1, output.name.as_bytes(), &mut out);
        encode_key(2, WireType::LengthDelimited, &mut out);
        encode_varint(tensor_len as u64, &mut out);
        put_header(output, shape_len, &mut out);
        payload.put(&mut out);
    }
    prost::encoding::message::encode(2, spec, &mut out);
    Ok(RawMessage::new(out))
}

/// A request's tensor in typed fields, whichever way it came.
pub fn tensor_proto(tensor: &Tensor) -> TensorProto {
    let (dtype, shape) = (tensor.dtype(), tensor.shape());
    let bytes = match tensor.elements() {
        Elements::Strings(strings) => return TensorProto::new(dtype, shape, None, strings.clone()),
        Elements::Raw(bytes) => bytes,
    };
    let values = match payload(&TensorView { name: "", dtype, shape, bytes }, Representation::TypedFields) {
        Ok(Payload::Borrowed(tag, _)) => Some((tag, bytes.clone())),
        Ok(Payload::Owned(tag, packed)) => Some((tag, packed.into())),
        // Only strings can be malformed, and they were answered above.
        Ok(Payload::Empty | Payload::Strings(_)) | Err(_) => None,
    };
    TensorProto::new(dtype, shape, values, Vec::new())
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
fn put_header(output: &TensorView<'_>, shape_len: usize, out: &mut BytesMut) {
    prost::encoding::int32::encode(1, &(output.dtype as i32), out);
    encode_key(2, WireType::LengthDelimited, out);
    encode_varint(shape_len as u64, out);
    for dim in output.shape {
        encode_key(2, WireType::LengthDelimited, out);
        encode_varint(dim_len(*dim) as u64, out);
        if *dim != 0 {
            prost::encoding::int64::encode(1, dim, out);
        }
    }
}

/// Bytes of one dimension's message; proto3 leaves out a zero, and with it the message is empty, which means just that.
fn dim_len(dim: i64) -> usize {
    match dim {
        0 => 0,
        _ => prost::encoding::int64::encoded_len(1, &dim),
    }
}

fn field_len(tag: u32, len: usize) -> usize {
    encoded_len_varint(u64::from(tag) << 3) + encoded_len_varint(len as u64) + len
}

fn delimited_len(len: usize) -> usize {
    field_len(1, len)
}

#[cfg(test)]
mod tests {
    use prost_reflect::{DescriptorPool, DynamicMessage};

    use super::*;
    use crate::pb::DESCRIPTOR_SET;

    /// The response as any reader of the descriptors sees it, in text form.
    fn text(outputs: &[TensorView<'_>], representation: Representation) -> String {
        use crate::pb::tensorflow::serving::model_spec::VersionChoice;
        let spec =
            ModelSpec { name: "m".into(), signature_name: "s".into(), version_choice: Some(VersionChoice::Version(7)) };
        let bytes = encode_predict_response(&spec, outputs, representation).unwrap().into_bytes();
        let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
        let descriptor = pool.get_message_by_name("tensorflow.serving.PredictResponse").unwrap();
        DynamicMessage::decode(descriptor, bytes).unwrap().to_text_format()
    }

    #[test]
    fn a_response_reads_as_the_published_message() {
        let y = TensorView { name: "y", dtype: DType::Int16, shape: &[1, 2], bytes: &[0xff, 0xff, 0x2c, 0x01] };
        let shape = "tensor_shape{dim:[{size:1},{size:2}]}";
        let spec = "model_spec{name:\"m\",version{value:7},signature_name:\"s\"}";
        assert_eq!(
            text(&[y], Representation::TypedFields),
            format!("outputs:[{{key:\"y\",value{{dtype:DT_INT16,{shape},int_val:[-1,300]}}}}],{spec}")
        );
        assert_eq!(
            text(&[y], Representation::TensorContent),
            format!(
                "outputs:[{{key:\"y\",value{{dtype:DT_INT16,{shape},tensor_content:\"\\377\\377,\\001\"}}}}],{spec}"
            )
        );
    }

    #[test]
    fn no_outputs_leave_the_spec_alone() {
        assert_eq!(
            text(&[], Representation::TypedFields),
            "model_spec{name:\"m\",version{value:7},signature_name:\"s\"}"
        );
    }

    #[test]
    fn a_string_table_that_does_not_fit_is_an_internal_error() {
        let bad = TensorView { name: "s", dtype: DType::String, shape: &[1], bytes: &[0; 8] };
        let status = encode_predict_response(&ModelSpec::default(), &[bad], Representation::TypedFields).unwrap_err();
        assert_eq!(status.code, crate::status::Code::Internal);
    }
}
