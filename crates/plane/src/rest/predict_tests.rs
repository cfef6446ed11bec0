use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use seaway_wire::DType;

use super::predict::{parse_predict, Format, PredictBody};
use crate::signature::{Signature, TensorInfo};
use crate::status::{Code, Result, Status};
use crate::tensor::Tensor;

/// A signature with these inputs; the last one has a default when its name ends with `?`.
fn signature(inputs: &[(&str, DType)]) -> Arc<Signature> {
    let info = |(alias, dtype): &(&str, DType)| TensorInfo {
        alias: alias.trim_end_matches('?').to_owned(),
        dtype: Ok(*dtype),
        shape: None,
    };
    let mut infos: Vec<TensorInfo> = inputs.iter().map(info).collect();
    infos.sort_by(|a, b| a.alias.cmp(&b.alias));
    let defaults = inputs.iter().filter_map(|(alias, _)| alias.strip_suffix('?'));
    let value = || Tensor::strings([].into_iter().collect(), vec![Bytes::new()]).unwrap();
    Arc::new(Signature {
        name: "serving_default".into(),
        method_name: String::new(),
        inputs: infos,
        outputs: Vec::new(),
        defaults: defaults.map(|alias| (alias.to_owned(), value())).collect::<BTreeMap<_, _>>(),
    })
}

fn parse(inputs: &[(&str, DType)], body: &str) -> Result<PredictBody> {
    parse_predict(body.as_bytes(), |_| Ok(signature(inputs)))
}

fn message(inputs: &[(&str, DType)], body: &str) -> String {
    let status = parse(inputs, body).expect_err(body);
    assert_eq!(status.code, Code::InvalidArgument, "{body}");
    status.message
}

fn tensor<T, const SIZE: usize>(dtype: DType, shape: &[i64], values: &[T], bytes: impl Fn(&T) -> [u8; SIZE]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(bytes).collect();
    Tensor::raw(dtype, shape.iter().copied().collect(), bytes.into()).unwrap()
}

fn int32(shape: &[i64], values: &[i32]) -> Tensor {
    tensor(DType::Int32, shape, values, |value| value.to_le_bytes())
}

fn float(shape: &[i64], values: &[f32]) -> Tensor {
    tensor(DType::Float, shape, values, |value| value.to_le_bytes())
}

fn double(shape: &[i64], values: &[f64]) -> Tensor {
    tensor(DType::Double, shape, values, |value| value.to_le_bytes())
}

fn text(shape: &[i64], values: &[&str]) -> Tensor {
    let values = values.iter().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect();
    Tensor::strings(shape.iter().copied().collect(), values).unwrap()
}

const INT: &[(&str, DType)] = &[("default", DType::Int32)];
const FLOAT: &[(&str, DType)] = &[("default", DType::Float)];
const STRING: &[(&str, DType)] = &[("default", DType::String)];

