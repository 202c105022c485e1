use std::collections::HashMap;

use serde_json::Value;

use super::*;
use crate::{event::Framing, faults::ScriptFault, request::Gate};

/// The events of the recording of an image that the tool made, with the backend's own event before
/// the last.
const RECORDED: [&str; 17] = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_item.added",
    "response.image_generation_call.in_progress",
    "response.image_generation_call.generating",
    "response.image_generation_call.partial_image",
    "response.image_generation_call.completed",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "codex.rate_limits",
    "response.completed",
];

fn script() -> Script {
    let body = serde_json::json!({
        "model": "gpt-6-luna", "instructions": "Draw.", "store": false, "stream": true,
        "input": [{"role": "user", "content": "a fox"}],
        "tools": [{"type": "image_generation", "model": "gpt-image-2", "quality": "high"}]
    });
    let request = Request::parse(body.to_string().as_bytes(), Gate::Open).unwrap();
    Script {
        tool: request.tool.clone(),
        request,
        created_at: Duration::from_secs(1_795_000_000),
        seed: 1,
        revised_prompt: "a fox".to_owned(),
        images: vec![Bytes::from_static(b"Zmlyc3Q="), Bytes::from_static(b"c2Vjb25k")],
        previews: vec![Bytes::from_static(b"cHJldmlldw==")],
        delay: Duration::ZERO,
        completed_output: CompletedOutput::Empty,
        echo: Echo::Asked,
    }
}

fn with(fault: ScriptFault) -> Plan {
    let mut script = script();
    fault.prepare(&mut script);
    let mut plan = script.plan();
    fault.edit(&script, &mut plan);
    plan
}

/// The bodies of the whole events, as a reader of JSON sees them.
fn bodies(plan: Plan) -> Vec<Value> {
    let events = plan.numbered().steps.into_iter().filter_map(|step| step.event().cloned());
    events.map(|event| serde_json::from_slice(&event.body.to_bytes()).unwrap()).collect()
}

fn results(plan: Plan) -> Vec<Value> {
    let done = bodies(plan).into_iter().filter(|body| body["type"] == "response.output_item.done");
    done.map(|body| body["item"]["result"].clone()).filter(|result| !result.is_null()).collect()
}

fn last(fault: ScriptFault) -> Value {
    bodies(with(fault)).pop().unwrap()
}

#[test]
fn the_events_come_in_the_recorded_order_and_are_numbered() {
    assert_eq!(script().plan().names(), RECORDED);
    let numbers: Vec<_> = bodies(script().plan())
        .iter()
        .filter_map(|body| body["sequence_number"].as_u64())
        .collect();
    assert_eq!(numbers, (0..16).collect::<Vec<_>>());
}

#[test]
fn the_image_item_has_the_recorded_members_in_their_order() {
    let Json::Object(members) = script().image_item(1, 0) else { panic!("an object") };
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
    let recorded = "id type status background output_format quality result revised_prompt size";
    assert_eq!(names.join(" "), recorded);
}

#[test]
fn the_last_event_has_usage_of_the_host_and_of_the_tool() {
    let response = &bodies(script().plan())[16]["response"];
    assert_eq!(response["output"], serde_json::json!([]));
    assert_eq!(response["tools"][0]["n"], 1);
    assert_eq!(response["tool_usage"]["image_gen"]["output_tokens"], 7024);
    assert!(response["usage"]["total_tokens"].as_u64() > Some(0));
    let created = &bodies(script().plan())[0]["response"];
    assert_eq!(created["tool_usage"]["image_gen"]["output_tokens"], 0);
}

#[test]
fn the_output_can_repeat_every_item() {
    let full = Script { completed_output: CompletedOutput::Full, ..script() };
    let response = &bodies(full.plan())[16]["response"];
    assert_eq!(response["output"][1]["result"], "Zmlyc3Q=");
    assert_eq!(response["output"].as_array().unwrap().len(), 3);
}

#[test]
fn without_a_tool_the_answer_is_words() {
    let plan = Script { tool: None, ..script() }.plan();
    assert!(!plan.names().iter().any(|name| name.contains("image")));
    assert!(plan.names().contains(&"response.output_text.delta"));
}

#[test]
fn the_delay_is_spread_over_the_previews() {
    let plan =
        Script { delay: Duration::from_secs(3), previews: vec![Bytes::new(); 2], ..script() }
            .plan();
    let waits: Vec<_> = plan.steps.iter().filter(|step| matches!(step, Step::Wait(_))).collect();
    assert_eq!(waits, [&Step::Wait(Duration::from_secs(1)); 3]);
}

