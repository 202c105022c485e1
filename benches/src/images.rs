//! Envoy's CPU time per image through the filter, over the same bytes without it.

use std::time::{Duration, Instant};

use super::cases::Image;
use super::client::Target;
use super::cpu::{Side, compare, quantile};
use super::envoy::Envoy;
use super::report::{Cpu, Detail, round};
use super::stream::Stream;
use super::upstream::Upstream;

/// Measures one image for this time.
pub(crate) fn measure(image: &Image, envoy: &Envoy, upstream: &Upstream, time: Duration) -> Cpu {
    let end = Instant::now() + time;
    let stream = Stream::new(image.variant, image.base64_bytes);
    upstream.answer_with(&stream);
    let mut filter = Side::connect(envoy, &Target::image(envoy.gate()), image.at_once);
    let mut plain = Side::connect(envoy, &Target::image(envoy.plain()), image.at_once);
    assert_eq!(plain.expected, stream.len(), "bytes were lost without the filter");
    assert!(contains(&filter.response(), stream.base64.as_bytes()), "the response lacks the image");
    let pairs = compare(&mut filter, &mut plain, end);
    let [low, middle, high] = pairs.ratio().map(round);
    let detail = Detail {
        pairs: pairs.len(),
        filter_us: round(quantile(&mut filter.cpu_us, 0.5)),
        plain_us: round(quantile(&mut plain.cpu_us, 0.5)),
        latency_ratio: round(
            quantile(&mut filter.seconds, 0.5) / quantile(&mut plain.seconds, 0.5),
        ),
    };
    Cpu {
        upstream: image.upstream,
        stream: image.variant,
        base64_bytes: image.base64_bytes,
        at_once: image.at_once,
        aim: image.aim,
        ratio: middle,
        ratio_quartiles: [low, high],
        detail: Some(detail),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let quoted = [b"\"", needle, b"\""].concat();
    haystack.windows(quoted.len()).any(|window| window == quoted)
}
