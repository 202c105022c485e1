//! From a request to its answer: what was asked, what is to go wrong, what is drawn, and the plan
//! that is played.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::Response;
use tokio::sync::mpsc;

use super::{
    State,
    body::{Body, Broken},
    connection::Fate,
    head,
    player::Player,
};
use crate::{
    directive,
    faults::{Fault, StoryFault, wire::NoAnswer},
    picture::{Detail, Failure, Stage, Subject},
    random,
    refusal::Refusal,
    request::{ImageTool, Request, Size},
    settings::{Look, Settings},
    stats::Ending,
    story::{Echo, Plan, Story, failure},
};

/// What a gateway that ignores the asked size was seen to draw.
const PINNED: Size = Size { width: 1254, height: 1254 };

/// A request that will be answered.
struct Order {
    request: Request,
    settings: Settings,
    /// The prompt without its directives.
    words: String,
    /// How often this prompt has come.
    call: u64,
    seed: u64,
    now: Duration,
}

/// Answers a request whose credential is right.
pub(super) async fn answer(
    body: &Bytes,
    state: &Arc<State>,
    fate: Fate,
    now: Duration,
) -> Result<Response<Body>, Broken> {
    let number = random::hash(&now.as_nanos().to_le_bytes()) ^ state.seed;
    let mut headers = head::usual(number, now);
    let order = match read(body, state, now) {
        Ok(order) => order,
        Err(refusal) => {
            state.stats.refused();
            return Ok(head::refuse(refusal, headers));
        }
    };
    head::set(&mut headers, "openai-model", order.request.host_model.as_str());
    for fault in &order.settings.faults {
        match fault {
            Fault::Answer(fault) => {
                state.stats.refused();
                return Ok(head::refuse(fault.answer(&order.request.host_model, now), headers));
            }
            Fault::Wire(fault) => {
                fault.edit_headers(&mut headers);
                match fault.no_answer() {
                    Some(NoAnswer::HangUp) => return Err(Broken),
                    Some(NoAnswer::Reset) => {
                        fate.reset();
                        return Err(Broken);
                    }
                    Some(NoAnswer::Silence) => return silence(state).await,
                    None => {}
                }
            }
            Fault::Story(_) => {}
        }
    }
    let (pieces, body) = mpsc::channel(1);
    tokio::spawn(stream(order, Arc::clone(state), Player { pieces, fate }));
    Ok(head::respond(200, headers, Body::Pieces(body)))
}

fn read(body: &[u8], state: &State, now: Duration) -> Result<Order, Refusal> {
    let request = Request::parse(body)?;
    let call = state.count(&request.input.prompt);
    let (words, directives) = directive::extract(&request.input.prompt)
        .map_err(|unknown| Refusal::detail(400, &unknown.to_string()))?;
    let mut settings = state.options.settings.clone();
    for directive in state.options.directives.iter().chain(&directives) {
        directive.apply(&mut settings, call);
    }
    // With a seed that was asked for, identifiers are the same on every run.
    let moment =
        state.options.seed.map_or_else(|| random::hash(&now.as_nanos().to_le_bytes()), |_| 0);
    let seed = state.seed ^ moment ^ random::hash(words.as_bytes()) ^ call.rotate_left(32);
    Ok(Order { request, settings, words, call, seed, now })
}

/// Never answers; ends when the client leaves, and is counted then.
async fn silence(state: &Arc<State>) -> Result<Response<Body>, Broken> {
    struct Left(Arc<State>);
    impl Drop for Left {
        fn drop(&mut self) {
            self.0.stats.closed(Ending::Aborted);
        }
    }
    state.stats.opened();
    let _left = Left(Arc::clone(state));
    std::future::pending().await
}

async fn stream(order: Order, state: Arc<State>, player: Player) {
    state.stats.opened();
    let drawing = Arc::clone(&state);
    let plan = tokio::task::spawn_blocking(move || order.plan(&drawing)).await;
    let ending = match plan {
        Ok(plan) => player.play(plan).await,
        // The drawing panicked; breaking the connection says so.
        Err(_) => player.play(Plan::new(vec![crate::story::Step::Cut])).await,
    };
    state.stats.closed(ending);
}

