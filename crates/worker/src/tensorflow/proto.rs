//! The few protobuf messages that loading a SavedModel needs; every other field is skipped unread.
//!
//! A map is a repeated message of key and value on the wire, and is declared as such here: entries are then passed on, or
//! looked into one by one, without understanding all that they hold.
//!
//! Source: tensorflow/core/protobuf/meta_graph.proto; tensorflow_serving/apis/get_model_metadata.proto.

use prost::{Message, Oneof};

/// `tensorflow.MetaGraphDef`: its saver, and its signatures, each still as bytes.
#[derive(Clone, PartialEq, Message)]
pub struct MetaGraphDef {
    /// How variables are restored; absent when there are none to restore.
    #[prost(message, optional, tag = "3")]
    pub saver_def: Option<SaverDef>,
    /// Entries of the map from name to `SignatureDef`.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub signature_def: Vec<Vec<u8>>,
}

/// `tensorflow.SaverDef`.
#[derive(Clone, PartialEq, Message)]
pub struct SaverDef {
    /// The operation that restores all variables.
    #[prost(string, tag = "3")]
    pub restore_op_name: String,
}

/// `tensorflow.serving.SignatureDefMap`, with the same entries.
#[derive(Clone, PartialEq, Message)]
pub struct SignatureDefMap {
    /// Entries of the map from name to `SignatureDef`.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub signature_def: Vec<Vec<u8>>,
}

/// One entry of either map.
#[derive(Clone, PartialEq, Message)]
pub struct SignatureEntry {
    /// The signature's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The signature.
    #[prost(message, optional, tag = "2")]
    pub signature: Option<SignatureDef>,
}

/// `tensorflow.SignatureDef`.
#[derive(Clone, PartialEq, Message)]
pub struct SignatureDef {
    /// What it takes.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<TensorEntry>,
    /// What it gives.
    #[prost(message, repeated, tag = "2")]
    pub outputs: Vec<TensorEntry>,
    /// Values of inputs that a request may leave out, as serialized `TensorProto`s.
    #[prost(message, repeated, tag = "4")]
    pub defaults: Vec<DefaultEntry>,
}

/// One named tensor of a signature.
#[derive(Clone, PartialEq, Message)]
pub struct TensorEntry {
    /// The signature's name for it.
    #[prost(string, tag = "1")]
    pub alias: String,
    /// Where it is in the graph.
    #[prost(message, optional, tag = "2")]
    pub info: Option<TensorInfo>,
}

/// One default value of a signature.
#[derive(Clone, PartialEq, Message)]
pub struct DefaultEntry {
    /// The input it stands in for.
    #[prost(string, tag = "1")]
    pub alias: String,
    /// A serialized `TensorProto`.
    #[prost(bytes = "vec", tag = "2")]
    pub tensor: Vec<u8>,
}

/// `tensorflow.TensorInfo`: how a tensor is encoded; type and shape are the plane's matter.
#[derive(Clone, PartialEq, Message)]
pub struct TensorInfo {
    /// A plain tensor, or one made of several.
    #[prost(oneof = "Encoding", tags = "1, 4, 5")]
    pub encoding: Option<Encoding>,
}

/// The ways a tensor may be encoded.
#[derive(Clone, PartialEq, Oneof)]
pub enum Encoding {
    /// A tensor of the graph, as `operation:index`.
    #[prost(string, tag = "1")]
    Name(String),
    /// A sparse tensor.
    #[prost(bytes, tag = "4")]
    CooSparse(Vec<u8>),
    /// Any other composite, such as a ragged tensor.
    #[prost(bytes, tag = "5")]
    Composite(Vec<u8>),
}