#[test]
fn one_input_needs_no_name() {
    let cases = [
        (INT, r#"{"instances": [[1,2],[3,4],[5,6]]}"#, int32(&[3, 2], &[1, 2, 3, 4, 5, 6])),
        (INT, r#"{"instances": [[1,2],[3,4],[5,6]]}X"#, int32(&[3, 2], &[1, 2, 3, 4, 5, 6])),
        (INT, "\u{FEFF}{\"instances\": [7]}", int32(&[1], &[7])),
        (INT, r#" { "other" : [ {} ] , "instances" : [ [ 1 , 2 ] ] } "#, int32(&[1, 2], &[1, 2])),
        (INT, r#"{"instances": [1, 2], "instances": [3]}"#, int32(&[2], &[1, 2])),
        (INT, r#"{"instances": [{"default": [1, 2]}, {"default": [3, 4]}]}"#, int32(&[2, 2], &[1, 2, 3, 4])),
        (INT, r#"{"instances": [[], []]}"#, int32(&[2, 0], &[])),
        (INT, r#"{"instances": [[[]]]}"#, int32(&[1, 1, 0], &[])),
        (INT, r#"{"instances": [-2147483648, 2147483647, -0]}"#, int32(&[3], &[i32::MIN, i32::MAX, 0])),
        (FLOAT, r#"{"instances": [1, 2.0, 3, 5.003, 0.007, 0.0]}"#, float(&[6], &[1.0, 2.0, 3.0, 5.003, 0.007, 0.0])),
        (STRING, r#"{"instances": [{"b64": "aGVsbG8="}, {"b64": "d29ybGQ"}]}"#, text(&[2], &["hello", "world"])),
        (STRING, r#"{"instances": [[{ "b64" : "aGVs\nbG8=" }], ["w\u00f6rld"]]}"#, text(&[2, 1], &["hello", "wörld"])),
        (STRING, r#"{"instances": [{"default": [[{"b64": "aGVsbG8="}], ["x"]]}]}"#, text(&[1, 2, 1], &["hello", "x"])),
    ];
    for (inputs, body, expected) in cases {
        let parsed = parse(inputs, body).unwrap_or_else(|status| panic!("{body}: {status:?}"));
        assert_eq!(parsed.format, Format::Row);
        assert_eq!(parsed.inputs, [("default".to_owned(), expected)], "{body}");
    }
}

#[test]
fn columns_are_taken_as_they_are() {
    let cases = [
        (INT, r#"{"inputs": {"default": [[[1,2],[3,4],[5,6]]]}}"#, int32(&[1, 3, 2], &[1, 2, 3, 4, 5, 6])),
        (INT, r#"{"inputs": [[[1,2],[3,4],[5,6]]]}"#, int32(&[1, 3, 2], &[1, 2, 3, 4, 5, 6])),
        (INT, r#"{"inputs": 5}"#, int32(&[], &[5])),
        (INT, r#"{"inputs": []}"#, int32(&[0], &[])),
        (INT, r#"{"inputs": {"default": 1, "default": "x", "other": {"y": [null]}}}"#, int32(&[], &[1])),
        (STRING, r#"{"inputs": {"b64": "aGVsbG8="}}"#, text(&[], &["hello"])),
    ];
    for (inputs, body, expected) in cases {
        let parsed = parse(inputs, body).unwrap_or_else(|status| panic!("{body}: {status:?}"));
        assert_eq!(parsed.format, Format::Columnar);
        assert_eq!(parsed.inputs, [("default".to_owned(), expected)], "{body}");
    }
}

const FOUR: &[(&str, DType)] =
    &[("dbl", DType::Double), ("float", DType::Float), ("int", DType::Int32), ("str", DType::String)];

#[test]
fn several_inputs_are_named_in_any_order() {
    let expected = [
        ("dbl".to_owned(), double(&[2, 1], &[0.5, 2.0])),
        ("float".to_owned(), float(&[2, 2], &[1.0, f32::NEG_INFINITY, 2.0, f32::INFINITY])),
        ("int".to_owned(), int32(&[2, 1, 2], &[1, 2, 7, 8])),
        ("str".to_owned(), text(&[2, 2], &["foo", "bar", "baz", "bat"])),
    ];
    let body = r#"{"instances": [
        {"int": [[1,2]], "str": ["foo", "bar"], "float": [1.0, -Infinity], "dbl": [0.5]},
        {"dbl": [2.0], "float": [2.0, Inf], "int": [[7,8]], "str": ["baz", "bat"]}]}"#;
    assert_eq!(parse(FOUR, body).unwrap().inputs, expected);
    let body = r#"{"inputs": {"str": [["foo", "bar"], ["baz", "bat"]], "int": [[[1,2]],[[7,8]]], "dbl": [[0.5],[2]],
        "float": [[1, -Infinity], [2, Infinity]]}}"#;
    assert_eq!(parse(FOUR, body).unwrap().inputs, expected);
}

#[test]
fn nan_is_a_number() {
    let parsed = parse(&[("x", DType::Double)], r#"{"instances": [NaN]}"#).unwrap();
    assert_eq!(parsed.inputs[0].1, double(&[1], &[f64::NAN]));
}

#[test]
fn inputs_with_defaults_may_be_left_out_of_all_instances() {
    let inputs: &[(&str, DType)] = &[("x", DType::Int32), ("y?", DType::Int32)];
    let only_x = [("x".to_owned(), int32(&[2], &[1, 2]))];
    assert_eq!(parse(inputs, r#"{"instances": [{"x": 1}, {"x": 2}]}"#).unwrap().inputs, only_x);
    assert_eq!(parse(inputs, r#"{"inputs": {"x": [1, 2]}}"#).unwrap().inputs, only_x);
    assert_eq!(parse(inputs, r#"{"instances": [{"y": 5, "x": 1}]}"#).unwrap().inputs.len(), 2);
    for body in [r#"{"instances": [{"x": 1, "y": 1}, {"x": 2}]}"#, r#"{"instances": [{"x": 1}, {"x": 2, "y": 1}]}"#] {
        assert!(message(inputs, body).ends_with("keys must be equal to: x,y"), "{body}");
    }
}

#[test]
fn the_signature_name_may_come_last() {
    for body in [
        r#"{"signature_name": "predict_images", "instances": [[1,2]]}"#,
        r#"{"instances": [[1,2]], "signature_name": "predict\u005fimages"}"#,
    ] {
        let parsed = parse_predict(body.as_bytes(), |name| match name {
            "predict_images" => Ok(signature(INT)),
            _ => Err(Status::not_found(name)),
        });
        assert_eq!(parsed.unwrap().signature_name, "predict_images");
    }
}

#[test]
fn every_type_takes_its_numbers_up_to_its_limits() {
    let one = |dtype| -> Vec<(&'static str, DType)> { vec![("x", dtype)] };
    let raw = |dtype, bytes: &[u8]| Tensor::raw(dtype, [].into_iter().collect(), bytes.to_vec().into()).unwrap();
    let cases: [(DType, &str, &[u8]); 19] = [
        (DType::Int64, "-9223372036854775808", &i64::MIN.to_le_bytes()),
        (DType::Int64, "9223372036854775807", &i64::MAX.to_le_bytes()),
        (DType::UInt64, "18446744073709551615", &u64::MAX.to_le_bytes()),
        (DType::UInt32, "4294967295", &u32::MAX.to_le_bytes()),
        (DType::UInt16, "65535", &u16::MAX.to_le_bytes()),
        (DType::Int16, "-32768", &i16::MIN.to_le_bytes()),
        (DType::Int16, "65535", &[0xFF, 0xFF]),
        (DType::Int8, "-128", &[0x80]),
        (DType::UInt8, "255", &[0xFF]),
        (DType::UInt8, "256", &[0]),
        (DType::Bool, "true", &[1]),
        (DType::Bool, "false", &[0]),
        (DType::Half, "0.1", &0x2E66u16.to_le_bytes()),
        (DType::BFloat16, "1.5", &0x3FC0u16.to_le_bytes()),
        (DType::Float, "1e39", &f32::INFINITY.to_le_bytes()),
        (DType::Float, "-1.7976931348623157e308", &f32::NEG_INFINITY.to_le_bytes()),
        (DType::Float, "1e-50", &0f32.to_le_bytes()),
        (DType::Float, "16777217", &16_777_216f32.to_le_bytes()),
        (DType::Double, "9007199254740993", &9_007_199_254_740_992f64.to_le_bytes()),
    ];
    for (dtype, value, bytes) in cases {
        let parsed = parse(&one(dtype), &format!(r#"{{"inputs": {value}}}"#)).unwrap();
        assert_eq!(parsed.inputs[0].1, raw(dtype, bytes), "{dtype:?} {value}");
    }
}

#[test]
fn a_value_of_another_type_is_quoted() {
    let cases = [
        (DType::Float, r#""x""#, r#""x" Type: String is not of expected type: float"#),
        (DType::Float, "true", "true Type: True is not of expected type: float"),
        (DType::Double, "null", "null Type: Null is not of expected type: double"),
        (DType::Float, r#"{"a": 1}"#, "{\n    \"a\": 1\n} Type: Object is not of expected type: float"),
        (DType::Int32, "1.5", "1.5 Type: Number is not of expected type: int32"),
        (DType::Int32, "1e2", "100.0 Type: Number is not of expected type: int32"),
        (DType::Int32, "2147483648", "2147483648 Type: Number is not of expected type: int32"),
        (DType::UInt8, "2147483648", "2147483648 Type: Number is not of expected type: uint8"),
        (DType::Int64, "9223372036854775808", "9223372036854775808 Type: Number is not of expected type: int64"),
        (DType::UInt64, "-1", "-1 Type: Number is not of expected type: uint64"),
        (DType::UInt32, "4294967296", "4294967296 Type: Number is not of expected type: uint32"),
        (DType::UInt16, "65536", "65536 Type: Number is not of expected type: uint16"),
        (DType::Bool, "1", "1 Type: Number is not of expected type: bool"),
        (DType::String, "5", "5 Type: Number is not of expected type: string"),
        (DType::String, r#"{"b64": 5}"#, "{\n    \"b64\": 5\n} not formatted correctly for base64 data"),
    ];
    for (dtype, value, expected) in cases {
        let body = format!(r#"{{"inputs": {{"x": {value}}}}}"#);
        assert_eq!(message(&[("x", dtype)], &body), format!("JSON Value: {expected}"), "{value}");
    }
    assert_eq!(message(STRING, r#"{"inputs": {"b64": "?"}}"#), "Unable to base64 decode");
    let status = parse(&[("x", DType::Complex64)], r#"{"inputs": {"x": [1.5]}}"#).unwrap_err();
    let unimplemented = Status::unimplemented("Conversion of JSON Value: 1.5 to type: complex64");
    assert_eq!(status, unimplemented);
}

#[test]
fn ragged_lists_are_refused() {
    let cases = [
        ("[[1,2],[3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[1,2],[3,4,5]]", "Encountered list at unexpected size: 3 at level: 1 expected size: 2"),
        ("[[],[1]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 0"),
        ("[[[1]],[]]", "Encountered list at unexpected size: 0 at level: 1 expected size: 1"),
        ("[1,[2]]", "Encountered list at unexpected level: 1 expected < 1"),
        ("[[1],[[2]]]", "Encountered list at unexpected level: 2 expected < 2"),
        ("[[1],2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ("[[],2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ];
    for (value, expected) in cases {
        assert_eq!(message(INT, &format!(r#"{{"inputs": {value}}}"#)), expected, "{value}");
    }
    let cases = [
        ("[[1,2],[3,4],[5,6,7]]", "element: 2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 3"),
        ("[[1,2],[3,4],[[5,6]]]", "element: 2 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [2] but got: [1,2]"),
        ("[1,[1]]", "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]"),
        (
            r#"[[1,2],["a","b"]]"#,
            "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String is not of expected type: int32",
        ),
    ];
    for (value, expected) in cases {
        let body = format!(r#"{{"instances": {value}}}"#);
        assert_eq!(message(INT, &body), format!("Failed to process {expected}"), "{value}");
    }
}

#[test]
fn instances_must_be_all_alike() {
    let two: &[(&str, DType)] = &[("int", DType::Int32), ("str", DType::String)];
    let element = "Failed to process element:";
    let cases = [
        (two, "[[1]]", "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map".to_owned()),
        (two, r#"[{"int": 1, "str": "a"}, [1]]"#, "Expecting object but got list at item 1 of input list".to_owned()),
        (STRING, r#"[["a"], {"default": ["b"]}]"#, "Expecting value/list but got object at item 1 of input list".to_owned()),
        (two, r#"[{"int": 1}]"#, format!("{element} 0 of 'instances' list. JSON object: {{\n    \"int\": 1\n}} keys must be equal to: int,str")),
        (
            STRING,
            r#"[{"b64": "eA==", "x": 1}]"#,
            format!("{element} 0 key: b64 of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: b64"),
        ),
        (two, r#"[{}]"#, format!("{element} 0 of 'instances' list. JSON object: {{}} keys must be equal to: int,str")),
        (two, r#"[{"int": 1, "x": 2}]"#, format!("{element} 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: x")),
        (two, r#"[{"int": 1, "int": 1, "str": "a"}]"#, format!("{element} 0 key: int of 'instances' list. Error: INVALID_ARGUMENT: the key is there twice")),
        (two, r#"[{"int": [1], "str": "a"}, {"int": [1, 2], "str": "a"}]"#, format!("{element} 1 key: int of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2")),
    ];
    for (inputs, value, expected) in cases {
        assert_eq!(message(inputs, &format!(r#"{{"instances": {value}}}"#)), expected, "{value}");
    }
}

#[test]
fn a_body_of_another_form_is_refused() {
    let two: &[(&str, DType)] = &[("a", DType::Int32), ("b", DType::Int32)];
    let both = "JSON Value: {\n    \"instances\": [\n        1\n    ],\n    \"inputs\": 1\n} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ";
    let cases = [
        (INT, "", "JSON Parse error: The document is empty"),
        (INT, " ", "JSON Parse error: The document is empty. at offset: 1"),
        (INT, "instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        (INT, "[1]", "JSON Value: [\n    1\n] Is not object"),
        (INT, "{}", "Missing 'inputs' or 'instances' key"),
        (INT, r#"{"instances": 1}"#, "JSON Value: {\n    \"instances\": 1\n} Excepting 'instances' to be an list/array"),
        (INT, r#"{"instances": []}"#, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        (INT, r#"{"instances": [1], "inputs": 1}"#, both),
        (INT, r#"{"signature_name": 5, "instances": [1]}"#, "JSON Value: {\n    \"signature_name\": 5,\n    \"instances\": [\n        1\n    ]\n} not formatted correctly. 'signature_name' key must be a string value."),
        (two, r#"{"inputs": [1]}"#, "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"),
        (two, r#"{"inputs": {"a": 1}}"#, "Missing named input: b in 'inputs' object."),
        (&[], r#"{"instances": [1]}"#, "Failed to get input map for signature: DEFAULT"),
        (&[], r#"{"signature_name": "s"}"#, "Failed to get input map for signature: s"),
    ];
    for (inputs, body, expected) in cases {
        assert_eq!(message(inputs, body), expected, "{body}");
    }
}

#[test]
fn a_syntax_error_anywhere_comes_before_everything_else() {
    let cases = [
        (r#"{"instances": ["x", 1}"#, "Missing a comma or ']' after an array element. at offset: 21"),
        (r#"{"instances": [1] "#, "Missing a comma or '}' after an object member. at offset: 18"),
        (r#"{"instances": [1], "x": tru}"#, "Invalid value. at offset: 27"),
        (r#"{"instances": [1], "x": [1}]}"#, "Missing a comma or ']' after an array element. at offset: 26"),
        (r#"{"signature_name": 5, "x": "\q"}"#, "Invalid escape character in string. at offset: 28"),
        (r#"{"instances": [1}]}"#, "Missing a comma or ']' after an array element. at offset: 16"),
        (r#"{"instances": [1, 2 3]}"#, "Missing a comma or ']' after an array element. at offset: 20"),
        (r#"{"instances": [1,]}"#, "Invalid value. at offset: 17"),
        (r#"{"inputs": {"default": 1, "y": [nul]}}"#, "Invalid value. at offset: 35"),
        (r#"{"inputs": 1 2}"#, "Missing a comma or '}' after an object member. at offset: 13"),
        (r#"{"inputs": {"default": 1"#, "Missing a comma or '}' after an object member. at offset: 24"),
        ("{\"inputs\"", "Missing a colon after a name of object member. at offset: 9"),
    ];
    for (body, expected) in cases {
        assert_eq!(message(INT, body), format!("JSON Parse error: {expected}"), "{body}");
        let status = parse_predict(body.as_bytes(), |_| Err(Status::not_found("no model")));
        assert_eq!(status.unwrap_err().message, format!("JSON Parse error: {expected}"), "{body}");
    }
    let status = parse_predict(br#"{"instances": [1]}"#, |_| Err(Status::not_found("no model")));
    assert_eq!(status, Err(Status::not_found("no model")));
}

#[test]
fn nesting_beyond_any_tensor_is_refused_without_recursion() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let body = |depth| format!(r#"{{"inputs": {}}}"#, deep(depth));
    assert_eq!(parse(INT, &body(254)).unwrap().inputs[0].1.shape().len(), 254);
    let expected = "Encountered list at unexpected level: 254 expected < 254, the largest rank of a tensor";
    assert_eq!(message(INT, &body(255)), expected);
    assert_eq!(message(INT, &body(500_000)), expected);
    assert!(message(INT, &format!(r#"{{"inputs": {}"#, "[".repeat(500_000)))
        .starts_with("JSON Parse error: Invalid value."));
}

/// How often a body's signature is asked for: once for each time that its values are read, and once for a name after them.
fn asked(body: &str) -> (Vec<String>, Result<PredictBody>) {
    let mut names = Vec::new();
    let named = [signature(INT), signature(FLOAT)];
    let parsed = parse_predict(body.as_bytes(), |name| {
        names.push(name.to_owned());
        Ok(Arc::clone(&named[usize::from(name == "other")]))
    });
    (names, parsed)
}

#[test]
fn a_body_is_read_again_only_when_another_signature_is_named_after_the_values() {
    let cases: [(&str, &[&str], Tensor); 5] = [
        (r#"{"instances": [1, 2]}"#, &[""], int32(&[2], &[1, 2])),
        (r#"{"signature_name": "other", "instances": [1, 2]}"#, &["other"], float(&[2], &[1.0, 2.0])),
        (r#"{"instances": [1, 2], "signature_name": "same"}"#, &["", "same"], int32(&[2], &[1, 2])),
        (r#"{"instances": [1, 2], "signature_name": "other"}"#, &["", "other", "other"], float(&[2], &[1.0, 2.0])),
        // Values that only the other signature takes.
        (r#"{"inputs": [1.5], "signature_name": "other"}"#, &["", "other"], float(&[1], &[1.5])),
    ];
    for (body, names, tensor) in cases {
        let (asked, parsed) = asked(body);
        assert_eq!(asked, names, "{body}");
        assert_eq!(parsed.unwrap().inputs, [("default".to_owned(), tensor)], "{body}");
    }
}

#[test]
fn lists_of_one_size_are_read_through_and_others_are_named() {
    let text = |rows: &[&str]| format!(r#"{{"inputs": [{}], "padding": "{}"}}"#, rows.join(" , "), "x".repeat(64));
    let tensor = parse(INT, &text(&["[[1, 2],[3,4] ]", "[ [5 ,6], [ -7,8]]"])).unwrap().inputs.remove(0).1;
    assert_eq!(tensor, int32(&[2, 2, 2], &[1, 2, 3, 4, 5, 6, -7, 8]));
    let size = |found| format!("Encountered list at unexpected size: {found} at level: 1 expected size: 2");
    for (rows, expected) in [
        (vec!["[1, 2]", "[3]", "[4, 5]"], size(1)),
        (vec!["[1, 2]", "[3, 4]", "[5, 6, 7]"], size(3)),
        (vec!["[1, 2]", "[3, 4]", "[]"], size(0)),
        (vec!["[1, 2]", "[3, 4]", "[[5, 6]]"], "Encountered list at unexpected level: 2 expected < 2".to_owned()),
        (
            vec!["[1, 2]", "[3, 4]", r#"["x"]"#],
            r#"JSON Value: "x" Type: String is not of expected type: int32"#.to_owned(),
        ),
        (
            vec!["[1, 2]", "[3, 4] 5"],
            "JSON Parse error: Missing a comma or ']' after an array element. at offset: 28".to_owned(),
        ),
    ] {
        assert_eq!(message(INT, &text(&rows)), expected, "{rows:?}");
    }
}
