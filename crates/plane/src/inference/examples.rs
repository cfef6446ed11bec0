//! What Classify and Regress ask of a signature, and how their examples go in and their tensors come out. Pure.
//!
//! Source: tensorflow_serving/servables/tensorflow/{classifier,regressor,util}.cc.

use bytes::{Bytes, BytesMut};
use smallvec::smallvec;

use super::{method_names, Classifications, Examples};
use crate::signature::Signature;
use crate::status::{Result, Status};
use crate::tensor::{Tensor, TensorView};

/// The examples as the one string tensor that the model parses.
///
/// Source: tensorflow_serving/servables/tensorflow/util.cc (InputToSerializedExampleTensor): a context is joined by
/// putting its bytes before those of each example.
pub(super) fn example_tensor(input: Examples) -> Result<Tensor> {
    if input.examples.is_empty() {
        return Err(Status::invalid_argument("Input is empty."));
    }
    let rows = input.examples.len() as i64;
    let elements = match input.context {
        None => input.examples,
        Some(context) => input.examples.iter().map(|example| join(&context, example)).collect(),
    };
    Tensor::strings(smallvec![rows], elements)
}

fn join(context: &[u8], example: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(context.len() + example.len());
    joined.extend_from_slice(context);
    joined.extend_from_slice(example);
    joined.freeze()
}

/// The outputs that a classification fetches.
///
/// Errors: see [`crate::dataplane::Dataplane::classify`].
pub fn classify_outputs(signature: &Signature) -> Result<Vec<String>> {
    if signature.method_name != method_names::CLASSIFY {
        return Err(Status::invalid_argument(format!(
            "Expected classification signature method_name to be {}. Was: {}",
            method_names::CLASSIFY,
            signature.method_name
        )));
    }
    if signature.inputs.len() != 1 {
        return Err(Status::invalid_argument("Expected one input Tensor."));
    }
    if !(1..=2).contains(&signature.outputs.len()) {
        return Err(Status::invalid_argument(format!(
            "Expected one or two output Tensors, found {}",
            signature.outputs.len()
        )));
    }
    if signature.input("inputs").is_none() {
        return Err(Status::failed_precondition(format!(
            "No classification inputs found in SignatureDef: {}",
            signature.name
        )));
    }
    let outputs: Vec<String> = ["classes", "scores"]
        .iter()
        .filter(|alias| signature.output(alias).is_some())
        .map(|alias| (*alias).to_owned())
        .collect();
    match outputs.is_empty() {
        false => Ok(outputs),
        true => Err(Status::failed_precondition(format!(
            "Expected classification signature outputs to contain at least one of \"classes\" or \"scores\". Signature was: {}",
            signature.name
        ))),
    }
}

/// The output that a regression fetches.
///
/// Errors: see [`crate::dataplane::Dataplane::regress`].
pub fn regress_outputs(signature: &Signature) -> Result<Vec<String>> {
    if signature.method_name != method_names::REGRESS {
        return Err(Status::invalid_argument(format!(
            "Expected regression signature method_name to be {}. Was: {}",
            method_names::REGRESS,
            signature.method_name
        )));
    }
    if signature.inputs.len() != 1 {
        return Err(Status::invalid_argument("Expected one input Tensor."));
    }
    if signature.outputs.len() != 1 {
        return Err(Status::invalid_argument("Expected one output Tensor."));
    }
    if signature.input("inputs").is_none() {
        return Err(Status::failed_precondition(format!(
            "No regression inputs found in SignatureDef: {}",
            signature.name
        )));
    }
    match signature.output("outputs") {
        Some(_) => Ok(vec!["outputs".to_owned()]),
        None => {
            Err(Status::failed_precondition(format!("No regression outputs found in SignatureDef: {}", signature.name)))
        }
    }
}

pub(super) fn read_classifications(views: &[TensorView<'_>], count: usize) -> Result<Classifications> {
    let classes = views.iter().find(|view| view.name == "classes");
    let scores = views.iter().find(|view| view.name == "scores");
    for (view, dtype, what) in [(classes, "string", "classes"), (scores, "float", "scores")] {
        let Some(view) = view else { continue };
        if view.shape.len() != 2 {
            return Err(Status::invalid_argument(format!(
                "Expected Tensor shape: [batch_size num_classes] but got {}",
                crate::tensor::show_shape(view.shape)
            )));
        }
        if view.dtype.name() != dtype {
            return Err(Status::invalid_argument(format!(
                "Expected {what} Tensor of DT_{}. Got: {}",
                dtype.to_uppercase(),
                view.dtype.enum_name()
            )));
        }
        if view.shape[0] != count as i64 {
            return Err(Status::invalid_argument(format!(
                "Expected {what} output batch size of {count}. Got: {}",
                view.shape[0]
            )));
        }
    }
    let width = classes.or(scores).map_or(0, |view| view.shape[1]) as usize;
    if let (Some(classes), Some(scores)) = (classes, scores) {
        if classes.shape[1] != scores.shape[1] {
            return Err(Status::invalid_argument(format!(
                "Tensors class and score should match in dim_size(1). Got {} vs. {}",
                classes.shape[1], scores.shape[1]
            )));
        }
    }
    let labels = classes.map(TensorView::string_elements).transpose()?;
    let scores: Option<Vec<f32>> = scores.map(|view| floats(view.bytes).collect());
    let class = |index: usize| {
        let label =
            labels.as_ref().map_or_else(String::new, |labels| String::from_utf8_lossy(labels[index]).into_owned());
        (label, scores.as_ref().map_or(0.0, |scores| scores[index]))
    };
    Ok((0..count).map(|row| (row * width..(row + 1) * width).map(class).collect()).collect())
}

pub(super) fn read_regressions(views: &[TensorView<'_>], count: usize) -> Result<Vec<f32>> {
    let [view] = views else {
        return Err(Status::invalid_argument("Could not find output tensor 'outputs'"));
    };
    let shown = || crate::tensor::show_shape(view.shape);
    match view.shape {
        [_] | [_, 1] => {}
        _ => {
            return Err(Status::invalid_argument(format!(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {}",
                shown()
            )))
        }
    }
    if view.shape[0] != count as i64 {
        return Err(Status::invalid_argument(format!(
            "Input batch size did not match output batch size: {count} vs. {}",
            view.shape[0]
        )));
    }
    if view.dtype != seaway_wire::DType::Float {
        return Err(Status::invalid_argument(format!(
            "Expected output Tensor of DT_FLOAT.  Got: {}",
            view.dtype.enum_name()
        )));
    }
    Ok(floats(view.bytes).collect())
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().expect("chunks of 4")))
}
