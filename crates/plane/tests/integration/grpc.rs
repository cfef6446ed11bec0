//! gRPC over real connections: what every call answers, well-formed or not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crate::support::client::{
    empty, eventually, framed, framed_gzip, full, request, spec, unfinished, Body, Client, PREDICT,
};
use crate::support::served::{answer, grpc_settings, Served};
use crate::support::signature_def_map;
use crate::support::worker::{half_plus_two, Act, Gate};
use prost::Message;
use seaway_plane::inference::method_names::{CLASSIFY, PREDICT as PREDICT_METHOD, REGRESS};
use seaway_plane::pb::tensorflow::serving as pb;
use seaway_plane::pb::tensorflow::serving::model_spec::VersionChoice;
use seaway_plane::pb::tensorflow::tensor_shape_proto::Dim;
use seaway_plane::pb::tensorflow::TensorShapeProto;
use seaway_plane::plane::Event;
use seaway_plane::settings::PlaneSettings;
use seaway_plane::status::{Code, Status};

fn expected(code: Code) -> i32 {
    code as i32
}

#[test]
fn predict_answers_with_the_version_that_answered() {
    Served::start().run(async |client: Client| {
        let answer = client.predict(&request("", &[("x", &[1.0, 2.0, 5.0])])).await;
        let (outputs, answered) = answer.predicted();
        assert_eq!(outputs["y"], [2.5, 3.0, 4.5]);
        let version_choice = Some(VersionChoice::Version(1));
        assert_eq!(answered, pb::ModelSpec { version_choice, ..spec("m", "serving_default") });
        assert_eq!(answer.http, 200);
    });
}

#[test]
fn versions_labels_filters_and_defaults_are_honoured() {
    Served::start().run(async |client: Client| {
        for choice in [VersionChoice::Version(1), VersionChoice::VersionLabel("stable".into())] {
            let mut asked = request("", &[("x", &[0.0])]);
            asked.model_spec.as_mut().unwrap().version_choice = Some(choice);
            assert_eq!(client.predict(&asked).await.predicted().0["y"], [2.0]);
        }
        let (outputs, _) = client.predict(&request("sum", &[("a", &[1.0]), ("b", &[2.0])])).await.predicted();
        assert_eq!(
            (outputs["sum"].as_slice(), outputs["difference"].as_slice()),
            ([3.0].as_slice(), [-1.0].as_slice())
        );
        let defaulted = request("sum", &[("a", &[1.0])]);
        assert_eq!(client.predict(&defaulted).await.predicted().0["sum"], [11.0]);
        let filtered = pb::PredictRequest { output_filter: vec!["sum".into()], ..defaulted };
        let (outputs, _) = client.predict(&filtered).await.predicted();
        assert_eq!(outputs.len(), 1);
    });
}

