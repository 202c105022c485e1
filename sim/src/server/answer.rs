//! From a request to its answer: what was asked, what is to go wrong, what is drawn, and the plan
//! that is played.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::Response;
use image::ImageResult;
use tokio::sync::mpsc;

use super::{
    State,
    body::{Body, Broken},
    connection::Fate,
    head,
    player::Player,
    work::{Open, Work},
};
use crate::{
    faults::{Fault, StoryFault, wire::NoAnswer},
    generator::Subject,
    hash::hash,
    refusal::Refusal,
    request::{Gate, ImageTool, Request, Size},
    story::{Echo, Plan, Story, failure},
};

/// What a gateway that ignores the asked size was seen to draw.
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
    gate: Gate<'_>,
    state: &Arc<State>,
    fate: Fate,
    now: Duration,
) -> Result<Response<Body>, Broken> {
    let number = hash(&now.as_nanos().to_le_bytes()) ^ state.seed;
    let mut headers = head::usual(number, now);
    if let Gate::Codex { hosts, version } = gate {
        head::set(&mut headers, "x-models-etag", hosts.etag(version.unwrap_or_default()));
    }
    let order = match read(body, gate, state, now) {
        Ok(order) => order,
        Err(refusal) => {
            state.stats.refused();
            return Ok(head::refuse(refusal, headers));
        }
    };
    head::set(&mut headers, "openai-model", order.request.host_model.as_str());
    for fault in &order.work.settings.faults {
        match fault {
            Fault::Answer(fault) => {
                state.stats.refused();
                return Ok(head::refuse(fault.answer(&order.request.host_model, now), headers));
            }
            Fault::Wire(fault) => {
                fault.edit_headers(&mut headers);
                if let Some(none) = fault.no_answer() {
                    return no_answer(none, state, &fate).await;
                }
            }
            Fault::Story(_) | Fault::Images(_) => {}
        }
    }
    let (pieces, body) = mpsc::channel(1);
    tokio::spawn(stream(order, Arc::clone(state), Player { pieces, fate }));
    Ok(head::respond(200, headers, Body::Pieces { pieces: body, len: None }))
}

fn read(body: &[u8], gate: Gate<'_>, state: &State, now: Duration) -> Result<Order, Refusal> {
    let request = Request::parse(body, gate)?;
    let work = Work::read(&request.input.prompt, state, now)
        .map_err(|unknown| Refusal::detail(400, &unknown.to_string()))?;
    for fault in &work.settings.faults {
        if matches!(fault, Fault::Images(_)) {
            let message = format!("[[sim:{}]] means nothing to /responses", fault.name());
            return Err(Refusal::detail(400, &message));
        }
    }
    match work.settings.refused_hosts.iter().find(|order| order.is_about(&request.host_model)) {
        Some(order) => Err(order.form.refuse(&request.host_model)),
        None => Ok(Order { request, work, echo: gate.echo(), now }),
    }
}

/// Ends or holds the connection in place of an answer.
pub(super) async fn no_answer(
    how: NoAnswer,
    state: &Arc<State>,
    fate: &Fate,
) -> Result<Response<Body>, Broken> {
    match how {
        NoAnswer::HangUp => Err(Broken),
        NoAnswer::Reset => {
            fate.reset();
            Err(Broken)
        }
        NoAnswer::Silence => silence(state).await,
    }
}

/// Never answers; ends when the client leaves, and is counted then.
async fn silence(state: &Arc<State>) -> Result<Response<Body>, Broken> {
    let _left = Open::new(state);
    std::future::pending().await
}

async fn stream(order: Order, state: Arc<State>, player: Player) {
    let open = Open::new(&state);
    let drawing = Arc::clone(&state);
    let plan = tokio::task::spawn_blocking(move || order.plan(&drawing)).await;
    let ending = match plan {
        Ok(plan) => player.play(plan).await,
        // The drawing panicked; breaking the connection says so.
        Err(_) => player.play(Plan::new(vec![crate::story::Step::Cut])).await,
    };
    open.close(ending);
}

impl Order {
    /// Draws what is needed and makes the plan of the answer.
    fn plan(&self, state: &State) -> Plan {
        let mut story = Story {
            tool: self.tool(),
            request: self.request.clone(),
            created_at: self.now,
            seed: self.work.seed,
            revised_prompt: format!("{} (drawn by codex-sim)", self.work.words),
            pictures: Vec::new(),
            previews: Vec::new(),
            delay: self.work.settings.delay,
            completed_output: self.work.settings.completed_output,
            echo: self.echo,
        };
        for fault in self.stories() {
            fault.prepare(&mut story);
        }
        if let Err(why) = self.draw(state, &mut story) {
            let mut steps = story.opening();
            steps.push(story.failed(failure("server_error", "server_error", &why.to_string())));
            return Plan::new(steps);
        }
        let mut plan = story.tell();
        plan.piece = self.work.settings.piece.unwrap_or(plan.piece);
        for fault in self.stories() {
            fault.edit(&story, &mut plan);
        }
        for fault in &self.work.settings.faults {
            if let Fault::Wire(fault) = fault {
                fault.edit(&mut plan);
            }
        }
        plan
    }

    fn stories(&self) -> impl Iterator<Item = StoryFault> {
        self.work.settings.faults.iter().filter_map(|fault| match fault {
            Fault::Story(fault) => Some(*fault),
            Fault::Answer(_) | Fault::Wire(_) | Fault::Images(_) => None,
        })
    }

    /// What is drawn, which need not be what was asked.
    fn tool(&self) -> Option<ImageTool> {
        let mut tool = self.request.tool.clone()?;
        if self.stories().any(|fault| fault == StoryFault::PinnedTool) {
            tool.size = PINNED;
        }
        self.work.reshape(&mut tool, "medium");
        Some(tool)
    }

    fn draw(&self, state: &State, story: &mut Story) -> ImageResult<()> {
        let Some(tool) = &story.tool else { return Ok(()) };
        let asked =
            if tool.partial_images > 0 { tool.partial_images } else { self.work.settings.previews };
        let images = &self.request.input.images;
        let subject = |number| self.work.subject(state, tool, images, number);
        for number in 0..self.work.settings.exact_previews.unwrap_or(asked) {
            let preview = Subject { preview: Some(number), ..subject(0) };
            story.previews.push(state.cache.base64(&preview)?);
        }
        story.pictures.push(state.cache.base64(&subject(0))?);
        if self
            .stories()
            .any(|fault| matches!(fault, StoryFault::TwoImages | StoryFault::AfterCompleted))
        {
            story.pictures.push(state.cache.base64(&subject(1))?);
        }
        state.stats.drawn(story.pictures.len());
        Ok(())
    }
}
