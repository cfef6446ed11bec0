//! Which name, version or label leads to which loaded version: a table that the manager publishes and requests read.
//!
//! Pure data: [`Routes::resolve`] and the status functions are lookups in one immutable value, swapped as a whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use crate::channel::Channel;
use crate::metrics::ServableMetrics;
use crate::signature::Signatures;
use crate::status::{Code, Result, Status};

/// Which version of which model a request means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelAddress {
    /// The model's name.
    pub name: String,
    /// A version by its number.
    pub version: Option<i64>,
    /// Or by its label.
    pub label: Option<String>,
}

/// A version that can answer.
#[derive(Debug)]
pub struct Servable {
    /// The model's name.
    pub model: Arc<str>,
    /// The version's number.
    pub version: i64,
    /// What it can be asked.
    pub signatures: Signatures,
    /// The way to its worker.
    pub channel: Arc<Channel>,
    /// Its series.
    pub metrics: ServableMetrics,
}

/// The published table, as the manager writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutesDocument {
    /// Every model there is, loaded or not.
    pub models: Vec<ModelDocument>,
}

/// One model of a [`RoutesDocument`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDocument {
    /// Its name.
    pub name: String,
    /// Version numbers by label.
    #[serde(default)]
    pub labels: BTreeMap<String, i64>,
    /// Why nothing was found to serve; empty when something was.
    #[serde(default)]
    pub problem: String,
    /// Every version whose state is known.
    pub versions: Vec<VersionDocument>,
}

/// One version of a [`ModelDocument`].
#[derive(Clone, Debug, Deserialize)]
pub struct VersionDocument {
    /// Its number.
    pub version: i64,
    /// START, LOADING, AVAILABLE, UNLOADING or END.
    pub state: String,
    /// Canonical code of what is wrong with it; 0 for nothing.
    #[serde(default)]
    pub error_code: u32,
    /// And why.
    #[serde(default)]
    pub error_message: String,
    /// Its channel, while it is loaded.
    #[serde(default)]
    pub channel: Option<u64>,
    /// Whatever else the list of models shows of it (engine, worker, memory), passed through.
    #[serde(flatten)]
    pub shown: serde_json::Map<String, serde_json::Value>,
}

/// A version's state, as GetModelStatus answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionStatus {
    /// The version's number.
    pub version: i64,
    /// START, LOADING, AVAILABLE, UNLOADING or END.
    pub state: String,
    /// What is wrong with it; `Ok` for nothing.
    pub error: Code,
    /// And why.
    pub error_message: String,
}

/// The table that requests read.
#[derive(Debug, Default)]
pub struct Routes {
    models: HashMap<String, ModelRoute>,
    document: RoutesDocument,
}

#[derive(Debug, Default)]
struct ModelRoute {
    available: BTreeMap<i64, Arc<Servable>>,
    labels: BTreeMap<String, i64>,
    statuses: Vec<VersionStatus>,
}

impl Routes {
    /// The table for a document; `servable` finds what is loaded behind a channel.
    ///
    /// Errors: INVALID_ARGUMENT when an AVAILABLE version names no loaded channel.
    pub fn new(document: RoutesDocument, servable: impl Fn(u64) -> Option<Arc<Servable>>) -> Result<Routes> {
        let models = document
            .models
            .iter()
            .map(|model| Ok((model.name.clone(), ModelRoute::new(model, &servable)?)))
            .collect::<Result<_>>()?;
        Ok(Routes { models, document })
    }

    /// The versions of a model that can answer, ascending.
    ///
    /// Errors: NOT_FOUND when there is no such model, as for [`Routes::status`].
    pub fn available(&self, name: &str) -> Result<Vec<Arc<Servable>>> {
        self.status(name, None)?;
        Ok(self.models.get(name).map(|model| model.available.values().cloned().collect()).unwrap_or_default())
    }

    /// The version that an address means.
    ///
    /// Errors, as TensorFlow Serving has them: INVALID_ARGUMENT for a missing name or an unknown label; NOT_FOUND for a
    /// model or version that is not available. UNAVAILABLE, which clients retry, for one whose worker is on its way back.
    ///
    /// Source: tensorflow_serving/model_servers/server_core.cc (ServableRequestFromModelSpec);
    /// tensorflow_serving/core/basic_manager.cc (GetUntypedServableHandle).
    pub fn resolve(&self, address: &ModelAddress) -> Result<Arc<Servable>> {
        if address.name.is_empty() {
            return Err(Status::invalid_argument("ModelSpec has no name specified."));
        }
        let model = self.models.get(&address.name);
        let version = match (&address.label, address.version) {
            (Some(label), _) => Some(
                model
                    .and_then(|model| model.labels.get(label).copied())
                    .ok_or_else(|| Status::invalid_argument(format!("Unrecognized servable version label: {label}")))?,
            ),
            (None, version) => version,
        };
        let found = model.and_then(|model| match version {
            Some(version) => model.available.get(&version),
            None => model.available.last_key_value().map(|(_, servable)| servable),
        });
        found.cloned().ok_or_else(|| match model.and_then(|model| model.restarting(version)) {
            Some(lost) => Status::unavailable(format!(
                "version {} of model {} is being restarted: {}",
                lost.version, address.name, lost.error_message
            )),
            None => Status::not_found(match version {
                Some(version) => format!("Servable not found for request: Specific({}, {version})", address.name),
                None => format!("Servable not found for request: Latest({})", address.name),
            }),
        })
    }

