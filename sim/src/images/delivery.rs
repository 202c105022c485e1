//! How an answer is sent: its plan, with faults applied.

use bytes::Bytes;

use super::{Answer, request::Delivery};
use crate::{
    event::Event,
    faults::{Fault, ImagesFault, ScriptFault, WireFault, script::zero},
    json::{Json, JsonStyle},
    list, object,
    rope::Rope,
    script::{Plan, Step, failure},
    settings::Settings,
};

/// How an answer is sent.
#[derive(Debug)]
pub struct Delivered {
    /// The steps.
    pub plan: Plan,
    /// The `content-length`, if there is one.
    pub len: Option<u64>,
}

/// Makes the plan of an answer with its faults.
pub fn deliver(answer: &Answer, settings: &Settings) -> Delivered {
    let mut delivered = match answer.request.delivery {
        Delivery::Json => document(answer, settings),
        Delivery::Stream => Delivered { plan: events(answer, settings), len: None },
    };
    let plan = &mut delivered.plan;
    plan.piece = settings.piece.unwrap_or(plan.piece);
    for fault in &settings.faults {
        if let Fault::Wire(fault) = fault {
            fault.edit(plan);
            if *fault == WireFault::Bom {
                delivered.len = delivered.len.map(|len| len + 3);
            }
        }
    }
    delivered
}

fn document(answer: &Answer, settings: &Settings) -> Delivered {
    let mut json = answer.document();
    let mut style = JsonStyle::default();
    for fault in &settings.faults {
        match fault {
            Fault::Script(fault) => change(*fault, &mut json),
            Fault::Wire(WireFault::EscapedSlashes) => style.escaped_slashes = true,
            Fault::Images(ImagesFault::Pretty) => style.space = "\r\n\t ",
            Fault::Images(fault) => fault.edit(&mut json),
            _ => {}
        }
    }
    let mut rope = Rope::default();
    json.write(&mut rope, style);
    let whole = rope.len();
    let pieces = rope.into_pieces(usize::MAX);
    let (start, middle) = places(&pieces, answer.images.last());
    let mut delivered = Delivered { plan: send(pieces, whole), len: Some(whole as u64) };
    for fault in &settings.faults {
        stop(*fault, &mut delivered, start, middle);
    }
    delivered
}

/// The start of the first image and the middle of the last one, in bytes.
fn places(pieces: &[Bytes], last: Option<&Bytes>) -> (usize, usize) {
    let mut at = 0;
    let mut start = pieces.first().map_or(0, Bytes::len);
    let mut middle = None;
    for piece in pieces {
        if Some(piece) == last {
            middle = Some(at + piece.len() / 2);
        }
        at += piece.len();
    }
    if middle.is_none() {
        // No image is a piece of its own: there is none, or its slashes are escaped.
        start = at / 2;
    }
    (start, middle.unwrap_or(start))
}

/// The first `len` bytes.
fn send(pieces: Vec<Bytes>, len: usize) -> Plan {
    let mut left = len;
    let mut steps = Vec::new();
    for mut piece in pieces {
        piece.truncate(left);
        left -= piece.len();
        if !piece.is_empty() {
            steps.push(Step::Verbatim(piece));
        }
    }
    Plan::new(steps)
}

/// Ends the document early, or removes its length.
fn stop(fault: Fault, delivered: &mut Delivered, start: usize, middle: usize) {
    let (at, step) = match fault {
        Fault::Script(ScriptFault::Stall) => (0, Some(Step::Hold)),
        Fault::Script(ScriptFault::StallMidImage) => (middle, Some(Step::Hold)),
        Fault::Script(ScriptFault::CutMidImage) => (middle, Some(Step::Cut)),
        Fault::Script(ScriptFault::EndMidImage) => (middle, None),
        Fault::Wire(WireFault::Reset) => (start, Some(Step::Reset)),
        Fault::Images(ImagesFault::Chunked) => return delivered.len = None,
        _ => return,
    };
    let pieces = std::mem::take(&mut delivered.plan.steps).into_iter();
    let pieces = pieces.filter_map(|step| match step {
        Step::Verbatim(bytes) => Some(bytes),
        _ => None,
    });
    delivered.plan = send(pieces.collect(), at);
    if step.is_none() {
        delivered.len = delivered.len.map(|_| at as u64);
    }
    delivered.plan.steps.extend(step);
}

/// Changes the images and the usage in a document or an event.
fn change(fault: ScriptFault, json: &mut Json) {
    let result = |json: &mut Json, value: Json| match json {
        Json::Object(_) if json.member("b64_json").is_some() => json.set("b64_json", value),
        _ => {}
    };
    let each = |json: &mut Json, value: Json| {
        result(json, value.clone());
        json.change("data", |data| {
            if let Json::List(items) = data {
                items.iter_mut().for_each(|item| result(item, value.clone()));
            }
        });
    };
    match fault {
        ScriptFault::NoUsage => drop(json.remove("usage")),
        ScriptFault::ZeroUsage => json.change("usage", zero),
        ScriptFault::Empty => json.change("data", |data| *data = list![]),
        ScriptFault::EmptyResult => each(json, "".into()),
        ScriptFault::NullResult => each(json, Json::NULL),
        ScriptFault::NoMetadata => {
            if let Json::Object(members) = json {
                members.retain(|(name, _)| matches!(name.as_str(), "created" | "data"));
            }
        }
        _ => {}
    }
}

fn events(answer: &Answer, settings: &Settings) -> Plan {
    let mut plan = answer.events();
    for fault in &settings.faults {
        if let Fault::Script(fault) = fault {
            edit_events(*fault, &mut plan);
        }
    }
    plan
}

fn edit_events(fault: ScriptFault, plan: &mut Plan) {
    let is_last = |step: &Step| step.event().is_some_and(|it| it.name().ends_with(".completed"));
    let last = plan.find(is_last).and_then(|at| plan.steps.get(at)).and_then(Step::event).cloned();
    let half = || last.clone().map(Step::Half).into_iter();
    match fault {
        ScriptFault::CutMidImage => plan.end_at(is_last, half().chain([Step::Cut]).collect()),
        ScriptFault::EndMidImage => plan.end_at(is_last, half().collect()),
        ScriptFault::StallMidImage => plan.end_at(is_last, half().chain([Step::Hold]).collect()),
        ScriptFault::Stall => plan.steps = vec![Step::Hold],
        ScriptFault::CutBeforeCompleted => plan.end_at(is_last, Vec::new()),
        ScriptFault::PreviewThenCut => plan.end_at(is_last, vec![Step::Cut]),
        ScriptFault::KeepOpen => plan.steps.push(Step::Hold),
        ScriptFault::CutAfterCompleted => plan.steps.push(Step::Cut),
        ScriptFault::DoneMarker => {
            plan.steps.push(Step::Raw { name: "", data: Bytes::from_static(b"[DONE]") });
        }
        ScriptFault::NestedError => {
            let error = failure(
                "image_generation_server_error",
                "image_generation_failed",
                "Image generation failed",
            );
            let body = object! { "type": "error", "error": error };
            plan.end_at(is_last, vec![Step::Event(Event::new(body))]);
        }
        _ => {
            for step in &mut plan.steps {
                match step {
                    Step::Event(event) if event.name().ends_with(".completed") => {
                        change(fault, &mut event.body);
                    }
                    _ => {}
                }
            }
        }
    }
}
