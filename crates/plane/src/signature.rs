//! What a loaded version can be asked: its signatures, as its worker announced them.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use seaway_wire::DType;

use crate::pb::tensorflow::serving::SignatureDefMap;
use crate::pb::tensorflow::{SignatureDef, TensorInfo as TensorInfoProto, TensorShapeProto};
use crate::status::{Result, Status};
use crate::tensor::{Shape, Tensor};

/// The signature that a request without a `signature_name` means.
pub const DEFAULT_SIGNATURE: &str = "serving_default";

/// How the names of signatures begin that TensorFlow writes for itself.
const INTERNAL_PREFIX: &str = "__saved_model";

/// One input or output of a signature.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// The name that clients use.
    pub alias: String,
    /// Element type, or TensorFlow's number of one that cannot cross the wire.
    pub dtype: std::result::Result<DType, i32>,
    /// Sizes of the dimensions, -1 where free; `None` when the rank is unknown.
    pub shape: Option<Shape>,
}

/// One signature of a model.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its key in the SavedModel.
    pub name: Arc<str>,
    /// For example `tensorflow/serving/predict`.
    pub method_name: String,
    /// Inputs in the order of their aliases.
    pub inputs: Vec<TensorInfo>,
    /// Outputs in the order of their aliases.
    pub outputs: Vec<TensorInfo>,
    /// Values for inputs that a request leaves out.
    pub defaults: BTreeMap<String, Tensor>,
}

impl Signature {
    /// The input that clients call `alias`.
    pub fn input(&self, alias: &str) -> Option<&TensorInfo> {
        find(&self.inputs, alias)
    }

    /// The output that clients call `alias`.
    pub fn output(&self, alias: &str) -> Option<&TensorInfo> {
        find(&self.outputs, alias)
    }
}

/// All signatures of a loaded version.
#[derive(Clone, Debug, Default)]
pub struct Signatures {
    by_name: BTreeMap<String, Arc<Signature>>,
    proto: SignatureDefMap,
}

impl Signatures {
    /// Reads what a worker announced.
    ///
    /// Errors: INTERNAL when the bytes are no `SignatureDefMap`, or a default is no tensor.
    pub fn decode(bytes: &[u8]) -> Result<Signatures> {
        let proto = SignatureDefMap::decode(bytes)
            .map_err(|error| Status::internal(format!("the worker's signatures cannot be read: {error}")))?;
        let by_name = proto
            .signature_def
            .iter()
            .map(|(name, definition)| Ok((name.clone(), Arc::new(signature(name, definition)?))))
            .collect::<Result<_>>()?;
        Ok(Signatures { by_name, proto })
    }

    /// The signature called `name`; the empty name means [`DEFAULT_SIGNATURE`].
    pub fn get(&self, name: &str) -> Option<&Arc<Signature>> {
        self.by_name.get(if name.is_empty() { DEFAULT_SIGNATURE } else { name })
    }

    /// The signatures that clients call, in the order of their names: without `__saved_model_init_op` and its like,
    /// which are steps of a load.
    pub fn called(&self) -> impl Iterator<Item = &Arc<Signature>> {
        self.by_name.values().filter(|signature| !signature.name.starts_with(INTERNAL_PREFIX))
    }

    /// The definitions as GetModelMetadata answers them.
    pub fn proto(&self) -> &SignatureDefMap {
        &self.proto
    }
}

fn find<'a>(infos: &'a [TensorInfo], alias: &str) -> Option<&'a TensorInfo> {
    infos.binary_search_by(|info| info.alias.as_str().cmp(alias)).ok().map(|index| &infos[index])
}

fn signature(name: &str, definition: &SignatureDef) -> Result<Signature> {
    let defaults = definition
        .defaults
        .iter()
        .map(|(alias, value)| {
            let tensor = value.to_tensor(usize::MAX).map_err(|status| {
                Status::internal(format!("signature {name:?}: the default of {alias:?}: {}", status.message))
            })?;
            Ok((alias.clone(), tensor))
        })
        .collect::<Result<_>>()?;
    Ok(Signature {
        name: name.into(),
        method_name: definition.method_name.clone(),
        inputs: infos(&definition.inputs),
        outputs: infos(&definition.outputs),
        defaults,
    })
}

