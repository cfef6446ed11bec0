use std::sync::Arc;

use proptest::prelude::*;
use seaway_wire::{strings, DType};
use smallvec::smallvec;

use super::example_response::{write_classifications, write_regressions};
use super::predict::{parse_predict, Format};
use super::predict_response::write_predict;
use crate::signature::{Signature, TensorInfo};
use crate::tensor::{Tensor, TensorView};

/// An output as a worker would have written it.
struct Output {
    name: String,
    dtype: DType,
    shape: Vec<i64>,
    bytes: Vec<u8>,
}

impl Output {
    fn view(&self) -> TensorView<'_> {
        TensorView { name: &self.name, dtype: self.dtype, shape: &self.shape, bytes: &self.bytes }
    }
}

fn raw<T, const SIZE: usize>(name: &str, dtype: DType, shape: &[i64], values: &[T], to: fn(T) -> [u8; SIZE]) -> Output
where
    T: Copy,
{
    let bytes = values.iter().flat_map(|value| to(*value)).collect();
    Output { name: name.to_owned(), dtype, shape: shape.to_vec(), bytes }
}

fn int32(name: &str, shape: &[i64], values: &[i32]) -> Output {
    raw(name, DType::Int32, shape, values, i32::to_le_bytes)
}

fn float(name: &str, shape: &[i64], values: &[f32]) -> Output {
    raw(name, DType::Float, shape, values, f32::to_le_bytes)
}

fn text(name: &str, shape: &[i64], values: &[&[u8]]) -> Output {
    let mut bytes = vec![0; strings::encoded_len(values.iter().copied())];
    strings::encode(values.iter().copied(), &mut bytes);
    Output { name: name.to_owned(), dtype: DType::String, shape: shape.to_vec(), bytes }
}

fn write(format: Format, outputs: &[Output]) -> Result<String, String> {
    let views: Vec<TensorView<'_>> = outputs.iter().map(Output::view).collect();
    let mut out = Vec::new();
    write_predict(format, &views, &mut out).map_err(|status| status.message)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[test]
fn one_output_has_no_name() {
    let cube = || int32("y", &[2, 3, 2], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]);
    let cases = [
        (Format::Row, float("y", &[3], &[2.5, 3.0, 4.5]), "{\n    \"predictions\": [2.5, 3.0, 4.5\n    ]\n}"),
        (Format::Columnar, float("y", &[2], &[2.5, 3.0]), "{\n    \"outputs\": [\n        2.5,\n        3.0\n    ]\n}"),
        (
            Format::Row,
            cube(),
            "{\n    \"predictions\": [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 0], [1, 2]]\n    ]\n}",
        ),
        (Format::Columnar, int32("y", &[1, 2], &[1, -2]), "{\n    \"outputs\": [\n        [\n            1,\n            -2\n        ]\n    ]\n}"),
        (Format::Columnar, int32("y", &[], &[7]), "{\n    \"outputs\": 7\n}"),
        (Format::Row, int32("y", &[0, 2], &[]), "{\n    \"predictions\": []\n}"),
        (Format::Columnar, int32("y", &[2, 0], &[]), "{\n    \"outputs\": [\n        [],\n        []\n    ]\n}"),
        (
            Format::Row,
            float("y", &[2, 2], &[f32::NAN, f32::INFINITY, 3.0, f32::NEG_INFINITY]),
            "{\n    \"predictions\": [[NaN, Infinity], [3.0, -Infinity]\n    ]\n}",
        ),
        (
            Format::Row,
            float("y", &[2, 3], &[9e6, 999_999.0, 0.5, 0.0003, 0.00003, 555_557.5]),
            "{\n    \"predictions\": [[9e+06, 999999.0, 0.5], [0.0003, 3e-05, 555557.5]\n    ]\n}",
        ),
        (Format::Row, text("y", &[2], &[b"a\"\\\x01\n/", "é".as_bytes()]), "{\n    \"predictions\": [\"a\\\"\\\\\\u0001\\n/\", \"é\"\n    ]\n}"),
        (
            Format::Row,
            text("y_bytes", &[2], &[b"hello", b"\xff"]),
            "{\n    \"predictions\": [{\n            \"b64\": \"aGVsbG8=\"\n        }, {\n            \"b64\": \"/w==\"\n        }\n    ]\n}",
        ),
    ];
    for (format, output, expected) in cases {
        assert_eq!(write(format, &[output]), Ok(expected.to_owned()));
    }
}