#[test]
fn requests_that_do_not_fit_are_refused_in_tensorflow_servings_words() {
    let with_spec = |model_spec: pb::ModelSpec| pb::PredictRequest {
        model_spec: Some(model_spec),
        ..request("", &[("x", &[1.0])])
    };
    let versioned = |choice| with_spec(pb::ModelSpec { version_choice: Some(choice), ..spec("m", "") });
    let filter = |names: &[&str]| pb::PredictRequest {
        output_filter: names.iter().map(|name| (*name).to_owned()).collect(),
        ..request("", &[("x", &[1.0])])
    };
    let text = seaway_plane::codec::TensorProto::decode(&[0x08, 7, 0x42, 1, b'a'][..]).unwrap();
    let short =
        seaway_plane::codec::TensorProto::decode(&[0x08, 1, 0x12, 4, 0x12, 2, 0x08, 2, 0x22, 1, 0][..]).unwrap();
    let with_x = |x| {
        let mut asked = request("", &[]);
        asked.inputs.insert("x".into(), x);
        asked
    };
    let mismatch = "input size does not match signature: ";
    let cases = [
        (pb::PredictRequest::default(), Code::InvalidArgument, "Missing ModelSpec".to_owned()),
        (with_spec(spec("", "")), Code::InvalidArgument, "ModelSpec has no name specified.".into()),
        (with_spec(spec("none", "")), Code::NotFound, "Servable not found for request: Latest(none)".into()),
        (versioned(VersionChoice::Version(9)), Code::NotFound, "Servable not found for request: Specific(m, 9)".into()),
        (versioned(VersionChoice::Version(2)), Code::NotFound, "Servable not found for request: Specific(m, 2)".into()),
        (
            versioned(VersionChoice::VersionLabel("none".into())),
            Code::InvalidArgument,
            "Unrecognized servable version label: none".into(),
        ),
        (
            versioned(VersionChoice::VersionLabel(String::new())),
            Code::InvalidArgument,
            "Unrecognized servable version label: ".into(),
        ),
        (
            versioned(VersionChoice::VersionLabel("broken".into())),
            Code::NotFound,
            "Servable not found for request: Specific(m, 2)".into(),
        ),
        (with_spec(spec("m", "none")), Code::FailedPrecondition, "Serving signature key \"none\" not found.".into()),
        (
            request("", &[]),
            Code::InvalidArgument,
            format!("{mismatch}0!=1 len({{}}) != len({{x}}). Sent extra: {{}}. Missing but required: {{x}}."),
        ),
        (
            request("", &[("x", &[1.0]), ("z", &[1.0])]),
            Code::InvalidArgument,
            format!("{mismatch}2!=1 len({{x,z}}) != len({{x}}). Sent extra: {{z}}. Missing but required: {{}}."),
        ),
        (
            request("", &[("z", &[1.0])]),
            Code::InvalidArgument,
            format!("{mismatch}1!=1 len({{z}}) != len({{x}}). Sent extra: {{z}}. Missing but required: {{x}}."),
        ),
        (
            with_x(text),
            Code::InvalidArgument,
            "input \"x\" of signature \"serving_default\" must be float, got string".into(),
        ),
        (
            with_x(short),
            Code::InvalidArgument,
            "tensor parsing error: x: a float tensor of shape [2] needs 8 bytes, got 1".into(),
        ),
        (
            filter(&["none"]),
            Code::InvalidArgument,
            "output tensor alias not found in signature: none Outputs expected to be in the set {y}.".into(),
        ),
        (filter(&["y", "y"]), Code::InvalidArgument, "duplicate output tensor alias: y".into()),
    ];
    Served::start().run(async |client: Client| {
        for (asked, code, message) in cases {
            let answer = client.predict(&asked).await;
            assert_eq!((answer.code, answer.message.as_str()), (expected(code), message.as_str()), "{asked:?}");
        }
    });
}

#[test]
fn method_names_are_checked_only_where_that_is_asked_for() {
    let asked = request("odd_method", &[("x", &[1.0])]);
    Served::start().run(async |client: Client| {
        assert_eq!(client.predict(&asked).await.predicted().0["y"], [2.5]);
    });
    let strict = PlaneSettings { check_method_names: true, ..grpc_settings() };
    Served::with(strict, 1, 1, answer).run(async |client: Client| {
        let answer = client.predict(&asked).await;
        assert_eq!(answer.code, expected(Code::Internal));
        assert_eq!(
            answer.message,
            format!(
                "Expected prediction signature method_name to be one of {{{PREDICT_METHOD}, {CLASSIFY}, {REGRESS}}}. Was: m/odd"
            )
        );
    });
}

fn examples(lens: &[usize]) -> Option<pb::Input> {
    // Each is an Example with one unknown field of so many bytes: the worker only counts them.
    let example = |len: &usize| {
        let bytes = [vec![0x7a, *len as u8], vec![b'x'; *len]].concat();
        seaway_plane::codec::RawMessage::decode(&bytes[..]).unwrap()
    };
    let list = pb::ExampleList { examples: lens.iter().map(example).collect() };
    Some(pb::Input { kind: Some(pb::input::Kind::ExampleList(list)) })
}

