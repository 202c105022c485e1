//! The upstream of the clients' cases: the outcome of each prompt, and the times of its requests.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::sse::{Output, event};
use crate::harness::{Generation, Received, Step};

/// The wait that `fail 429 once` asks for: longer than the clients' own.
const WAIT: Duration = Duration::from_millis(2300);

/// Longer than `keepalive` of the gate, so that a space is due with the next bytes.
const SILENCE: Duration = Duration::from_millis(1500);

/// A scripted Codex, and when which prompt reached it.
#[derive(Default)]
pub(super) struct Codex {
    seed: AtomicU32,
    arrived: Mutex<HashMap<String, Vec<Instant>>>,
}

impl Codex {
    pub(super) fn answer(&self, request: &Received) -> Vec<Step> {
        let request = request.json();
        let prompt = prompt_of(&request);
        let before = self.note(&prompt);
        match prompt.as_str() {
            "fail 400" => Step::json(400, &refusal()),
            "fail 429 once" if before == 0 => {
                let words = format!("Please try again in {}ms.", WAIT.as_millis());
                error(429, "rate_limit_exceeded", "requests", &words)
            }
            "fail 429 for good" => error(429, "insufficient_quota", "insufficient_quota", "m"),
            "fail 502" => vec![Step::StreamHead, Step::Close],
            "fail 503" => {
                error(503, "server_is_overloaded", "server_error", "Please try again in 1s.")
            }
            "edit of 1" => self.edit(&request, 1, false),
            "edit of 2 masked" => self.edit(&request, 2, true),
            "stream" => Step::generate(&Generation { previews: 2, ..self.generation() }),
            // Cut off after its preview.
            "break" => Step::stream(self.generation().opening()),
            "late" => {
                let generation = Generation { previews: 0, ..self.generation() };
                late(&[generation.image(), generation.completed(Output::Empty)].concat())
            }
            "cut late" if before == 0 => {
                let mut script = until_late();
                script.push(Step::Close);
                script
            }
            "fail late" => late(&event(&json!({"type": "response.failed", "response": {"error":
                {"code": "server_is_overloaded", "message": "m"}}}))),
            _ => Step::generate(&self.generation()),
        }
    }

    /// Records a request with this prompt, and returns how many there were before.
    fn note(&self, prompt: &str) -> usize {
        let mut arrived = self.arrived.lock().unwrap();
        let times = arrived.entry(prompt.to_owned()).or_default();
        times.push(Instant::now());
        times.len() - 1
    }

    /// An image that no other answer has.
    fn generation(&self) -> Generation {
        Generation::of_bytes(200_000, self.seed.fetch_add(1, Ordering::Relaxed))
    }

    /// An image, if the request has the images of the edit.
    fn edit(&self, request: &Value, images: usize, masked: bool) -> Vec<Step> {
        let tool = &request["tools"][0];
        let is_png = |url: &Value| {
            url.as_str().is_some_and(|url| url.starts_with("data:image/png;base64,iVBORw0KGgo"))
        };
        let arrived = parts(request).filter(|part| is_png(&part["image_url"])).count();
        let holds = tool["action"] == "edit"
            && arrived == images
            && is_png(&tool["input_image_mask"]["image_url"]) == masked;
        match holds {
            true => Step::generate(&self.generation()),
            false => Step::json(418, &json!({"asked": request})),
        }
    }

    /// What of the retries is seen here.
    pub(super) fn check_tries(&self, cases: &[String]) {
        let arrived = self.arrived.lock().unwrap();
        let ran = |case: &str| cases.iter().any(|it| it == case);
        if ran("retry_waits_as_requested") {
            let arrived = &arrived["fail 429 once"];
            assert_eq!(arrived.len(), 2, "one answer says when to come back, and one try follows");
            let waited = arrived[1].duration_since(arrived[0]);
            assert!(waited >= WAIT, "the client had to wait {WAIT:?} and waited {waited:?}");
        }
        if ran("no_retry_as_requested") {
            let tries = arrived["fail 429 for good"].len();
            assert_eq!(tries, 1, "the client must not try again");
        }
        let tries = arrived["fail late"].len();
        assert_eq!(tries, 1, "no client takes the status 200 for a reason to try again");
        let tries = arrived["cut late"].len();
        assert_eq!(tries, if ran("late_cut_is_tried_again") { 2 } else { 1 }, "tries after a cut");
    }
}

/// A stream that is silent until the gate owes its client a space, and then ends like this.
fn late(end: &[u8]) -> Vec<Step> {
    let mut script = until_late();
    script.extend([Step::Chunk(end.to_vec()), Step::End]);
    script
}

/// The stream until the gate has sent a space.
fn until_late() -> Vec<Step> {
    vec![
        Step::StreamHead,
        Step::Chunk(Generation { previews: 0, ..Generation::small(0) }.opening()),
        Step::Pause(SILENCE),
        Step::Chunk(b": ping\n\n".to_vec()),
        Step::Pause(Duration::from_millis(100)),
    ]
}

fn error(status: u16, code: &str, kind: &str, message: &str) -> Vec<Step> {
    let error = json!({"code": code, "type": kind, "message": message, "param": null});
    Step::json(status, &json!({"error": error}))
}

fn refusal() -> Value {
    json!({"error": {"code": "moderation_blocked", "type": "image_generation_user_error",
        "param": null,
        "message": "Your request was rejected by the safety system.",
        "moderation_details": {"moderation_stage": "input", "categories": ["violence"]}}})
}

fn parts(request: &Value) -> impl Iterator<Item = &Value> {
    let messages = request["input"].as_array().into_iter().flatten();
    messages.flat_map(|message| message["content"].as_array().into_iter().flatten())
}

/// The prompt without its directives for codex-sim.
fn prompt_of(request: &Value) -> String {
    let text = parts(request).find(|part| part["type"] == "input_text");
    let text = text.and_then(|part| part["text"].as_str()).unwrap_or_default();
    text.split(" [[").next().unwrap_or_default().to_owned()
}