#[test]
fn failures_end_with_their_event_and_their_code() {
    let ends = HashMap::from([
        (ScriptFault::NestedError.name(), ("response.failed", "insufficient_quota")),
        (ScriptFault::ErrorModeration.name(), ("response.failed", "moderation_blocked")),
        (ScriptFault::Failed.name(), ("response.failed", "server_error")),
        (ScriptFault::FailedModeration.name(), ("response.failed", "moderation_blocked")),
        (ScriptFault::FailedRateLimit.name(), ("response.failed", "rate_limit_exceeded")),
        (ScriptFault::FailedOverloaded.name(), ("response.failed", "server_is_overloaded")),
        (ScriptFault::FailedInvalidPrompt.name(), ("response.failed", "invalid_prompt")),
    ]);
    for fault in ScriptFault::ALL.iter().filter(|fault| ends.contains_key(fault.name())) {
        let event = last(*fault);
        let (name, code) = ends[fault.name()];
        assert_eq!(
            (event["type"].as_str(), event["response"]["error"]["code"].as_str()),
            (Some(name), Some(code))
        );
        assert!(results(with(*fault)).is_empty(), "{}", fault.name());
    }
    assert_eq!(last(ScriptFault::FlatError)["code"], "server_error");
    let reason = |fault| last(fault)["response"]["incomplete_details"]["reason"].clone();
    assert_eq!(reason(ScriptFault::IncompleteMaxTokens), "max_output_tokens");
    assert_eq!(reason(ScriptFault::IncompleteContentFilter), "content_filter");
}

#[test]
fn both_forms_of_error_are_sent() {
    let nested = bodies(with(ScriptFault::NestedError))
        .into_iter()
        .find(|body| body["type"] == "error")
        .unwrap();
    assert_eq!(nested["error"]["code"], "insufficient_quota");
    let details = &bodies(with(ScriptFault::ErrorModeration))[7]["error"]["moderation_details"];
    assert_eq!(details["moderation_stage"], "output");
}

#[test]
fn an_answer_in_words_has_no_image_and_is_completed() {
    let says = [
        (ScriptFault::Refusal, "can't help"),
        (ScriptFault::RefusalPart, "\"refusal\":\"I'm sorry"),
        (ScriptFault::SvgText, "<svg"),
        (ScriptFault::ToolsRemoved, "\"tools\":[]"),
        (ScriptFault::Empty, "\"status\":\"completed\""),
    ];
    for (fault, words) in says {
        let bodies = bodies(with(fault));
        assert_eq!(bodies.last().unwrap()["type"], "response.completed");
        assert_eq!(
            bodies.last().unwrap()["response"]["tool_usage"]["image_gen"]["output_tokens"],
            0
        );
        assert!(bodies.iter().any(|body| body.to_string().contains(words)), "{}", fault.name());
        assert!(results(with(fault)).is_empty());
    }
}

#[test]
fn the_fault_sets_the_number_and_the_place_of_images() {
    assert_eq!(results(with(ScriptFault::TwoImages)), ["Zmlyc3Q=", "c2Vjb25k"]);
    assert_eq!(results(with(ScriptFault::Repeated)), ["Zmlyc3Q=", "Zmlyc3Q="]);
    assert_eq!(results(with(ScriptFault::Duplicate)), ["Zmlyc3Q="]);
    assert_eq!(last(ScriptFault::Duplicate)["response"]["output"][1]["result"], "Zmlyc3Q=");
    assert!(results(with(ScriptFault::CompletedOnly)).is_empty());
    assert_eq!(last(ScriptFault::CompletedOnly)["response"]["output"][1]["result"], "Zmlyc3Q=");
    assert!(results(with(ScriptFault::PreviewOnly)).is_empty());
    assert_eq!(results(with(ScriptFault::EmptyResult)), [""]);
    assert!(results(with(ScriptFault::NullResult)).is_empty());
    let late = with(ScriptFault::AfterCompleted);
    assert_eq!(late.names()[16..19], ["response.completed", "error", "response.output_item.added"]);
}

