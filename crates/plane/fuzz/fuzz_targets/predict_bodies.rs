//! Any body of `:predict`, for a signature whose types the first byte chooses: tensors or a status, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seaway_plane::rest::predict::parse_predict;
use seaway_plane::signature::{Signature, TensorInfo};
use seaway_plane::tensor::element_count;
use seaway_wire::DType;

fn info(alias: &str, dtype: DType) -> TensorInfo {
    TensorInfo { alias: alias.to_owned(), dtype: Ok(dtype), shape: None }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let dtype = DType::ALL[usize::from(choice % 32) % DType::ALL.len()];
    let mut inputs = vec![info("a", dtype)];
    if *choice >= 128 {
        inputs.push(info("b", DType::String));
    }
    let signature = Signature {
        name: "s".into(),
        method_name: String::new(),
        inputs,
        outputs: Vec::new(),
        defaults: Default::default(),
    };
    if let Ok(parsed) = parse_predict(body, |_| Ok(signature.into())) {
        for (_, tensor) in parsed.inputs {
            assert!(element_count(tensor.shape()).expect("a shape of real elements") <= body.len());
        }
    }
});