#[test]
fn examples_are_classified_regressed_and_both() {
    const SERVICE: &str = "/tensorflow.serving.PredictionService";
    Served::start().run(async |client: Client| {
        let regression = pb::RegressionRequest { model_spec: Some(spec("m", "regress")), input: examples(&[1, 4]) };
        let response: pb::RegressionResponse =
            client.call(&format!("{SERVICE}/Regress"), &regression).await.decoded();
        let values: Vec<f32> = response.result.unwrap().regressions.iter().map(|result| result.value).collect();
        assert_eq!(values, [3.0, 6.0]);
        let answered = response.model_spec.unwrap();
        assert_eq!((answered.signature_name.as_str(), answered.version_choice), ("regress", Some(VersionChoice::Version(1))));

        let classification = pb::ClassificationRequest { model_spec: Some(spec("m", "classify")), input: examples(&[1]) };
        let response: pb::ClassificationResponse =
            client.call(&format!("{SERVICE}/Classify"), &classification).await.decoded();
        let classes = &response.result.unwrap().classifications[0].classes;
        let classes: Vec<(&str, f32)> = classes.iter().map(|class| (class.label.as_str(), class.score)).collect();
        assert_eq!(classes, [("long", 3.0), ("half", 0.5)]);

        let task = |signature: &str, method: &str| pb::InferenceTask {
            model_spec: Some(spec("m", signature)),
            method_name: method.into(),
        };
        let both = pb::MultiInferenceRequest {
            tasks: vec![task("regress", REGRESS), task("classify", CLASSIFY)],
            input: examples(&[2]),
        };
        let response: pb::MultiInferenceResponse =
            client.call(&format!("{SERVICE}/MultiInference"), &both).await.decoded();
        assert_eq!(response.results.len(), 2);

        let refused = [
            (vec![], Code::InvalidArgument, "Inference request must contain at least one task."),
            (vec![task("regress", REGRESS), task("regress", REGRESS)], Code::InvalidArgument, "Duplicate evaluation of signature: regress"),
            (vec![task("none", REGRESS)], Code::InvalidArgument, "Requested signature not found in model graph: none"),
            (vec![task("", PREDICT_METHOD)], Code::Unimplemented, "Unsupported signature method_name: tensorflow/serving/predict"),
            (
                vec![task("classify", REGRESS)],
                Code::InvalidArgument,
                "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/classify",
            ),
            (
                vec![task("regress", REGRESS), pb::InferenceTask { model_spec: Some(spec("other", "classify")), method_name: CLASSIFY.into() }],
                Code::InvalidArgument,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ),
            (
                vec![task("regress", REGRESS), pb::InferenceTask { model_spec: None, method_name: CLASSIFY.into() }],
                Code::InvalidArgument,
                "Found ModelSpec with an empty model name.",
            ),
        ];
        for (tasks, code, message) in refused {
            let asked = pb::MultiInferenceRequest { tasks, input: examples(&[2]) };
            let answer = client.call(&format!("{SERVICE}/MultiInference"), &asked).await;
            assert_eq!((answer.code, answer.message.as_str()), (expected(code), message));
        }
        for (signature, input, message) in [
            ("regress", None, "Input is empty."),
            ("regress", examples(&[]), "Input is empty."),
            ("none", examples(&[1]), "No signature was found with the name: none"),
            (
                "",
                examples(&[1]),
                "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/predict",
            ),
        ] {
            let asked = pb::RegressionRequest { model_spec: Some(spec("m", signature)), input };
            let answer = client.call(&format!("{SERVICE}/Regress"), &asked).await;
            assert_eq!((answer.code, answer.message.as_str()), (expected(Code::InvalidArgument), message));
        }
    });
}

