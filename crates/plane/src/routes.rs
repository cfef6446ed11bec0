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
