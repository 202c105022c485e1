//! A stream on the loopback listener: callbacks in, `Carrier` methods called, outcomes carried out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};

use super::http::end;
use super::{host, plugin};
use crate::exchange::BodyAccess;
use crate::loopback::{Carrier, OnCarried, OnCarriedRequest, WITHOUT_SECRET};

/// The open streams, by context.
#[derive(Debug, Clone, Default)]
pub(super) struct Carriers {
    open: Rc<RefCell<BTreeMap<u32, Weak<RefCell<Carrier>>>>>,
}

impl Carriers {
    pub(super) fn stream(&self, context_id: u32) -> CarrierStream {
        let carrier = Rc::new(RefCell::new(Carrier::default()));
        if let Ok(mut open) = self.open.try_borrow_mut() {
            open.insert(context_id, Rc::downgrade(&carrier));
        }
        CarrierStream { context_id, carrier, carriers: self.clone() }
    }

    /// Ends the calls that nobody wants any more.
    pub(super) fn tick(&self) {
        let Ok(open) = self.open.try_borrow() else { return };
        let open: Vec<_> = open.iter().filter_map(|(id, it)| Some((*id, it.upgrade()?))).collect();
        for (context_id, carrier) in open {
            let reply = carrier.try_borrow_mut().ok().and_then(|mut carrier| carrier.tick());
            if let Some(reply) = reply.filter(|_| host::enter_stream(context_id)) {
                host::reply(&reply);
            }
        }
    }
}

/// The context of a stream on the loopback listener.
#[derive(Debug)]
pub(super) struct CarrierStream {
    context_id: u32,
    carrier: Rc<RefCell<Carrier>>,
    carriers: Carriers,
}

impl CarrierStream {
    fn step(&self, step: impl FnOnce(&mut Carrier) -> OnCarried) -> Action {
        let outcome = self.carrier.try_borrow_mut().map(|mut carrier| step(&mut carrier));
        match outcome {
            Ok(OnCarried::Hold) => {
                plugin::record();
                Action::Pause
            }
            Ok(OnCarried::Reply(reply)) => {
                host::reply(&reply);
                plugin::record();
                Action::Pause
            }
            Ok(OnCarried::Report(details)) => {
                host::report_details(details.as_deref());
                Action::Continue
            }
            Ok(OnCarried::Pass) | Err(_) => Action::Continue,
        }
    }
}

impl HttpContext for CarrierStream {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let headers = host::request_headers();
        let address = host::local_address();
        let (address, secret) = (address.as_deref(), host::secret());
        let secret = secret.as_deref().map(str::as_bytes);
        let outcome = self.carrier.try_borrow_mut().map(|mut carrier| {
            carrier.request_headers(&headers, address, secret, &plugin::exchange_of)
        });
        match outcome {
            Ok(OnCarriedRequest::Forward { forward, is_carried }) => {
                if !is_carried {
                    plugin::note_other_vm();
                }
                host::set_upstream(&forward.upstream);
                host::replace_request_headers(&forward.headers);
                Action::Continue
            }
            Ok(OnCarriedRequest::Reply(reply)) => {
                if reply.code == WITHOUT_SECRET {
                    plugin::note_other_secret();
                }
                host::reply(&reply);
                Action::Pause
            }
            // No callback runs within another one, so this never happens. Nothing goes upstream.
            Err(_) => Action::Pause,
        }
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let now = host::now();
        let head = host::response_head(now);
        self.step(|carrier| carrier.response_headers(head, end(end_of_stream), now))
    }

    fn on_http_response_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        let access = self.carrier.try_borrow().map_or(BodyAccess::None, |it| it.body_access());
        let chunk = match access {
            BodyAccess::None => return Action::Continue,
            BodyAccess::Drain => host::take_body(BufferType::HttpResponseBody, body_size),
            BodyAccess::Peek => host::body(BufferType::HttpResponseBody, 0, body_size),
        };
        self.step(|carrier| carrier.response_body(chunk, end(end_of_stream), host::now()))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.step(|carrier| carrier.response_trailers(host::now()))
    }
}

impl Context for CarrierStream {}

impl Drop for CarrierStream {
    fn drop(&mut self) {
        if let Ok(mut open) = self.carriers.open.try_borrow_mut() {
            open.remove(&self.context_id);
        }
    }
}
