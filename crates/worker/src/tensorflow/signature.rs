//! From a model's signatures to plans: which graph outputs a run feeds and fetches.
//!
//! A signature that cannot be run (a sparse tensor, a tensor that the graph lacks) keeps its error, and the others work.

use std::collections::HashMap;

use prost::Message;
use seaway_wire::Code;

use super::api::{self, Api, Graph, Output};
use super::fetch::Subsets;
use super::pace::Pace;
use super::proto::{Encoding, SignatureDef, SignatureDefMap, SignatureEntry, TensorEntry};
use super::tensor::Tensor;
use crate::Status;

/// How to run one signature.
pub struct Plan {
    inputs: Vec<Input>,
    input_index: HashMap<String, usize>,
    outputs: Vec<(String, usize)>,
    output_index: HashMap<String, usize>,
    fetches: Vec<Output>,
    /// Which of its outputs were asked for so far.
    pub subsets: Subsets,
    /// How long it takes.
    pub pace: Pace,
}

struct Input {
    alias: String,
    feed: Output,
    default: Option<Tensor>,
}

// SAFETY: a plan's operation pointers and default tensors are only read, and TensorFlow allows reading both from any thread.
unsafe impl Send for Plan {}
// SAFETY: as above.
unsafe impl Sync for Plan {}

impl Plan {
    /// The place of the input called `alias`.
    pub fn input(&self, alias: &str) -> Option<usize> {
        self.input_index.get(alias).copied()
    }

    /// How many inputs the signature has.
    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// The graph output that input `index` feeds.
    pub fn feed(&self, index: usize) -> Output {
        self.inputs[index].feed
    }

    /// The value of input `index` when a run leaves it out.
    pub fn default(&self, index: usize) -> Option<&Tensor> {
        self.inputs[index].default.as_ref()
    }

    /// The signature's name for input `index`.
    pub fn input_name(&self, index: usize) -> &str {
        &self.inputs[index].alias
    }

    /// The distinct graph outputs behind all the signature's outputs.
    pub fn fetches(&self) -> &[Output] {
        &self.fetches
    }

    /// Every output: its name, and which of [`Plan::fetches`] it is.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, usize)> {
        self.outputs.iter().map(|(name, fetch)| (name.as_str(), *fetch))
    }

    /// The output called `alias`, as in [`Plan::outputs`].
    pub fn output(&self, alias: &str) -> Option<(&str, usize)> {
        self.output_index.get(alias).map(|index| (self.outputs[*index].0.as_str(), self.outputs[*index].1))
    }
}

/// A model's signatures by name: how to run each, or why it cannot be run.
pub type Plans = HashMap<String, Result<Plan, Status>>;

/// Reads the entries of a signature map: as a serialized `SignatureDefMap`, and as plans on `graph`.
pub fn read(entries: Vec<Vec<u8>>, api: &'static Api, graph: *mut Graph) -> Result<(Vec<u8>, Plans), Status> {
    let unreadable = |error| Status::new(Code::DataLoss, format!("the model's signatures cannot be read: {error}"));
    let mut plans = Plans::with_capacity(entries.len());
    for entry in &entries {
        let SignatureEntry { name, signature } = SignatureEntry::decode(entry.as_slice()).map_err(unreadable)?;
        let plan = plan(&signature.unwrap_or_default(), api, graph)
            .map_err(|status| Status { message: format!("signature '{name}': {}", status.message), ..status });
        plans.insert(name, plan);
    }
    Ok((SignatureDefMap { signature_def: entries }.encode_to_vec(), plans))
}

fn plan(signature: &SignatureDef, api: &'static Api, graph: *mut Graph) -> Result<Plan, Status> {
    let mut inputs = Vec::with_capacity(signature.inputs.len());
    for entry in &signature.inputs {
        let default = signature.defaults.iter().find(|default| default.alias == entry.alias);
        let default = default.map(|default| Tensor::from_proto(api, &default.tensor)).transpose()?;
        inputs.push(Input { alias: entry.alias.clone(), feed: locate(entry, api, graph)?, default });
    }
    let mut fetches: Vec<Output> = Vec::with_capacity(signature.outputs.len());
    let mut outputs = Vec::with_capacity(signature.outputs.len());
    for entry in &signature.outputs {
        let place = locate(entry, api, graph)?;
        let fetch = fetches.iter().position(|fetch| *fetch == place).unwrap_or_else(|| {
            fetches.push(place);
            fetches.len() - 1
        });
        outputs.push((entry.alias.clone(), fetch));
    }
    let input_index = inputs.iter().enumerate().map(|(index, input)| (input.alias.clone(), index)).collect();
    let output_index = outputs.iter().enumerate().map(|(index, output)| (output.0.clone(), index)).collect();
    let (subsets, pace) = (Subsets::default(), Pace::unknown());
    Ok(Plan { inputs, input_index, outputs, output_index, fetches, subsets, pace })
}