fn infos(protos: &BTreeMap<String, TensorInfoProto>) -> Vec<TensorInfo> {
    protos
        .iter()
        .map(|(alias, proto)| TensorInfo {
            alias: alias.clone(),
            dtype: DType::from_number(proto.dtype).ok_or(proto.dtype),
            shape: proto.tensor_shape.as_ref().and_then(shape),
        })
        .collect()
}

fn shape(proto: &TensorShapeProto) -> Option<Shape> {
    (!proto.unknown_rank).then(|| proto.dim.iter().map(|dim| dim.size).collect())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::TensorProto;
    use crate::pb::tensorflow::tensor_shape_proto::Dim;
    use crate::tensor::Elements;

    fn info(dtype: i32, dims: Option<&[i64]>) -> TensorInfoProto {
        let shape = |dims: &[i64]| TensorShapeProto {
            dim: dims.iter().map(|size| Dim { size: *size, ..Dim::default() }).collect(),
            unknown_rank: false,
        };
        TensorInfoProto { dtype, tensor_shape: dims.map(shape), ..TensorInfoProto::default() }
    }

    fn encoded(definition: SignatureDef) -> Vec<u8> {
        SignatureDefMap { signature_def: BTreeMap::from([(DEFAULT_SIGNATURE.to_owned(), definition)]) }.encode_to_vec()
    }

    #[test]
    fn what_a_worker_announced_is_read() {
        let unknown_rank = TensorShapeProto { unknown_rank: true, dim: Vec::new() };
        let inputs = BTreeMap::from([
            ("b".to_owned(), info(1, Some(&[-1, 3]))),
            ("a".to_owned(), info(20, None)),
            ("c".to_owned(), TensorInfoProto { tensor_shape: Some(unknown_rank), ..info(7, None) }),
        ]);
        let definition = SignatureDef { method_name: "m".into(), inputs, ..SignatureDef::default() };
        let signatures = Signatures::decode(&encoded(definition)).unwrap();
        let signature = signatures.get("").unwrap();
        assert_eq!((&*signature.name, signature.method_name.as_str()), (DEFAULT_SIGNATURE, "m"));
        let input = |alias| signature.input(alias).map(|info| (info.dtype, info.shape.as_deref()));
        assert_eq!(input("a"), Some((Err(20), None)));
        assert_eq!(input("b"), Some((Ok(DType::Float), Some([-1, 3].as_slice()))));
        assert_eq!(input("c"), Some((Ok(DType::String), None)));
        assert_eq!((input("d"), signature.output("b")), (None, None));
        assert!(signatures.get("none").is_none());
        assert!(signatures.proto().signature_def.contains_key(DEFAULT_SIGNATURE));
    }

    #[test]
    fn a_step_of_a_load_is_told_and_not_called() {
        let names = [DEFAULT_SIGNATURE, "__saved_model_init_op", "__saved_model_train_op", "regress"];
        let signature_def = names.map(|name| (name.to_owned(), SignatureDef::default())).into();
        let signatures = Signatures::decode(&SignatureDefMap { signature_def }.encode_to_vec()).unwrap();
        let called: Vec<&str> = signatures.called().map(|signature| &*signature.name).collect();
        assert_eq!(called, ["regress", DEFAULT_SIGNATURE]);
        assert_eq!(signatures.proto().signature_def.len(), names.len());
    }

    #[test]
    fn defaults_are_tensors_or_refused_by_name() {
        let default = |bytes: &'static [u8]| SignatureDef {
            defaults: BTreeMap::from([("x".to_owned(), TensorProto::decode(bytes).unwrap())]),
            ..SignatureDef::default()
        };
        let signatures = Signatures::decode(&encoded(default(&[0x08, 4, 0x3a, 1, 7]))).unwrap();
        let tensor = &signatures.get("").unwrap().defaults["x"];
        assert_eq!(*tensor.elements(), Elements::Raw(Bytes::from_static(&[7])));
        let status = Signatures::decode(&encoded(default(&[0x08, 20]))).unwrap_err();
        assert_eq!(
            status.message,
            "signature \"serving_default\": the default of \"x\": data type 20 cannot be sent as a tensor"
        );
    }

    #[test]
    fn bytes_that_are_no_signatures_are_refused() {
        let status = Signatures::decode(b"\xff").unwrap_err();
        assert!(status.message.starts_with("the worker's signatures cannot be read: "), "{}", status.message);
    }
}
