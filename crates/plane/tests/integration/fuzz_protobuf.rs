//! A short, repeatable fuzz run over everything that clients and workers send in protobuf or frames: bytes are read or
//! refused, without a panic and without more memory than they deserve.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use seaway_plane::codec::{RawMessage, TensorProto};
use seaway_plane::pb::tensorflow::serving as pb;
use seaway_plane::pb::tensorflow::{SignatureDef, TensorInfo};
use seaway_plane::signature::Signatures;
use seaway_wire::frame::{Reply, TensorHeader};
use seaway_wire::{Code, DType};

/// Largest tensor that is asked for here.
const MAX_TENSOR_BYTES: usize = 1 << 20;
/// What decoding may take beside a multiple of its input: values that are repeated, and the tensor itself.
const BASE_BYTES: usize = 3 * MAX_TENSOR_BYTES;
/// The same for the defaults of a model's signatures, whose only bound is that of repeated values: 16 MiB each.
const DEFAULTS_BYTES: usize = 64 << 20;
/// What a byte may become: an empty string of two bytes is a handle of thirty-two, in a list that grows by doubling.
const BYTES_PER_BYTE: usize = 128;

/// Counts what this thread holds, and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Threads that end have no counters any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promises are those of `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that `call` held at once.
fn most_held(call: impl FnOnce()) -> usize {
    let before = HELD.get();
    MOST.set(before);
    call();
    (MOST.get() - before) as usize
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// A few random edits: what breaks decoders is a length or a tag that lies.
fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.next() as u8),
            4 if at < bytes.len() => drop(bytes.remove(at)),
            5 => {
                let piece = bytes[..random.below(bytes.len() + 1)].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let huge = [0xff, 0xff, 0xff, 0xff, [0x07, 0x0f, 0x7f, 0xff][random.below(4)], 0x7f];
                bytes.splice(at..at, huge[..1 + random.below(6)].iter().copied());
            }
            _ => {
                let repeated = bytes[at.saturating_sub(4)..at].repeat(random.below(200));
                bytes.splice(at..at, repeated);
            }
        }
    }
    bytes
}

/// Runs `decode` on `runs` mutations of each seed; none may hold more than `base` and a multiple of its length.
fn fuzz(what: &str, seeds: &[Vec<u8>], runs: usize, base: usize, decode: impl Fn(Bytes)) {
    let mut random = Random(0x5ea_a0a7);
    for (index, seed) in seeds.iter().enumerate() {
        for run in 0..runs {
            let bytes = Bytes::from(mutate(seed, &mut random));
            let (len, shown) = (bytes.len(), bytes.clone());
            let held = most_held(|| decode(bytes));
            let bound = base + BYTES_PER_BYTE * len;
            assert!(held <= bound, "{what}, seed {index}, run {run}: {held} bytes for {len}: {shown:?}");
        }
    }
}

fn shape(dims: &[i64]) -> Vec<u8> {
    let mut shape = Vec::new();
    for dim in dims {
        let mut field = Vec::new();
        prost::encoding::int64::encode(1, dim, &mut field);
        shape.extend([0x12, field.len() as u8]);
        shape.extend(field);
    }
    [vec![0x12, shape.len() as u8], shape].concat()
}

/// One message of each kind of values.
fn tensors() -> Vec<Vec<u8>> {
    let field = |tag: u32, payload: &[u8]| {
        let mut bytes = Vec::new();
        prost::encoding::bytes::encode(tag, &payload.to_vec(), &mut bytes);
        bytes
    };
    let tensor = |dtype: DType, dims: &[i64], values: Vec<u8>| [vec![0x08, dtype as u8], shape(dims), values].concat();
    vec![
        tensor(DType::Float, &[2, 2], field(5, &[1; 16])),
        tensor(DType::Double, &[1], field(6, &[1; 8])),
        tensor(DType::Int32, &[3], field(7, &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 5])),
        tensor(DType::Int64, &[1000, 1000], field(10, &[1, 2])),
        tensor(DType::Bool, &[2], field(11, &[1, 0])),
        tensor(DType::Half, &[2], field(13, &[0x80, 0x78, 1])),
        tensor(DType::Complex64, &[1], field(9, &[1; 8])),
        tensor(DType::UInt64, &[1], field(17, &[0xff, 1])),
        tensor(DType::String, &[2], [field(8, b"abc"), field(8, b"")].concat()),
        tensor(DType::String, &[3], field(4, b"\x01\x02\x00abc")),
        tensor(DType::UInt8, &[4], field(4, b"abcd")),
        tensor(DType::Float, &[3], vec![0x2d, 1, 2, 3, 4, 0x2d, 1, 2, 3, 4]),
    ]
}

