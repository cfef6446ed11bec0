//! One loaded SavedModel: its session, its plans, and how a run goes.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use seaway_wire::frame::{Run, TensorHeader};
use seaway_wire::{align, strings, Arena, Code, DType};
use serde::Deserialize;

use super::api::{self, borrowed, Api, Graph, Output, RawTensor, Session};
use super::signature::{self, Plan, Plans};
use super::tensor::{Lease, Tensor};
use crate::{Answer, Engine, Status};

/// How long a run's inputs may still be on their way back after the run, before they count as kept.
const RETURN_GRACE: Duration = Duration::from_millis(2);

/// What to load and how; the JSON document that crosses from Python.
#[derive(Clone, Debug, Deserialize)]
pub struct LoadSettings {
    /// TensorFlow's `libtensorflow_cc.so.2`.
    pub library: PathBuf,
    /// Directory of the SavedModel.
    pub path: PathBuf,
    /// Tags of its meta graph.
    pub tags: Vec<String>,
    /// Libraries of custom operations to load before.
    #[serde(default)]
    pub custom_ops: Vec<PathBuf>,
    /// A serialized `ConfigProto` in base64; empty for TensorFlow's defaults.
    #[serde(default)]
    pub session_config: String,
}

/// A loaded SavedModel.
pub struct Model {
    session: LoadedSession,
    signature_def_map: Vec<u8>,
    plans: Plans,
    copies_inputs: AtomicBool,
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
        let (signature_def_map, plans) = signature::read(&meta_graph, api, session.graph)?;
        Ok(Model { session, signature_def_map, plans, copies_inputs: AtomicBool::new(false) })
    }

    /// The model's signatures, as a serialized `tensorflow.serving.SignatureDefMap`.
    pub fn signature_def_map(&self) -> &[u8] {
        &self.signature_def_map
    }

    fn plan(&self, signature: &str) -> Result<&Plan, Status> {
        match self.plans.get(signature) {
            Some(plan) => plan.as_ref().map_err(Clone::clone),
            None => {
                Err(Status::new(Code::FailedPrecondition, format!("Serving signature key \"{signature}\" not found.")))
            }
        }
    }

    fn feed(&self, plan: &Plan, run: &Run<'_>, arena: &Arena, lease: &Arc<Lease>) -> Result<Feed, Status> {
        let copies = self.copies_inputs.load(Ordering::Relaxed);
        let api = self.session.api;
        let mut feed = Feed::with_capacity(run.inputs.len());
        let mut given = vec![false; plan.input_count()];
        for header in &run.inputs {
            let index = plan.input(header.name).ok_or_else(|| unknown("input", header.name, run.signature))?;
            if std::mem::replace(&mut given[index], true) {
                return Err(Status::new(Code::InvalidArgument, format!("input '{}' is given twice", header.name)));
            }
            let data = input_bytes(arena, run.slot, header)?;
            let tensor = match copies {
                // SAFETY: the slot is ours until the reply, and is given up for good if the lease does not come back.
                false => unsafe { Tensor::lend(api, header, data, lease) }?,
                true => Tensor::copy(api, header, data)?,
            };
            feed.push(plan.feed(index), tensor.as_raw());
            feed.owned.push(tensor);
        }
        let absent = || (0..given.len()).filter(|index| !given[*index]);
        for index in absent() {
            match plan.default(index) {
                Some(tensor) => feed.push(plan.feed(index), tensor.as_raw()),
                None => return Err(missing(plan.input_names(absent()), run.signature)),
            }
        }
        Ok(feed)
    }

    /// Runs `plan` on inputs under `lease`, leaving the time in TensorFlow in `run_nanos`.
    fn run_plan<'e>(
        &'e self,
        run: &Run<'_>,
        arena: &Arc<Arena>,
        lease: &Arc<Lease>,
        run_nanos: &mut u64,
    ) -> Result<Vec<TensorHeader<'e>>, Status> {
        let plan = self.plan(run.signature)?;
        let wanted = wanted(plan, run)?;
        let feed = self.feed(plan, run, arena, lease)?;
        let start = Instant::now();
        let results = self.session.run(run.timeout_micros, &feed, &wanted.fetches);
        *run_nanos = start.elapsed().as_nanos() as u64;
        write_outputs(arena, run.slot, &wanted, &results?)
    }
}