#[test]
fn bytes_that_are_no_text_pass_as_they_are() {
    let output = text("y", &[1], &[b"\xff\xfe"]);
    let mut out = Vec::new();
    write_predict(Format::Row, &[output.view()], &mut out).unwrap();
    assert!(out.windows(4).any(|window| window == b"\"\xff\xfe\""));
}

#[test]
fn several_outputs_are_named() {
    let outputs = || {
        [
            float("a", &[2, 1], &[1.0, 2.0]),
            int32("b", &[2], &[8, 9]),
            text("c", &[2, 2], &[b"foo", b"bar", b"baz", b"bat"]),
        ]
    };
    let rows = r#"{
    "predictions": [
        {
            "a": [1.0],
            "b": 8,
            "c": ["foo", "bar"]
        },
        {
            "a": [2.0],
            "b": 9,
            "c": ["baz", "bat"]
        }
    ]
}"#;
    assert_eq!(write(Format::Row, &outputs()).as_deref(), Ok(rows));
    let columns: serde_json::Value = serde_json::from_str(&write(Format::Columnar, &outputs()).unwrap()).unwrap();
    let expected =
        serde_json::json!({"outputs": {"a": [[1.0], [2.0]], "b": [8, 9], "c": [["foo", "bar"], ["baz", "bat"]]}});
    assert_eq!(columns, expected);
}

#[test]
fn every_type_that_json_has_a_form_for_is_written() {
    let cases = [
        (raw("y", DType::Double, &[1], &[0.1f64 + 0.2], f64::to_le_bytes), "0.30000000000000004"),
        (raw("y", DType::Half, &[1], &[0x2E66u16], u16::to_le_bytes), "0.0999755859"),
        (raw("y", DType::BFloat16, &[1], &[0x3FC0u16], u16::to_le_bytes), "1.5"),
        (raw("y", DType::Int64, &[1], &[i64::MIN], i64::to_le_bytes), "-9223372036854775808"),
        (raw("y", DType::UInt64, &[1], &[u64::MAX], u64::to_le_bytes), "18446744073709551615"),
        (raw("y", DType::UInt32, &[1], &[u32::MAX], u32::to_le_bytes), "4294967295"),
        (raw("y", DType::UInt16, &[1], &[u16::MAX], u16::to_le_bytes), "65535"),
        (raw("y", DType::Int16, &[1], &[i16::MIN], i16::to_le_bytes), "-32768"),
        (raw("y", DType::Int8, &[1], &[i8::MIN], i8::to_le_bytes), "-128"),
        (raw("y", DType::UInt8, &[1], &[200u8], u8::to_le_bytes), "200"),
        (raw("y", DType::Bool, &[1], &[1u8], u8::to_le_bytes), "true"),
        (raw("y", DType::Bool, &[1], &[0u8], u8::to_le_bytes), "false"),
    ];
    for (output, expected) in cases {
        assert_eq!(write(Format::Row, &[output]), Ok(format!("{{\n    \"predictions\": [{expected}\n    ]\n}}")));
    }
    let complex = Output { name: "y".to_owned(), dtype: DType::Complex64, shape: vec![1], bytes: vec![0; 8] };
    let message = "Failed to write JSON value for tensor type: complex64";
    assert_eq!(write(Format::Row, &[complex]), Err(message.to_owned()));
}

#[test]
fn rows_need_one_number_of_rows() {
    let cases = [
        (vec![], "Cannot convert empty tensor map to JSON"),
        (vec![int32("x", &[], &[1])], "Tensor name: x has no shape information "),
        (
            vec![int32("x", &[2], &[1, 2]), int32("y", &[1], &[1])],
            "Tensor name: y has inconsistent batch size: 1 expecting: 2",
        ),
        (
            vec![int32("x", &[0], &[]), int32("y", &[1], &[1])],
            "Tensor name: y has inconsistent batch size: 1 expecting: 0",
        ),
    ];
    for (outputs, message) in cases {
        assert_eq!(write(Format::Row, &outputs), Err(message.to_owned()));
    }
    let zero = [text("a", &[0, 1, 2], &[]), float("b", &[0, 3], &[])];
    assert_eq!(write(Format::Row, &zero).as_deref(), Ok("{\n    \"predictions\": []\n}"));
}

