//! Sends a plan, step by step, for as long as the client stays.

use std::{ops::ControlFlow, time::Duration};

use bytes::Bytes;
use tokio::{sync::mpsc::Sender, time::sleep};

use super::{body::Broken, connection::Ending};
use crate::{
    event::{Event, Framing},
    rope::Rope,
    script::{LastLine, Plan, Step},
    stats::Outcome,
};

/// Time for sent bytes to leave this process before the connection ends.
const SETTLE: Duration = Duration::from_millis(40);

/// Events that end a response.
const LAST: [&str; 6] = [
    "response.completed",
    "response.failed",
    "response.incomplete",
    "error",
    "image_generation.completed",
    "image_edit.completed",
];

/// Takes the pieces.
pub(super) type Pieces = Sender<Result<Bytes, Broken>>;

/// A player for one answer.
#[derive(Debug)]
pub(super) struct Player {
    pub pieces: Pieces,
    pub ending: Ending,
}

impl Player {
    /// Sends the whole plan.
    pub(super) async fn play(&self, plan: Plan) -> Outcome {
        let Plan { steps, framing, piece, last_line } = plan.numbered();
        let last = steps.len().saturating_sub(1);
        let mut outcome = Outcome::Aborted;
        for (index, step) in steps.into_iter().enumerate() {
            let is_end = step.event().is_some_and(|event| LAST.contains(&event.name()));
            let rope =
                render(&step, &framing, if index == last { last_line } else { LastLine::Blank });
            let went_on = match rope {
                Some(rope) => self.send(rope, piece).await,
                None => self.act(&step).await,
            };
            if went_on.is_break() {
                return outcome;
            }
            if is_end {
                outcome = Outcome::LeftAfterEnd;
            }
        }
        Outcome::Finished
    }

    async fn send(&self, rope: Rope, piece: usize) -> ControlFlow<()> {
        for bytes in rope.into_pieces(piece) {
            if self.pieces.send(Ok(bytes)).await.is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Does a step that sends nothing. Breaks if the client has left.
    async fn act(&self, step: &Step) -> ControlFlow<()> {
        match step {
            Step::Wait(time) => tokio::select! {
                () = sleep(*time) => ControlFlow::Continue(()),
                () = self.pieces.closed() => ControlFlow::Break(()),
            },
            Step::Hold => {
                self.pieces.closed().await;
                ControlFlow::Break(())
            }
            Step::Cut | Step::Reset => {
                sleep(SETTLE).await;
                if *step == Step::Reset {
                    self.ending.reset();
                }
                // The client may have left already.
                let _ = self.pieces.send(Err(Broken)).await;
                ControlFlow::Continue(())
            }
            Step::Event(_)
            | Step::Half(_)
            | Step::Raw { .. }
            | Step::Comment(_)
            | Step::Verbatim(_) => ControlFlow::Continue(()),
        }
    }
}

/// The bytes of a step; `None` if it sends nothing.
fn render(step: &Step, framing: &Framing, last_line: LastLine) -> Option<Rope> {
    let mut rope = Rope::default();
    match step {
        Step::Event(event) => rope = write(event, framing, last_line),
        Step::Half(event) => {
            let whole = event.write(framing);
            let half = whole.len() / 2;
            rope.shared(whole.into_prefix(half));
        }
        Step::Raw { name, data } => {
            if !name.is_empty() {
                framing.line(&mut rope, &format!("event: {name}"));
            }
            rope.text("data: ");
            rope.bytes(data);
            framing.line(&mut rope, "");
            framing.line(&mut rope, "");
        }
        Step::Comment(text) => rope.shared(framing.comment(text)),
        Step::Verbatim(bytes) => rope.shared(bytes.clone()),
        Step::Wait(_) | Step::Hold | Step::Cut | Step::Reset => return None,
    }
    Some(rope)
}

fn write(event: &Event, framing: &Framing, last_line: LastLine) -> Rope {
    let whole = event.write(framing);
    let missing = match last_line {
        LastLine::Blank => return whole,
        LastLine::NoBlank => 1,
        LastLine::Missing => 2,
    };
    let len = whole.len() - missing * framing.end.as_str().len();
    let mut rope = Rope::default();
    rope.shared(whole.into_prefix(len));
    rope
}
