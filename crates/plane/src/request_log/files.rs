//! The files of one prefix: begun under a temporary name, renamed when complete, and the oldest removed.
//!
//! A file that is being written is `.NAME.part` and locked. So a reader that goes by names finds complete files only, and a
//! writer that finds such a file of another one knows whether that is still at it. What a crash left is completed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::operations::operation::rfc3339;
use crate::request_log::tfrecord;
use crate::settings::RequestLogSettings;

const SUFFIX: &str = ".tfrecord";
const PART_SUFFIX: &str = ".tfrecord.part";
/// Not for everybody's eyes: the files hold what clients sent.
const MODE: u32 = 0o640;

/// When a file is complete, and how many bytes there may be in all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file.
    pub file_bytes: u64,
    /// Records of a file.
    pub file_records: u64,
    /// Age of a file.
    pub file_age: Duration,
    /// Bytes of all files.
    pub total_bytes: u64,
}

impl From<&RequestLogSettings> for Limits {
    fn from(settings: &RequestLogSettings) -> Limits {
        Limits {
            file_bytes: settings.max_file_bytes,
            file_records: settings.max_file_records,
            file_age: Duration::from_millis(settings.max_file_age_ms),
            total_bytes: settings.max_total_bytes,
        }
    }
}

/// Where in time a file stands among those of its prefix: the moment it was begun, by which process, as its how-manieth.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    utc: String,
    pid: u32,
    number: u64,
}

impl Stamp {
    fn now(pid: u32, number: u64) -> Stamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let text = rfc3339(since.as_millis() as u64);
        let whole = text.split('.').next().unwrap_or(&text);
        let utc = whole.chars().filter(char::is_ascii_alphanumeric).collect::<String>() + "Z";
        Stamp { utc, pid, number }
    }

    /// The stamp in what follows `PREFIX-` in a name; none in the name of another prefix that only begins like it.
    fn parse(text: &str) -> Option<Stamp> {
        let mut parts = text.split('-');
        let (utc, pid, number) = (parts.next()?, parts.next()?, parts.next()?);
        let is_utc = utc.len() == "20260101T000000Z".len() && utc.ends_with('Z') && utc.as_bytes()[8] == b'T';
        if parts.next().is_some() || !is_utc {
            return None;
        }
        Some(Stamp { utc: utc.to_owned(), pid: pid.parse().ok()?, number: number.parse().ok()? })
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.utc, self.pid, self.number)
    }
}

/// The files of one prefix.
pub struct Files {
    directory: PathBuf,
    prefix: String,
    limits: Limits,
    next: u64,
    current: Option<Current>,
}

/// The file that is being written.
struct Current {
    file: File,
    part: PathBuf,
    path: PathBuf,
    bytes: u64,
    records: u64,
    begun: Instant,
}

/// A complete file.
struct Complete {
    stamp: Stamp,
    path: PathBuf,
    bytes: u64,
}

impl Files {
    /// The files of a prefix such as `/logs/model`; nothing is touched before the first record.
    pub fn new(prefix: &Path, limits: Limits) -> Files {
        let directory = prefix.parent().map(Path::to_path_buf).unwrap_or_default();
        let prefix = prefix.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Files { directory, prefix, limits, next: 0, current: None }
    }

    /// Writes one framed record.
    ///
    /// Errors: the operating system's; INVALID_INPUT for a record that no file may hold. Of a record that fails nothing is left,
    /// and those before it are in a complete file.
    pub fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let len = record.len() as u64;
        if len > self.limits.file_bytes {
            let what = format!("a record of {len} bytes is larger than a file may be ({})", self.limits.file_bytes);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let is_full = |current: &Current| {
            current.bytes + len > self.limits.file_bytes || current.records >= self.limits.file_records
        };
        if self.current.as_ref().is_some_and(is_full) {
            self.complete()?;
        }
        let current = match &mut self.current {
            Some(current) => current,
            none => none.insert(begin(&self.directory, &self.prefix, self.limits, &mut self.next)?),
        };
        match io::Write::write_all(&mut current.file, record) {
            Ok(()) => {
                current.bytes += len;
                current.records += 1;
                Ok(())
            }
            Err(error) => {
                // What is wrong is told by the first error; the file is completed as far as that is possible.
                let _ = self.complete();
                Err(error)
            }
        }
    }