#[test]
fn metadata_is_the_signatures_of_the_version() {
    const METHOD: &str = "/tensorflow.serving.PredictionService/GetModelMetadata";
    Served::start().run(async |client: Client| {
        let asked = |fields: &[&str]| pb::GetModelMetadataRequest {
            model_spec: Some(spec("m", "")),
            metadata_field: fields.iter().map(|field| (*field).to_owned()).collect(),
        };
        let response: pb::GetModelMetadataResponse = client.call(METHOD, &asked(&["signature_def"])).await.decoded();
        let any = &response.metadata["signature_def"];
        assert_eq!(any.type_url, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
        let map = pb::SignatureDefMap::decode(&any.value[..]).unwrap();
        assert!(map.signature_def.contains_key("serving_default") && map.signature_def.len() == 6);
        for (asked, message) in [
            (asked(&[]), "GetModelMetadataRequest must specify at least one metadata_field"),
            (asked(&["graph"]), "Metadata field graph is not supported"),
            (pb::GetModelMetadataRequest::default(), "Missing ModelSpec"),
        ] {
            let answer = client.call(METHOD, &asked).await;
            assert_eq!((answer.code, answer.message.as_str()), (expected(Code::InvalidArgument), message));
        }
    });
}

#[test]
fn status_is_that_of_one_or_all_versions() {
    const METHOD: &str = "/tensorflow.serving.ModelService/GetModelStatus";
    Served::start().run(async |client: Client| {
        let asked = |name: &str, version_choice| pb::GetModelStatusRequest {
            model_spec: Some(pb::ModelSpec { version_choice, ..spec(name, "") }),
        };
        let response: pb::GetModelStatusResponse = client.call(METHOD, &asked("m", None)).await.decoded();
        let states: Vec<(i64, i32, String)> = response
            .model_version_status
            .into_iter()
            .map(|status| (status.version, status.state, status.status.unwrap().error_message))
            .collect();
        assert_eq!(states, [(2, 50, "no saved_model.pb".into()), (1, 30, String::new())]);
        let one: pb::GetModelStatusResponse =
            client.call(METHOD, &asked("m", Some(VersionChoice::Version(1)))).await.decoded();
        assert_eq!(one.model_version_status.len(), 1);
        for (asked, code, message) in [
            (asked("none", None), Code::NotFound, "Could not find any versions of model none"),
            (asked("m", Some(VersionChoice::Version(9))), Code::NotFound, "Could not find version 9 of model m"),
            (pb::GetModelStatusRequest::default(), Code::InvalidArgument, "Missing ModelSpec"),
        ] {
            let answer = client.call(METHOD, &asked).await;
            assert_eq!((answer.code, answer.message.as_str()), (expected(code), message));
        }
    });
}

#[test]
fn a_reload_is_handed_to_the_manager_and_answered_by_it() {
    const METHOD: &str = "/tensorflow.serving.ModelService/HandleReloadConfigRequest";
    let served = Served::start();
    let list = pb::model_server_config::Config::ModelConfigList(pb::ModelConfigList::default());
    let reload =
        pb::ReloadConfigRequest { config: Some(pb::ModelServerConfig { config: Some(list) }), ..Default::default() };
    let outcomes = [Ok(()), Err(Status::new(Code::InvalidArgument, "two models are called a"))];
    let messages: Vec<String> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for outcome in outcomes {
                let event = served.plane().next_event(Duration::from_secs(20)).expect("a reload comes");
                let Event::Reload { id, request } = event else { panic!("another event: {event:?}") };
                assert!(!request.is_empty());
                served.plane().reply(id, outcome);
            }
        });
        served.run(async |client: Client| {
            let mut messages = Vec::new();
            for _ in 0..2 {
                messages.push(client.call(METHOD, &reload).await.message);
            }
            messages
        })
    });
    assert_eq!(messages, ["", "two models are called a"]);
    served.run(async |client: Client| {
        let answer = client.call(METHOD, &pb::ReloadConfigRequest::default()).await;
        assert_eq!(answer.code, expected(Code::InvalidArgument));
        let body = full(framed(0, &reload.encode_to_vec()));
        let answer = client.call_with(METHOD, &[("grpc-timeout", "20m")], body).await;
        assert_eq!(answer.code, expected(Code::DeadlineExceeded), "{}", answer.message);
    });
}