impl Engine for Model {
    fn run(&self, run: &Run<'_>, arena: &Arc<Arena>) -> Answer<'_> {
        let mut lease = Lease::new(arena);
        let mut run_nanos = 0;
        let outputs = self.run_plan(run, arena, &lease, &mut run_nanos);
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

/// What to fetch: distinct graph outputs, and which of them each wanted output is.
struct Wanted<'e> {
    fetches: std::borrow::Cow<'e, [Output]>,
    outputs: Vec<(&'e str, usize)>,
}

fn wanted<'e>(plan: &'e Plan, run: &Run<'_>) -> Result<Wanted<'e>, Status> {
    if run.outputs.is_empty() {
        let outputs = plan.outputs().iter().map(|(name, fetch)| (name.as_str(), *fetch)).collect();
        return Ok(Wanted { fetches: plan.fetches().into(), outputs });
    }
    let mut fetches = Vec::with_capacity(run.outputs.len());
    let mut outputs = Vec::with_capacity(run.outputs.len());
    for name in &run.outputs {
        let (name, fetch) = plan.output(name).ok_or_else(|| unknown("output", name, run.signature))?;
        let place = plan.fetches()[*fetch];
        let fetch = fetches.iter().position(|fetch| *fetch == place).unwrap_or_else(|| {
            fetches.push(place);
            fetches.len() - 1
        });
        outputs.push((name.as_str(), fetch));
    }
    Ok(Wanted { fetches: fetches.into(), outputs })
}

/// Graph outputs and the tensors to put there; owns those tensors that belong to this run.
struct Feed {
    places: Vec<Output>,
    tensors: Vec<*mut RawTensor>,
    owned: Vec<Tensor>,
}

impl Feed {
    fn with_capacity(count: usize) -> Feed {
        Feed { places: Vec::with_capacity(count), tensors: Vec::with_capacity(count), owned: Vec::with_capacity(count) }
    }

    fn push(&mut self, place: Output, tensor: *mut RawTensor) {
        self.places.push(place);
        self.tensors.push(tensor);
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
    if !region.contains(&header.offset) || end > region.end {
        return Err(outside());
    }
    // SAFETY: the slot is this run's until the reply, and the plane does not write meanwhile.
    unsafe { arena.region(header.offset, header.len) }.map_err(|_| outside())
}

/// Copies `results` into the slot's output region, one after another.
fn write_outputs<'e>(
    arena: &Arena,
    slot: u16,
    wanted: &Wanted<'e>,
    results: &[Tensor],
) -> Result<Vec<TensorHeader<'e>>, Status> {
    let region = arena.layout().output_offset(slot);
    let mut used = 0u64;
    let mut headers = Vec::with_capacity(wanted.outputs.len());
    for (name, fetch) in &wanted.outputs {
        let tensor = &results[*fetch];
        let (dtype, shape) = tensor.describe().map_err(|number| {
            let message = format!("output '{name}' has type number {number}, which cannot be sent in a response");
            Status::new(Code::Unimplemented, message)
        })?;
        let len = match dtype {
            DType::String => strings::encoded_len(tensor.strings()),
            _ => tensor.bytes().len(),
        } as u64;
        let offset = region + used;
        used = align(used + len);
        if used > align(arena.layout().stride) || offset + len > region + arena.layout().stride {
            return Err(too_large(wanted, results, arena.layout().stride));
        }
        // SAFETY: the slot is this run's, and each output gets its own range.
        let out =
            unsafe { arena.region_mut(offset, len) }.map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        match dtype {
            DType::String => strings::encode(tensor.strings(), out),
            _ => out.copy_from_slice(tensor.bytes()),
        }
        headers.push(TensorHeader { name, dtype, shape, offset, len });
    }
    Ok(headers)
}

fn too_large(wanted: &Wanted<'_>, results: &[Tensor], stride: u64) -> Status {
    let size = |fetch: usize| match results[fetch].describe() {
        Ok((DType::String, _)) => strings::encoded_len(results[fetch].strings()),
        _ => results[fetch].bytes().len(),
    };
    let total: usize =
        wanted.outputs.iter().map(|(_, fetch)| size(*fetch).next_multiple_of(seaway_wire::ALIGNMENT)).sum();
    let message =
        format!("the outputs take {total} bytes, a response may have {stride}: ask for fewer rows or outputs");
    Status::new(Code::ResourceExhausted, message)
}

fn unknown(what: &str, name: &str, signature: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("signature '{signature}' has no {what} '{name}'"))
}

fn missing(names: String, signature: &str) -> Status {
    Status::new(Code::InvalidArgument, format!("signature '{signature}' also needs the inputs {names}"))
}

fn load_custom_ops(api: &'static Api, library: &Path) -> Result<(), Status> {
    let name = c_string(library.as_os_str(), "a custom operation library")?;
    // SAFETY: the name is a C string; the handle is only a record, deleting it does not unload the operations.
    unsafe {
        let handle = api.checked(|status| (api.TF_LoadLibrary)(name.as_ptr(), status)).map_err(|status| Status {
            message: format!("custom operations {}: {}", library.display(), status.message),
            ..status
        })?;
        (api.TF_DeleteLibraryHandle)(handle);
    }
    Ok(())
}

fn c_string(text: &OsStr, what: &str) -> Result<CString, Status> {
    CString::new(text.as_bytes())
        .map_err(|_| Status::new(Code::InvalidArgument, format!("{what} has a zero byte in its name")))
}

/// A session and the graph it runs; both end together.
struct LoadedSession {
    api: &'static Api,
    graph: *mut Graph,
    session: *mut Session,
}

// SAFETY: TensorFlow's sessions and graphs may be used from any thread, several at once.
unsafe impl Send for LoadedSession {}
// SAFETY: as above.
unsafe impl Sync for LoadedSession {}

impl LoadedSession {
    /// Opens the SavedModel; gives the session and the serialized `MetaGraphDef`.
    fn open(api: &'static Api, settings: &LoadSettings) -> Result<(LoadedSession, Vec<u8>), Status> {
        let path = c_string(settings.path.as_os_str(), "the model's path")?;
        let tags = settings.tags.iter().map(|tag| c_string(OsStr::new(tag), "a tag")).collect::<Result<Vec<_>, _>>()?;
        let tag_pointers: Vec<_> = tags.iter().map(|tag| tag.as_ptr()).collect();
        let config = BASE64_STANDARD
            .decode(&settings.session_config)
            .map_err(|error| Status::new(Code::InvalidArgument, format!("session_config is not base64: {error}")))?;
        // SAFETY: options, graph and buffer are made here, used for the call, and deleted, except for the graph, which
        // the session keeps; every pointer outlives the call.
        unsafe {
            let options = (api.TF_NewSessionOptions)();
            let graph = (api.TF_NewGraph)();
            let meta_graph = (api.TF_NewBuffer)();
            let configured =
                api.checked(|status| (api.TF_SetConfig)(options, config.as_ptr().cast(), config.len(), status));
            let opened = configured.and_then(|()| {
                api.checked(|status| {
                    (api.TF_LoadSessionFromSavedModel)(
                        options,
                        ptr::null(),
                        path.as_ptr(),
                        tag_pointers.as_ptr(),
                        tag_pointers.len() as i32,
                        graph,
                        meta_graph,
                        status,
                    )
                })
            });
            let bytes = match (*meta_graph).data.is_null() {
                true => vec![],
                false => std::slice::from_raw_parts((*meta_graph).data.cast(), (*meta_graph).length).to_vec(),
            };
            (api.TF_DeleteBuffer)(meta_graph);
            (api.TF_DeleteSessionOptions)(options);
            match opened {
                Ok(session) => Ok((LoadedSession { api, graph, session }, bytes)),
                Err(status) => {
                    (api.TF_DeleteGraph)(graph);
                    Err(status)
                }
            }
        }
    }

