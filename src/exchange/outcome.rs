//! What a callback may answer: each enum holds exactly what Envoy allows at that point.

use std::rc::Rc;

use crate::openai::error::Failure;

/// Whether a callback is the last of its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// More may come.
    Open,
    /// Nothing more comes.
    Stream,
}

/// The code of an exchange that ended without an error.
pub(crate) const OK: &str = "ok";

/// A response made by the filter.
#[derive(Debug)]
pub struct LocalReply {
    /// The status code.
    pub status: u16,
    /// Headers beside `content-length`, which Envoy sets.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The code of the error. `ok` if there is none.
    pub code: &'static str,
}

/// The outcome of the request's head.
#[derive(Debug)]
pub enum OnRequestHeaders {
    /// Not ours: forward it without these headers, which no client may send.
    Pass {
        /// Names of headers to remove, each once.
        strip: Vec<String>,
    },
    /// Hold the head and let the body come.
    Hold,
    /// Answer.
    Reply(LocalReply),
}

/// The outcome of a part of the request's body, or of its end.
#[derive(Debug)]
pub enum OnRequestBody {
    /// Not ours.
    Pass,
    /// Not complete yet. The bytes that came are taken.
    Hold,
    /// Send this upstream in place of what the client sent.
    Forward(Forward),
    /// Put this in the place of what the client sent, and hold it: the rate-limit service is asked.
    Check(Forward),
    /// Answer.
    Reply(LocalReply),
}

/// The outcome of the response's head.
#[derive(Debug)]
pub enum OnResponseHeaders {
    /// Not ours, or our own reply on its way.
    Pass,
    /// Hold the head until the outcome is known.
    Hold,
    /// Answer in its place.
    Reply(LocalReply),
    /// Our own reply, which Envoy has turned into one of gRPC: give it back its status, without the
    /// fields of gRPC. Envoy leaves it no body.
    Restore(u16),
}

/// What a callback does with the bytes of the response in Envoy's buffer before it hands them over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyAccess {
    /// It leaves them alone: they are not the exchange's.
    None,
    /// It takes them out of the buffer.
    Drain,
    /// It copies them. They stay in the buffer.
    Peek,
}

/// The outcome of a part of the response's body.
#[derive(Debug)]
pub enum OnResponseBody {
    /// Let it go on as it is: it is not ours, or our own reply, or an answer that passes through.
    Pass,
    /// The outcome is open. The bytes that came are taken, and the head stays held.
    Hold,
    /// Answer, while the head is held.
    Reply(LocalReply),
    /// Let the held head go, in this form.
    Open(Open),
    /// Send this in the place of the bytes that came, or before them if they stayed in the buffer.
    /// The head has left.
    Send(Vec<u8>),
    /// Put this in the place of the bytes that came, which stayed in the buffer. The head has left.
    Replace(Vec<u8>),
    /// Break off: the head has left, and what should follow it does not come. The code is that of
    /// the error.
    Reset(&'static str),
}

/// The outcome of the end of a response that has trailers.
#[derive(Debug)]
pub enum OnResponseEnd {
    /// Not ours, our own reply on its way, or everything is sent.
    Pass,
    /// The outcome is open. The head stays held.
    Hold,
    /// Answer, while the head is held.
    Reply(LocalReply),
    /// Break off: the head has left, and no body can be put before trailers. The code is that of
    /// the error.
    Reset(&'static str),
}

/// The outcome of the end of a side call, and of a tick of the clock.
#[derive(Debug)]
pub enum OnAnswer {
    /// Not ours, or our own reply on its way.
    Pass,
    /// The outcome is open, or the next bytes of the response carry it.
    Hold,
    /// Answer, while the head is held.
    Reply(LocalReply),
}

/// The head of a response that goes on, and its first bytes.
#[derive(Debug)]
pub struct Open {
    /// The status code.
    pub status: u16,
    /// All other headers, in place of the upstream's.
    pub headers: Vec<(&'static str, String)>,
    /// The names of headers that stay: Envoy's routes have added theirs to the upstream's.
    pub keep: Rc<[String]>,
    /// The first part of the body: no longer than the chunk that came, or a few KiB.
    pub body: Vec<u8>,
}

/// What goes upstream on the client's own stream.
#[derive(Debug)]
pub struct Forward {
    /// The upstream by its name: the value of the filter state that Envoy's routes match. It is set
    /// before the headers, whose change has Envoy choose the route again.
    pub upstream: String,
    /// All headers of the request, in place of the client's.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Rc<Vec<u8>>,
}

impl Open {
    /// The whole head, with what stays of `held`, the head that Envoy holds.
    #[must_use]
    pub fn head(&self, held: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
        let own = |name: &str| self.headers.iter().any(|(it, _)| *it == name);
        let stays = |name: &String| self.keep.contains(name) && !own(name);
        let status = (":status".to_owned(), self.status.to_string().into_bytes());
        let headers = self.headers.iter().map(|(name, it)| ((*name).to_owned(), it.clone().into()));
        let kept = held.iter().filter(|(name, _)| stays(name)).cloned();
        std::iter::once(status).chain(headers).chain(kept).collect()
    }
}

impl LocalReply {
    /// The reply to a request that succeeded.
    pub(crate) fn ok(headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status: 200, headers, body, code: OK }
    }

    /// The reply that reports a failure.
    pub(crate) fn failure(failure: &Failure) -> Self {
        let error = failure.to_api();
        Self {
            status: error.status,
            headers: error.headers(),
            body: error.write(),
            code: error.code.unwrap_or_default(),
        }
    }

    /// The reply with one more header.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Open;

    fn head(keep: &[&str], own: &[(&'static str, &str)], held: &[(&str, &str)]) -> Vec<String> {
        let open = Open {
            status: 200,
            headers: own.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            keep: keep.iter().map(|name| (*name).to_owned()).collect(),
            body: Vec::new(),
        };
        let held: Vec<_> = held
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect();
        let line = |(name, value): (String, Vec<u8>)| {
            format!("{name}={}", String::from_utf8(value).unwrap())
        };
        open.head(&held).into_iter().map(line).collect()
    }

    #[test]
    fn only_headers_that_are_to_be_kept_stay_and_never_in_place_of_the_gates_own() {
        let own = [("content-type", "application/json"), ("cache-control", "no-store")];
        let held = [
            (":status", "201"),
            ("set-cookie", "a=b"),
            ("vary", "origin"),
            ("vary", "accept"),
            ("cache-control", "public"),
        ];
        let gates = [":status=200", "content-type=application/json", "cache-control=no-store"];
        assert_eq!(head(&[], &own, &held), gates);
        let kept = head(&["cache-control", "vary", "x-none"], &own, &held);
        assert_eq!(kept, [gates.as_slice(), &["vary=origin", "vary=accept"]].concat());
    }
}