/// Finds the graph output that `entry` names.
fn locate(entry: &TensorEntry, api: &'static Api, graph: *mut Graph) -> Result<Output, Status> {
    let name = tensor_name(entry)?;
    let missing = || {
        let message = format!("tensor '{name}' of '{}' is not in the model's graph", entry.alias);
        Status::new(Code::InvalidArgument, message)
    };
    let (operation, index) = split_tensor_name(name).ok_or_else(missing)?;
    let operation = std::ffi::CString::new(operation).map_err(|_| missing())?;
    // SAFETY: the graph is alive, and the name is a C string.
    let oper = unsafe { (api.TF_GraphOperationByName)(graph, operation.as_ptr()) };
    // SAFETY: `oper` is checked to be an operation of the graph before it is asked.
    if oper.is_null() || index >= unsafe { (api.TF_OperationNumOutputs)(oper) } {
        return Err(missing());
    }
    Ok(api::Output { oper, index })
}

fn tensor_name(entry: &TensorEntry) -> Result<&str, Status> {
    let unsupported = |what| {
        let message = format!("'{}' is {what}, which cannot be sent in a request; use a dense tensor", entry.alias);
        Err(Status::new(Code::Unimplemented, message))
    };
    match entry.info.as_ref().and_then(|info| info.encoding.as_ref()) {
        Some(Encoding::Name(name)) => Ok(name),
        Some(Encoding::CooSparse(_)) => unsupported("a sparse tensor"),
        Some(Encoding::Composite(_)) => unsupported("a composite tensor"),
        None => unsupported("a tensor without a name"),
    }
}

/// Splits `operation:index`; an operation alone means its first output.
fn split_tensor_name(name: &str) -> Option<(&str, i32)> {
    match name.rsplit_once(':') {
        Some((operation, index)) => Some((operation, index.parse().ok().filter(|index| *index >= 0)?)),
        None => Some((name, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::proto::{MetaGraphDef, TensorInfo};
    use super::*;

    #[test]
    fn a_tensor_name_is_an_operation_and_an_index() {
        assert_eq!(split_tensor_name("x:0"), Some(("x", 0)));
        assert_eq!(split_tensor_name("a/b:12"), Some(("a/b", 12)));
        assert_eq!(split_tensor_name("NoOp"), Some(("NoOp", 0)));
        assert_eq!(split_tensor_name("x:-1"), None);
        assert_eq!(split_tensor_name("x:y"), None);
    }

    #[test]
    fn a_composite_tensor_is_refused_by_name() {
        let entry = |encoding| TensorEntry { alias: "ids".into(), info: Some(TensorInfo { encoding }) };
        assert_eq!(tensor_name(&entry(Some(Encoding::Name("x:0".into())))), Ok("x:0"));
        for encoding in [Some(Encoding::CooSparse(vec![])), Some(Encoding::Composite(vec![])), None] {
            let status = tensor_name(&entry(encoding)).unwrap_err();
            assert_eq!(status.code, Code::Unimplemented);
            assert!(status.message.contains("'ids'"), "{status}");
        }
    }

    #[test]
    fn signatures_pass_through_with_fields_that_nobody_here_reads() {
        // A signature with a method name (field 3), which only the plane reads.
        let entry = [b"\x0a\x01s\x12\x09\x1a\x07predict".as_slice()].concat();
        let meta_graph = MetaGraphDef { saver_def: None, signature_def: vec![entry.clone()] }.encode_to_vec();
        let entries = MetaGraphDef::decode(meta_graph.as_slice()).unwrap().signature_def;
        let map = SignatureDefMap { signature_def: entries }.encode_to_vec();
        assert_eq!(map, [b"\x0a\x0e".as_slice(), &entry].concat());
    }
}
