//! The bytes in `tests/golden/wire/`, read and written in Rust; `tests/unit/worker/golden_frames.py` says the same in Python.

use seaway_wire::frame::{Reply, Run, TensorHeader, FLAG_INPUTS_RETAINED};
use seaway_wire::{strings, Code, DType};

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/golden/wire/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn tensor<'a>(name: &'a str, dtype: DType, shape: &[i64], offset: u64, len: u64) -> TensorHeader<'a> {
    TensorHeader { name, dtype, shape: shape.to_vec(), offset, len }
}

fn assert_run(file: &str, run: &Run<'_>) {
    let bytes = golden(file);
    assert_eq!(Run::decode(&bytes).as_ref(), Ok(run), "{file}");
    let mut written = Vec::new();
    run.encode(&mut written);
    assert_eq!(written, bytes, "{file}");
}

fn assert_reply(file: &str, reply: &Reply<'_>) {
    let bytes = golden(file);
    assert_eq!(Reply::decode(&bytes).as_ref(), Ok(reply), "{file}");
    let mut written = Vec::new();
    reply.encode(&mut written);
    assert_eq!(written, bytes, "{file}");
}

#[test]
fn golden_runs_are_read_and_written() {
    assert_run(
        "run.bin",
        &Run {
            request_id: 0x0102_0304_0506_0708,
            slot: 3,
            deadline_nanos: 1_500_000,
            signature: "serving_default",
            outputs: vec!["y", "scores"],
            inputs: vec![tensor("x", DType::Float, &[2, 3], 0x3000, 24), tensor("größe", DType::Int64, &[], 0x3040, 8)],
        },
    );
    let bare = Run { request_id: 1, slot: 0, deadline_nanos: 0, signature: "", outputs: vec![], inputs: vec![] };
    assert_run("run_bare.bin", &bare);
}

#[test]
fn golden_run_holds_every_element_type_under_its_name() {
    let names: Vec<String> = DType::ALL.iter().map(|dtype| dtype.name().to_owned()).collect();
    let inputs = DType::ALL.iter().zip(&names).enumerate();
    let inputs = inputs.map(|(index, (dtype, name))| tensor(name, *dtype, &[1], 64 * index as u64, 16)).collect();
    let signature = "every_type";
    assert_run(
        "run_all_types.bin",
        &Run { request_id: 2, slot: 0, deadline_nanos: 0, signature, outputs: vec![], inputs },
    );
}

#[test]
fn golden_replies_are_read_and_written() {
    assert_reply(
        "reply_ok.bin",
        &Reply {
            request_id: 0x0102_0304_0506_0708,
            slot: 3,
            code: Code::Ok,
            flags: FLAG_INPUTS_RETAINED,
            run_nanos: 23_456,
            message: "",
            outputs: vec![
                tensor("y", DType::Float, &[2, 1], 0x8000, 8),
                tensor("labels", DType::String, &[0], 0x8040, 8),
            ],
        },
    );
    assert_reply(
        "reply_error.bin",
        &Reply {
            request_id: 7,
            slot: 65535,
            code: Code::InvalidArgument,
            flags: 0,
            run_nanos: 0,
            message: "Expects arg[0] to be float but double is provided",
            outputs: vec![],
        },
    );
}

#[test]
fn golden_strings_are_read_and_written() {
    let long = [b'x'; 40];
    let elements: [&[u8]; 5] = [b"", b"a", "grün".as_bytes(), b"\0\xff", &long];
    let bytes = golden("strings.bin");
    assert_eq!(strings::decode(&bytes, elements.len()).unwrap(), elements);
    let mut written = vec![0; strings::encoded_len(elements.iter().copied())];
    strings::encode(elements.iter().copied(), &mut written);
    assert_eq!(written, bytes);
}
