//! The plane from outside. One binary: each more would link all of the plane again.

mod batching;
mod channel;
mod connections;
mod fuzz_protobuf;
mod grpc;
mod operations;
mod request_log;
mod rest_service;
mod support;
mod tokens;
mod traffic;
