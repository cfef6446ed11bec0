//! A PredictRequest as bytes, with `tensor_content` as TensorFlow's own clients write arrays.
//!
//! Source: tensorflow_serving/apis/predict.proto and model.proto, tensorflow/core/framework/tensor.proto.

use std::collections::BTreeMap;

use prost::Message;

use super::input::Input;

#[derive(PartialEq, Message)]
struct PredictRequest {
    #[prost(message, optional, tag = "1")]
    model_spec: Option<ModelSpec>,
    #[prost(btree_map = "string, message", tag = "2")]
    inputs: BTreeMap<String, TensorProto>,
}

#[derive(PartialEq, Message)]
struct ModelSpec {
    #[prost(string, tag = "1")]
    name: String,
    /// A wrapped Int64Value.
    #[prost(message, optional, tag = "2")]
    version: Option<i64>,
    #[prost(string, tag = "3")]
    signature_name: String,
}

#[derive(PartialEq, Message)]
struct TensorProto {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    tensor_shape: Option<TensorShape>,
    #[prost(bytes = "vec", tag = "4")]
    tensor_content: Vec<u8>,
}

#[derive(PartialEq, Message)]
struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<Dimension>,
}

#[derive(PartialEq, Message)]
struct Dimension {
    #[prost(int64, tag = "1")]
    size: i64,
}

/// The serialized request for `inputs`.
pub fn encode(model: &str, version: Option<u64>, signature: &str, inputs: &[Input]) -> Vec<u8> {
    let spec = ModelSpec {
        name: model.into(),
        version: version.map(|version| version as i64),
        signature_name: signature.into(),
    };
    let inputs = inputs.iter().map(|input| (input.name.clone(), tensor(input))).collect();
    PredictRequest { model_spec: Some(spec), inputs }.encode_to_vec()
}

fn tensor(input: &Input) -> TensorProto {
    let dim = input.shape.iter().map(|size| Dimension { size: *size }).collect();
    TensorProto { dtype: input.dtype as i32, tensor_shape: Some(TensorShape { dim }), tensor_content: input.bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_bytes_that_tensorflows_protobuf_writes() {
        let input = "x=float32:2:1.0,2.0".parse().unwrap();
        let spec: &[u8] = b"\x0a\x0d\x0a\x01m\x12\x02\x08\x07\x1a\x04pred";
        let tensor: &[u8] = b"\x08\x01\x12\x04\x12\x02\x08\x02\x22\x08\0\0\x80\x3f\0\0\0\x40";
        let entry = [b"\x12\x17\x0a\x01x\x12\x12".as_slice(), tensor].concat();
        assert_eq!(encode("m", Some(7), "pred", &[input]), [spec, &entry].concat());
    }
}