    /// The states of one or all versions of a model.
    ///
    /// Errors: NOT_FOUND. Like TensorFlow Serving, a label is not looked at over gRPC; the caller passes it as a version.
    ///
    /// Source: tensorflow_serving/model_servers/get_model_status_impl.cc.
    pub fn status(&self, name: &str, version: Option<i64>) -> Result<Vec<VersionStatus>> {
        let statuses = self.models.get(name).map(|model| model.statuses.as_slice()).unwrap_or_default();
        let found: Vec<VersionStatus> =
            statuses.iter().filter(|status| version.is_none_or(|version| version == status.version)).cloned().collect();
        match (found.is_empty(), version) {
            (false, _) => Ok(found),
            (true, Some(version)) => {
                Err(Status::not_found(format!("Could not find version {version} of model {name}")))
            }
            (true, None) => Err(Status::not_found(format!("Could not find any versions of model {name}"))),
        }
    }

    /// The version that a model's label points to.
    ///
    /// Errors: INVALID_ARGUMENT for a label that the model does not have.
    pub fn version_of_label(&self, name: &str, label: &str) -> Result<i64> {
        let model = self.models.get(name);
        model
            .and_then(|model| model.labels.get(label).copied())
            .ok_or_else(|| Status::invalid_argument(format!("Unrecognized servable version label: {label}")))
    }

    /// Whether a model can answer; `None` when there is no such model.
    pub fn is_model_ready(&self, name: &str) -> Option<bool> {
        self.models.get(name).map(|model| !model.available.is_empty())
    }

    /// Whether some model can answer; a server without models is ready too.
    pub fn any_ready(&self) -> bool {
        self.models.is_empty() || self.models.values().any(|model| !model.available.is_empty())
    }

    /// Every version that can answer.
    pub fn servables(&self) -> impl Iterator<Item = &Arc<Servable>> {
        self.models.values().flat_map(|model| model.available.values())
    }

    /// The document that this table was made from.
    pub fn document(&self) -> &RoutesDocument {
        &self.document
    }
}

impl ModelRoute {
    fn new(model: &ModelDocument, servable: &impl Fn(u64) -> Option<Arc<Servable>>) -> Result<ModelRoute> {
        let mut route = ModelRoute { labels: model.labels.clone(), ..ModelRoute::default() };
        for version in &model.versions {
            route.statuses.push(VersionStatus {
                version: version.version,
                state: version.state.clone(),
                error: Code::from_number(version.error_code),
                error_message: version.error_message.clone(),
            });
            if version.state == "AVAILABLE" {
                let found = version.channel.and_then(servable).ok_or_else(|| {
                    Status::invalid_argument(format!(
                        "{} version {} is AVAILABLE, but channel {:?} is not loaded",
                        model.name, version.version, version.channel
                    ))
                })?;
                route.available.insert(version.version, found);
            }
        }
        route.statuses.sort_by_key(|status| std::cmp::Reverse(status.version));
        Ok(route)
    }

