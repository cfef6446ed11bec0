//! Seaway's request path: from a client's bytes to a worker's frames and back.
//!
//! A request, file by file: [`rest`] or [`grpc`] decodes it into [`tensor::Tensor`]s; [`inference`] finds the servable in
//! [`routes`] and checks the inputs against its [`signature`]; [`queue`] admits it; [`channel`] writes it to shared memory
//! and hands it to the worker; the reply is encoded straight from shared memory by the codec that decoded the request.
//! REST is a codec in front of the same path: there is no second one.
//!
//! Nothing here knows Python, files or processes: routes come in as data, and so do the descriptors of a worker's channel.

pub mod access_log;
pub mod batch;
pub mod channel;
pub mod codec;
pub mod dataplane;
pub mod exchange;
pub mod grpc;
pub mod inference;
pub mod job;
pub mod log;
pub mod metrics;
pub mod operations;
pub mod pb;
pub mod plane;
pub mod queue;
pub mod request_log;
pub mod rest;
pub mod room;
pub mod routes;
pub mod server;
pub mod settings;
pub mod shadow;
pub mod signature;
pub mod status;
pub mod tensor;
pub mod tokens;
pub mod traces;
pub mod traffic;
pub mod trial;
