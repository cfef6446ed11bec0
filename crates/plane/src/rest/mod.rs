//! TensorFlow Serving's REST interface: a codec in front of [`crate::inference`], nothing more.
//!
//! A request, file by file: [`service`] reads the body ([`body`], `content_coding`) and asks [`path`] which call it is; [`predict`] or [`example`]
//! turns JSON into tensors or examples; [`predict_response`] and [`example_response`] turn what the model answered into JSON;
//! [`error`] is the edge map of errors. All but `service` and `body` are pure functions over bytes.

pub mod batching;
pub mod body;
pub mod error;
pub mod example;
pub mod example_response;
pub mod metadata;
pub mod model_status;
pub mod operations;
pub mod path;
pub mod predict;
pub mod predict_response;
pub mod service;

mod base64_text;
mod content_coding;
mod dense;
mod description;
mod elements;
mod json;
mod predict_at_once;
mod reply;
mod small_floats;

pub use service::service;

#[cfg(test)]
mod example_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod predict_tests;
#[cfg(test)]
mod response_tests;
#[cfg(test)]
mod service_tests;
