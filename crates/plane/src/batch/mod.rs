//! Batching: one run of the engine for the requests of several clients.
//!
//! Natural by default: a free slot takes whatever waits for the same signature, and an idle server never waits. TensorFlow
//! Serving's parameters are honoured where they are given. Everything here is a pure function over requests and replies;
//! [`crate::channel`] asks it what belongs together, writes what [`merge`] lays out, and hands out what [`split`] cuts.
//!
//! A request is only ever joined with others on a signature that [`prove`] has seen to answer joined rows as it answers
//! single ones. If a joined run fails, each request runs again by itself, so that nobody pays for another's bad row.

mod examples;
pub mod merge;
pub mod prove;
mod recorded;
mod rules;
pub mod split;

pub use rules::{belong_together, rows_of, BatchRules};