#[test]
fn a_clients_deadline_is_kept() {
    Served::with(grpc_settings(), 1, 8, |_| Act::Ignore).run(async |client: Client| {
        let body = || full(framed(0, &request("", &[("x", &[1.0])]).encode_to_vec()));
        let (flying, waiting) = tokio::join!(
            client.call_with(PREDICT, &[("grpc-timeout", "30m")], body()),
            client.call_with(PREDICT, &[("grpc-timeout", "30m")], body()),
        );
        for answer in [flying, waiting] {
            assert_eq!(answer.code, expected(Code::DeadlineExceeded));
            assert_eq!(answer.message, "the deadline passed before m version 1 answered");
        }
    });
}

#[test]
fn a_full_queue_says_when_to_try_again() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let served = Served::with(grpc_settings(), 1, 1, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    served.run(async |client: Client| {
        let asked = request("", &[("x", &[1.0])]);
        let calls: Vec<_> = (0..2)
            .map(|_| {
                let (client, asked) = (client.clone(), asked.clone());
                tokio::spawn(async move { client.predict(&asked).await.code })
            })
            .collect();
        eventually("one in flight, one waiting", || {
            let text = served.plane().metrics_text();
            text.contains("seaway_queue_depth_requests{model=\"m\",version=\"1\"} 1")
                && text.contains("seaway_requests_in_flight{model=\"m\",version=\"1\"} 1")
        })
        .await;
        let answer = client.predict(&asked).await;
        assert_eq!(answer.code, expected(Code::ResourceExhausted));
        assert_eq!(answer.metadata["retry-after"], "1");
        gate.open();
        for call in calls {
            assert_eq!(call.await.unwrap(), 0);
        }
    });
}

#[test]
fn answers_are_packed_for_clients_that_pack_and_for_no_other() {
    Served::start().run(async |client: Client| {
        let asked = request("", &[("x", &[1.0; 50])]).encode_to_vec();
        let accepts = ("grpc-accept-encoding", "identity, deflate, gzip");
        let packed = client.call_with(PREDICT, &[("grpc-encoding", "gzip"), accepts], full(framed_gzip(&asked))).await;
        assert_eq!((packed.metadata["grpc-encoding"].as_bytes(), packed.body[0]), (b"gzip".as_slice(), 1));
        assert_eq!(packed.predicted().0["y"], [2.5; 50]);
        let plain = client.call_with(PREDICT, &[accepts], full(framed(0, &asked))).await;
        assert_eq!((plain.metadata.get("grpc-encoding"), plain.body[0]), (None, 0));
        assert_eq!(plain.predicted().0["y"], [2.5; 50]);
        let unpacked = client.call_with(PREDICT, &[("grpc-encoding", "gzip"), accepts], full(framed(0, &asked))).await;
        assert_eq!(unpacked.predicted().0["y"], [2.5; 50], "the flag decides, message by message");
    });
}

#[test]
fn a_bomb_is_refused_and_the_server_lives() {
    let small = PlaneSettings { max_decompressed_bytes: 1 << 20, ..grpc_settings() };
    Served::with(small, 1, 8, answer).run(async |client: Client| {
        let bomb = framed_gzip(&vec![0; 512 << 20]);
        assert!(bomb.len() < 1 << 20);
        let answer = client.call_with(PREDICT, &[("grpc-encoding", "gzip")], full(bomb)).await;
        assert_eq!(answer.code, expected(Code::ResourceExhausted));
        assert_eq!(
            answer.message,
            "the message is larger than 1048576 bytes once unpacked; network.max_decompressed_bytes bounds it"
        );
        // The bound is on what was packed: a plain message may be larger.
        let large = vec![1.0; 60];
        let mut asked = request("", &[("x", &large)]);
        asked.model_spec.as_mut().unwrap().signature_name = "s".repeat(2 << 20);
        let answer = client.predict(&asked).await;
        assert_eq!(answer.code, expected(Code::FailedPrecondition));
        assert!(answer.message.ends_with("...TRUNCATED"), "{}", answer.message);
        assert_eq!(client.predict(&request("", &[("x", &[1.0])])).await.predicted().0["y"], [2.5]);
    });
}

