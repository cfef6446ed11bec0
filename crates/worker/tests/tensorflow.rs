//! The TensorFlow engine on real models, without a process or a socket around it.
//!
//! `SEAWAY_TF_LIBRARY` is a wheel's `libtensorflow_cc.so.2`, `SEAWAY_TEST_MODELS` the directory that
//! `python tests/models/build.py` prints. Without them nothing is tested here, which is said loudly; the same engine is
//! tested over its channel in `tests/integration/worker`.

use std::path::PathBuf;
use std::sync::Arc;

use seaway_wire::frame::{Run, TensorHeader};
use seaway_wire::{Arena, Code, DType, Layout};
use seaway_worker::tensorflow::{preload, LoadSettings, Model};
use seaway_worker::{Answer, Engine};

const LAYOUT: Layout = Layout { slots: 2, stride: 4096 };

fn settings(model: &str, version: &str) -> Option<LoadSettings> {
    let (Some(library), Some(models)) = (std::env::var_os("SEAWAY_TF_LIBRARY"), std::env::var_os("SEAWAY_TEST_MODELS"))
    else {
        eprintln!("NOT TESTED: SEAWAY_TF_LIBRARY and SEAWAY_TEST_MODELS are not set");
        return None;
    };
    Some(LoadSettings {
        library: library.into(),
        path: PathBuf::from(models).join(model).join(version),
        tags: vec!["serve".into()],
        custom_ops: vec![],
        session_config: String::new(),
    })
}

/// Writes `values` at the start of slot 0's inputs.
fn put<'a>(arena: &Arena, name: &'a str, values: &[f32], shape: &[i64]) -> TensorHeader<'a> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let len = bytes.len() as u64;
    // SAFETY: a test owns the arena, and no run is in progress.
    unsafe { arena.region_mut(0, len) }.unwrap().copy_from_slice(&bytes);
    TensorHeader { name, dtype: DType::Float, shape: shape.to_vec(), offset: 0, len }
}

fn floats(arena: &Arena, answer: &Answer<'_>) -> Vec<f32> {
    let header = &answer.outputs.as_ref().unwrap()[0];
    // SAFETY: the run has ended, and nobody writes.
    let bytes = unsafe { arena.region(header.offset, header.len) }.unwrap();
    bytes.chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect()
}

fn run<'a>(signature: &'a str, inputs: Vec<TensorHeader<'a>>) -> Run<'a> {
    Run { request_id: 1, slot: 0, deadline_nanos: 0, signature, outputs: vec![], inputs }
}

#[test]
fn a_model_answers_the_same_in_either_kind_of_thread() {
    let Some(settings) = settings("half_plus_two", "00000123") else { return };
    let model = Model::load(&settings).unwrap();
    let arena = Arc::new(Arena::create(LAYOUT).unwrap());
    // Enough runs for the signature to move from TensorFlow's pool to this thread.
    for value in 0..200 {
        let x = put(&arena, "x", &[value as f32], &[1, 1]);
        let answer = model.run(&run("serving_default", vec![x]), &arena);
        assert_eq!(floats(&arena, &answer), [value as f32 / 2.0 + 2.0]);
        assert!(!answer.inputs_retained);
    }
}

#[test]
fn an_input_that_the_model_keeps_is_noticed_and_later_ones_are_copied() {
    let Some(settings) = settings("keeper", "1") else { return };
    let model = Model::load(&settings).unwrap();
    let arena = Arc::new(Arena::create(LAYOUT).unwrap());
    for (value, retained) in [(1.0, true), (2.0, false), (3.0, false)] {
        let x = put(&arena, "x", &[value; 64], &[64]);
        let answer = model.run(&run("serving_default", vec![x]), &arena);
        assert_eq!(floats(&arena, &answer), [value; 64]);
        assert_eq!(answer.inputs_retained, retained, "run {value}");
    }
    put(&arena, "x", &[9.0; 64], &[64]);
    assert_eq!(floats(&arena, &model.run(&run("kept", vec![]), &arena)), [3.0; 64]);
}

#[test]
fn an_arena_outlives_the_channel_while_a_model_keeps_bytes_of_it() {
    let Some(settings) = settings("keeper", "1") else { return };
    let model = Model::load(&settings).unwrap();
    let arena = Arc::new(Arena::create(LAYOUT).unwrap());
    let x = put(&arena, "x", &[5.0; 64], &[64]);
    assert!(model.run(&run("serving_default", vec![x]), &arena).inputs_retained);
    drop(arena);
    let other = Arc::new(Arena::create(LAYOUT).unwrap());
    assert_eq!(floats(&other, &model.run(&run("kept", vec![]), &other)), [5.0; 64]);
}

#[test]
fn a_model_that_is_not_there_is_not_found() {
    let Some(settings) = settings("no_such_model", "1") else { return };
    assert!(!preload(&settings.library).unwrap().is_empty());
    assert_eq!(Model::load(&settings).err().unwrap().code, Code::NotFound);
}
