//! Against a plain struct of the same message, derived by prost: what a client's own library writes.

use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::codec::{encode_predict_response, Representation};
use crate::pb::tensorflow::serving::ModelSpec;
use crate::status::Code;
use crate::tensor::{Elements, TensorView};
use seaway_wire::strings;

/// `tensorflow.TensorProto` as a client's library has it.
#[derive(Clone, PartialEq, prost::Message)]
struct Plain {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    tensor_shape: Option<TensorShapeProto>,
    #[prost(int32, tag = "3")]
    version_number: i32,
    #[prost(bytes = "bytes", tag = "4")]
    tensor_content: Bytes,
    #[prost(int32, repeated, tag = "13")]
    half_val: Vec<i32>,
    #[prost(float, repeated, tag = "5")]
    float_val: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    double_val: Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    int_val: Vec<i32>,
    #[prost(bytes = "bytes", repeated, tag = "8")]
    string_val: Vec<Bytes>,
    #[prost(float, repeated, tag = "9")]
    scomplex_val: Vec<f32>,
    #[prost(int64, repeated, tag = "10")]
    int64_val: Vec<i64>,
    #[prost(bool, repeated, tag = "11")]
    bool_val: Vec<bool>,
    #[prost(double, repeated, tag = "12")]
    dcomplex_val: Vec<f64>,
    #[prost(uint32, repeated, tag = "16")]
    uint32_val: Vec<u32>,
    #[prost(uint64, repeated, tag = "17")]
    uint64_val: Vec<u64>,
}

/// The same fields, each value on its own.
#[derive(Clone, PartialEq, prost::Message)]
struct Unpacked {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    tensor_shape: Option<TensorShapeProto>,
    #[prost(float, repeated, packed = "false", tag = "5")]
    float_val: Vec<f32>,
    #[prost(double, repeated, packed = "false", tag = "6")]
    double_val: Vec<f64>,
    #[prost(int32, repeated, packed = "false", tag = "7")]
    int_val: Vec<i32>,
    #[prost(int64, repeated, packed = "false", tag = "10")]
    int64_val: Vec<i64>,
}

const LIMIT: usize = 1 << 30;

fn shape(dims: &[i64]) -> Option<TensorShapeProto> {
    let dim = dims
        .iter()
        .map(|size| crate::pb::tensorflow::tensor_shape_proto::Dim { size: *size, ..Default::default() })
        .collect();
    Some(TensorShapeProto { dim, unknown_rank: false })
}

fn of(dtype: DType, dims: &[i64]) -> Plain {
    Plain { dtype: dtype as i32, tensor_shape: shape(dims), ..Plain::default() }
}

fn read(message: &impl Message) -> Result<Tensor> {
    TensorProto::decode(Bytes::from(message.encode_to_vec())).expect("a written message decodes").to_tensor(LIMIT)
}

fn raw(message: &impl Message) -> Vec<u8> {
    match read(message).unwrap().elements() {
        Elements::Raw(bytes) => bytes.to_vec(),
        Elements::Strings(_) => panic!("not a string tensor"),
    }
}

fn texts(message: &impl Message) -> Vec<Bytes> {
    match read(message).unwrap().elements() {
        Elements::Strings(elements) => elements.clone(),
        Elements::Raw(_) => panic!("a string tensor"),
    }
}

fn refused(message: &impl Message) -> String {
    let status = read(message).unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
    status.message
}

fn le<const N: usize, T: Copy>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}

