//! Protobuf, where the generated code would copy: tensors in, tensors out, and messages passed on as bytes.
//!
//! `build.rs` puts these types in the place of the generated ones, so that decoding a request leaves its values as slices
//! of the received bytes.

mod raw_message;
mod tensor_proto;
mod tensor_response;
mod varint;

pub use raw_message::RawMessage;
pub use tensor_proto::TensorProto;
pub use tensor_response::{encode_predict_response, tensor_proto, Representation};
