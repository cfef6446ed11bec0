//! A model whose requests without version or label are spread over two of its versions: [`crate::traffic`]'s decisions, with
//! the versions that they are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;

use super::{Route, Servable};
use crate::room::Room;
use crate::shadow::{self, Shadow};
use crate::status::Result;
use crate::traffic::{Available, Side, Traffic, TrafficDocument};

/// The two versions of one model, as far as they can answer.
#[derive(Debug)]
pub(super) struct Split {
    traffic: Traffic,
    live: Option<Arc<Servable>>,
    candidate: Option<Arc<Servable>>,
    /// None where no request is run twice.
    shadow: Option<Arc<Shadow>>,
    room: Arc<Room>,
}

impl Split {
    /// The split of a document, which goes on with the turns of the one before.
    ///
    /// Errors: see [`Traffic::new`].
    pub(super) fn new(
        document: &TrafficDocument,
        available: &BTreeMap<i64, Arc<Servable>>,
        before: Option<&Split>,
    ) -> Result<Split> {
        let traffic = Traffic::new(document, before.map(|before| &before.traffic))?;
        let live = available.get(&traffic.live).cloned();
        let candidate = traffic.candidate.and_then(|version| available.get(&version)).cloned();
        let room = before.map_or_else(shadow::room, |before| Arc::clone(&before.room));
        let pair = live.as_ref().zip(candidate.clone()).filter(|_| !traffic.shadow.is_empty());
        let shadow = pair.map(|(live, candidate)| {
            Arc::new(Shadow::new(live.version, candidate, traffic.shadow.clone(), Arc::clone(&room)))
        });
        Ok(Split { traffic, live, candidate, shadow, room })
    }

    /// Where a request with these headers goes; none when neither version can answer.
    pub(super) fn route(&self, headers: &HeaderMap) -> Option<Route> {
        let available = Available { live: self.live.is_some(), candidate: self.candidate.is_some() };
        match self.traffic.choose(headers, available)? {
            Side::Live => {
                self.live.clone().map(|servable| Route { shadow: self.shadow.clone(), ..Route::from(servable) })
            }
            Side::Candidate => self.candidate.clone().map(Route::from),
        }
    }

    /// The version that stands for the model: the live one, or the candidate while that cannot answer.
    pub(super) fn first(&self) -> Option<&Arc<Servable>> {
        self.live.as_ref().or(self.candidate.as_ref())
    }
}
