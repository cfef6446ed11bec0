use super::*;
use crate::pb::tensorflow::serving::ModelSpec;

const LIMITS: Limits = Limits { file_bytes: 100, file_records: 3, file_age: Duration::from_secs(60), total_bytes: 300 };

/// A directory of this test's own, which is gone with it.
pub(in crate::request_log) struct Directory(PathBuf);

impl Directory {
    pub(in crate::request_log) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("seaway-request-log-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub(in crate::request_log) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names and sizes, sorted by name.
    pub(in crate::request_log) fn list(&self) -> Vec<(String, u64)> {
        let entry = |entry: io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().len())
        };
        let mut found: Vec<_> = fs::read_dir(&self.0).unwrap().map(entry).collect();
        found.sort();
        found
    }

    fn sizes(&self) -> Vec<u64> {
        self.list().into_iter().map(|(_, bytes)| bytes).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

fn is_complete(name: &str) -> bool {
    name.strip_prefix("m-").and_then(|name| name.strip_suffix(SUFFIX)).is_some_and(|text| Stamp::parse(text).is_some())
}

#[test]
fn a_file_has_its_name_once_it_is_complete() {
    let directory = Directory::new("name");
    let mut files = Files::new(&directory.path("m"), LIMITS);
    assert!(files.due().is_none());
    files.write(&record(40)).unwrap();
    assert!(files.due().is_some());
    let found = directory.list();
    let [(name, 40)] = found.as_slice() else { panic!("one file of 40 bytes") };
    assert!(name.starts_with(".m-2") && name.ends_with("-0.tfrecord.part"), "{name}");
    files.complete().unwrap();
    let found = directory.list();
    let [(name, 40)] = found.as_slice() else { panic!("one file of 40 bytes") };
    assert!(is_complete(name), "{name}");
    assert!(name.ends_with(&format!("Z-{}-0.tfrecord", std::process::id())), "{name}");
    assert_eq!(name.len(), format!("m-20260101T000000Z-{}-0.tfrecord", std::process::id()).len());
    files.complete().unwrap();
    assert_eq!(directory.list().len(), 1, "nothing is completed twice");
}

#[test]
fn a_file_is_full_by_its_bytes_or_by_its_records() {
    let directory = Directory::new("full");
    let mut files = Files::new(&directory.path("m"), Limits { total_bytes: 10_000, ..LIMITS });
    for bytes in [50, 50, 1, 2, 3, 4, 100, 1] {
        files.write(&record(bytes)).unwrap();
    }
    files.complete().unwrap();
    assert_eq!(directory.sizes(), [100, 6, 4, 100, 1]);
}

#[test]
fn a_record_that_no_file_may_hold_is_refused_and_costs_nothing() {
    let directory = Directory::new("large");
    let mut files = Files::new(&directory.path("m"), LIMITS);
    files.write(&record(10)).unwrap();
    assert_eq!(files.write(&record(101)).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    files.write(&record(10)).unwrap();
    files.complete().unwrap();
    assert_eq!(directory.sizes(), [20]);
}

#[test]
fn the_oldest_files_of_the_prefix_go_and_no_others() {
    let directory = Directory::new("bound");
    let old = ["m-20200101T000000Z-9-10", "m-20200101T000000Z-9-9", "m-20210101T000000Z-1-0"];
    for name in old {
        fs::write(directory.path(&format!("{name}.tfrecord")), record(100)).unwrap();
    }
    let others = [
        "m-20200101T000000Z-1-0.txt",
        "m-big.tfrecord",
        "m-x-20200101T000000Z-1-0.tfrecord",
        "n-20200101T000000Z-1-0.tfrecord",
    ];
    for name in others {
        fs::write(directory.path(name), record(1000)).unwrap();
    }
    let mut files = Files::new(&directory.path("m"), LIMITS);
    files.write(&record(90)).unwrap();
    let names: Vec<String> = directory.list().into_iter().map(|(name, _)| name).collect();
    assert!(others.iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
    assert!(!names.contains(&format!("{}.tfrecord", old[1])), "the oldest goes");
    assert!(names.contains(&format!("{}.tfrecord", old[0])) && names.contains(&format!("{}.tfrecord", old[2])));
    for _ in 0..10 {
        files.write(&record(90)).unwrap();
        let total: u64 =
            directory.list().iter().filter(|(name, _)| !others.contains(&name.as_str())).map(|f| f.1).sum();
        assert!(total <= LIMITS.total_bytes, "{:?}", directory.list());
    }
}

#[test]
fn what_a_crash_left_is_completed_up_to_its_last_whole_record() {
    let directory = Directory::new("crash");
    let whole = tfrecord::frame(&ModelSpec { name: "m".into(), ..ModelSpec::default() });
    let name = "m-20200101T000000Z-1-0.tfrecord";
    fs::write(directory.path(&format!(".{name}.part")), [whole.as_slice(), &whole, b"\x07\0\0"].concat()).unwrap();
    fs::write(directory.path(".m-20200101T000000Z-1-1.tfrecord.part"), b"\x07\0\0").unwrap();
    let mut files = Files::new(&directory.path("m"), LIMITS);
    files.write(&record(10)).unwrap();
    files.complete().unwrap();
    let found = directory.list();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], (name.to_owned(), 2 * whole.len() as u64));
}

#[test]
fn what_another_writer_is_at_is_left_alone() {
    let directory = Directory::new("shared");
    let mut one = Files::new(&directory.path("m"), LIMITS);
    one.write(&record(10)).unwrap();
    let mut other = Files::new(&directory.path("m"), LIMITS);
    other.write(&record(20)).unwrap();
    one.write(&record(10)).unwrap();
    one.complete().unwrap();
    other.complete().unwrap();
    assert_eq!(directory.sizes(), [20, 20]);
}

#[test]
fn a_directory_is_made_and_one_that_cannot_be_is_an_error() {
    let directory = Directory::new("deep");
    let mut files = Files::new(&directory.path("a/b/m"), LIMITS);
    files.write(&record(10)).unwrap();
    fs::write(directory.path("file"), b"").unwrap();
    let mut files = Files::new(&directory.path("file/m"), LIMITS);
    assert!(files.write(&record(10)).is_err());
    assert!(files.complete().is_ok());
}

#[test]
fn after_a_failed_write_the_file_holds_whole_records_only() {
    let directory = Directory::new("fault");
    let mut files = Files::new(&directory.path("m"), LIMITS);
    files.write(&record(30)).unwrap();
    let current = files.current.as_mut().unwrap();
    // As a disk that is full in the middle of a record: some bytes more than were counted, and then an error.
    io::Write::write_all(&mut current.file, &record(5)).unwrap();
    let (writable, read_only) = (current.file.try_clone().unwrap(), File::open(&current.part).unwrap());
    current.file = read_only;
    assert!(files.write(&record(30)).is_err());
    drop(writable);
    files.write(&record(20)).unwrap();
    files.complete().unwrap();
    assert!(directory.list().iter().any(|(name, bytes)| is_complete(name) && *bytes == 20), "{:?}", directory.list());
}