#[test]
fn every_type_is_read_from_its_typed_field() {
    let cases: Vec<(Plain, Vec<u8>)> = vec![
        (
            Plain { float_val: vec![1.5, f32::NAN, -0.0], ..of(DType::Float, &[3]) },
            le(&[1.5, f32::NAN, -0.0], f32::to_le_bytes),
        ),
        (
            Plain { double_val: vec![1e300, f64::INFINITY], ..of(DType::Double, &[2]) },
            le(&[1e300, f64::INFINITY], f64::to_le_bytes),
        ),
        (
            Plain { int_val: vec![i32::MIN, -1, i32::MAX], ..of(DType::Int32, &[3]) },
            le(&[i32::MIN, -1, i32::MAX], i32::to_le_bytes),
        ),
        (Plain { int_val: vec![-128, 127], ..of(DType::Int8, &[2]) }, vec![0x80, 0x7f]),
        (Plain { int_val: vec![0, 255], ..of(DType::UInt8, &[2]) }, vec![0, 255]),
        (Plain { int_val: vec![-32768, 32767], ..of(DType::Int16, &[2]) }, vec![0x00, 0x80, 0xff, 0x7f]),
        (Plain { int_val: vec![65535], ..of(DType::UInt16, &[1]) }, vec![0xff, 0xff]),
        (Plain { int_val: vec![-3], ..of(DType::QInt8, &[1]) }, vec![0xfd]),
        (Plain { int_val: vec![200], ..of(DType::QUInt8, &[1]) }, vec![200]),
        (Plain { int_val: vec![-3], ..of(DType::QInt16, &[1]) }, vec![0xfd, 0xff]),
        (Plain { int_val: vec![40000], ..of(DType::QUInt16, &[1]) }, 40000u16.to_le_bytes().to_vec()),
        (Plain { int_val: vec![-3], ..of(DType::QInt32, &[1]) }, (-3i32).to_le_bytes().to_vec()),
        (Plain { half_val: vec![0x3c00, 0xfc00], ..of(DType::Half, &[2]) }, vec![0x00, 0x3c, 0x00, 0xfc]),
        (Plain { half_val: vec![0x3f80], ..of(DType::BFloat16, &[1]) }, vec![0x80, 0x3f]),
        (
            Plain { int64_val: vec![i64::MIN, i64::MAX], ..of(DType::Int64, &[2]) },
            le(&[i64::MIN, i64::MAX], i64::to_le_bytes),
        ),
        (Plain { uint32_val: vec![u32::MAX], ..of(DType::UInt32, &[1]) }, vec![255; 4]),
        (Plain { uint64_val: vec![u64::MAX, 0], ..of(DType::UInt64, &[2]) }, le(&[u64::MAX, 0], u64::to_le_bytes)),
        (Plain { bool_val: vec![true, false, true], ..of(DType::Bool, &[3]) }, vec![1, 0, 1]),
        (Plain { scomplex_val: vec![1.0, -2.0], ..of(DType::Complex64, &[1]) }, le(&[1.0, -2.0], f32::to_le_bytes)),
        (Plain { dcomplex_val: vec![1.0, -2.0], ..of(DType::Complex128, &[1]) }, le(&[1.0, -2.0], f64::to_le_bytes)),
    ];
    for (message, expected) in cases {
        assert_eq!(raw(&message), expected, "{message:?}");
    }
}

#[test]
fn every_type_is_read_from_tensor_content() {
    for dtype in DType::ALL {
        let Some(size) = dtype.size_bytes() else { continue };
        let bytes: Vec<u8> = (0..6 * size).map(|byte| (byte % 2) as u8).collect();
        let message = Plain { tensor_content: bytes.clone().into(), ..of(dtype, &[2, 3]) };
        assert_eq!(raw(&message), bytes, "{}", dtype.name());
        let cut = Plain { tensor_content: bytes[1..].to_vec().into(), ..of(dtype, &[2, 3]) };
        let expected =
            format!("a {} tensor of shape [2,3] needs {} bytes, got {}", dtype.name(), 6 * size, 6 * size - 1);
        assert_eq!(refused(&cut), expected);
    }
}

