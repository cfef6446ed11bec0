//! Which name, version or label leads to which loaded version: a table that the manager publishes and requests read.
//!
//! Pure data: [`Routes::resolve`] and the status functions are lookups in one immutable value, swapped as a whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use http::HeaderMap;
use serde::Deserialize;

use crate::channel::Channel;
use crate::metrics::ServableMetrics;
use crate::request_log::{LogDocument, ModelLog};
use crate::shadow::Shadow;
use crate::signature::Signatures;
use crate::status::{Code, Result, Status};
use crate::traffic::TrafficDocument;

use split::Split;

mod split;

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

/// Where one request goes.
#[derive(Clone, Debug)]
pub struct Route {
    /// The version that answers it.
    pub servable: Arc<Servable>,
    /// Where some of these requests are run too.
    pub shadow: Option<Arc<Shadow>>,
    /// Where some of them are logged.
    pub log: Option<Arc<ModelLog>>,
}

impl From<Arc<Servable>> for Route {
    fn from(servable: Arc<Servable>) -> Route {
        Route { servable, shadow: None, log: None }
    }
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
    /// How requests without version or label are spread; the highest version answers them without it.
    #[serde(default)]
    pub traffic: Option<TrafficDocument>,
    /// Where and how often its requests are logged; none are without it.
    #[serde(default)]
    pub request_log: Option<LogDocument>,
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
    split: Option<Split>,
    log: Option<Arc<ModelLog>>,
}

impl Routes {
    /// The table for a document; `servable` finds what is loaded behind a channel. It goes on where the table `before` was
    /// with the turns of [`crate::traffic`].
    ///
    /// Errors: INVALID_ARGUMENT when an AVAILABLE version names no loaded channel, or a spread is none.
    pub fn new(
        document: RoutesDocument,
        before: &Routes,
        servable: impl Fn(u64) -> Option<Arc<Servable>>,
    ) -> Result<Routes> {
        let split = |name: &str| before.models.get(name).and_then(|model| model.split.as_ref());
        let models = document
            .models
            .iter()
            .map(|model| Ok((model.name.clone(), ModelRoute::new(model, split(&model.name), &servable)?)))
            .collect::<Result<_>>()?;
        Ok(Routes { models, document })
    }

    /// The same table, with the log that `open` gives for each model whose requests are logged.
    pub fn logged(mut self, open: impl Fn(&str, &LogDocument) -> Arc<ModelLog>) -> Routes {
        for model in &self.document.models {
            let log = model.request_log.as_ref().map(|log| open(&model.name, log));
            if let Some(route) = self.models.get_mut(&model.name) {
                route.log = log;
            }
        }
        self
    }

    /// The logs that requests are written to.
    pub fn logs(&self) -> impl Iterator<Item = &Arc<ModelLog>> {
        self.models.values().filter_map(|model| model.log.as_ref())
    }

    /// Whether the table has a model of this name.
    pub fn has_model(&self, name: &str) -> bool {
        self.models.contains_key(name)
    }

    /// The versions of a model that can answer, ascending.
    ///
    /// Errors: NOT_FOUND when there is no such model, as for [`Routes::status`].
    pub fn available(&self, name: &str) -> Result<Vec<Arc<Servable>>> {
        self.status(name, None)?;
        Ok(self.models.get(name).map(|model| model.available.values().cloned().collect()).unwrap_or_default())
    }

    /// Where a request with this address and these headers goes; each call is a request, of which versions get their shares.
    ///
    /// Errors: as for [`Routes::resolve`].
    pub fn route(&self, address: &ModelAddress, headers: &HeaderMap) -> Result<Route> {
        let model = self.models.get(&address.name);
        let split = model.and_then(|model| model.split.as_ref()).filter(|_| address.is_unspecific());
        let mut route = match split.and_then(|split| split.route(headers)) {
            Some(route) => route,
            None => resolve(model, address).map(Route::from)?,
        };
        route.log = model.and_then(|model| model.log.clone());
        Ok(route)
    }

