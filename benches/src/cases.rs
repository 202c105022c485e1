//! What `make bench` measures, as lists: images through the filter over the same bytes without it,
//! and requests without an image over the same requests elsewhere.

use super::stream::Variant;
use super::upstream::Protocol;

/// How many requests are under way at once.
pub(crate) const AT_ONCE: [usize; 3] = [1, 8, 32];
/// What Envoy speaks with the upstream, on both sides of a ratio.
const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];
/// The lengths of the base64, and the ratio to reach.
const IMAGES: [(usize, f64); 3] = [(6_000_000, 1.0), (1_500_000, 1.0), (SMALL_BYTES, 2.0)];
/// Images of this length show what a request costs besides its bytes.
pub(crate) const SMALL_BYTES: usize = 4_000;

/// An image that a client asks for, through the filter and without it.
#[derive(Clone, Copy)]
pub(crate) struct Image {
    pub(crate) upstream: Protocol,
    pub(crate) variant: Variant,
    pub(crate) base64_bytes: usize,
    pub(crate) at_once: usize,
    /// The ratio of Envoy's CPU time to reach.
    pub(crate) aim: f64,
}

/// Every image, over both protocols, in both orders of the bytes, at every number at once.
pub(crate) fn images() -> Vec<Image> {
    let mut images = Vec::new();
    for upstream in PROTOCOLS {
        for variant in [Variant::Preview, Variant::Repeated] {
            for (base64_bytes, aim) in IMAGES {
                for at_once in AT_ONCE {
                    images.push(Image { upstream, variant, base64_bytes, at_once, aim });
                }
            }
        }
    }
    images
}

/// What a client asks for, and from which listener.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A path that is not the filter's. The upstream answers.
    OtherPath(Through),
    /// An image, with a wrong key. Through the filter it is refused, else the upstream answers.
    WrongKey(Through),
    /// The same without a body.
    WrongKeyAlone(Through),
    /// As above, but the route answers 401 itself, with the same body.
    DirectlyRefused,
    /// An image of [`SMALL_BYTES`].
    Image(Through),
}

/// A listener. All are the same, but for the filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    /// imagegate.
    Filter,
    /// A filter that does nothing: `benches/empty`.
    Empty,
    /// No filter.
    Nothing,
}

/// A request that brings no image, and the one that it is compared with.
pub(crate) struct Request {
    /// Its name in docs/bench.json.
    pub(crate) case: &'static str,
    /// What the documentation calls it.
    pub(crate) title: &'static str,
    pub(crate) measured: Ask,
    pub(crate) over: Ask,
    /// The added microseconds of Envoy's CPU to reach.
    pub(crate) aim_us: Option<f64>,
}

/// Cases that the documentation names.
pub(crate) const NOT_OURS: &str = "not_ours";
/// As above.
pub(crate) const REFUSED: &str = "refused";
/// As above.
pub(crate) const REFUSED_WITH_BODY: &str = "refused_with_body";

/// Over HTTP/1.1. The last two say what a filter costs that does nothing.
pub(crate) const REQUESTS: [Request; 6] = [
    Request {
        case: NOT_OURS,
        title: "Another path than ours, over an empty filter",
        measured: Ask::OtherPath(Through::Filter),
        over: Ask::OtherPath(Through::Empty),
        aim_us: Some(15.0),
    },
    Request {
        case: REFUSED,
        title: "A wrong key (401), over the same request without a filter, which is proxied",
        measured: Ask::WrongKeyAlone(Through::Filter),
        over: Ask::WrongKeyAlone(Through::Nothing),
        aim_us: Some(40.0),
    },
    Request {
        case: REFUSED_WITH_BODY,
        title: "The same with a short body, which the answer waits for",
        measured: Ask::WrongKey(Through::Filter),
        over: Ask::WrongKey(Through::Nothing),
        aim_us: Some(40.0),
    },
    Request {
        case: "refused_over_direct",
        title: "A wrong key (401), over an empty filter and a route that answers 401",
        measured: Ask::WrongKeyAlone(Through::Filter),
        over: Ask::DirectlyRefused,
        aim_us: None,
    },
    Request {
        case: "empty_other",
        title: "An empty filter over none: another path",
        measured: Ask::OtherPath(Through::Empty),
        over: Ask::OtherPath(Through::Nothing),
        aim_us: None,
    },
    Request {
        case: "empty_image",
        title: "An empty filter over none: an image of 4 KB",
        measured: Ask::Image(Through::Empty),
        over: Ask::Image(Through::Nothing),
        aim_us: None,
    },
];

/// What the documentation calls a case of [`REQUESTS`].
pub(crate) fn title(case: &str) -> &str {
    REQUESTS.iter().find(|it| it.case == case).map_or(case, |it| it.title)
}