#[test]
fn what_is_no_well_formed_call_is_refused_and_the_connection_goes_on() {
    let small = PlaneSettings { max_message_bytes: 1000, ..grpc_settings() };
    let good = framed(0, &request("", &[("x", &[1.0])]).encode_to_vec());
    let cut = good.slice(..good.len() - 3);
    type Headers = &'static [(&'static str, &'static str)];
    let cases: Vec<(&str, Headers, Body, Code, &str)> = vec![
        ("a cut message", &[], full(cut), Code::Internal, "the request ended after "),
        (
            "a cut header",
            &[],
            full(good.slice(..3)),
            Code::Internal,
            "the request ended after 3 of the bytes of a header of 5",
        ),
        ("no message", &[], empty(), Code::Internal, "Missing request message."),
        ("no protobuf", &[], full(framed(0, b"\xff\xff\xff")), Code::Internal, "failed to decode"),
        (
            "too large",
            &[],
            full(framed(0, &[0; 1001])),
            Code::ResourceExhausted,
            "Received message larger than max (1001 vs. 1000)",
        ),
        (
            "announces too much",
            &[],
            full(vec![0, 0xff, 0xff, 0xff, 0xff]),
            Code::ResourceExhausted,
            "Received message larger than max (4294967295 vs. 1000)",
        ),
        ("an unknown flag", &[], full(framed(7, b"")), Code::Internal, "protocol error"),
        ("packed without saying how", &[], full(framed_gzip(b"")), Code::Internal, "protocol error"),
        (
            "packed otherwise",
            &[("grpc-encoding", "snappy")],
            full(framed(1, b"")),
            Code::Unimplemented,
            "Content is compressed with `snappy`",
        ),
        (
            "not gzip",
            &[("grpc-encoding", "gzip")],
            full(framed(1, b"hello")),
            Code::InvalidArgument,
            "the message is not gzip",
        ),
    ];
    Served::with(small, 1, 8, answer).run(async |client: Client| {
        for (what, headers, body, code, message) in cases {
            let answer = client.call_with(PREDICT, headers, body).await;
            assert_eq!(answer.code, expected(code), "{what}: {}", answer.message);
            assert!(answer.message.contains(message), "{what}: {}", answer.message);
        }
        let json = client.call_with(PREDICT, &[("content-type", "application/json")], full(good.clone())).await;
        assert_eq!(json.http, 415);
        for method in ["/tensorflow.serving.PredictionService/None", "/none.Service/Predict", "/"] {
            let answer = client.call_with(method, &[], full(good.clone())).await;
            assert_eq!(answer.code, expected(Code::Unimplemented), "{method}");
        }
        assert_eq!(client.predict(&request("", &[("x", &[1.0])])).await.predicted().0["y"], [2.5]);
    });
}

#[test]
fn a_client_that_goes_away_frees_its_place_and_is_counted() {
    let gate = Gate::new();
    let held = Arc::clone(&gate);
    let served = Served::with(grpc_settings(), 1, 1, move |seen| {
        held.pass();
        half_plus_two(seen)
    });
    let metric = |name: &str, value: u32| {
        served.plane().metrics_text().contains(&format!("{name}{{model=\"m\",version=\"1\"}} {value}\n"))
    };
    served.run(async |client: Client| {
        let asked = request("", &[("x", &[1.0])]);
        let start = || {
            let (client, asked) = (client.clone(), asked.clone());
            tokio::spawn(async move { client.predict(&asked).await.code })
        };
        let flying = start();
        eventually("one in flight", || metric("seaway_requests_in_flight", 1)).await;
        let waiting = start();
        eventually("one waiting", || metric("seaway_queue_depth_requests", 1)).await;
        waiting.abort();
        eventually("its place is free", || metric("seaway_queue_depth_requests", 0)).await;
        flying.abort();
        let cancelled = "api=\"grpc\",code=\"CANCELLED\",model=\"m\",signature=\"serving_default\",version=\"1\"} 2";
        eventually("both are counted", || served.plane().metrics_text().contains(cancelled)).await;
        gate.open();
        assert_eq!(client.predict(&asked).await.predicted().0["y"], [2.5]);
    });
}

