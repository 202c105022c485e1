//! The upstream of all listeners: the same bytes over HTTP/1.1 and HTTP/2.

use imagegate_testkit::script::Step;
use imagegate_testkit::upstream::Upstream as Http1;
use serde::{Deserialize, Serialize};

use super::http2::Http2;
use super::stream::Stream;

/// What Envoy speaks with the upstream.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize, Serialize)]
pub(crate) enum Protocol {
    #[default]
    #[serde(rename = "HTTP/1.1")]
    Http1,
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// Two servers that give the same answer.
pub(crate) struct Upstream {
    http1: Http1,
    http2: Http2,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        Self { http1: Http1::forgetful(), http2: Http2::start() }
    }

    /// The port of the server that speaks this protocol.
    pub(crate) fn port(&self, protocol: Protocol) -> u16 {
        match protocol {
            Protocol::Http1 => self.http1.port(),
            Protocol::Http2 => self.http2.port(),
        }
    }

    /// Answers each request from now on with this stream.
    pub(crate) fn answer_with(&self, stream: &Stream) {
        self.http1.answer_with(stream.unhindered());
        self.http2.answer_with(Stream::MEDIA_TYPE, stream.bytes());
    }

    /// Answers each request from now on with this short JSON.
    pub(crate) fn answer_shortly(&self, json: &str) {
        let media_type = "application/json";
        let headers = vec![("content-type", media_type.to_owned())];
        self.http1.answer_with(vec![Step::Whole(200, headers, json.into())]);
        self.http2.answer_with(media_type, json.into());
    }

    /// Answers each request over HTTP/1.1 with these steps.
    pub(crate) fn play(&self, steps: Vec<Step>) {
        self.http1.answer_with(steps);
    }
}