#[test]
fn values_may_come_one_by_one_or_in_several_runs() {
    let base = Unpacked { dtype: DType::Float as i32, tensor_shape: shape(&[3]), ..Unpacked::default() };
    let floats = Unpacked { float_val: vec![1.0, 2.0, 3.0], ..base.clone() };
    assert_eq!(raw(&floats), le(&[1.0, 2.0, 3.0], f32::to_le_bytes));
    let doubles = Unpacked { dtype: DType::Double as i32, double_val: vec![1.0, 2.0, 3.0], ..base.clone() };
    assert_eq!(raw(&doubles), le(&[1.0, 2.0, 3.0], f64::to_le_bytes));
    let ints = Unpacked { dtype: DType::Int64 as i32, int64_val: vec![-1, 300, 0], ..base };
    assert_eq!(raw(&ints), le(&[-1, 300, 0], i64::to_le_bytes));
    let mut mixed = Plain { int_val: vec![-1, 300], ..of(DType::Int32, &[4]) }.encode_to_vec();
    mixed.extend(Unpacked { int_val: vec![7], ..Unpacked::default() }.encode_to_vec());
    mixed.extend(Plain { int_val: vec![8], ..Plain::default() }.encode_to_vec());
    let tensor = TensorProto::decode(Bytes::from(mixed)).unwrap().to_tensor(LIMIT).unwrap();
    assert_eq!(*tensor.elements(), Elements::Raw(le(&[-1, 300, 7, 8], i32::to_le_bytes).into()));
}

#[test]
fn any_number_but_zero_is_true_and_one_byte_of_one() {
    let mut bytes = of(DType::Bool, &[4]).encode_to_vec();
    bytes.extend([0x5a, 6, 0x80, 0x02, 2, 0, 0x80, 0x00]);
    let tensor = TensorProto::decode(Bytes::from(bytes)).unwrap().to_tensor(LIMIT).unwrap();
    assert_eq!(*tensor.elements(), Elements::Raw(Bytes::from_static(&[1, 1, 0, 0])));
}

#[test]
fn fewer_values_repeat_the_last_and_none_are_zeros() {
    let fewer = Plain { float_val: vec![1.0, 2.0], ..of(DType::Float, &[4]) };
    assert_eq!(raw(&fewer), le(&[1.0, 2.0, 2.0, 2.0], f32::to_le_bytes));
    let pair = Plain { scomplex_val: vec![1.0, 2.0], ..of(DType::Complex64, &[2]) };
    assert_eq!(raw(&pair), le(&[1.0, 2.0, 1.0, 2.0], f32::to_le_bytes));
    let one = Plain { int_val: vec![-1], ..of(DType::Int8, &[3]) };
    assert_eq!(raw(&one), [0xff; 3]);
    assert_eq!(raw(&of(DType::Int64, &[2])), [0; 16]);
    let text = Plain { string_val: vec!["a".into(), "b".into()], ..of(DType::String, &[4]) };
    assert_eq!(texts(&text), ["a", "b", "b", "b"]);
    assert_eq!(texts(&of(DType::String, &[2])), ["", ""]);
}

#[test]
fn more_values_are_cut_off() {
    let floats = Plain { float_val: vec![1.0, 2.0, 3.0], ..of(DType::Float, &[2]) };
    assert_eq!(raw(&floats), le(&[1.0, 2.0], f32::to_le_bytes));
    let ints = Plain { int64_val: vec![1, 2, 3], ..of(DType::Int64, &[1]) };
    assert_eq!(raw(&ints), 1i64.to_le_bytes());
    let text = Plain { string_val: vec!["a".into(), "b".into()], ..of(DType::String, &[1]) };
    assert_eq!(texts(&text), ["a"]);
    assert_eq!(raw(&Plain { float_val: vec![1.0], ..of(DType::Float, &[0, 5]) }), [0u8; 0]);
}

#[test]
fn half_a_complex_number_is_refused() {
    let odd = Plain { scomplex_val: vec![1.0, 2.0, 3.0], ..of(DType::Complex64, &[2]) };
    assert_eq!(refused(&odd), "12 bytes of values are no whole number of elements of 8 bytes");
}

#[test]
fn strings_are_read_from_tensor_content() {
    let content =
        |bytes: &[u8], dims: &[i64]| Plain { tensor_content: Bytes::copy_from_slice(bytes), ..of(DType::String, dims) };
    assert_eq!(texts(&content(b"\x02\x00\x01abc", &[3])), ["ab", "", "c"]);
    let expected = "tensor_content does not hold 3 strings";
    for bytes in [
        b"\x02\x00".as_slice(),
        b"\x02\x00\x01ab",
        b"\x02\x00\x01abcd",
        b"\x80\x80\x80",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00",
    ] {
        assert_eq!(refused(&content(bytes, &[3])), expected, "{bytes:?}");
    }
    assert_eq!(refused(&content(b"a", &[1 << 40])), "tensor_content does not hold 1099511627776 strings");
}

