//! One loaded SavedModel and how a run on it goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use seaway_wire::clock::{left, monotonic_nanos};
use seaway_wire::frame::{Run, TensorHeader};
use seaway_wire::{Arena, Code};

use super::api::{self, Output, RawTensor};
use super::fetch::Wanted;
use super::outputs;
use super::session::{load_custom_ops, LoadSettings, LoadedSession};
use super::signature::{self, Plan, Plans};
use super::tensor::{Lease, Tensor};
use crate::{Answer, Engine, Status};

/// How long a run's inputs may still be on their way back after the run, before they count as kept.
const RETURN_GRACE: Duration = Duration::from_millis(2);

/// A loaded SavedModel.
pub struct Model {
    // Before the session: plans hold tensors and pointers of it.
    plans: Plans,
    signature_def_map: Vec<u8>,
    copies_inputs: AtomicBool,
    session: LoadedSession,
}

impl Model {
    /// Loads the SavedModel that `settings` describes: variables restored, assets bound, init operations run.
    ///
    /// Raises: TensorFlow's own codes and words; FailedPrecondition - no TensorFlow; InvalidArgument - bad settings.
    pub fn load(settings: &LoadSettings) -> Result<Model, Status> {
        let api = api::open(&settings.library)?;
        for library in &settings.custom_ops {
            load_custom_ops(api, library)?;
        }
        let (session, meta_graph) = LoadedSession::open(api, settings)?;
        let (signature_def_map, plans) = signature::read(meta_graph.signature_def, api, session.graph)?;
        Ok(Model { plans, signature_def_map, copies_inputs: AtomicBool::new(false), session })
    }

    /// The model's signatures, as a serialized `tensorflow.serving.SignatureDefMap`.
    pub fn signature_def_map(&self) -> &[u8] {
        &self.signature_def_map
    }

    fn plan(&self, signature: &str) -> Result<&Plan, Status> {
        match self.plans.get(signature) {
            Some(plan) => plan.as_ref().map_err(Clone::clone),
            None => {
                let message = format!("Serving signature key \"{signature}\" not found.");
                Err(Status::new(Code::FailedPrecondition, message))
            }
        }
    }

    /// Runs `run` on inputs under `lease`, leaving the time in TensorFlow in `run_nanos`.
    fn run_leased<'e>(
        &'e self,
        run: &Run<'_>,
        arena: &Arc<Arena>,
        lease: &Arc<Lease>,
        run_nanos: &mut u64,
    ) -> Result<Vec<TensorHeader<'e>>, Status> {
        let plan = self.plan(run.signature)?;
        let wanted = wanted(plan, run)?;
        let inputs = self.inputs(plan, run, arena, lease)?;
        let feed = Feed::new(plan, &inputs, run.signature)?;
        let options = plan.pace.run_options(left(run.deadline_nanos, monotonic_nanos()));
        let start = Instant::now();
        let results = self.session.run(&options, &feed.places, &feed.tensors, &wanted.fetches);
        *run_nanos = start.elapsed().as_nanos() as u64;
        plan.pace.record(*run_nanos);
        outputs::write(arena, run.slot, &wanted, &results?)
    }

    /// The inputs that `run` gives, at their places in `plan`.
    fn inputs(
        &self,
        plan: &Plan,
        run: &Run<'_>,
        arena: &Arena,
        lease: &Arc<Lease>,
    ) -> Result<Vec<Option<Tensor>>, Status> {
        let copies = self.copies_inputs.load(Ordering::Relaxed);
        let mut inputs: Vec<Option<Tensor>> = (0..plan.input_count()).map(|_| None).collect();
        for header in &run.inputs {
            let index = plan.input(header.name).ok_or_else(|| unknown("input", header.name, run.signature))?;
            let data = input_bytes(arena, run.slot, header)?;
            let tensor = match copies {
                // SAFETY: the slot is ours until the reply, and is given up for good if the lease does not come back.
                false => unsafe { Tensor::lend(self.session.api, header, data, lease) }?,
                true => Tensor::copy(self.session.api, header, data)?,
            };
            if inputs[index].replace(tensor).is_some() {
                return Err(Status::new(Code::InvalidArgument, format!("input '{}' is given twice", header.name)));
            }
        }
        Ok(inputs)
    }
}