    /// Completes the file that is being written, if there is one: gives it its name.
    ///
    /// Errors: the operating system's; the file is given up then.
    pub fn complete(&mut self) -> io::Result<()> {
        match self.current.take() {
            Some(current) => complete(&current.file, &current.part, &current.path, current.bytes),
            None => Ok(()),
        }
    }

    /// When the file that is being written is complete by its age.
    pub fn due(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.begun + self.limits.file_age)
    }
}

fn begin(directory: &Path, prefix: &str, limits: Limits, next: &mut u64) -> io::Result<Current> {
    fs::create_dir_all(directory)?;
    recover(directory, prefix)?;
    make_room(directory, prefix, limits)?;
    loop {
        let name = format!("{prefix}-{}", Stamp::now(std::process::id(), *next));
        *next += 1;
        let part = directory.join(format!(".{name}{PART_SUFFIX}"));
        let path = directory.join(name + SUFFIX);
        match OpenOptions::new().write(true).create_new(true).mode(MODE).open(&part) {
            // Process ids come again in containers, even in the same second.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Ok(_) if path.exists() => fs::remove_file(&part)?,
            Ok(file) => {
                lock(&file);
                return Ok(Current { file, part, path, bytes: 0, records: 0, begun: Instant::now() });
            }
            Err(error) => return Err(error),
        }
    }
}

/// Leaves the first `bytes` of a temporary file under its name; nothing when that is nothing.
fn complete(file: &File, part: &Path, path: &Path, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return fs::remove_file(part);
    }
    file.set_len(bytes)?;
    file.sync_data()?;
    fs::rename(part, path)
}

/// Completes what writers have left that are gone. What cannot be completed stays as it is: it must not stop the next file.
fn recover(directory: &Path, prefix: &str) -> io::Result<()> {
    for (stamp, part) in named(directory, &format!(".{prefix}-"), PART_SUFFIX)? {
        // One that cannot be opened was completed meanwhile, or is somebody else's; one that is locked is being written.
        let Ok(mut file) = OpenOptions::new().read(true).write(true).open(&part) else { continue };
        if !lock(&file) {
            continue;
        }
        let path = directory.join(format!("{prefix}-{stamp}{SUFFIX}"));
        let completed =
            tfrecord::whole(&mut io::BufReader::new(&mut file)).and_then(|whole| complete(&file, &part, &path, whole));
        if let Err(error) = completed {
            tracing::warn!("{}, which another server left, could not be completed: {error}", part.display());
        }
    }
    Ok(())
}

/// Removes the oldest files until the next one may become as large as a file may.
fn make_room(directory: &Path, prefix: &str, limits: Limits) -> io::Result<()> {
    let found = named(directory, &format!("{prefix}-"), SUFFIX)?;
    let mut complete: Vec<Complete> = found
        .into_iter()
        .filter_map(|(stamp, path)| Some(Complete { stamp, bytes: fs::metadata(&path).ok()?.len(), path }))
        .collect();
    complete.sort_by(|a, b| a.stamp.cmp(&b.stamp));
    let mut total: u64 = complete.iter().map(|file| file.bytes).sum();
    for file in complete {
        if total.saturating_add(limits.file_bytes) <= limits.total_bytes {
            break;
        }
        match fs::remove_file(&file.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => total -= file.bytes,
        }
    }
    Ok(())
}

/// The files of a directory whose names are a stamp between these two.
fn named(directory: &Path, before: &str, after: &str) -> io::Result<Vec<(Stamp, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let stamp =
            name.to_str().and_then(|name| name.strip_prefix(before)?.strip_suffix(after)).and_then(Stamp::parse);
        found.extend(stamp.map(|stamp| (stamp, entry.path())));
    }
    Ok(found)
}

/// Takes the lock of a file; false when another process has it. It ends with the file's descriptor.
fn lock(file: &File) -> bool {
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and the call takes no memory.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

#[cfg(test)]
#[path = "files_tests.rs"]
pub(in crate::request_log) mod tests;
