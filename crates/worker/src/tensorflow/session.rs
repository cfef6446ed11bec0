//! A TensorFlow session: opened from a SavedModel, run, closed.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use base64::prelude::{Engine as _, BASE64_STANDARD};
use prost::Message;
use seaway_wire::Code;
use serde::Deserialize;

use super::api::{borrowed, Api, Graph, Output, RawTensor, Session};
use super::proto::{MetaGraphDef, SaverDef};
use super::tensor::Tensor;
use crate::Status;

/// Operations that hold a variable, of either generation.
const VARIABLE_OPERATIONS: [&CStr; 3] = [c"VarHandleOp", c"VariableV2", c"Variable"];

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

/// Loads the operations and kernels in `library` into this process.
pub fn load_custom_ops(api: &'static Api, library: &Path) -> Result<(), Status> {
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

/// Refuses a model whose variables were to be restored from files that are not there: TensorFlow itself would load it and
/// fail every run.
///
/// Source: tensorflow/cc/saved_model/loader.cc, RunRestore (a missing index means "no variables").
fn check_variables(settings: &LoadSettings, saver: Option<&SaverDef>, session: &LoadedSession) -> Result<(), Status> {
    let index = settings.path.join("variables/variables.index");
    if saver.is_none_or(|saver| saver.restore_op_name.is_empty()) || index.exists() || !session.has_variables() {
        return Ok(());
    }
    let message = format!("the model has variables, but {} is missing: was it copied whole?", index.display());
    Err(Status::new(Code::NotFound, message))
}

/// Adds where the variables are read from to an error of the operation that reads them, which names no file.
fn explain_restore(status: Status, settings: &LoadSettings) -> Status {
    if !status.message.contains("RestoreV2") {
        return status;
    }
    let place = settings.path.join("variables");
    Status { message: format!("{} (restoring variables from {})", status.message, place.display()), ..status }
}

/// A session and the graph it runs; both end together.
pub struct LoadedSession {
    pub(super) api: &'static Api,
    pub(super) graph: *mut Graph,
    session: *mut Session,
}

// SAFETY: TensorFlow's sessions and graphs may be used from any thread, several at once.
unsafe impl Send for LoadedSession {}
// SAFETY: as above.
unsafe impl Sync for LoadedSession {}

impl LoadedSession {
    /// Opens the SavedModel; gives the session and what is needed of its `MetaGraphDef`.
    pub fn open(api: &'static Api, settings: &LoadSettings) -> Result<(LoadedSession, MetaGraphDef), Status> {
        let opened = LoadedSession::open_unchecked(api, settings);
        let (session, bytes) = opened.map_err(|status| explain_restore(status, settings))?;
        let unreadable = |error| Status::new(Code::DataLoss, format!("the model's signatures cannot be read: {error}"));
        let meta_graph = MetaGraphDef::decode(bytes.as_slice()).map_err(unreadable)?;
        check_variables(settings, meta_graph.saver_def.as_ref(), &session)?;
        Ok((session, meta_graph))
    }

    fn open_unchecked(api: &'static Api, settings: &LoadSettings) -> Result<(LoadedSession, Vec<u8>), Status> {
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

    fn has_variables(&self) -> bool {
        let mut position = 0;
        loop {
            // SAFETY: the graph is alive, and each operation it gives is too, with a constant C string for its type.
            let kind = unsafe {
                let operation = (self.api.TF_GraphNextOperation)(self.graph, &mut position);
                if operation.is_null() {
                    return false;
                }
                CStr::from_ptr((self.api.TF_OperationOpType)(operation))
            };
            if VARIABLE_OPERATIONS.contains(&kind) {
                return true;
            }
        }
    }

    /// Puts `tensors` into `places` and gives what `fetches` become, under a serialized `RunOptions`.
    pub fn run(
        &self,
        options: &[u8],
        places: &[Output],
        tensors: &[*mut RawTensor],
        fetches: &[Output],
    ) -> Result<Vec<Tensor>, Status> {
        assert_eq!(places.len(), tensors.len(), "every place is fed one tensor");
        let options_buffer = borrowed(options);
        let mut results: Vec<*mut RawTensor> = vec![ptr::null_mut(); fetches.len()];
        // SAFETY: places and tensors are of equal number and alive; every fetch has its result's place.
        let ran = self.api.checked(|status| unsafe {
            (self.api.TF_SessionRun)(
                self.session,
                if options.is_empty() { ptr::null() } else { &options_buffer },
                places.as_ptr(),
                tensors.as_ptr(),
                places.len() as i32,
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
