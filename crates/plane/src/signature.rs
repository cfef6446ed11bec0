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
    /// Errors: INTERNAL when the bytes are no `SignatureDefMap`.
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

    /// Every signature, in the order of its name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Signature>> {
        self.by_name.values()
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
        .map(|(alias, value)| Ok((alias.clone(), value.to_tensor(usize::MAX)?)))
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
