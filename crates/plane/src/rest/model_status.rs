//! The states of models as JSON: the reply of GetModelStatus, and the list of all models.
//!
//! Source: tensorflow_serving/model_servers/http_rest_api_util.cc, ToJsonString; protobuf's JSON form with white space (one
//! space per level) and every field printed. The list is this server's own.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};

use crate::routes::{ModelDocument, RoutesDocument, VersionDocument, VersionStatus};
use crate::status::Code;
use crate::traffic::TrafficDocument;

#[derive(Serialize)]
struct StatusReply<'a> {
    model_version_status: Vec<Version<'a>>,
}

#[derive(Serialize)]
struct ListReply<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    labels: Map<String, Value>,
    problem: &'a str,
    versions: Vec<ListedVersion<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<Traffic<'a>>,
}

#[derive(Serialize)]
struct Traffic<'a> {
    live: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<String>,
    canary: f64,
    sticky_header: &'a str,
    shadow: f64,
}

#[derive(Serialize)]
struct ListedVersion<'a> {
    version: String,
    state: &'a str,
    error_code: &'static str,
    error_message: &'a str,
    #[serde(flatten)]
    shown: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Version<'a> {
    version: String,
    state: &'a str,
    status: VersionError<'a>,
}

#[derive(Serialize)]
struct VersionError<'a> {
    error_code: &'static str,
    error_message: &'a str,
}

/// The reply of GetModelStatus.
pub fn status_body(versions: &[VersionStatus]) -> Vec<u8> {
    protobuf_json(&StatusReply { model_version_status: versions.iter().map(version).collect() })
}

/// The list of models: for each its labels, how its requests are spread if they are and, for each version, the status and whatever else the manager shows of it.
pub fn list_body(routes: &RoutesDocument) -> Vec<u8> {
    protobuf_json(&ListReply { models: routes.models.iter().map(model).collect() })
}

/// A value laid out like protobuf lays out its JSON.
pub(super) fn protobuf_json(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b" "));
    value.serialize(&mut serializer).expect("strings, numbers and lists always serialize to memory");
    out.push(b'\n');
    out
}

fn version(status: &VersionStatus) -> Version<'_> {
    let error = VersionError { error_code: status.error.name(), error_message: &status.error_message };
    Version { version: status.version.to_string(), state: &status.state, status: error }
}

fn model(model: &ModelDocument) -> Model<'_> {
    let labels = model.labels.iter().map(|(label, version)| (label.clone(), Value::from(version.to_string())));
    Model {
        name: &model.name,
        labels: labels.collect(),
        problem: &model.problem,
        versions: model.versions.iter().map(listed_version).collect(),
        traffic: model.traffic.as_ref().map(traffic),
    }
}

fn traffic(document: &TrafficDocument) -> Traffic<'_> {
    Traffic {
        live: document.live.to_string(),
        candidate: document.candidate.map(|version| version.to_string()),
        canary: document.canary,
        sticky_header: &document.sticky_header,
        shadow: document.shadow,
    }
}

fn listed_version(version: &VersionDocument) -> ListedVersion<'_> {
    ListedVersion {
        version: version.version.to_string(),
        state: &version.state,
        error_code: Code::from_number(version.error_code).name(),
        error_message: &version.error_message,
        shown: &version.shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_looks_like_tensorflow_servings() {
        let version = VersionStatus {
            version: 123,
            state: "AVAILABLE".to_owned(),
            error: Code::Ok,
            error_message: String::new(),
        };
        let expected = r#"{
 "model_version_status": [
  {
   "version": "123",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"#;
        assert_eq!(String::from_utf8(status_body(&[version])).unwrap(), expected);
    }

    #[test]
    fn the_list_shows_labels_statuses_and_what_the_manager_adds() {
        let routes: RoutesDocument = serde_json::from_str(
            r#"{"models": [{"name": "a \"b\"", "labels": {"stable": 7}, "versions": [
                {"version": 7, "state": "END", "error_code": 5, "error_message": "gone", "engine": "tensorflow"}]}]}"#,
        )
        .unwrap();
        let list: Value = serde_json::from_slice(&list_body(&routes)).unwrap();
        let expected = serde_json::json!({"models": [{"name": "a \"b\"", "labels": {"stable": "7"}, "problem": "", "versions": [
            {"version": "7", "state": "END", "error_code": "NOT_FOUND", "error_message": "gone", "engine": "tensorflow"}]}]});
        assert_eq!(list, expected);
        let spread: RoutesDocument = serde_json::from_str(
            r#"{"models": [{"name": "m", "versions": [], "traffic": {"live": 6, "candidate": 7, "canary": 0.5}}]}"#,
        )
        .unwrap();
        let list: Value = serde_json::from_slice(&list_body(&spread)).unwrap();
        let expected =
            serde_json::json!({"live": "6", "candidate": "7", "canary": 0.5, "sticky_header": "", "shadow": 0.0});
        assert_eq!(list["models"][0]["traffic"], expected);
        assert_eq!(String::from_utf8(list_body(&RoutesDocument::default())).unwrap(), "{\n \"models\": []\n}\n");
    }
}