#[test]
fn a_field_of_another_type_is_not_read() {
    let message = Plain { float_val: vec![1.0], ..of(DType::Int32, &[1]) };
    assert_eq!(raw(&message), [0; 4], "no int_val at all: zeros, as TensorFlow reads it");
}

#[test]
fn a_value_in_the_wrong_wire_type_is_an_unknown_field() {
    let mut bytes = Plain { float_val: vec![1.0], ..of(DType::Float, &[1]) }.encode_to_vec();
    // float_val as a varint, int_val as four bytes, tensor_content as a varint.
    bytes.extend([0x28, 7, 0x3d, 1, 2, 3, 4, 0x20, 9]);
    let tensor = TensorProto::decode(Bytes::from(bytes)).unwrap().to_tensor(LIMIT).unwrap();
    assert_eq!(*tensor.elements(), Elements::Raw(1f32.to_le_bytes().to_vec().into()));
}

#[test]
fn scalars_and_empty_tensors_are_tensors() {
    let scalar = Plain { float_val: vec![1.0], dtype: DType::Float as i32, ..Plain::default() };
    let tensor = read(&scalar).unwrap();
    assert_eq!((tensor.shape(), tensor.rows()), ([].as_slice(), 1));
    assert_eq!(raw(&of(DType::Float, &[0, i64::MAX])), [0u8; 0]);
    assert_eq!(texts(&of(DType::String, &[3, 0])), [""; 0]);
}

#[test]
fn impossible_shapes_and_types_are_refused() {
    let cases = [
        (of(DType::Float, &[-1]), "[-1] is not a shape that a tensor can have"),
        (of(DType::Float, &[2, -5]), "[2,-5] is not a shape that a tensor can have"),
        (
            of(DType::Float, &[i64::MAX, i64::MAX]),
            "[9223372036854775807,9223372036854775807] is not a shape that a tensor can have",
        ),
        (
            Plain { tensor_shape: Some(TensorShapeProto { unknown_rank: true, dim: vec![] }), ..of(DType::Float, &[]) },
            "a tensor's shape must be known",
        ),
        (Plain { dtype: 0, ..Plain::default() }, "data type 0 cannot be sent as a tensor"),
        (Plain { dtype: 20, ..Plain::default() }, "data type 20 cannot be sent as a tensor"),
        (Plain { dtype: 101, ..Plain::default() }, "data type 101 cannot be sent as a tensor"),
        (Plain { dtype: -1, ..Plain::default() }, "data type -1 cannot be sent as a tensor"),
        (of(DType::Float, &[1; 255]), "255 dimensions are more than the 254 that a tensor can have"),
    ];
    for (message, expected) in cases {
        assert_eq!(refused(&message), expected);
    }
}

#[test]
fn a_huge_shape_with_little_data_is_refused_without_making_room() {
    let message = Plain { float_val: vec![1.0], ..of(DType::Float, &[1 << 26]) };
    assert_eq!(
        refused(&message),
        "the shape needs 67108864 values and 1 were sent; repeating the last one may add at most 16777216 bytes"
    );
    for dtype in DType::ALL {
        for dims in [&[1 << 40][..], &[1 << 20, 1 << 20], &[i64::MAX]] {
            let status = read(&of(dtype, dims)).unwrap_err();
            assert_eq!(status.code, Code::InvalidArgument, "{} {dims:?}", dtype.name());
        }
    }
    let text = Plain { string_val: vec![Bytes::from(vec![b'x'; 1000])], ..of(DType::String, &[100_000]) };
    assert!(refused(&text).contains("100000 values"), "a hundred megabytes of one kilobyte");
}