#[test]
fn connections_that_are_dropped_inside_a_request_leave_nothing_behind() {
    let served = Served::start();
    let address = served.addresses.grpc_address.clone().unwrap();
    served.runtime.block_on(async {
        for _ in 0..20 {
            let client = Client::tcp(&address).await;
            let begun = unfinished(framed(0, &request("", &[("x", &[1.0])]).encode_to_vec()).slice(..10));
            let call = tokio::spawn(async move { client.try_call(PREDICT, &[], begun).await.map(drop) });
            tokio::task::yield_now().await;
            call.abort();
        }
        let client = Client::tcp(&address).await;
        assert_eq!(client.predict(&request("", &[("x", &[1.0])])).await.predicted().0["y"], [2.5]);
    });
    assert!(served.plane().drain(Duration::from_secs(20)));
}

#[test]
fn many_calls_share_one_connection() {
    let served = Served::with(grpc_settings(), 4, 1000, half_plus_two);
    served.run(async |client: Client| {
        let mut calls = tokio::task::JoinSet::new();
        for index in 0..300 {
            let client = client.clone();
            calls.spawn(async move {
                let x = index as f32;
                assert_eq!(
                    client.predict(&request("", &[("x", &[x, 0.0])])).await.predicted().0["y"],
                    [x * 0.5 + 2.0, 2.0]
                );
            });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap();
        }
    });
    let text = served.plane().metrics_text();
    let counted =
        "seaway_requests_total{api=\"grpc\",code=\"OK\",model=\"m\",signature=\"serving_default\",version=\"1\"} 300";
    assert!(text.contains(counted), "{text}");
    assert!(text.contains(":tensorflow:serving:request_count{model_name=\"m\",status=\"OK\"} 300"));
    assert!(text.contains(
        "seaway_request_rows_total{api=\"grpc\",model=\"m\",signature=\"serving_default\",version=\"1\"} 600"
    ));
}

#[test]
fn a_worker_that_dies_ends_its_requests_at_once_and_is_reported() {
    let served = Served::with(grpc_settings(), 1, 8, |_| Act::HangUp);
    served.run(async |client: Client| {
        let answer = client.predict(&request("", &[("x", &[1.0])])).await;
        assert_eq!(
            (answer.code, answer.message.as_str()),
            (expected(Code::Unavailable), "m version 1: its worker ended")
        );
    });
    let event = served.plane().next_event(Duration::from_secs(20));
    assert_eq!(event, Some(Event::ChannelClosed { channel: served.channel }));
}

#[test]
fn warm_up_runs_a_record_and_counts_nowhere() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let served = Served::with(grpc_settings(), 1, 8, move |seen| {
        counted.fetch_add(1, Ordering::SeqCst);
        answer(seen)
    });
    let plane = served.plane();
    let record = |log_type| pb::PredictionLog { log_type: Some(log_type), ..Default::default() }.encode_to_vec();
    let timeout = Duration::from_secs(20);
    let asked = pb::PredictRequest { model_spec: Some(spec("another name", "")), ..request("", &[("x", &[1.0])]) };
    let log = pb::PredictLog { request: Some(asked), response: None };
    plane.warm_up(served.channel, &record(pb::prediction_log::LogType::PredictLog(log)), timeout).unwrap();
    let task = |signature: &str, method: &str| pb::InferenceTask {
        model_spec: Some(spec("another name", signature)),
        method_name: method.into(),
    };
    let both = pb::MultiInferenceRequest {
        tasks: vec![task("regress", REGRESS), task("classify", CLASSIFY)],
        input: examples(&[1]),
    };
    let log = pb::MultiInferenceLog { request: Some(both), response: None };
    plane.warm_up(served.channel, &record(pb::prediction_log::LogType::MultiInferenceLog(log)), timeout).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let bad = pb::PredictLog { request: Some(request("none", &[])), response: None };
    let status =
        plane.warm_up(served.channel, &record(pb::prediction_log::LogType::PredictLog(bad)), timeout).unwrap_err();
    assert_eq!(status.code, Code::FailedPrecondition);
    assert_eq!(plane.warm_up(served.channel, &[], timeout).unwrap_err().code, Code::Unimplemented);
    assert_eq!(plane.warm_up(served.channel, b"\xff", timeout).unwrap_err().code, Code::InvalidArgument);
    assert_eq!(plane.warm_up(99, &[], timeout).unwrap_err().code, Code::NotFound);
    let text = plane.metrics_text();
    assert!(!text.contains("seaway_requests_total{") && !text.contains("request_example_counts_count{"), "{text}");
}

