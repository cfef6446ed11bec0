use super::files::tests::Directory;
use super::*;

fn log(settings: RequestLogSettings) -> (RequestLog, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    (RequestLog::new(settings, Arc::clone(&metrics), Dispatch::none()), metrics)
}

fn waiting(model: &ModelLog, place: Place) -> Work {
    let record = Record {
        model: "m".into(),
        version: 1,
        signature: String::new(),
        sampling_rate: 1.0,
        timestamp_s: 0,
        asked: Asked::Predict(Vec::new(), Vec::new()),
        answered: Answered::Outputs(bytes::Bytes::new()),
    };
    let (prefix, counts) = (Arc::clone(&model.prefix), model.outlet.counts.clone());
    Work::Write(Box::new(Waiting { prefix, record, counts, place }))
}

fn document(path: &Path) -> LogDocument {
    LogDocument { prefix: path.to_str().unwrap().to_owned(), sampling_rate: 1.0 }
}

fn counted(model: &ModelLog) -> [u64; 3] {
    [Logged::Written, Logged::Dropped, Logged::Failed].map(|outcome| model.outlet.counts.counted(outcome))
}

#[test]
fn what_waits_at_the_end_is_written_and_what_comes_later_is_given_back() {
    let directory = Directory::new("end");
    let (log, _) = log(RequestLogSettings::default());
    let model = log.open("m", &document(&directory.path("m")));
    for _ in 0..100 {
        assert!(log.line.push(waiting(&model, Place::take(&log.room, 10).unwrap())).is_none());
    }
    log.close(Duration::from_secs(10));
    assert_eq!(counted(&model), [100, 0, 0]);
    let found = directory.list();
    let [(name, _)] = found.as_slice() else { panic!("one file") };
    assert!(name.ends_with(".tfrecord"), "{name}");
    assert!(log.line.push(waiting(&model, Place::take(&log.room, 10).unwrap())).is_some());
    assert!(Place::take(&log.room, RequestLogSettings::default().queue_bytes).is_some(), "the room is given back");
}

#[test]
fn a_path_that_cannot_be_written_is_counted_as_failed() {
    let directory = Directory::new("unwritable");
    std::fs::write(directory.path("file"), b"").unwrap();
    let (log, metrics) = log(RequestLogSettings::default());
    let model = log.open("m", &document(&directory.path("file/m")));
    for _ in 0..3 {
        log.line.push(waiting(&model, Place::take(&log.room, 0).unwrap()));
    }
    log.close(Duration::from_secs(10));
    assert_eq!(counted(&model), [0, 0, 3]);
    assert!(metrics.text().contains("seaway_request_log_records_total{model=\"m\",outcome=\"failed\"} 3"));
}

#[test]
fn a_file_is_completed_when_its_prefix_is_not_used_any_more() {
    let directory = Directory::new("keep");
    let (log, metrics) = log(RequestLogSettings::default());
    let model = log.open("m", &document(&directory.path("m")));
    log.line.push(waiting(&model, Place::take(&log.room, 0).unwrap()));
    log.published(&Routes::default());
    let end = Instant::now() + Duration::from_secs(10);
    while !directory.list().iter().any(|(name, _)| name.ends_with(".tfrecord")) {
        assert!(Instant::now() < end, "{:?}", directory.list());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!metrics.text().contains("seaway_request_log_records_total{"), "the series ends with the model");
}
