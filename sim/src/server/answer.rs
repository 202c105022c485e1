//! From a request to its answer: reads the request, applies faults, generates images, and plays the
//! plan.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::Response;
use image::ImageResult;
use tokio::sync::mpsc;

use super::{
    State,
    body::{Body, Broken},
    connection::Ending,
    head,
    player::Player,
    work::{Open, Work},
};
use crate::{
    faults::{Fault, ScriptFault, wire::NoAnswer},
    generator::Subject,
    hash::hash,
    rejection::Rejection,
    request::{Gate, ImageTool, Request, Size},
    script::{Echo, Plan, Script, failure},
};

/// The size that a gateway which ignores the requested one was seen to generate.
const PINNED: Size = Size { width: 1254, height: 1254 };

/// A request that will be answered.
struct Order {
    request: Request,
    work: Work,
    echo: Echo,
    now: Duration,
}

/// Answers a request whose credential is right.
pub(super) async fn answer(
    body: &Bytes,
    directives: &str,
    gate: Gate<'_>,
    state: &Arc<State>,
    ending: Ending,
    now: Duration,
) -> Result<Response<Body>, Broken> {
    let number = hash(&now.as_nanos().to_le_bytes()) ^ state.seed;
    let mut headers = head::usual(number, now);
    if let Gate::Codex { hosts, version } = gate {
        head::set(&mut headers, "x-models-etag", hosts.etag(version.unwrap_or_default()));
    }
    let order = match read(body, directives, gate, state, now) {
        Ok(order) => order,
        Err(rejection) => {
            state.stats.rejected();
            return Ok(head::reject(rejection, headers));
        }
    };
    head::set(&mut headers, "openai-model", order.request.host_model.as_str());
    for fault in &order.work.settings.faults {
        match fault {
            Fault::Answer(fault) => {
                state.stats.rejected();
                return Ok(head::reject(fault.answer(&order.request.host_model, now), headers));
            }
            Fault::Wire(fault) => {
                fault.edit_headers(&mut headers);
                if let Some(none) = fault.no_answer() {
                    return no_answer(none, state, &ending).await;
                }
            }
            Fault::Script(_) | Fault::Images(_) => {}
        }
    }
    let (pieces, body) = mpsc::channel(1);
    tokio::spawn(stream(order, Arc::clone(state), Player { pieces, ending }));
    Ok(head::respond(200, headers, Body::Pieces { pieces: body, len: None }))
}

fn read(
    body: &[u8],
    directives: &str,
    gate: Gate<'_>,
    state: &State,
    now: Duration,
) -> Result<Order, Rejection> {
    let request = Request::parse(body, gate)?;
    let work = Work::read(&request.input.prompt, directives, state, now)
        .map_err(|unknown| Rejection::detail(400, &unknown.to_string()))?;
    for fault in &work.settings.faults {
        if matches!(fault, Fault::Images(_)) {
            let message = format!("[[sim:{}]] does not apply to /responses", fault.name());
            return Err(Rejection::detail(400, &message));
        }
    }
    match work.settings.rejected_hosts.iter().find(|order| order.is_about(&request.host_model)) {
        Some(order) => Err(order.form.reject(&request.host_model)),
        None => Ok(Order { request, work, echo: gate.echo(), now }),
    }
}

/// Ends the connection without an answer, or keeps it open.
pub(super) async fn no_answer(
    how: NoAnswer,
    state: &Arc<State>,
    ending: &Ending,
) -> Result<Response<Body>, Broken> {
    match how {
        NoAnswer::HangUp => Err(Broken),
        NoAnswer::Reset => {
            ending.reset();
            Err(Broken)
        }
        NoAnswer::Silence => silence(state).await,
    }
}

/// Never answers. Ends, and is counted, when the client leaves.
async fn silence(state: &Arc<State>) -> Result<Response<Body>, Broken> {
    let _left = Open::new(state);
    std::future::pending().await
}

async fn stream(order: Order, state: Arc<State>, player: Player) {
    let open = Open::new(&state);
    let generation = Arc::clone(&state);
    let plan = tokio::task::spawn_blocking(move || order.plan(&generation)).await;
    let outcome = match plan {
        Ok(plan) => player.play(plan).await,
        // The generator panicked: break the connection.
        Err(_) => player.play(Plan::new(vec![crate::script::Step::Cut])).await,
    };
    open.close(outcome);
}

impl Order {
    /// Generates the images and makes the plan of the answer.
    fn plan(&self, state: &State) -> Plan {
        let mut script = Script {
            tool: self.tool(),
            request: self.request.clone(),
            created_at: self.now,
            seed: self.work.seed,
            revised_prompt: format!("{} (drawn by codex-sim)", self.work.words),
            images: Vec::new(),
            previews: Vec::new(),
            delay: self.work.settings.delay,
            completed_output: self.work.settings.completed_output,
            echo: self.echo,
        };
        for fault in self.scripts() {
            fault.prepare(&mut script);
        }
        if let Err(why) = self.generate(state, &mut script) {
            let mut steps = script.opening();
            steps.push(script.failed(failure("server_error", "server_error", &why.to_string())));
            return Plan::new(steps);
        }
        let mut plan = script.plan();
        plan.piece = self.work.settings.piece.unwrap_or(plan.piece);
        for fault in self.scripts() {
            fault.edit(&script, &mut plan);
        }
        for fault in &self.work.settings.faults {
            if let Fault::Wire(fault) = fault {
                fault.edit(&mut plan);
            }
        }
        plan
    }

    fn scripts(&self) -> impl Iterator<Item = ScriptFault> {
        self.work.settings.faults.iter().filter_map(|fault| match fault {
            Fault::Script(fault) => Some(*fault),
            Fault::Answer(_) | Fault::Wire(_) | Fault::Images(_) => None,
        })
    }

    /// The tool as it is carried out, which may differ from the request.
    fn tool(&self) -> Option<ImageTool> {
        let mut tool = self.request.tool.clone()?;
        if self.scripts().any(|fault| fault == ScriptFault::PinnedTool) {
            tool.size = PINNED;
        }
        self.work.reshape(&mut tool, "medium");
        Some(tool)
    }

    fn generate(&self, state: &State, script: &mut Script) -> ImageResult<()> {
        let Some(tool) = &script.tool else { return Ok(()) };
        let asked =
            if tool.partial_images > 0 { tool.partial_images } else { self.work.settings.previews };
        let images = &self.request.input.images;
        let subject = |number| self.work.subject(state, tool, images, number);
        for number in 0..self.work.settings.exact_previews.unwrap_or(asked) {
            let preview = Subject { preview: Some(number), ..subject(0) };
            script.previews.push(state.cache.base64(&preview)?);
        }
        script.images.push(state.cache.base64(&subject(0))?);
        if self
            .scripts()
            .any(|fault| matches!(fault, ScriptFault::TwoImages | ScriptFault::AfterCompleted))
        {
            script.images.push(state.cache.base64(&subject(1))?);
        }
        state.stats.generated(script.images.len());
        Ok(())
    }
}