#[test]
fn items_have_the_status_that_the_fault_says() {
    let status = |fault| {
        let item = bodies(with(fault)).into_iter().find(|body| {
            body["type"] == "response.output_item.done"
                && body["item"]["type"] == "image_generation_call"
        });
        let item = item.unwrap()["item"].clone();
        (item["status"].as_str().unwrap().to_owned(), item["error"]["code"].clone())
    };
    assert_eq!(status(ScriptFault::GeneratingStatus), ("generating".to_owned(), Value::Null));
    assert_eq!(
        status(ScriptFault::ItemFailed),
        ("failed".to_owned(), "image_generation_failed".into())
    );
    assert_eq!(
        status(ScriptFault::ItemModeration),
        ("failed".to_owned(), "moderation_blocked".into())
    );
}

#[test]
fn a_pinned_tool_is_echoed_with_its_own_model_and_size() {
    let tools = &last(ScriptFault::PinnedTool)["response"]["tools"][0];
    assert_eq!((&tools["model"], &tools["size"]), (&"gpt-image-2-codex".into(), &"auto".into()));
}

#[test]
fn usage_can_be_missing_or_zero() {
    assert_eq!(last(ScriptFault::NoUsage)["response"]["tool_usage"], Value::Null);
    assert_eq!(
        last(ScriptFault::ZeroUsage)["response"]["tool_usage"]["image_gen"]["total_tokens"],
        0
    );
}

#[test]
fn a_stream_that_stops_stops_in_the_right_way() {
    let end = |fault| with(fault).steps.pop().unwrap();
    assert_eq!(end(ScriptFault::CutMidImage), Step::Cut);
    assert_eq!(end(ScriptFault::PreviewThenCut), Step::Cut);
    let terminal = ["response.completed", "response.failed", "response.incomplete", "error"];
    let terminals = |fault| {
        let plan = with(fault);
        plan.names().iter().filter(|name| terminal.contains(name)).count()
    };
    for (fault, last, ends) in [
        (ScriptFault::CutAfterImage, Step::Cut, 0),
        (ScriptFault::CutAfterCompleted, Step::Cut, 1),
        (ScriptFault::FailedSilence, Step::Hold, 1),
    ] {
        assert_eq!((end(fault), terminals(fault)), (last, ends), "{}", fault.name());
    }
    assert_eq!(results(with(ScriptFault::CutAfterImage)), ["Zmlyc3Q="]);
    assert_eq!(results(with(ScriptFault::CutAfterCompleted)), ["Zmlyc3Q="]);
    assert!(results(with(ScriptFault::FailedSilence)).is_empty());
    assert!(matches!(end(ScriptFault::EndMidImage), Step::Half(_)));
    for fault in [
        ScriptFault::Stall,
        ScriptFault::StallMidImage,
        ScriptFault::StallBeforeCompleted,
        ScriptFault::KeepOpen,
    ] {
        assert_eq!(end(fault), Step::Hold);
    }
    assert!(end(ScriptFault::CutBeforeCompleted).is_named("codex.rate_limits"));
}

#[test]
fn interruptions_leave_the_recorded_events_alone() {
    for fault in [
        ScriptFault::BadJson,
        ScriptFault::NotUtf8,
        ScriptFault::UnknownEvent,
        ScriptFault::HugeEvent,
    ] {
        let plan = with(fault);
        assert!(plan.steps.len() > RECORDED.len(), "{}", fault.name());
        let names = plan.names();
        let recorded: Vec<_> = names.into_iter().filter(|name| RECORDED.contains(name)).collect();
        assert_eq!(recorded, RECORDED, "{}", fault.name());
    }
    let huge = with(ScriptFault::HugeEvent);
    assert!(huge.steps[7].event().unwrap().write(&Framing::CODEX).len() > 20_000_000);
}

#[test]
fn the_backends_own_events_can_come_before_the_first_output() {
    let plan = with(ScriptFault::CodexEvents);
    assert_eq!(
        plan.names()[1..5],
        [
            "response.in_progress",
            "codex.rate_limits",
            "codex.response.metadata",
            "response.output_item.added"
        ]
    );
    let names = plan.names();
    let others = names.iter().enumerate().filter(|(at, _)| !(2..4).contains(at));
    assert_eq!(others.map(|(_, name)| *name).collect::<Vec<_>>(), RECORDED);
}

#[test]
fn faults_can_be_combined() {
    let script = script();
    let mut plan = script.plan();
    for fault in [ScriptFault::TwoImages, ScriptFault::GeneratingStatus, ScriptFault::DoneMarker] {
        fault.edit(&script, &mut plan);
    }
    assert_eq!(
        plan.steps.last(),
        Some(&Step::Raw { name: "", data: Bytes::from_static(b"[DONE]") })
    );
    assert_eq!(results(plan).len(), 2);
}
