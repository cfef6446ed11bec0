//! The edge map from our codes to gRPC's.

use crate::status::{Code, Status};

/// What a gRPC client is sent; RESOURCE_EXHAUSTED and UNAVAILABLE say in `retry-after` (whole seconds) when to come back.
pub fn to_grpc(status: &Status) -> tonic::Status {
    let mut grpc = tonic::Status::new(code(status.code), status.client_message());
    if let Some(after) = status.retry_after {
        let seconds = after.as_secs().max(1).into();
        grpc.metadata_mut().insert("retry-after", seconds);
    }
    grpc
}

fn code(code: Code) -> tonic::Code {
    tonic::Code::from_i32(code as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_keeps_its_number() {
        for code in Code::ALL {
            assert_eq!(super::code(code) as i32, code as i32);
        }
    }
}
