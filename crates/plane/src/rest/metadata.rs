//! GetModelMetadata as JSON: the model's name and version, and its signatures.
//!
//! Source: tensorflow_serving/model_servers/http_rest_api_util.cc, ToJsonString (the frame around the two messages);
//! servables/tensorflow/testdata/half_plus_two_model_metadata.json (fields, their order and their defaults).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{json, Value};

use super::base64_text::write_base64;
use super::model_status::protobuf_json;
use crate::pb::tensorflow::tensor_info::{CooSparse, Encoding};
use crate::pb::tensorflow::{DataType, SignatureDef, TensorInfo, TensorShapeProto};
use crate::signature::Signatures;
use crate::tensor::{Elements, Tensor};

#[derive(Serialize)]
struct ModelSpec<'a> {
    name: &'a str,
    signature_name: &'static str,
    version: String,
}

#[derive(Serialize)]
struct Definitions<'a> {
    signature_def: BTreeMap<&'a str, Definition<'a>>,
}

#[derive(Serialize)]
struct Definition<'a> {
    inputs: BTreeMap<&'a str, Info<'a>>,
    outputs: BTreeMap<&'a str, Info<'a>>,
    method_name: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    defaults: BTreeMap<&'a str, Value>,
}

#[derive(Serialize)]
struct Info<'a> {
    dtype: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensor_shape: Option<Shape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coo_sparse: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    composite_tensor: Option<Composite<'a>>,
}

#[derive(Serialize)]
struct Composite<'a> {
    components: Vec<Info<'a>>,
}

#[derive(Serialize)]
struct Shape<'a> {
    dim: Vec<Dim<'a>>,
    unknown_rank: bool,
}

#[derive(Serialize)]
struct Dim<'a> {
    size: String,
    name: &'a str,
}

/// The reply for one version of a model.
pub fn metadata_body(model: &str, version: i64, signatures: &Signatures) -> Vec<u8> {
    let spec = ModelSpec { name: model, signature_name: "", version: version.to_string() };
    let proto = &signatures.proto().signature_def;
    let definitions = proto.iter().map(|(name, proto)| {
        let defaults = signatures.get(name).map(|signature| &signature.defaults);
        (name.as_str(), definition(proto, defaults))
    });
    let definitions = Definitions { signature_def: definitions.collect() };
    let mut out = b"{\n\"model_spec\":".to_vec();
    out.extend(protobuf_json(&spec));
    out.extend_from_slice(b",\n\"metadata\": {\"signature_def\": ");
    out.extend(protobuf_json(&definitions));
    out.extend_from_slice(b"}\n}\n");
    out
}

fn definition<'a>(proto: &'a SignatureDef, defaults: Option<&'a BTreeMap<String, Tensor>>) -> Definition<'a> {
    Definition {
        inputs: infos(&proto.inputs),
        outputs: infos(&proto.outputs),
        method_name: &proto.method_name,
        defaults: defaults.into_iter().flatten().map(|(alias, value)| (alias.as_str(), tensor(value))).collect(),
    }
}

fn infos(protos: &BTreeMap<String, TensorInfo>) -> BTreeMap<&str, Info<'_>> {
    protos.iter().map(|(alias, proto)| (alias.as_str(), info(proto))).collect()
}

fn info(proto: &TensorInfo) -> Info<'_> {
    let mut info = Info {
        dtype: dtype(proto.dtype),
        tensor_shape: proto.tensor_shape.as_ref().map(shape),
        name: None,
        coo_sparse: None,
        composite_tensor: None,
    };
    match &proto.encoding {
        None => {}
        Some(Encoding::Name(name)) => info.name = Some(name),
        Some(Encoding::CooSparse(names)) => info.coo_sparse = Some(coo_sparse(names)),
        Some(Encoding::CompositeTensor(composite)) => {
            info.composite_tensor =
                Some(Composite { components: composite.components.iter().map(self::info).collect() });
        }
    }
    info
}

fn coo_sparse(names: &CooSparse) -> Value {
    json!({
        "values_tensor_name": names.values_tensor_name,
        "indices_tensor_name": names.indices_tensor_name,
        "dense_shape_tensor_name": names.dense_shape_tensor_name,
    })
}

