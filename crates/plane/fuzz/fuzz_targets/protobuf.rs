//! Whatever bytes a client or a worker sends as protobuf or as a frame are read or refused.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use seaway_plane::codec::TensorProto;
use seaway_plane::pb::tensorflow::serving::{MultiInferenceRequest, PredictRequest, PredictionLog};
use seaway_plane::signature::Signatures;
use seaway_wire::frame::Reply;

const MAX_TENSOR_BYTES: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(proto) = TensorProto::decode(bytes.clone()) {
        let _ = proto.to_tensor(MAX_TENSOR_BYTES);
        assert_eq!(proto.encode_to_vec().len(), proto.encoded_len());
    }
    if let Ok(request) = PredictRequest::decode(bytes.clone()) {
        for tensor in request.inputs.values() {
            let _ = tensor.to_tensor(MAX_TENSOR_BYTES);
        }
    }
    let _ = MultiInferenceRequest::decode(bytes.clone());
    let _ = PredictionLog::decode(bytes);
    let _ = Signatures::decode(data);
    let _ = Reply::decode(data);
});
