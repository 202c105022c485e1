//! The request of a call: whose it is, and what of its head goes on to the upstream.

use std::rc::Rc;

use crate::exchange::{
    CALL_HEADER, DETAILS_HEADER, Forward, Headers, LocalReply, TIMEOUT_HEADER, UPSTREAM_HEADER,
};

/// The addresses of internal listeners begin with this. No address of a socket does.
const INTERNAL_ADDRESS: &[u8] = b"envoy://";

/// Why a call without the secret is refused, as `%RESPONSE_CODE_DETAILS%` says.
pub const WITHOUT_SECRET: &str = "loopback_without_the_secret";

/// What becomes of a request on the loopback listener.
#[derive(Debug)]
pub enum OnCarriedRequest {
    /// It goes upstream with this head, by a route that matches the upstream's name. Its body is
    /// left alone.
    Forward {
        /// The upstream, and the head.
        forward: Forward,
        /// The exchange is in this VM.
        is_carried: bool,
    },
    /// Answer.
    Reply(LocalReply),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its connection comes from outside this Envoy: the listener is no internal one.
    FromOutside,
    /// It does not come from the filter: it has not the secret of this Envoy's filters.
    NotOurs,
    /// It names no upstream.
    NotACall,
}

/// A call, as its head names it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) forward: Forward,
    pub(super) id: Option<CallId>,
}

/// Which call it is.
#[derive(Debug)]
pub(super) struct CallId {
    /// The VM of the exchange.
    pub(super) vm: u64,
    /// The host's number of the client's stream.
    pub(super) stream: u32,
    pub(super) link: u32,
}

impl Call {
    /// Reads the head of a request that arrived at `address`, in an Envoy whose filters have
    /// `secret` in common.
    pub(super) fn read(
        headers: &Headers,
        address: Option<&[u8]>,
        secret: Option<&[u8]>,
    ) -> Result<Self, Refusal> {
        if !address.is_some_and(|it| it.starts_with(INTERNAL_ADDRESS)) {
            return Err(Refusal::FromOutside);
        }
        let value = |name: &str| {
            let (_, value) = headers.iter().find(|(it, _)| it == name)?;
            std::str::from_utf8(value).ok()
        };
        let (id, word) = value(CALL_HEADER).and_then(|it| it.rsplit_once('.')).unwrap_or_default();
        if !secret.is_some_and(|secret| !secret.is_empty() && secret == word.as_bytes()) {
            return Err(Refusal::NotOurs);
        }
        let upstream = value(UPSTREAM_HEADER).ok_or(Refusal::NotACall)?.to_owned();
        let id = CallId::read(id);
        let mut forwarded: Vec<_> =
            headers.iter().filter(|(name, _)| !is_of_envoy(name)).cloned().collect();
        if let Some(timeout) = value(TIMEOUT_HEADER) {
            forwarded.push(("x-envoy-upstream-rq-timeout-ms".to_owned(), timeout.into()));
        }
        let forward = Forward { upstream, headers: forwarded, body: Rc::default() };
        Ok(Self { forward, id })
    }
}

impl CallId {
    fn read(text: &str) -> Option<Self> {
        let (vm, rest) = text.split_once('.')?;
        let (stream, link) = rest.split_once('.')?;
        let number = |text: &str| text.parse().ok();
        Some(Self { vm: vm.parse().ok()?, stream: number(stream)?, link: number(link)? })
    }
}

impl Refusal {
    /// The reply to the request.
    pub(super) fn reply(self) -> LocalReply {
        let (status, code) = match self {
            Self::FromOutside => (403, "loopback_from_outside"),
            Self::NotOurs => (403, WITHOUT_SECRET),
            Self::NotACall => (404, "loopback_without_a_call"),
        };
        // The exchange reports it as a route that is missing, for the operator has to correct it.
        let report = (DETAILS_HEADER, "route_not_found".to_owned());
        LocalReply { status, headers: vec![report], body: Vec::new(), code }
    }
}

/// Whether the header is between this filter and Envoy. `x-forwarded-proto` is, too, but Envoy
/// finds no route without it: the route removes it.
fn is_of_envoy(name: &str) -> bool {
    name.starts_with("x-imagegate-")
        || name.starts_with("x-envoy-")
        || name.starts_with("x-forwarded-") && name != "x-forwarded-proto"
}