impl Order {
    /// Draws what is needed and makes the plan of the answer.
    fn plan(&self, state: &State) -> Plan {
        let mut story = Story {
            tool: self.tool(),
            request: self.request.clone(),
            created_at: self.now,
            seed: self.seed,
            revised_prompt: format!("{} (drawn by codex-sim)", self.words),
            pictures: Vec::new(),
            previews: Vec::new(),
            delay: self.settings.delay,
            completed_output: self.settings.completed_output,
            echo: Echo::Asked,
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
        plan.piece = self.settings.piece.unwrap_or(plan.piece);
        for fault in self.stories() {
            fault.edit(&story, &mut plan);
        }
        for fault in &self.settings.faults {
            if let Fault::Wire(fault) = fault {
                fault.edit(&mut plan);
            }
        }
        plan
    }

    fn stories(&self) -> impl Iterator<Item = StoryFault> {
        self.settings.faults.iter().filter_map(|fault| match fault {
            Fault::Story(fault) => Some(*fault),
            Fault::Answer(_) | Fault::Wire(_) => None,
        })
    }

    /// What is drawn, which need not be what was asked.
    fn tool(&self) -> Option<ImageTool> {
        let mut tool = self.request.tool.clone()?;
        if let Some(size) = self.settings.size {
            tool.size = size;
        } else if self.stories().any(|fault| fault == StoryFault::PinnedTool) {
            tool.size = PINNED;
        }
        Some(tool)
    }

    fn draw(&self, state: &State, story: &mut Story) -> Result<(), Failure> {
        let Some(tool) = &story.tool else { return Ok(()) };
        let asked =
            if tool.partial_images > 0 { tool.partial_images } else { self.settings.previews };
        for number in 0..self.settings.exact_previews.unwrap_or(asked) {
            let preview = Subject { stage: Stage::Preview(number), ..self.subject(state, tool, 0) };
            story.previews.push(state.gallery.picture(&preview)?);
        }
        story.pictures.push(state.gallery.picture(&self.subject(state, tool, 0))?);
        if self
            .stories()
            .any(|fault| matches!(fault, StoryFault::TwoImages | StoryFault::AfterCompleted))
        {
            story.pictures.push(state.gallery.picture(&self.subject(state, tool, 1))?);
        }
        state.stats.drawn(story.pictures.len());
        Ok(())
    }

    /// The small print: what was drawn with, and of an edit how many images it is of.
    fn caption(&self, tool: &ImageTool) -> String {
        let mut caption = format!("{} · {} · {}", tool.model, tool.size, tool.quality);
        if tool.edits {
            caption += &format!(" · edit of {}", self.request.input.images.len());
        }
        if tool.mask.is_some() {
            caption += " · mask";
        }
        caption
    }

    fn subject(&self, state: &State, tool: &ImageTool, number: u64) -> Subject {
        let look = match self.settings.look {
            Look::Same => 0,
            Look::Varied => self.call,
        };
        let detail = match tool.quality.as_str() {
            "low" => Detail::Low,
            "high" | "xhigh" | "max" => Detail::High,
            _ => Detail::Medium,
        };
        Subject {
            text: self.words.clone(),
            caption: self.caption(tool),
            width: tool.size.width,
            height: tool.size.height,
            format: tool.format,
            compression: tool.compression,
            background: tool.background,
            detail,
            stage: Stage::Final,
            seed: state.options.seed.unwrap_or(0) ^ look.rotate_left(8) ^ number.rotate_left(56),
            // The mask is the last of the small pictures.
            references: self.request.input.images.iter().chain(&tool.mask).cloned().collect(),
            frames: tool.frames,
            frame_ms: tool.frame_ms,
            base64_len: self.settings.base64_len,
        }
    }
}