    /// The version that an address means; without version or label the live one, if the model's requests are spread, else the
    /// highest.
    ///
    /// Errors, as TensorFlow Serving has them: INVALID_ARGUMENT for a missing name or an unknown label; NOT_FOUND for a
    /// model or version that is not available. UNAVAILABLE, which clients retry, for one whose worker is on its way back.
    ///
    /// Source: tensorflow_serving/model_servers/server_core.cc (ServableRequestFromModelSpec);
    /// tensorflow_serving/core/basic_manager.cc (GetUntypedServableHandle).
    pub fn resolve(&self, address: &ModelAddress) -> Result<Arc<Servable>> {
        resolve(self.models.get(&address.name), address)
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

    /// Whether the table says anything of a version.
    pub fn knows(&self, name: &str, version: i64) -> bool {
        let statuses = self.models.get(name).map(|model| &model.statuses);
        statuses.is_some_and(|statuses| statuses.iter().any(|status| status.version == version))
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

fn resolve(model: Option<&ModelRoute>, address: &ModelAddress) -> Result<Arc<Servable>> {
    if address.name.is_empty() {
        return Err(Status::invalid_argument("ModelSpec has no name specified."));
    }
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
        None => model.unspecific(),
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

impl ModelAddress {
    /// Whether it names neither version nor label.
    fn is_unspecific(&self) -> bool {
        self.version.is_none() && self.label.is_none()
    }
}

impl ModelRoute {
    fn new(
        model: &ModelDocument,
        before: Option<&Split>,
        servable: &impl Fn(u64) -> Option<Arc<Servable>>,
    ) -> Result<ModelRoute> {
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
        let split = model.traffic.as_ref().map(|traffic| Split::new(traffic, &route.available, before)).transpose();
        let named = |status: Status| Status { message: format!("model {}: {}", model.name, status.message), ..status };
        route.split = split.map_err(named)?;
        Ok(route)
    }

    /// What an address without version or label means, to those that ask about the model.
    fn unspecific(&self) -> Option<&Arc<Servable>> {
        let live = self.split.as_ref().and_then(Split::first);
        live.or_else(|| self.available.last_key_value().map(|(_, servable)| servable))
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
        Routes::new(document(text), &Routes::default(), servable).unwrap()
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

    /// Versions 1 and 3 of `m` answer; requests without version or label are spread as `traffic` says.
    fn spread(traffic: &str, before: &Routes) -> Routes {
        let text = format!(
            r#"{{"models": [{{"name": "m", "labels": {{"stable": 1}}, "traffic": {traffic}, "versions": [
                {{"version": 3, "state": "AVAILABLE", "channel": 3}},
                {{"version": 1, "state": "AVAILABLE", "channel": 1}},
                {{"version": 5, "state": "LOADING", "channel": 5}}]}}]}}"#
        );
        Routes::new(document(&text), before, servable).unwrap()
    }

    #[tokio::test]
    async fn requests_without_version_or_label_are_spread_and_others_are_not() {
        // How many of 100 requests version 1 answers and how many version 3, and which one stands for the model.
        let cases = [
            (r#"{"live": 1, "candidate": 3, "canary": 0.1}"#, (90, 10), 1),
            (r#"{"live": 3, "candidate": 1, "canary": 0.1}"#, (10, 90), 3),
            (r#"{"live": 1, "candidate": 3}"#, (100, 0), 1),
            (r#"{"live": 1, "candidate": 3, "canary": 1.0}"#, (0, 100), 1),
            (r#"{"live": 1}"#, (100, 0), 1),
            (r#"{"live": 1, "canary": 1.0}"#, (100, 0), 1),
            (r#"{"live": 1, "candidate": 5, "canary": 0.5}"#, (100, 0), 1),
            (r#"{"live": 5, "candidate": 1, "canary": 0.1}"#, (100, 0), 1),
            (r#"{"live": 5, "candidate": 7, "canary": 0.5}"#, (0, 100), 3),
        ];
        for (traffic, (first, third), stands) in cases {
            let routes = spread(traffic, &Routes::default());
            let mut answered = BTreeMap::new();
            for _ in 0..100 {
                let route = routes.route(&address("m", None, None), &HeaderMap::new()).unwrap();
                *answered.entry(route.servable.version).or_insert(0usize) += 1;
            }
            let count = |version: i64| answered.get(&version).copied().unwrap_or(0);
            assert!(count(1).abs_diff(first) <= 1 && count(3).abs_diff(third) <= 1, "{traffic}: {answered:?}");
            assert!((first > 0 || count(1) == 0) && (third > 0 || count(3) == 0), "{traffic}: {answered:?}");
            assert_eq!(routes.resolve(&address("m", None, None)).unwrap().version, stands, "{traffic}");
            for (asked, expected) in [(address("m", Some(3), None), 3), (address("m", None, Some("stable")), 1)] {
                let found = routes.route(&asked, &HeaderMap::new()).unwrap().servable.version;
                assert_eq!(found, expected, "{traffic} {asked:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_new_table_goes_on_where_the_one_before_was() {
        let mut before = Routes::default();
        let mut third = 0;
        for _ in 0..100 {
            let now = spread(r#"{"live": 1, "candidate": 3, "canary": 0.1}"#, &before);
            third +=
                usize::from(now.route(&address("m", None, None), &HeaderMap::new()).unwrap().servable.version == 3);
            before = now;
        }
        assert!(third.abs_diff(10) <= 1, "{third}");
    }

    #[tokio::test]
    async fn a_spread_that_is_none_is_refused_and_names_the_model() {
        let text = r#"{"models": [{"name": "m", "versions": [], "traffic": {"live": 1, "canary": 2}}]}"#;
        let status = Routes::new(document(text), &Routes::default(), servable).unwrap_err();
        assert_eq!(status.message, "model m: traffic: canary is 2; a share is 0 to 1");
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
        let empty =
            Routes::new(document(r#"{"models": [{"name": "empty", "versions": []}]}"#), &Routes::default(), servable)
                .unwrap();
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
            let status = Routes::new(document(&text), &Routes::default(), |_| None).unwrap_err();
            assert_eq!(status.code, Code::InvalidArgument);
            assert!(status.message.starts_with("m version 4 is AVAILABLE, but channel "), "{}", status.message);
        }
    }
}