/// The signatures with a free leading dimension everywhere, as exports have it.
fn rowwise_signatures() -> Vec<u8> {
    let mut signatures = pb::SignatureDefMap::decode(&signature_def_map()[..]).unwrap();
    let rows = TensorShapeProto { dim: vec![Dim { size: -1, name: String::new() }], unknown_rank: false };
    for signature in signatures.signature_def.values_mut() {
        for info in signature.inputs.values_mut().chain(signature.outputs.values_mut()) {
            info.tensor_shape = Some(rows.clone());
        }
    }
    signatures.encode_to_vec()
}

#[test]
fn recorded_requests_of_every_kind_are_rows_to_prove_with() {
    let served = Served::with(grpc_settings(), 2, 8, |seen| match seen.run.signature {
        // Takes only what begins like the examples of these tests, which nobody could make up.
        "regress" | "classify" if seen.strings("inputs").iter().any(|text| !text.starts_with(b"z")) => {
            Act::Fail(Code::InvalidArgument, "Could not parse example input".into())
        }
        _ => answer(seen),
    });
    let (plane, timeout) = (served.plane(), Duration::from_secs(20));
    plane.set_signatures(served.channel, &rowwise_signatures()).unwrap();
    let proven = |records: &[Vec<u8>]| {
        let proofs = plane.prove_batching(served.channel, records, timeout).unwrap();
        ["regress", "classify"].map(|signature| proofs[signature].is_none())
    };
    let record = |log_type| pb::PredictionLog { log_type: Some(log_type), ..Default::default() }.encode_to_vec();
    let regression = pb::RegressionRequest { model_spec: Some(spec("m", "regress")), input: examples(&[1, 4]) };
    let log = pb::RegressLog { request: Some(regression), response: None };
    let regressed = record(pb::prediction_log::LogType::RegressLog(log));
    let classification =
        |lens| pb::ClassificationRequest { model_spec: Some(spec("m", "classify")), input: examples(lens) };
    let classified = |lens| {
        let log = pb::ClassifyLog { request: Some(classification(lens)), response: None };
        record(pb::prediction_log::LogType::ClassifyLog(log))
    };
    let task = |signature: &str, method: &str| pb::InferenceTask {
        model_spec: Some(spec("m", signature)),
        method_name: method.into(),
    };
    let tasks = vec![task("regress", REGRESS), task("classify", CLASSIFY)];
    let both = pb::MultiInferenceRequest { tasks, input: examples(&[2, 3]) };
    let log = pb::MultiInferenceLog { request: Some(both), response: None };
    let both = record(pb::prediction_log::LogType::MultiInferenceLog(log));

    assert_eq!(proven(&[]), [false, false]);
    assert_eq!(proven(&[b"\xff".to_vec(), regressed.clone()]), [true, false]);
    assert_eq!(proven(&[regressed, classified(&[1]), classified(&[5])]), [true, true]);
    assert_eq!(proven(&[both]), [true, true]);
}
