//! Filled by the tests of gRPC.
