//! What the tests of the plane share: a worker that behaves as told, signatures to ask it for, and jobs.

pub mod client;
pub mod served;
pub mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use seaway_plane::channel::{Channel, ChannelSettings};
use seaway_plane::inference::method_names::{CLASSIFY, PREDICT, REGRESS};
use seaway_plane::job::Job;
use seaway_plane::pb::tensorflow::serving::SignatureDefMap;
use seaway_plane::pb::tensorflow::{SignatureDef, TensorInfo};
use seaway_plane::signature::{Signature, Signatures};
use seaway_plane::tensor::Tensor;
use seaway_wire::{DType, Layout};
use tokio::time::Instant;
use worker::{Act, Seen};

/// Settings of a channel for `m` version 1.
pub fn settings(slots: u16, max_queue: usize) -> ChannelSettings {
    ChannelSettings {
        model: "m".into(),
        version: 1,
        slots,
        max_in_flight: None,
        stride_bytes: 1 << 26,
        max_queue,
        batching: Default::default(),
    }
}

/// A channel whose worker behaves so, on `threads` threads.
pub fn channel(
    settings: ChannelSettings,
    threads: usize,
    behave: impl Fn(&Seen<'_>) -> Act + Send + Sync + 'static,
) -> Arc<Channel> {
    let layout = Layout { slots: settings.slots, stride: settings.stride_bytes };
    let (channel, socket, arena) = Channel::open(settings, &tokio::runtime::Handle::current()).unwrap();
    worker::start(socket, arena, layout, threads, behave);
    channel
}

/// The signatures of the model that the tests ask: half_plus_two's, and one with two inputs of which one has a default.
pub fn signature_def_map() -> Vec<u8> {
    let default = BTreeMap::from([("b".to_owned(), float_proto(&[10.0]))]);
    let signatures = [
        ("serving_default", signature_def(PREDICT, &[("x", DType::Float)], &[("y", DType::Float)])),
        ("regress", signature_def(REGRESS, &[("inputs", DType::String)], &[("outputs", DType::Float)])),
        (
            "classify",
            signature_def(
                CLASSIFY,
                &[("inputs", DType::String)],
                &[("classes", DType::String), ("scores", DType::Float)],
            ),
        ),
        (
            "sum",
            SignatureDef {
                defaults: default,
                ..signature_def(
                    PREDICT,
                    &[("a", DType::Float), ("b", DType::Float)],
                    &[("sum", DType::Float), ("difference", DType::Float)],
                )
            },
        ),
        ("text", signature_def(PREDICT, &[("s", DType::String)], &[("s", DType::String)])),
        ("odd_method", signature_def("m/odd", &[("x", DType::Float)], &[("y", DType::Float)])),
    ];
    let signature_def = signatures.into_iter().map(|(name, definition)| (name.to_owned(), definition)).collect();
    SignatureDefMap { signature_def }.encode_to_vec()
}

/// The signature called `name`.
pub fn signature(name: &str) -> Arc<Signature> {
    Signatures::decode(&signature_def_map()).unwrap().get(name).unwrap().clone()
}

fn signature_def(method: &str, inputs: &[(&str, DType)], outputs: &[(&str, DType)]) -> SignatureDef {
    let infos = |tensors: &[(&str, DType)]| {
        tensors
            .iter()
            .map(|(alias, dtype)| {
                let info = TensorInfo { dtype: *dtype as i32, ..TensorInfo::default() };
                ((*alias).to_owned(), info)
            })
            .collect()
    };
    SignatureDef {
        method_name: method.to_owned(),
        inputs: infos(inputs),
        outputs: infos(outputs),
        ..SignatureDef::default()
    }
}

/// A `TensorProto` of floats, of shape `[n]`.
pub fn float_proto(values: &[f32]) -> seaway_plane::codec::TensorProto {
    use prost::encoding::encode_varint;
    let mut dim = vec![0x08];
    encode_varint(values.len() as u64, &mut dim);
    let mut bytes = vec![0x08, 1, 0x12, dim.len() as u8 + 2, 0x12, dim.len() as u8];
    bytes.extend(dim);
    bytes.push(0x2a);
    encode_varint(values.len() as u64 * 4, &mut bytes);
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    seaway_plane::codec::TensorProto::decode(Bytes::from(bytes)).unwrap()
}

/// A float tensor of shape `[n]`.
pub fn floats(values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::raw(DType::Float, [values.len() as i64].into_iter().collect(), bytes.into()).unwrap()
}

/// Asks `serving_default` for these values.
pub fn job(values: &[f32]) -> Job {
    Job {
        signature: signature("serving_default"),
        inputs: vec![("x".to_owned(), floats(values))],
        outputs: Vec::new(),
        deadline: None,
        background: false,
    }
}

/// The same with a deadline.
pub fn job_until(values: &[f32], deadline: Instant) -> Job {
    Job { deadline: Some(deadline), ..job(values) }
}

/// A small generator of random numbers, the same on every run (xorshift64).
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