fn shape(proto: &TensorShapeProto) -> Shape<'_> {
    let dim = proto.dim.iter().map(|dim| Dim { size: dim.size.to_string(), name: &dim.name });
    Shape { dim: dim.collect(), unknown_rank: proto.unknown_rank }
}

/// An enumerator's name; the number where it has none, as protobuf prints it.
fn dtype(number: i32) -> Value {
    DataType::try_from(number).map_or_else(|_| number.into(), |dtype| dtype.as_str_name().into())
}

/// A default value as a `TensorProto`.
fn tensor(tensor: &Tensor) -> Value {
    let dim = tensor.shape().iter().map(|size| Dim { size: size.to_string(), name: "" });
    let shape = Shape { dim: dim.collect(), unknown_rank: false };
    let (field, value) = match tensor.elements() {
        Elements::Raw(bytes) => ("tensor_content", Value::from(base64(bytes))),
        Elements::Strings(elements) => ("string_val", elements.iter().map(|bytes| base64(bytes)).collect()),
    };
    json!({ "dtype": tensor.dtype().enum_name(), "tensor_shape": shape, "version_number": 0, field: value })
}

fn base64(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    write_base64(&mut text, bytes);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::pb::tensorflow::serving::SignatureDefMap;
    use crate::pb::tensorflow::tensor_shape_proto;

    fn tensor_info(name: &str, dtype: DataType, dims: Option<&[i64]>) -> TensorInfo {
        let dim = |size: &i64| tensor_shape_proto::Dim { size: *size, name: String::new() };
        TensorInfo {
            dtype: dtype.into(),
            tensor_shape: Some(TensorShapeProto {
                dim: dims.unwrap_or_default().iter().map(dim).collect(),
                unknown_rank: dims.is_none(),
            }),
            encoding: Some(Encoding::Name(name.to_owned())),
        }
    }

    fn signatures() -> Signatures {
        let definition = SignatureDef {
            inputs: BTreeMap::from([("inputs".to_owned(), tensor_info("tf_example:0", DataType::DtString, None))]),
            outputs: BTreeMap::from([("scores".to_owned(), tensor_info("y:0", DataType::DtFloat, Some(&[-1, 1])))]),
            method_name: "tensorflow/serving/classify".to_owned(),
            ..SignatureDef::default()
        };
        let map = SignatureDefMap { signature_def: BTreeMap::from([("classify_x_to_y".to_owned(), definition)]) };
        Signatures::decode(&map.encode_to_vec()).unwrap()
    }

    #[test]
    fn metadata_looks_like_tensorflow_servings() {
        let expected = r#"{
"model_spec":{
 "name": "default",
 "signature_name": "",
 "version": "123"
}
,
"metadata": {"signature_def": {
 "signature_def": {
  "classify_x_to_y": {
   "inputs": {
    "inputs": {
     "dtype": "DT_STRING",
     "tensor_shape": {
      "dim": [],
      "unknown_rank": true
     },
     "name": "tf_example:0"
    }
   },
   "outputs": {
    "scores": {
     "dtype": "DT_FLOAT",
     "tensor_shape": {
      "dim": [
       {
        "size": "-1",
        "name": ""
       },
       {
        "size": "1",
        "name": ""
       }
      ],
      "unknown_rank": false
     },
     "name": "y:0"
    }
   },
   "method_name": "tensorflow/serving/classify"
  }
 }
}
}
}
"#;
        assert_eq!(String::from_utf8(metadata_body("default", 123, &signatures())).unwrap(), expected);
    }

    #[test]
    fn a_default_value_is_a_tensor_proto() {
        let value =
            Tensor::raw(seaway_wire::DType::Int32, [2].into_iter().collect(), vec![1, 0, 0, 0, 2, 0, 0, 0].into());
        let expected = json!({
            "dtype": "DT_INT32", "version_number": 0, "tensor_content": "AQAAAAIAAAA=",
            "tensor_shape": {"dim": [{"size": "2", "name": ""}], "unknown_rank": false},
        });
        assert_eq!(tensor(&value.unwrap()), expected);
    }
}
