//! What a call of the REST interface is called by those who observe it. A table, nothing more.

use super::path::RestCall;
use crate::exchange::Exchange;
use crate::routes::ModelAddress;

impl RestCall {
    /// Notes which call this is, and which model it asks for.
    pub(crate) fn describe(&self, exchange: &Exchange) {
        let (call, route) = self.name_and_route();
        exchange.is_call(call, route);
        match self {
            RestCall::Predict(address)
            | RestCall::Classify(address)
            | RestCall::Regress(address)
            | RestCall::Metadata(address)
            | RestCall::Status(address) => exchange.asks(address, ""),
            RestCall::Batching(name) | RestCall::SetBatching(name) | RestCall::Ready(Some(name)) => {
                exchange.asks(&ModelAddress { name: name.clone(), version: None, label: None }, "");
            }
            RestCall::Operation(id) | RestCall::CancelOperation(id) => exchange.is_operation(*id),
            _ => {}
        }
    }

    /// The call's name, that of gRPC where there is one, and the form of its path.
    fn name_and_route(&self) -> (&'static str, &'static str) {
        match self {
            RestCall::Predict(address) => ("Predict", of(address, PREDICT)),
            RestCall::Classify(address) => ("Classify", of(address, CLASSIFY)),
            RestCall::Regress(address) => ("Regress", of(address, REGRESS)),
            RestCall::Metadata(address) => ("GetModelMetadata", of(address, METADATA)),
            RestCall::Status(address) => ("GetModelStatus", of(address, STATUS)),
            RestCall::Batching(_) => ("GetBatching", "/v1/models/{model}/batching"),
            RestCall::SetBatching(_) => ("SetBatching", "/v1/models/{model}/batching"),
            RestCall::List => ("ListModels", "/v1/models"),
            RestCall::Report => ("GetReport", "/v1/report"),
            RestCall::Operations => ("ListOperations", "/v1/operations"),
            RestCall::Operation(_) => ("GetOperation", "/v1/operations/{operation}"),
            RestCall::CancelOperation(_) => ("CancelOperation", "/v1/operations/{operation}"),
            RestCall::Live => ("Live", "/livez"),
            RestCall::Ready(None) => ("Ready", "/readyz"),
            RestCall::Ready(Some(_)) => ("Ready", "/readyz/{model}"),
            RestCall::Metrics => ("Metrics", ""),
            RestCall::Options => ("Options", ""),
        }
    }
}

/// Paths of a call without a version, with one, and with a label.
type Forms = [&'static str; 3];

const PREDICT: Forms = [
    "/v1/models/{model}:predict",
    "/v1/models/{model}/versions/{version}:predict",
    "/v1/models/{model}/labels/{label}:predict",
];
const CLASSIFY: Forms = [
    "/v1/models/{model}:classify",
    "/v1/models/{model}/versions/{version}:classify",
    "/v1/models/{model}/labels/{label}:classify",
];
const REGRESS: Forms = [
    "/v1/models/{model}:regress",
    "/v1/models/{model}/versions/{version}:regress",
    "/v1/models/{model}/labels/{label}:regress",
];
const METADATA: Forms = [
    "/v1/models/{model}/metadata",
    "/v1/models/{model}/versions/{version}/metadata",
    "/v1/models/{model}/labels/{label}/metadata",
];
const STATUS: Forms =
    ["/v1/models/{model}", "/v1/models/{model}/versions/{version}", "/v1/models/{model}/labels/{label}"];

fn of(address: &ModelAddress, forms: Forms) -> &'static str {
    match address {
        ModelAddress { version: Some(_), .. } => forms[1],
        ModelAddress { label: Some(_), .. } => forms[2],
        _ => forms[0],
    }
}

#[cfg(test)]
mod tests {
    use super::super::path;
    use super::*;
    use crate::exchange::{Head, RequestId};
    use crate::metrics::Api;

    #[test]
    fn a_call_is_named_as_in_grpc_and_its_route_has_no_name_of_a_clients() {
        let id = "0".repeat(32);
        let operation = format!("/v1/operations/{id}");
        let cases = [
            ("POST", "/v1/models/m:predict", "Predict", "/v1/models/{model}:predict", "m"),
            (
                "POST",
                "/v1/models/m/versions/3:predict",
                "Predict",
                "/v1/models/{model}/versions/{version}:predict",
                "m",
            ),
            ("POST", "/v1/models/m/labels/l:regress", "Regress", "/v1/models/{model}/labels/{label}:regress", "m"),
            ("GET", "/v1/models/m/metadata", "GetModelMetadata", "/v1/models/{model}/metadata", "m"),
            ("GET", "/v1/models/m", "GetModelStatus", "/v1/models/{model}", "m"),
            ("GET", "/v1/models", "ListModels", "/v1/models", ""),
            ("GET", "/readyz/m", "Ready", "/readyz/{model}", "m"),
            ("DELETE", operation.as_str(), "CancelOperation", "/v1/operations/{operation}", ""),
        ];
        for (method, uri, call, route, model) in cases {
            let exchange = Exchange::begin(RequestId::new(), Api::Rest, None, Head::default());
            path::parse(method, uri, None).unwrap().describe(&exchange);
            let noted = exchange.noted();
            assert_eq!((noted.call, noted.route, &*noted.model), (call, route, model), "{uri}");
            assert_eq!(noted.operation.map(|id| id.to_string()), uri.contains("operations").then(|| id.clone()));
        }
    }
}