#[test]
fn every_truncation_is_refused_or_a_shorter_message() {
    let message = Plain {
        int_val: vec![1, 300, -1],
        string_val: vec!["abc".into()],
        version_number: 3,
        ..of(DType::Int32, &[3, 1])
    };
    let bytes = Bytes::from(message.encode_to_vec());
    for end in 0..bytes.len() {
        let plain = Plain::decode(bytes.slice(..end));
        let ours = TensorProto::decode(bytes.slice(..end));
        assert_eq!(ours.is_ok(), plain.is_ok(), "{end} bytes");
    }
    let cut_varint = [of(DType::Int32, &[2]).encode_to_vec(), vec![0x3a, 2, 1, 0x80]].concat();
    let status = TensorProto::decode(Bytes::from(cut_varint)).unwrap().to_tensor(LIMIT).unwrap_err();
    assert_eq!(status.code, Code::InvalidArgument);
}

#[test]
fn what_was_decoded_is_encoded_again_with_its_length() {
    let message = Plain {
        float_val: vec![1.0, 2.0],
        string_val: vec!["abc".into(), "".into()],
        int64_val: vec![-1],
        tensor_content: Bytes::from_static(b"content"),
        ..of(DType::Float, &[2, 0])
    };
    let decoded = TensorProto::decode(Bytes::from(message.encode_to_vec())).unwrap();
    let encoded = decoded.encode_to_vec();
    assert_eq!(encoded.len(), decoded.encoded_len());
    assert_eq!(Plain::decode(encoded.as_slice()).unwrap(), message);
}

/// Any type that has elements of fixed size, a small shape, and as many bytes.
fn fixed_tensors() -> impl Strategy<Value = (DType, Vec<i64>, Vec<u8>)> {
    let dtypes: Vec<DType> = DType::ALL.into_iter().filter(|dtype| *dtype != DType::String).collect();
    (prop::sample::select(dtypes), prop::collection::vec(0i64..5, 0..4)).prop_flat_map(|(dtype, dims)| {
        let len = dims.iter().product::<i64>() as usize * dtype.size_bytes().unwrap();
        let byte = if dtype == DType::Bool { 0u8..2 } else { 0..255 };
        (Just(dtype), Just(dims), prop::collection::vec(byte, len))
    })
}

/// The one output of a response, read as a client's library does.
fn encoded(view: TensorView<'_>, representation: Representation) -> Plain {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Response {
        #[prost(btree_map = "string, message", tag = "1")]
        outputs: std::collections::BTreeMap<String, Plain>,
        #[prost(message, optional, tag = "2")]
        model_spec: Option<ModelSpec>,
    }
    let spec = ModelSpec { name: "m".into(), ..ModelSpec::default() };
    let bytes = encode_predict_response(&spec, &[view], representation).unwrap().into_bytes();
    let response = Response::decode(bytes).unwrap();
    assert_eq!(response.model_spec, Some(spec));
    response.outputs[view.name].clone()
}

proptest! {
    #[test]
    fn an_output_is_the_tensor_that_it_was(
        (dtype, dims, bytes) in fixed_tensors(),
        typed in any::<bool>(),
    ) {
        let representation = if typed { Representation::TypedFields } else { Representation::TensorContent };
        let plain = encoded(TensorView { name: "y", dtype, shape: &dims, bytes: &bytes }, representation);
        prop_assert_eq!(plain.dtype, dtype as i32);
        prop_assert!(typed || plain.tensor_content == bytes);
        let tensor = read(&plain).unwrap();
        prop_assert_eq!(tensor.shape(), dims.as_slice());
        prop_assert_eq!(tensor.elements(), &Elements::Raw(bytes.into()));
    }

    #[test]
    fn string_outputs_are_the_strings_that_they_were(
        elements in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10),
    ) {
        let slices = || elements.iter().map(Vec::as_slice);
        let mut bytes = vec![0; strings::encoded_len(slices())];
        strings::encode(slices(), &mut bytes);
        let dims = [elements.len() as i64];
        let plain = encoded(
            TensorView { name: "s", dtype: DType::String, shape: &dims, bytes: &bytes },
            Representation::TensorContent,
        );
        prop_assert_eq!(texts(&plain), elements);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(proto) = TensorProto::decode(Bytes::from(bytes)) {
            let _ = proto.to_tensor(1 << 20);
            prop_assert_eq!(proto.encode_to_vec().len(), proto.encoded_len());
        }
    }
}
