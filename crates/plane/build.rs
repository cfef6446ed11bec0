//! Compiles `proto/` without protoc: Rust messages for the request path, and the descriptor set that reflection serves and Python reads.

use std::path::{Path, PathBuf};

use prost::Message;

fn main() {
    // Read when run: a target folder may be shared by several checkouts.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let descriptors = protox::compile(&files, [&root]).unwrap_or_else(|error| panic!("proto/: {error}"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    std::fs::write(out.join("descriptors.binpb"), descriptors.encode_to_vec()).expect("OUT_DIR is writable");
    tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .btree_map(".tensorflow.serving.SignatureDefMap")
        .btree_map(".tensorflow.SignatureDef")
        // Decoded by hand: its values stay slices of the request until they are written to shared memory.
        .extern_path(".tensorflow.TensorProto", "crate::codec::TensorProto")
        // Passed on as bytes: the first is only parsed by the model itself, the second is encoded straight from shared memory.
        .extern_path(".tensorflow.Example", "crate::codec::RawMessage")
        .extern_path(".tensorflow.serving.PredictResponse", "crate::codec::RawMessage")
        .compile_fds(descriptors)
        .expect("the descriptors generate");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("proto/ is readable") {
        let path = entry.expect("proto/ is readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
}
