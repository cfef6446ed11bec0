//! How fast REST bodies become tensors and tensors become replies, beside general JSON parsers on the same bytes.
//!
//! `cargo run --release -p seaway-plane --example rest_speed`; the figures in docs/performance.md are its output. serde_json
//! is measured twice: into nested vectors of floats, and into its tree. Times are this thread's on its processor, so that what
//! else the machine does counts for little.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use seaway_plane::rest::predict::{parse_predict, Format};
use seaway_plane::rest::predict_response::write_predict;
use seaway_plane::signature::{Signature, TensorInfo};
use seaway_plane::tensor::{Elements, TensorView};
use seaway_wire::DType;

/// How long one body is parsed again and again; the fastest round counts, for the machine does other things too.
const ROUND: Duration = Duration::from_millis(50);
const ROUNDS: usize = 7;

#[derive(serde::Deserialize)]
struct Typed<T> {
    instances: Vec<T>,
}

/// One body and how it is read elsewhere.
struct Subject {
    name: String,
    count: usize,
    dtype: DType,
    body: String,
    typed: fn(&str) -> usize,
}

fn main() {
    let shapes: [(&str, [usize; 3]); 2] = [("28x28x1", [28, 28, 1]), ("224x224x3", [224, 224, 3])];
    println!("{:<40}{:>12}{:>10}{:>26}", "", "ns a number", "MB/s", "");
    for (shape_name, shape) in shapes {
        for (numbers, dtype, number) in NUMBERS {
            measure(&Subject {
                name: format!("{shape_name} {numbers}"),
                count: shape.iter().product(),
                dtype,
                body: format!(r#"{{"instances": [{}]}}"#, nested(&shape, &mut 0, number)),
                typed: typed::<Vec<Vec<Vec<f32>>>>,
            });
        }
    }
    for (numbers, dtype, number) in NUMBERS {
        measure_writing(numbers, dtype, number);
    }
}

/// What a number of an image looks like in JSON, by its index.
type Number = fn(u64) -> String;

const NUMBERS: [(&str, DType, Number); 4] = [
    // What `json.dumps(array.tolist())` makes of 32-bit floats, and of 64-bit ones.
    ("floats as doubles", DType::Float, |index| format!("{:?}", f64::from(pixel(index) as f32 / 255.0))),
    ("doubles", DType::Float, |index| format!("{:?}", pixel(index) / 255.0)),
    ("short decimals", DType::Float, |index| format!("{:.4}", pixel(index) / 255.0)),
    ("integers 0..255", DType::UInt8, |index| format!("{}", pixel(index) as u8)),
];

/// Values like those of 8-bit pixels, with no order in them.
fn pixel(index: u64) -> f64 {
    let mut state = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state ^= state >> 29;
    (state.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 56) as f64
}

fn nested(shape: &[usize], index: &mut u64, number: Number) -> String {
    let Some((size, inner)) = shape.split_first() else {
        *index += 1;
        return number(*index);
    };
    let elements: Vec<String> = (0..*size).map(|_| nested(inner, index, number)).collect();
    format!("[{}]", elements.join(", "))
}

fn typed<T: for<'a> serde::Deserialize<'a>>(body: &str) -> usize {
    serde_json::from_str::<Typed<T>>(body).expect("the body is JSON").instances.len()
}

fn measure(subject: &Subject) {
    let signature = signature(subject.dtype);
    let body = subject.body.as_bytes();
    let report = |what: &str, took: Duration| {
        let per_number = took.as_nanos() as f64 / subject.count as f64;
        let rate = body.len() as f64 / 1e6 / took.as_secs_f64();
        println!("{:<40}{per_number:>12.1}{rate:>10.0}  {what}", subject.name);
    };
    report("seaway", fastest(|| parse_predict(body, |_| Ok(Arc::clone(&signature))).expect("it is a request")));
    report("serde_json into vectors", fastest(|| (subject.typed)(&subject.body)));
    report("serde_json into a tree", fastest(|| serde_json::from_str::<serde_json::Value>(&subject.body)));
    report("copied", fastest(|| body.to_vec()));
}

fn measure_writing(numbers: &str, dtype: DType, number: Number) {
    const COUNT: usize = 10_000;
    let values = (0..COUNT as u64).map(number).collect::<Vec<_>>().join(", ");
    let body = format!(r#"{{"instances": [[{values}]]}}"#);
    let parsed = parse_predict(body.as_bytes(), |_| Ok(signature(dtype))).expect("it is a request");
    let tensor = &parsed.inputs[0].1;
    let Elements::Raw(bytes) = tensor.elements() else { unreachable!("numbers have a fixed size") };
    let view = TensorView { name: "y", dtype, shape: tensor.shape(), bytes };
    let mut out = Vec::new();
    let took = fastest(|| {
        out.clear();
        write_predict(Format::Row, &[view], &mut out).expect("it has a form in JSON");
    });
    let rate = out.len() as f64 / 1e6 / took.as_secs_f64();
    let name = format!("10000 {numbers}");
    println!("{name:<40}{:>12.1}{rate:>10.0}  seaway, written", took.as_nanos() as f64 / COUNT as f64);
}

/// How long one call takes in the fastest round.
fn fastest<T>(mut call: impl FnMut() -> T) -> Duration {
    let round = |_| {
        let (start, mut calls) = (processor_time(), 0);
        while calls == 0 || processor_time() - start < ROUND {
            black_box(call());
            calls += 1;
        }
        (processor_time() - start) / calls
    };
    (0..ROUNDS).map(round).min().unwrap_or_default()
}

/// How long this thread has run.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the timespec that it is given; every thread has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn signature(dtype: DType) -> Arc<Signature> {
    Arc::new(Signature {
        name: "serving_default".into(),
        method_name: String::new(),
        inputs: vec![TensorInfo { alias: "x".into(), dtype: Ok(dtype), shape: None }],
        outputs: Vec::new(),
        defaults: BTreeMap::new(),
    })
}