    /// The version that was lost with its worker and is loading again: this one, or the largest.
    fn restarting(&self, version: Option<i64>) -> Option<&VersionStatus> {
        self.statuses.iter().find(|status| {
            version.is_none_or(|version| version == status.version)
                && status.state == "LOADING"
                && status.error == Code::Unavailable
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::ChannelSettings;
    use crate::metrics::Metrics;

    /// What is loaded behind a channel: version 1 behind channel 1, and so on.
    fn servable(channel: u64) -> Option<Arc<Servable>> {
        let version = i64::try_from(channel).unwrap();
        let settings = ChannelSettings {
            model: "m".into(),
            version,
            slots: 1,
            max_in_flight: None,
            stride_bytes: 4096,
            max_queue: 1,
            batching: Default::default(),
        };
        let (channel, ..) = Channel::open(settings, &tokio::runtime::Handle::current()).unwrap();
        let metrics = Arc::new(Metrics::new()).servable("m", version);
        Some(Arc::new(Servable { model: "m".into(), version, signatures: Signatures::default(), channel, metrics }))
    }

    fn document(text: &str) -> RoutesDocument {
        serde_json::from_str(text).unwrap()
    }

    /// Versions 1 and 3 of `m` answer, 5 loads, 7 has failed; `empty` has no version.
    fn routes() -> Routes {
        let text = r#"{"models": [
            {"name": "m", "labels": {"stable": 1, "canary": 3, "next": 5}, "versions": [
                {"version": 3, "state": "AVAILABLE", "channel": 3, "engine": "tensorflow"},
                {"version": 1, "state": "AVAILABLE", "channel": 1},
                {"version": 5, "state": "LOADING", "channel": 5},
                {"version": 7, "state": "END", "error_code": 3, "error_message": "an unknown op"}]},
            {"name": "empty", "versions": []}]}"#;
        Routes::new(document(text), servable).unwrap()
    }

    fn address(name: &str, version: Option<i64>, label: Option<&str>) -> ModelAddress {
        ModelAddress { name: name.into(), version, label: label.map(str::to_owned) }
    }

    #[tokio::test]
    async fn an_address_leads_to_one_version_or_to_an_error() {
        let routes = routes();
        let not_found = |message: &str| Err((Code::NotFound, message.to_owned()));
        let invalid = |message: &str| Err((Code::InvalidArgument, message.to_owned()));
        let cases = [
            (address("m", None, None), Ok(3)),
            (address("m", Some(1), None), Ok(1)),
            (address("m", None, Some("stable")), Ok(1)),
            (address("m", None, Some("canary")), Ok(3)),
            (address("", None, None), invalid("ModelSpec has no name specified.")),
            (address("m", Some(5), None), not_found("Servable not found for request: Specific(m, 5)")),
            (address("m", Some(7), None), not_found("Servable not found for request: Specific(m, 7)")),
            (address("m", Some(-1), None), not_found("Servable not found for request: Specific(m, -1)")),
            (address("m", None, Some("next")), not_found("Servable not found for request: Specific(m, 5)")),
            (address("m", None, Some("none")), invalid("Unrecognized servable version label: none")),
            (address("none", None, Some("stable")), invalid("Unrecognized servable version label: stable")),
            (address("none", None, None), not_found("Servable not found for request: Latest(none)")),
            (address("empty", None, None), not_found("Servable not found for request: Latest(empty)")),
            (address("M", None, None), not_found("Servable not found for request: Latest(M)")),
        ];
        for (address, expected) in cases {
            let found = routes.resolve(&address);
            let found = found.map(|servable| servable.version).map_err(|status| (status.code, status.message));
            assert_eq!(found, expected, "{address:?}");
        }
    }

    #[tokio::test]
    async fn statuses_are_those_of_all_versions_the_newest_first() {
        let routes = routes();
        let versions = |version| {
            let found = routes.status("m", version).map_err(|status| status.message);
            found.map(|found| found.iter().map(|status| (status.version, status.state.clone())).collect::<Vec<_>>())
        };
        let all = [(7, "END"), (5, "LOADING"), (3, "AVAILABLE"), (1, "AVAILABLE")];
        assert_eq!(versions(None), Ok(all.map(|(version, state)| (version, state.to_owned())).to_vec()));
        assert_eq!(versions(Some(5)), Ok(vec![(5, "LOADING".to_owned())]));
        assert_eq!(versions(Some(9)), Err("Could not find version 9 of model m".to_owned()));
        let failed = &routes.status("m", Some(7)).unwrap()[0];
        assert_eq!((failed.error, failed.error_message.as_str()), (Code::InvalidArgument, "an unknown op"));
        for name in ["empty", "none"] {
            let status = routes.status(name, None).unwrap_err();
            assert_eq!(status.message, format!("Could not find any versions of model {name}"));
        }
        assert_eq!(routes.version_of_label("m", "next"), Ok(5));
        assert_eq!(routes.version_of_label("m", "none").unwrap_err().code, Code::InvalidArgument);
    }

    #[tokio::test]
    async fn readiness_is_that_of_models_that_can_answer() {
        let routes = routes();
        assert_eq!(routes.is_model_ready("m"), Some(true));
        assert_eq!(routes.is_model_ready("empty"), Some(false));
        assert_eq!(routes.is_model_ready("none"), None);
        let empty = Routes::new(document(r#"{"models": [{"name": "empty", "versions": []}]}"#), servable).unwrap();
        assert!(routes.any_ready() && !empty.any_ready() && Routes::default().any_ready());
        assert_eq!(routes.servables().count(), 2);
        assert_eq!(routes.document().models[0].versions[0].shown["engine"], "tensorflow");
    }

    #[tokio::test]
    async fn an_available_version_needs_a_loaded_channel() {
        for channel in ["null", "4"] {
            let text = format!(
                r#"{{"models": [{{"name": "m", "versions": [{{"version": 4, "state": "AVAILABLE", "channel": {channel}}}]}}]}}"#
            );
            let status = Routes::new(document(&text), |_| None).unwrap_err();
            assert_eq!(status.code, Code::InvalidArgument);
            assert!(status.message.starts_with("m version 4 is AVAILABLE, but channel "), "{}", status.message);
        }
    }
}