#[test]
fn classifications_and_regressions_look_like_tensorflow_servings() {
    let classes = vec![vec![("car".to_owned(), 0.2), ("bike".to_owned(), 0.75)], vec![(String::new(), 12.0)], vec![]];
    let mut out = Vec::new();
    write_classifications(&classes, &mut out).unwrap();
    let expected = "{\n    \"results\": [[[\"car\", 0.2], [\"bike\", 0.75]], [[\"\", 12.0]], []\n    ]\n}";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut out = Vec::new();
    write_regressions(&[0.2, f32::INFINITY, 1.0, f32::NEG_INFINITY, f32::NAN], &mut out).unwrap();
    let expected = "{\n    \"results\": [0.2, Infinity, 1.0, -Infinity, NaN]\n}";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let empty = write_classifications(&[], &mut Vec::new()).unwrap_err();
    assert_eq!(empty.message, "Cannot convert empty ClassificationResults to JSON");
    let empty = write_regressions(&[], &mut Vec::new()).unwrap_err();
    assert_eq!(empty.message, "Cannot convert empty RegressionResults to JSON");
}

/// Writes a tensor as a reply, and reads the reply as a request.
fn there_and_back(format: Format, tensor: &Tensor) -> Tensor {
    let mut bytes = vec![0; tensor.len_bytes()];
    tensor.write_to(&mut bytes);
    let view = TensorView { name: "y", dtype: tensor.dtype(), shape: tensor.shape(), bytes: &bytes };
    let mut out = Vec::new();
    write_predict(format, &[view], &mut out).unwrap();
    let reply = String::from_utf8(out).unwrap();
    let body = reply.replacen("predictions", "instances", 1).replacen("outputs", "inputs", 1);
    let info = TensorInfo { alias: "y".to_owned(), dtype: Ok(tensor.dtype()), shape: None };
    let signature = Arc::new(Signature {
        name: "s".into(),
        method_name: String::new(),
        inputs: vec![info],
        outputs: Vec::new(),
        defaults: Default::default(),
    });
    let parsed = parse_predict(body.as_bytes(), |_| Ok(Arc::clone(&signature)))
        .unwrap_or_else(|status| panic!("{body}: {status:?}"));
    assert_eq!(parsed.format, format);
    parsed.inputs.into_iter().next().expect("one input").1
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        rows in 1i64..4, columns in 1i64..4, depth in 1i64..3,
        floats in prop::collection::vec(any::<f32>().prop_filter("NaN is no number", |value| !value.is_nan()), 18),
        doubles in prop::collection::vec(any::<f64>().prop_filter("NaN is no number", |value| !value.is_nan()), 18),
        integers in prop::collection::vec(any::<i64>(), 18),
        texts in prop::collection::vec("\\PC{0,12}", 18),
    ) {
        let count = (rows * columns * depth) as usize;
        let shape = || smallvec![rows, columns, depth];
        let bytes = |values: Vec<Vec<u8>>| -> Vec<u8> { values.into_iter().take(count).flatten().collect() };
        let tensors = [
            Tensor::raw(DType::Float, shape(), bytes(floats.iter().map(|v| v.to_le_bytes().to_vec()).collect()).into()),
            Tensor::raw(DType::Double, shape(), bytes(doubles.iter().map(|v| v.to_le_bytes().to_vec()).collect()).into()),
            Tensor::raw(DType::Int64, shape(), bytes(integers.iter().map(|v| v.to_le_bytes().to_vec()).collect()).into()),
            Tensor::strings(shape(), texts.iter().take(count).map(|text| text.clone().into_bytes().into()).collect()),
        ];
        for tensor in tensors {
            let tensor = tensor.unwrap();
            for format in [Format::Row, Format::Columnar] {
                let read = there_and_back(format, &tensor);
                prop_assert_eq!(read.elements(), tensor.elements());
                prop_assert_eq!(read.shape(), tensor.shape());
            }
        }
    }
}
