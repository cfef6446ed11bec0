use bytes::Bytes;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use seaway_wire::DType;
use smallvec::smallvec;

use super::*;
use crate::codec::{encode_predict_response, Representation};
use crate::pb::DESCRIPTOR_SET;
use crate::tensor::TensorView;

fn record(asked: Asked, answered: Answered) -> Record {
    let (model, signature) = ("m".to_owned(), "s".to_owned());
    Record { model, version: 7, signature, sampling_rate: 0.5, timestamp_s: 1_700_000_000, asked, answered }
}

/// The message as any reader of the descriptors sees it, in text form, without its metadata.
fn text(record: Record, mask: &[&str]) -> String {
    let mask = Mask::new(&mask.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let mut message = record.into_message(&mask, &[]).unwrap();
    message.log_metadata = None;
    whole_text(&message)
}

fn whole_text(message: &pb::PredictionLog) -> String {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name("tensorflow.serving.PredictionLog").unwrap();
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap().to_text_format()
}

fn floats(values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::raw(DType::Float, smallvec![values.len() as i64], bytes.into()).unwrap()
}

fn outputs() -> Answered {
    let y = TensorView { name: "y", dtype: DType::Bool, shape: &[1], bytes: &[1] };
    let response = encode_predict_response(
        &pb::ModelSpec { name: "m".into(), ..Default::default() },
        &[y],
        Representation::TypedFields,
    );
    Answered::Outputs(response.unwrap().into_bytes())
}

#[test]
fn predict_reads_as_the_published_message() {
    let asked = Asked::Predict(vec![("x".into(), floats(&[1.5, -2.0]))], vec!["y".into()]);
    assert_eq!(
        text(record(asked, outputs()), &[]),
        "predict_log{request{model_spec{name:\"m\",signature_name:\"s\"},\
         inputs:[{key:\"x\",value{dtype:DT_FLOAT,tensor_shape{dim:[{size:2}]},float_val:[1.5,-2.0]}}],output_filter:[\"y\"]},\
         response{outputs:[{key:\"y\",value{dtype:DT_BOOL,tensor_shape{dim:[{size:1}]},bool_val:[true]}}],model_spec{name:\"m\"}}}"
    );
}

#[test]
fn the_metadata_say_who_answered() {
    let mut asked = record(Asked::Predict(Vec::new(), Vec::new()), outputs());
    asked.signature = String::new();
    let mut message = asked.into_message(&Mask::default(), &["serve".to_owned()]).unwrap();
    message.log_type = None;
    assert_eq!(
        whole_text(&message),
        "log_metadata{model_spec{name:\"m\",version{value:7},signature_name:\"serving_default\"},\
         sampling_config{sampling_rate:0.5},saved_model_tags:[\"serve\"],timestamp_secs:1700000000}"
    );
}

#[test]
fn every_type_keeps_its_values() {
    let numbers: [DType; 6] = [DType::Int8, DType::Int32, DType::Int64, DType::UInt64, DType::Half, DType::Double];
    let tensor = |dtype: DType| {
        let bytes: Vec<u8> = (0..2 * dtype.size_bytes().unwrap()).map(|byte| 0xf0 ^ byte as u8).collect();
        Tensor::raw(dtype, smallvec![2, 1], bytes.into()).unwrap()
    };
    let strings = Tensor::strings(smallvec![2], vec![Bytes::from_static(b"\xff"), Bytes::new()]).unwrap();
    let empty = Tensor::raw(DType::Float, smallvec![0, 3], Bytes::new()).unwrap();
    for tensor in numbers.map(tensor).into_iter().chain([strings, empty, floats(&[1.0])]) {
        let read = TensorProto::decode(tensor_proto(&tensor).encode_to_vec().as_slice()).unwrap();
        assert_eq!(read.to_tensor(1 << 20).unwrap(), tensor);
    }
}

#[test]
fn masked_inputs_are_empty_and_of_the_same_type() {
    let asked = Asked::Predict(vec![("user_id".into(), floats(&[1.0, 2.0]))], Vec::new());
    let text = text(record(asked, outputs()), &["user_id"]);
    assert!(
        text.contains("inputs:[{key:\"user_id\",value{dtype:DT_FLOAT,tensor_shape{dim:[{}]}}}]"),
        "no elements: a dimension of size 0 is written as an empty message: {text}"
    );
}

#[test]
fn masked_outputs_are_empty_and_of_the_same_type() {
    let strings = [2u64.to_le_bytes().as_slice(), &[0; 16], b"ab"].concat();
    let views = vec![
        TensorView { name: "user_id", dtype: DType::String, shape: &[1], bytes: &strings },
        TensorView { name: "user", dtype: DType::Float, shape: &[1], bytes: &[0; 4] },
        TensorView { name: "y", dtype: DType::Float, shape: &[1], bytes: &[0; 4] },
    ];
    let masked = Mask::new(&["user_id".to_owned(), "user".to_owned()]).outputs(views);
    assert_eq!(masked.iter().map(|view| view.shape).collect::<Vec<_>>(), [&[0], &[0], &[1]]);
    assert_eq!(masked[0].string_elements().unwrap(), Vec::<&[u8]>::new());
    assert!(masked[1].bytes.is_empty());
}

/// `tensorflow.Example` with the bytes feature `user_id` and the float feature `x`.
fn example() -> Bytes {
    let feature = |name: &str, kind: &[u8]| {
        let entry = [&[0x0a, name.len() as u8], name.as_bytes(), &[0x12, kind.len() as u8], kind].concat();
        [&[0x0a, entry.len() as u8], entry.as_slice()].concat()
    };
    let features = [feature("user_id", b"\x0a\x05\x0a\x03bob"), feature("x", b"\x12\x06\x0a\x04\0\0\x80\x3f")].concat();
    [&[0x0a, features.len() as u8], features.as_slice()].concat().into()
}

#[test]
fn examples_pass_unchanged_and_masked_features_are_empty_lists_of_their_kind() {
    let examples = || Examples { examples: vec![example()], context: None };
    let plain = text(record(Asked::Classify(examples()), Answered::Classes(vec![vec![("a".into(), 0.5)]])), &[]);
    assert!(plain.contains("user_id") && plain.contains("bytes_list{value:[\"bob\"]}"), "{plain}");
    assert!(plain.contains("response{result{classifications:[{classes:[{label:\"a\",score:0.5}]}]},"), "{plain}");
    assert!(plain.contains("model_spec{name:\"m\",version{value:7},signature_name:\"s\"}"), "{plain}");
    let masked = text(record(Asked::Regress(examples()), Answered::Values(vec![2.5])), &["user_id"]);
    assert!(masked.contains("bytes_list{}") && !masked.contains("bob"), "{masked}");
    assert!(masked.contains("float_list{value:[1.0]}") && masked.contains("regressions:[{value:2.5}]"), "{masked}");
    let context = Examples { examples: vec![Bytes::new()], context: Some(example()) };
    let masked = text(record(Asked::Regress(context), Answered::Values(vec![])), &["user_id"]);
    assert!(masked.contains("context{") && !masked.contains("bob"), "{masked}");
}

#[test]
fn an_example_that_cannot_be_read_is_not_written_where_something_is_to_be_masked() {
    let examples = Examples { examples: vec![Bytes::from_static(b"\x0a\x7fbob")], context: None };
    let asked = record(Asked::Regress(examples), Answered::Values(vec![1.0]));
    assert!(asked.clone().into_message(&Mask::default(), &[]).is_ok());
    assert_eq!(asked.into_message(&Mask::new(&["user_id".to_owned()]), &[]), Err(Unmaskable));
}
