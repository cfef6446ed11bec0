//! The operations on disk: records and bodies in one `redb` file, written by one thread.
//!
//! The thread takes everything that has been asked of it since it last looked and makes it one transaction, so one `fsync`
//! serves many. Whoever asked is told after the commit, in the order of asking. A group that cannot be written leaves nothing
//! behind, and the file is opened anew before the next, since `redb` gives up after an error of the disk. The records are
//! kept in memory by [`super::Operations`] as well; this module never decides.
//!
//! The choice of `redb`: docs/decisions/0003-operations-store.md.

use std::path::{Path, PathBuf};
use std::sync::{mpsc, Arc};
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use redb::{Database, DatabaseError, ReadableTable, TableDefinition};

use super::operation::{Id, Operation};

const RECORDS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("operations");
const REQUESTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("requests");
const RESULTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("results");

/// The file's name in its directory.
const FILE: &str = "operations.redb";
/// Pages that are kept in memory, in bytes.
const CACHE_BYTES: usize = 16 << 20;
/// Changes that one transaction takes at most.
const GROUP: usize = 512;

/// Any of the errors that `redb` has.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// One change.
#[derive(Debug)]
pub enum Write {
    /// The record is this from now on.
    Record(Box<Operation>),
    /// The body of its request.
    Request(Id, Bytes),
    /// Its result, instead of its request.
    Result(Id, Bytes),
    /// Neither body is needed any more.
    NoBodies(Id),
    /// The operation is forgotten.
    Forget(Id),
}

/// Told whether the changes are on disk.
pub type Told = Box<dyn FnOnce(Result<(), String>) + Send>;

struct Change {
    writes: Vec<Write>,
    told: Option<Told>,
}

/// The store.
pub struct Store {
    database: Arc<RwLock<Option<Database>>>,
    path: PathBuf,
    changes: Mutex<Option<mpsc::Sender<Change>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store in a directory, which is made when there is none, and reads its records.
    ///
    /// Errors: a sentence that names the file: it cannot be made, another server has it, or it is no store.
    pub fn open(directory: &Path) -> Result<(Store, Vec<Operation>), String> {
        std::fs::create_dir_all(directory)
            .map_err(|error| format!("operations.directory {}: cannot be made: {error}", directory.display()))?;
        let path = directory.join(FILE);
        let database = open(&path)?;
        let records = read_records(&database)
            .map_err(|error| format!("the store of operations {}: cannot be read: {error}", path.display()))?;
        let database = Arc::new(RwLock::new(Some(database)));
        let (sender, receiver) = mpsc::channel();
        let (writer, file) = (Arc::clone(&database), path.clone());
        let thread = std::thread::Builder::new()
            .name("operations".into())
            .spawn(move || write_groups(&writer, &file, &receiver))
            .map_err(|error| format!("the store of operations: no thread: {error}"))?;
        let store = Store { database, path, changes: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) };
        Ok((store, records))
    }

    /// Has changes written, all or none; `told` is called by the store's thread.
    pub fn write(&self, writes: Vec<Write>, told: Option<Told>) {
        let unsent = match &*self.changes.lock() {
            Some(sender) => sender.send(Change { writes, told }).err().and_then(|error| error.0.told),
            None => told,
        };
        if let Some(told) = unsent {
            // Never by the caller's thread, which may hold what `told` needs.
            std::thread::spawn(move || told(Err("the server is shutting down".to_owned())));
        }
    }

    /// The body of an operation's request. Blocks.
    ///
    /// Errors: a sentence that names the file.
    pub fn request(&self, id: Id) -> Result<Option<Bytes>, String> {
        self.read(REQUESTS, id)
    }

    /// An operation's result. Blocks.
    ///
    /// Errors: a sentence that names the file.
    pub fn result(&self, id: Id) -> Result<Option<Bytes>, String> {
        self.read(RESULTS, id)
    }

    /// Writes what was asked so far and lets go of the file. Waits.
    pub fn close(&self) {
        self.changes.lock().take();
        // The thread itself may be the last that has the store.
        let thread = self.thread.lock().take().filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = thread {
            // A thread that panicked has written nothing more either.
            let _ = thread.join();
        }
        self.database.write().take();
    }

    fn read(
        &self,
        table: TableDefinition<'_, &'static [u8; 16], &'static [u8]>,
        id: Id,
    ) -> Result<Option<Bytes>, String> {
        let database = self.database.read();
        let Some(database) = &*database else { return Err("the store of operations is closed".to_owned()) };
        read_body(database, table, id)
            .map_err(|error| format!("the store of operations {}: cannot be read: {error}", self.path.display()))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

fn open(path: &Path) -> Result<Database, String> {
    let mut builder = Database::builder();
    // The format that later major versions read too.
    builder.create_with_file_format_v3(true).set_cache_size(CACHE_BYTES);
    let database = builder.create(path).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => format!(
            "the store of operations {} is in use by another server; give each its own operations.directory",
            path.display()
        ),
        error => format!("the store of operations {}: cannot be opened: {error}", path.display()),
    })?;
    create_tables(&database)
        .map_err(|error| format!("the store of operations {}: cannot be written: {error}", path.display()))?;
    Ok(database)
}

fn create_tables(database: &Database) -> Result<(), Failed> {
    let transaction = database.begin_write()?;
    for table in [RECORDS, REQUESTS, RESULTS] {
        transaction.open_table(table)?;
    }
    Ok(transaction.commit()?)
}