#[test]
fn fuzz_protobuf_decoders_tensors() {
    fuzz("TensorProto", &tensors(), 150_000, BASE_BYTES, |bytes| {
        if let Ok(proto) = TensorProto::decode(bytes) {
            if let Ok(tensor) = proto.to_tensor(MAX_TENSOR_BYTES) {
                let mut out = vec![0; tensor.len_bytes()];
                tensor.write_to(&mut out);
            }
            assert_eq!(proto.encode_to_vec().len(), proto.encoded_len());
        }
    });
}

#[test]
fn fuzz_protobuf_decoders_requests() {
    let example = RawMessage::decode(&[0x0a, 3, 0x0a, 1, 0x78][..]).unwrap();
    let list = pb::ExampleList { examples: vec![example.clone(), example] };
    let spec = pb::ModelSpec { name: "m".into(), signature_name: "s".into(), version_choice: None };
    let predict = pb::PredictRequest {
        model_spec: Some(spec.clone()),
        inputs: [("x".to_owned(), TensorProto::decode(&tensors()[0][..]).unwrap())].into(),
        output_filter: vec!["y".into()],
        ..pb::PredictRequest::default()
    };
    let task = pb::InferenceTask { model_spec: Some(spec), method_name: "m".into() };
    let input = Some(pb::Input { kind: Some(pb::input::Kind::ExampleList(list)) });
    let multi = pb::MultiInferenceRequest { tasks: vec![task.clone(), task], input };
    let log = pb::PredictLog { request: Some(predict.clone()), response: None };
    let record = pb::PredictionLog {
        log_type: Some(pb::prediction_log::LogType::PredictLog(log)),
        ..pb::PredictionLog::default()
    };
    let seeds = [predict.encode_to_vec(), multi.encode_to_vec(), record.encode_to_vec()];
    fuzz("requests", &seeds, 250_000, BASE_BYTES, |bytes| {
        if let Ok(request) = pb::PredictRequest::decode(bytes.clone()) {
            for tensor in request.inputs.values() {
                let _ = tensor.to_tensor(MAX_TENSOR_BYTES);
            }
        }
        if let Ok(request) = pb::MultiInferenceRequest::decode(bytes.clone()) {
            assert_eq!(request.encode_to_vec().len(), request.encoded_len());
        }
        let _ = pb::PredictionLog::decode(bytes);
    });
}

#[test]
fn fuzz_protobuf_decoders_signatures() {
    let info = TensorInfo { dtype: 1, ..TensorInfo::default() };
    let definition = SignatureDef {
        inputs: BTreeMap::from([("x".to_owned(), info.clone())]),
        outputs: BTreeMap::from([("y".to_owned(), info)]),
        method_name: "tensorflow/serving/predict".into(),
        defaults: BTreeMap::from([("x".to_owned(), TensorProto::decode(&tensors()[0][..]).unwrap())]),
    };
    let map = pb::SignatureDefMap { signature_def: BTreeMap::from([("serving_default".to_owned(), definition)]) };
    fuzz("SignatureDefMap", &[map.encode_to_vec()], 300_000, DEFAULTS_BYTES, |bytes| {
        if let Ok(signatures) = Signatures::decode(&bytes) {
            assert!(signatures.called().all(|each| signatures.proto().signature_def.contains_key(&*each.name)));
        }
    });
}

#[test]
fn fuzz_protobuf_decoders_replies() {
    let output = |dtype, shape: Vec<i64>| TensorHeader { name: "y", dtype, shape, offset: 64, len: 16 };
    let outputs = vec![output(DType::Float, vec![2, 2]), output(DType::String, vec![1])];
    let reply = Reply { request_id: 7, slot: 1, code: Code::Ok, flags: 0, run_nanos: 9, message: "an error", outputs };
    let mut seed = Vec::new();
    reply.encode(&mut seed);
    fuzz("Reply", &[seed], 1_000_000, BASE_BYTES, |bytes| {
        if let Ok(reply) = Reply::decode(&bytes) {
            let mut again = Vec::new();
            reply.encode(&mut again);
            assert_eq!(Reply::decode(&again).as_ref(), Ok(&reply));
        }
    });
}
