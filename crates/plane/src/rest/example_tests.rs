use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::example::{parse_examples, ExamplesBody};
use crate::status::Code;

/// `tensorflow.Example` as the public definition has it, decoded by a library: the judge of what is written by hand.
#[derive(Clone, PartialEq, Message)]
struct Example {
    #[prost(message, optional, tag = "1")]
    features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
struct Features {
    #[prost(btree_map = "string, message", tag = "1")]
    feature: BTreeMap<String, Feature>,
}

#[derive(Clone, PartialEq, Message)]
struct Feature {
    #[prost(oneof = "Kind", tags = "1, 2, 3")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(message, tag = "1")]
    Bytes(BytesList),
    #[prost(message, tag = "2")]
    Float(FloatList),
    #[prost(message, tag = "3")]
    Int64(Int64List),
}

#[derive(Clone, PartialEq, Message)]
struct BytesList {
    #[prost(bytes, repeated, tag = "1")]
    value: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct FloatList {
    #[prost(float, repeated, tag = "1")]
    value: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Int64List {
    #[prost(int64, repeated, tag = "1")]
    value: Vec<i64>,
}

fn texts(values: &[&str]) -> Kind {
    Kind::Bytes(BytesList { value: values.iter().map(|value| value.as_bytes().to_vec()).collect() })
}

fn floats(values: &[f32]) -> Kind {
    Kind::Float(FloatList { value: values.to_vec() })
}

fn integers(values: &[i64]) -> Kind {
    Kind::Int64(Int64List { value: values.to_vec() })
}

fn example(features: &[(&str, Option<Kind>)]) -> Example {
    let feature = features.iter().map(|(name, kind)| ((*name).to_owned(), Feature { kind: kind.clone() })).collect();
    Example { features: Some(Features { feature }) }
}

fn decode(bytes: &Bytes) -> Example {
    Example::decode(bytes.clone()).unwrap()
}

fn parse(body: &str) -> ExamplesBody {
    parse_examples(body.as_bytes()).unwrap_or_else(|status| panic!("{body}: {status:?}"))
}

#[test]
fn examples_become_tensorflow_examples() {
    let body = r#"{"examples": [
        {"names": ["foo", "bar"], "ratings": [8.0, 9.0], "age": 20},
        {"names": ["baz", {"b64": "aGVsbG8="}], "ratings": 6.0, "mix": [1, true, false, -1], "none": []},
        {}]}"#;
    let parsed = parse(body);
    assert_eq!((parsed.signature_name.as_str(), &parsed.context), ("", &None));
    let expected = [
        example(&[
            ("names", Some(texts(&["foo", "bar"]))),
            ("ratings", Some(floats(&[8.0, 9.0]))),
            ("age", Some(integers(&[20]))),
        ]),
        example(&[
            ("names", Some(texts(&["baz", "hello"]))),
            ("ratings", Some(floats(&[6.0]))),
            ("mix", Some(integers(&[1, 1, 0, -1]))),
            ("none", None),
        ]),
        Example { features: None },
    ];
    assert_eq!(parsed.examples.iter().map(decode).collect::<Vec<_>>(), expected);
}

#[test]
fn a_context_and_a_signature_may_stand_anywhere() {
    let body = r#"{"examples": [{"ratings": [Infinity, -Infinity, 1e99]}], "signature_name": "custom",
        "context": {"query": "pizza", "limits": [9223372036854775807, -9223372036854775808]}}"#;
    let parsed = parse(body);
    assert_eq!(parsed.signature_name, "custom");
    let context = example(&[("query", Some(texts(&["pizza"]))), ("limits", Some(integers(&[i64::MAX, i64::MIN])))]);
    assert_eq!(decode(&parsed.context.unwrap()), context);
    let ratings = example(&[("ratings", Some(floats(&[f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY])))]);
    assert_eq!(decode(&parsed.examples[0]), ratings);
}

#[test]
fn what_is_no_list_of_examples_is_refused() {
    let quoted = "JSON Value: {\n    \"x\": 1\n}";
    let cases = [
        ("", "JSON Parse error: The document is empty".to_owned()),
        (r#"{"x": 1}"#, format!("{quoted} When method is classify, key 'examples' is expected and was not found")),
        (r#"{"examples": []}"#, "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array".to_owned()),
        (r#"{"examples": {}}"#, "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array".to_owned()),
        (r#"{"examples": [[{"a": 1}]]}"#, "Example must be JSON object but got JSON Array".to_owned()),
        (r#"{"context": [{"a": 1}]}"#, "Example must be JSON object but got JSON Array".to_owned()),
        (r#"{"signature_name": ["s"]}"#, "JSON Value: {\n    \"signature_name\": [\n        \"s\"\n    ]\n} not formatted correctly. 'signature_name' key must be a string value.".to_owned()),
        (r#"{"examples": [{"a": 1}, {"a" 1}]}"#, "JSON Parse error: Missing a colon after a name of object member. at offset: 29".to_owned()),
        (r#"{"examples": [{"a": null}], "b": [1}"#, "JSON Parse error: Missing a comma or ']' after an array element. at offset: 35".to_owned()),
    ];
    for (body, message) in cases {
        let status = parse_examples(body.as_bytes()).unwrap_err();
        assert_eq!((status.code, status.message), (Code::InvalidArgument, message), "{body}");
    }
}

#[test]
fn a_feature_of_no_or_of_two_kinds_is_refused() {
    let cases = [
        ("[10, null]", "Feature: names has element with unexpected JSON type: Null"),
        ("[10, 10.0]", "Unexpected element type in feature: names expecting type: int64"),
        (r#"[1.5, "x"]"#, "Unexpected element type in feature: names expecting type: float"),
        (r#"["x", true]"#, "Unexpected element type in feature: names expecting type: bytes"),
        (r#"[10, {"b64": "aA=="}]"#, "Unexpected element type in feature: names expecting type: int64"),
        (r#"[10, {"test": 10}]"#, "Feature: names has element with unexpected JSON type: Object"),
        ("[[10], 20]", "Feature: names has element with unexpected JSON type: Array"),
        ("[20, 18446744073709551603]", "Feature: names has uint64 element. Only int64 is supported."),
        (r#"{"b64": "?"}"#, "Unable to base64 decode"),
    ];
    for (value, message) in cases {
        let body = format!(r#"{{"examples": [{{"names": {value}}}]}}"#);
        assert_eq!(parse_examples(body.as_bytes()).unwrap_err().message, message, "{value}");
    }
}
