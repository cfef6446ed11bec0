//! Requests that were answered by one version are run on another one too, and the answers compared.
//!
//! Nothing of this is the client's business: a copy begins when the client's answer is there, runs in a task of its own and
//! in the channel's second queue, behind everybody else's requests, and whatever becomes of it is only counted. It shares the
//! request's memory and takes a copy of the answer, so that it holds no slot of the version that answered. Copies are
//! bounded: what finds no room is counted as dropped.
//!
//! Which requests are copied says [`crate::traffic`], whether two answers agree says [`agreement`].

pub mod agreement;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::Outputs;
use crate::inference::Call;
use crate::job::Job;
use crate::metrics::{Api, Comparison, Done, Method, Outcome};
use crate::room::{Place, Room};
use crate::routes::{Route, Servable};
use crate::status::Result;
use crate::traffic::Share;

/// Copies of one model's requests that may wait or run.
const MAX_COPIES: usize = 64;
/// And the bytes of their inputs and of the answers to compare with.
const MAX_BYTES: usize = 256 << 20;
/// How long a copy may wait and run: a candidate that hangs has failed.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Answers beyond this many bytes are not compared by a thread that others wait for.
const LARGE_BYTES: u64 = 256 << 10;

/// Where the copies of one version's requests go.
#[derive(Debug)]
pub struct Shadow {
    candidate: Arc<Servable>,
    share: Share,
    room: Arc<Room>,
    comparison: Comparison,
}

impl Shadow {
    /// Copies of a share of the requests that version `live` answers.
    pub fn new(live: i64, candidate: Arc<Servable>, share: Share, room: Arc<Room>) -> Shadow {
        let comparison = candidate.metrics.compared_with(live);
        Shadow { candidate, share, room, comparison }
    }
}

/// Room for the copies of one model's requests.
pub fn room() -> Arc<Room> {
    Room::new(MAX_COPIES, MAX_BYTES)
}

/// A request that will be run on the candidate too, once it is answered; it is forgotten if it is not.
pub struct Copy {
    shadow: Arc<Shadow>,
    /// For the candidate; its refusal where the candidate does not take such a request.
    job: Result<Job>,
    signature: String,
    method: Method,
    place: Place,
}

impl Copy {
    /// A copy of the request that goes this way, if it is the turn of one and there is room; `job` makes it for the candidate.
    pub fn of(
        route: &Route,
        signature: &str,
        method: Method,
        job: impl FnOnce(&Servable, &Call) -> Result<Job>,
    ) -> Option<Box<Copy>> {
        let shadow = route.shadow.as_ref().filter(|shadow| shadow.share.takes_next())?;
        let call = Call::unobserved(Api::Shadow, None);
        let job = job(&shadow.candidate, &call);
        let Some(place) = Place::take(&shadow.room, job.as_ref().map_or(0, bytes_of)) else {
            shadow.comparison.count(Outcome::Dropped);
            return None;
        };
        Some(Box::new(Copy { shadow: Arc::clone(shadow), job, signature: signature.to_owned(), method, place }))
    }

    /// Runs it, now that the client's answer is there, and compares. Returns at once.
    pub fn run(mut self: Box<Self>, answered: &Outputs) {
        let bytes = usize::try_from(answered.len_bytes()).unwrap_or(usize::MAX);
        if !self.place.grow(bytes) {
            return self.shadow.comparison.count(Outcome::Dropped);
        }
        let answered = answered.copied();
        tokio::spawn(self.compare(answered));
    }

    async fn compare(self: Box<Self>, answered: Outputs) {
        let Copy { shadow, job, signature, method, place } = *self;
        let begun = Instant::now();
        let outcome = match ran(&shadow.candidate, job, method, begun).await {
            Ok(outputs) => match agree(answered, outputs).await {
                true => Outcome::Agreed,
                false => Outcome::Differed,
            },
            Err(status) => {
                let known = shadow.candidate.signatures.get(&signature).map_or("", |signature| &signature.name);
                shadow.candidate.metrics.failed(known, Api::Shadow, &status, begun.elapsed());
                Outcome::Failed
            }
        };
        shadow.comparison.count(outcome);
        drop(place);
    }
}

/// What the candidate answers, counted. The time that it takes is that without its wait, which is so only for copies.
async fn ran(candidate: &Servable, job: Result<Job>, method: Method, begun: Instant) -> Result<Outputs> {
    let job = Job { deadline: Some(tokio::time::Instant::now() + TIMEOUT), ..job? };
    let signature = Arc::clone(&job.signature.name);
    let rows = job.inputs.first().map_or(0, |(_, tensor)| tensor.rows().max(0) as u64);
    let bytes = bytes_of(&job) as u64;
    let outputs = candidate.channel.run(job).await?;
    let timings = outputs.timings();
    let total = begun.elapsed().saturating_sub(timings.queue);
    let stages = [Duration::ZERO, timings.queue, timings.run, Duration::ZERO];
    let done = Done { total, stages, rows, bytes: [bytes, outputs.len_bytes()] };
    candidate.metrics.done(&signature, Api::Shadow, method, &done);
    if let Some(batch) = outputs.batch() {
        candidate.metrics.batch(&signature, Api::Shadow, batch);
    }
    Ok(outputs)
}

async fn agree(answered: Outputs, outputs: Outputs) -> bool {
    let large = answered.len_bytes() > LARGE_BYTES;
    let agree = move || agreement::agree(&answered.views(), &outputs.views());
    match large {
        false => agree(),
        // A comparison that breaks off has not found that they agree.
        true => tokio::task::spawn_blocking(agree).await.unwrap_or(false),
    }
}

fn bytes_of(job: &Job) -> usize {
    job.inputs.iter().map(|(_, tensor)| tensor.len_bytes()).sum()
}