impl Engine for Model {
    fn run(&self, run: &Run<'_>, arena: &Arc<Arena>) -> Answer<'_> {
        let mut lease = Lease::new(arena);
        let mut run_nanos = 0;
        let outputs = self.run_leased(run, arena, &lease, &mut run_nanos);
        let inputs_retained = !returned(&mut lease);
        if inputs_retained && !self.copies_inputs.swap(true, Ordering::Relaxed) {
            eprintln!("seaway: signature '{}' keeps its inputs: inputs are copied from now on", run.signature);
        }
        Answer { outputs, run_nanos, inputs_retained }
    }
}

/// Whether TensorFlow has let go of everything under `lease`; a thread of its own may be a moment behind the run.
fn returned(lease: &mut Arc<Lease>) -> bool {
    if Arc::get_mut(lease).is_some() {
        return true;
    }
    let give_up = Instant::now() + RETURN_GRACE;
    while Instant::now() < give_up {
        std::thread::yield_now();
        if Arc::get_mut(lease).is_some() {
            return true;
        }
    }
    false
}

fn wanted<'e>(plan: &'e Plan, run: &Run<'_>) -> Result<Wanted<'e>, Status> {
    let outputs = match run.outputs.is_empty() {
        true => plan.outputs().collect(),
        false => {
            let find = |name: &&str| plan.output(name).ok_or_else(|| unknown("output", name, run.signature));
            run.outputs.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    Ok(plan.subsets.choose(plan.fetches(), outputs))
}

/// Graph outputs and the tensors to put there, in the plan's order, so that TensorFlow sees one order only.
struct Feed {
    places: Vec<Output>,
    tensors: Vec<*mut RawTensor>,
}

impl Feed {
    /// Joins `inputs` with the plan's defaults; both must outlive the feed.
    fn new(plan: &Plan, inputs: &[Option<Tensor>], signature: &str) -> Result<Feed, Status> {
        let mut feed = Feed { places: Vec::with_capacity(inputs.len()), tensors: Vec::with_capacity(inputs.len()) };
        for (index, input) in inputs.iter().enumerate() {
            let tensor = input.as_ref().or(plan.default(index)).ok_or_else(|| missing(plan, inputs, signature))?;
            feed.places.push(plan.feed(index));
            feed.tensors.push(tensor.as_raw());
        }
        Ok(feed)
    }
}

/// The bytes of one input, if they lie in its slot's input region.
fn input_bytes<'a>(arena: &'a Arena, slot: u16, header: &TensorHeader<'_>) -> Result<&'a [u8], Status> {
    let start = arena.layout().input_offset(slot);
    let region = start..start + arena.layout().stride;
    let outside = || {
        let message = format!("input '{}' does not lie in the input region of slot {slot}", header.name);
        Status::new(Code::Internal, message)
    };
    let end = header.offset.checked_add(header.len).ok_or_else(outside)?;
    if !(region.start..=region.end).contains(&header.offset) || end > region.end {
        return Err(outside());
    }
    // SAFETY: the slot is this run's until the reply, and the plane does not write meanwhile.
    unsafe { arena.region(header.offset, header.len) }.map_err(|_| outside())
}

fn unknown(what: &str, name: &str, signature: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("signature '{signature}' has no {what} '{name}'"))
}

fn missing(plan: &Plan, inputs: &[Option<Tensor>], signature: &str) -> Status {
    let absent = (0..inputs.len()).filter(|index| inputs[*index].is_none() && plan.default(*index).is_none());
    let names: Vec<_> = absent.map(|index| plan.input_name(index)).collect();
    let message = format!("signature '{signature}' also needs the inputs: {}", names.join(", "));
    Status::new(Code::InvalidArgument, message)
}