fn read_records(database: &Database) -> Result<Vec<Operation>, Failed> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(RECORDS)?;
    let mut records = Vec::new();
    for entry in table.iter()? {
        records.push(serde_json::from_slice(entry?.1.value())?);
    }
    Ok(records)
}

fn read_body(
    database: &Database,
    table: TableDefinition<'_, &'static [u8; 16], &'static [u8]>,
    id: Id,
) -> Result<Option<Bytes>, Failed> {
    let transaction = database.begin_read()?;
    let table = transaction.open_table(table)?;
    Ok(table.get(&id.0)?.map(|body| Bytes::copy_from_slice(body.value())))
}

/// Writes groups of changes until nobody can ask for more.
fn write_groups(database: &RwLock<Option<Database>>, path: &Path, changes: &mpsc::Receiver<Change>) {
    while let Ok(first) = changes.recv() {
        let mut group = vec![first];
        group.extend(changes.try_iter().take(GROUP - 1));
        let written = write_group(database, path, &group);
        for change in group {
            if let Some(told) = change.told {
                told(written.clone());
            }
        }
    }
}

fn write_group(database: &RwLock<Option<Database>>, path: &Path, group: &[Change]) -> Result<(), String> {
    if database.read().is_none() {
        let opened = open(path)?;
        *database.write() = Some(opened);
    }
    let written = {
        let database = database.read();
        let database = database.as_ref().expect("only this thread and the end of the store take it");
        commit(database, group)
    };
    written.map_err(|error| {
        database.write().take();
        format!("the store of operations {}: cannot be written: {error}", path.display())
    })
}

fn commit(database: &Database, group: &[Change]) -> Result<(), Failed> {
    let transaction = database.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        let mut requests = transaction.open_table(REQUESTS)?;
        let mut results = transaction.open_table(RESULTS)?;
        for write in group.iter().flat_map(|change| &change.writes) {
            match write {
                Write::Record(operation) => {
                    let record = serde_json::to_vec(operation).expect("a record is plain data");
                    records.insert(&operation.id.0, record.as_slice())?;
                }
                Write::Request(id, body) => drop(requests.insert(&id.0, &body[..])?),
                Write::Result(id, body) => {
                    requests.remove(&id.0)?;
                    results.insert(&id.0, &body[..])?;
                }
                Write::NoBodies(id) => {
                    requests.remove(&id.0)?;
                    results.remove(&id.0)?;
                }
                Write::Forget(id) => {
                    records.remove(&id.0)?;
                    requests.remove(&id.0)?;
                    results.remove(&id.0)?;
                }
            }
        }
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("seaway-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        directory
    }

    /// Writes and waits.
    fn written(store: &Store, writes: Vec<Write>) -> Result<(), String> {
        let (told, heard) = mpsc::channel();
        store.write(writes, Some(Box::new(move |outcome| told.send(outcome).unwrap())));
        heard.recv().unwrap()
    }

    #[test]
    fn what_was_written_is_there_when_it_is_opened_again() {
        let directory = directory("again");
        let (store, records) = Store::open(&directory).unwrap();
        assert_eq!(records, []);
        let (one, two) = (Operation::example(1), Operation::example(2));
        let record = |operation: &Operation| Write::Record(Box::new(operation.clone()));
        let writes = vec![
            record(&one),
            Write::Request(one.id, Bytes::from_static(b"{}")),
            record(&two),
            Write::Request(two.id, Bytes::from_static(b"[]")),
        ];
        written(&store, writes).unwrap();
        written(&store, vec![Write::Result(one.id, Bytes::from_static(b"1"))]).unwrap();
        store.close();

        let (store, records) = Store::open(&directory).unwrap();
        assert_eq!(records, [one.clone(), two.clone()]);
        assert_eq!((store.request(one.id).unwrap(), store.result(one.id).unwrap().unwrap()), (None, "1".into()));
        assert_eq!(store.request(two.id).unwrap().unwrap(), "[]");
        written(&store, vec![Write::NoBodies(one.id), Write::Forget(two.id)]).unwrap();
        assert_eq!((store.result(one.id), store.request(two.id)), (Ok(None), Ok(None)));
        drop(store);
        assert_eq!(Store::open(&directory).unwrap().1, [one]);
    }

    #[test]
    fn a_store_has_one_server() {
        let directory = directory("lock");
        let (store, _) = Store::open(&directory).unwrap();
        let refused = Store::open(&directory).err().unwrap();
        let file = directory.join(FILE);
        let expected = format!(
            "the store of operations {} is in use by another server; give each its own operations.directory",
            file.display()
        );
        assert_eq!(refused, expected);
        drop(store);
        assert!(Store::open(&directory).is_ok());
    }

    #[test]
    fn what_is_no_store_is_named() {
        let directory = directory("none");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(FILE), b"something else, and long enough to be read as a header ......").unwrap();
        let refused = Store::open(&directory).err().unwrap();
        assert!(refused.contains("operations.redb: cannot be opened"), "{refused}");
        let file = directory.join(FILE);
        let refused = Store::open(&file).err().unwrap();
        assert!(refused.contains("cannot be made"), "{refused}");
    }

    #[test]
    fn a_closed_store_says_so() {
        let directory = directory("closed");
        let (store, _) = Store::open(&directory).unwrap();
        store.close();
        assert_eq!(written(&store, vec![]), Err("the server is shutting down".to_owned()));
        assert!(store.request(Id([0; 16])).is_err());
    }
}