    /// Runs the graph from `feed` to `fetches`.
    fn run(&self, timeout_micros: u64, feed: &Feed, fetches: &[Output]) -> Result<Vec<Tensor>, Status> {
        let options = run_options(timeout_micros);
        let options_buffer = borrowed(&options);
        let mut results: Vec<*mut RawTensor> = vec![ptr::null_mut(); fetches.len()];
        // SAFETY: places and tensors are of equal number and alive; every fetch has its result's place.
        let ran = self.api.checked(|status| unsafe {
            (self.api.TF_SessionRun)(
                self.session,
                if options.is_empty() { ptr::null() } else { &options_buffer },
                feed.places.as_ptr(),
                feed.tensors.as_ptr(),
                feed.places.len() as i32,
                fetches.as_ptr(),
                results.as_mut_ptr(),
                fetches.len() as i32,
                ptr::null(),
                0,
                ptr::null_mut(),
                status,
            );
        });
        // Taken over before the error is looked at, so that nothing leaks. SAFETY: the results are ours now.
        let tensors: Vec<_> = results.into_iter().map(|raw| unsafe { Tensor::from_raw(self.api, raw) }).collect();
        ran?;
        let incomplete = || Status::new(Code::Internal, "TensorFlow gave fewer results than were asked for");
        tensors.into_iter().collect::<Option<_>>().ok_or_else(incomplete)
    }
}

impl Drop for LoadedSession {
    fn drop(&mut self) {
        // An error while closing cannot be acted upon: the memory is given back either way.
        // SAFETY: nobody else has the session or the graph any more.
        unsafe {
            let _ = self.api.checked(|status| (self.api.TF_CloseSession)(self.session, status));
            let _ = self.api.checked(|status| (self.api.TF_DeleteSession)(self.session, status));
            (self.api.TF_DeleteGraph)(self.graph);
        }
    }
}

/// A serialized `RunOptions` with a timeout, rounded up to milliseconds; nothing when there is no bound.
///
/// Source: tensorflow/core/protobuf/config.proto, RunOptions.timeout_in_ms = 2.
fn run_options(timeout_micros: u64) -> Vec<u8> {
    if timeout_micros == 0 {
        return vec![];
    }
    let millis = timeout_micros.div_ceil(1000).min(i64::MAX as u64);
    let mut bytes = vec![2 << 3];
    prost::encoding::encode_varint(millis, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_to_what_tensorflow_can_express() {
        assert_eq!(run_options(0), b"");
        assert_eq!(run_options(1), b"\x10\x01");
        assert_eq!(run_options(1_000), b"\x10\x01");
        assert_eq!(run_options(300_001), b"\x10\xad\x02");
    }
}
