//! From a request of the Images API to its answer.

use std::{sync::Arc, time::Duration};

use hyper::Response;
use image::ImageResult;
use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};

use super::{
    State,
    answer::no_answer,
    body::{Body, Broken},
    connection::Ending,
    head,
    player::Player,
    work::{Open, Work},
};
use crate::{
    faults::{Fault, ScriptFault},
    generator::Subject,
    hash::hash,
    images::{
        Answer, Request, Route, Sent,
        delivery::{self, Delivered},
        direct, faults,
        request::Delivery,
    },
    rejection::Rejection,
};

/// A request whose credential is right.
pub(super) struct Asked<'a> {
    pub route: &'a Route,
    pub sent: &'a Sent,
    /// The length of its body in bytes.
    pub len: usize,
    /// Those of its headers.
    pub directives: &'a str,
}

/// A request that will be answered.
struct Order {
    request: Request,
    work: Work,
    now: Duration,
}

/// Answers a request whose credential is right.
pub(super) async fn answer(
    asked: Asked<'_>,
    state: &Arc<State>,
    ending: Ending,
    now: Duration,
) -> Result<Response<Body>, Broken> {
    let number = hash(&now.as_nanos().to_le_bytes()) ^ state.seed;
    let mut headers =
        if asked.route.direct { head::direct(number, now) } else { head::openai(number, now) };
    let order = match read(&asked, state, now) {
        Ok(order) => order,
        Err(rejection) => return Ok(reject(rejection, headers, state)),
    };
    for fault in &order.work.settings.faults {
        match fault {
            Fault::Answer(fault) => {
                let word =
                    if asked.route.direct { faults::direct_rejection } else { faults::rejection };
                let rejection = word(*fault, &order.request.tool.model, now);
                return Ok(reject(rejection, headers, state));
            }
            Fault::Wire(fault) if fault.no_answer().is_some() => {
                let Some(none) = fault.no_answer() else { continue };
                return no_answer(none, state, &ending).await;
            }
            Fault::Wire(_) | Fault::Script(_) | Fault::Images(_) => {}
        }
    }
    if order.request.delivery == Delivery::Stream {
        head::set(&mut headers, "content-type", "text/event-stream; charset=utf-8");
    }
    for fault in &order.work.settings.faults {
        if let Fault::Wire(fault) = fault {
            fault.edit_headers(&mut headers);
        }
    }
    begin(order, headers, state, ending).await
}

fn read(asked: &Asked<'_>, state: &State, now: Duration) -> Result<Order, Rejection> {
    let Asked { route, sent, len, directives } = *asked;
    let mut request = match route.direct {
        true => direct::read(route.endpoint, sent, len)?,
        false => Request::read(route, sent)?,
    };
    let work = Work::read(&request.prompt, directives, state, now).map_err(|unknown| {
        Rejection::invalid(Some("invalid_value"), "prompt", &unknown.to_string())
    })?;
    faults::check(&work.settings, &state.options.settings, request.delivery)?;
    let quality = if route.direct { "low" } else { "medium" };
    work.reshape(&mut request.tool, quality);
    Ok(Order { request, work, now })
}

fn reject(rejection: Rejection, headers: head::Headers, state: &State) -> Response<Body> {
    state.stats.rejected();
    head::reject(rejection, headers)
}

/// Generates the images, then sends. A client that leaves earlier is counted as well.
async fn begin(
    order: Order,
    headers: head::Headers,
    state: &Arc<State>,
    ending: Ending,
) -> Result<Response<Body>, Broken> {
    let open = Open::new(state);
    if order.request.delivery == Delivery::Json {
        sleep(order.work.settings.delay).await;
    }
    let generation = Arc::clone(state);
    let Ok(generated) = spawn_blocking(move || order.deliver(&generation)).await else {
        // The generator panicked: break the connection.
        return Err(Broken);
    };
    let Delivered { plan, len } = match generated {
        Ok(delivered) => delivered,
        Err(why) => {
            let rejection = Rejection::error(500, "server_error", None, &why.to_string());
            return Ok(reject(rejection, headers, state));
        }
    };
    let (pieces, body) = mpsc::channel(1);
    let player = Player { pieces, ending };
    tokio::spawn(async move { open.close(player.play(plan).await) });
    Ok(head::respond(200, headers, Body::Pieces { pieces: body, len }))
}

impl Order {
    fn deliver(self, state: &State) -> ImageResult<Delivered> {
        let Self { request, work, now } = self;
        let tool = &request.tool;
        let subject = |number| work.subject(state, tool, &request.images, number);
        let more = work.settings.faults.contains(&Fault::Script(ScriptFault::TwoImages));
        let mut images = Vec::new();
        for number in 0..u64::from(request.n) + u64::from(more) {
            images.push(state.cache.base64(&subject(number))?);
        }
        let mut previews = Vec::new();
        if request.delivery == Delivery::Stream {
            for number in 0..work.settings.exact_previews.unwrap_or(tool.partial_images) {
                let preview = Subject { preview: Some(number), ..subject(0) };
                previews.push(state.cache.base64(&preview)?);
            }
        }
        state.stats.generated(images.len());
        let delay = work.settings.delay;
        let answer = Answer { request, created_at: now, seed: work.seed, images, previews, delay };
        Ok(delivery::deliver(&answer, &work.settings))
    }
}
