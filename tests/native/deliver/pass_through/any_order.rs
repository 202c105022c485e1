//! Answers that pass through, for any cut, any end, and callbacks in any order.

use std::time::Duration;

use super::{THREE, answered, body, outcome};
use crate::support::NOW;
use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::money::totals;
use crate::support::providers::{images, json_head, provider};
use imagegate::exchange::End;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Runs an answer in these pieces. Returns what the client got, the record, and the totals of the
/// rules.
fn run(answer: &[u8], cuts: &[usize], n: u32) -> (Client, Value, Vec<(String, String)>) {
    let (gate, budget) =
        provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
    let mut driver = answered(&gate, n);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut % (answer.len() + 1)).collect();
    cuts.sort_unstable();
    let mut at = 0;
    for cut in cuts.into_iter().chain([answer.len()]) {
        driver.upstream_bytes(&answer[at..cut]);
        at = cut;
    }
    driver.upstream_end();
    let record = driver.close(Some(200));
    let client = driver.client.clone();
    drop(driver);
    assert_eq!(budget.used(), 0);
    (client, record, totals(&gate, NOW))
}

#[derive(Debug, Clone)]
enum Step {
    Head(u16),
    Body(usize, bool),
    Junk(&'static [u8]),
    Trailers,
    Tick(u64),
    Log(Option<u16>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop::sample::select(vec![200_u16, 204, 400, 500]).prop_map(Step::Head),
        8 => (1_usize..120, any::<bool>())
            .prop_map(|(len, last)| Step::Body(len, last && len > 100)),
        2 => prop::sample::select(vec![&b"}"[..], b"]}", b"\"", b"\xff", b" ", b"{\"error\":{}}"])
            .prop_map(Step::Junk),
        1 => Just(Step::Trailers),
        1 => prop::sample::select(vec![0_u64, 1, 61]).prop_map(Step::Tick),
        1 => prop::sample::select(vec![None, Some(200), Some(502)]).prop_map(Step::Log),
    ]
}

proptest! {
    /// For every cut of an answer, the same bytes reach the client, and the same is charged and
    /// recorded.
    #[test]
    fn any_cut_gives_the_same_bytes_and_the_same_settlement(
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        count in 1_usize..=3,
        n in 1_u32..=3,
        space in prop::sample::select(vec!["", " \n"]),
    ) {
        let answer = [space, &images(&THREE[..count]).to_string(), space].concat().into_bytes();
        let (client, record, totals) = run(&answer, &cuts, n);
        let (at_once, whole, charged) = run(&answer, &[], n);
        prop_assert!(at_once.body == answer && !client.reset);
        // An answer that is complete while the head is held does not wait for white space after it.
        let end = if client.at_once { answer.trim_ascii_end().len() } else { answer.len() };
        prop_assert!(answer.starts_with(&client.body) && client.body.len() >= end, "{client:?}");
        prop_assert_eq!(&record["bytes_out"], &json!(client.body.len()));
        prop_assert_eq!(outcome(&record), outcome(&whole));
        let count = u32::try_from(count).unwrap();
        prop_assert_eq!(outcome(&record).3, u64::from(count.min(n)));
        prop_assert_eq!(totals, charged);
        for name in ["input_tokens", "output_tokens", "size", "quality"] {
            prop_assert_eq!(&record[name], &whole[name], "{}", name);
        }
    }

    /// An answer that ends before its last bracket never looks complete if an image in it is not,
    /// and costs the images that are complete.
    #[test]
    fn any_end_before_the_last_bracket_costs_the_images_that_are_complete(
        cuts in prop::collection::vec(any::<usize>(), 0..6),
        end in any::<usize>(),
    ) {
        let whole = images(&THREE).to_string().into_bytes();
        let half = &whole[..end % whole.len()];
        let (client, record, totals) = run(half, &cuts, 3);
        let whole = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            THREE.iter().filter(|it| text.contains(&format!("{it}\""))).count()
        };
        let delivered = whole(&client.body);
        let code = match client.reset || client.status == 502 {
            true => json!("upstream_disconnected"),
            false => {
                let body = client.json();
                let data = body["data"].as_array().unwrap().iter();
                let images: Vec<_> = data.map(|it| it["b64_json"].as_str().unwrap()).collect();
                prop_assert_eq!(&images, &THREE[..images.len()]);
                prop_assert_eq!(images.len(), whole(half));
                Value::Null
            }
        };
        prop_assert!(client.status != 502 || whole(half) == 0);
        let charged = u64::try_from(delivered).unwrap();
        prop_assert_eq!(outcome(&record), (charged, 3 - charged, 0, charged, code));
        prop_assert_eq!(&totals[1].0, &charged.to_string());
    }

    #[test]
    fn callbacks_in_any_order_get_one_head_at_most_and_settle_once(
        steps in prop::collection::vec(step(), 0..40),
        ordered in any::<bool>(),
    ) {
        let limits = crate::support::money::every_unit();
        let (gate, budget) = provider(&json!({}), &json!({ "limits": limits }));
        let answer = images(&THREE).to_string().into_bytes();
        let mut driver = Driver::admitted(&gate, &body(3));
        let mut at = 0;
        let start = ordered.then_some(Step::Head(200));
        for step in start.into_iter().chain(steps) {
            match step {
                Step::Head(status) => _ = driver.upstream_head(json_head(status)),
                Step::Body(len, last) => {
                    let to = (at + len).min(answer.len());
                    let end = if last { End::Stream } else { End::Open };
                    driver.response_body(&answer[at..to], end);
                    at = to;
                }
                Step::Junk(bytes) => _ = driver.upstream_bytes(bytes),
                Step::Trailers => _ = driver.upstream_trailers(),
                Step::Tick(secs) => _ = driver.tick(driver.now + Duration::from_secs(secs)),
                Step::Log(status) => _ = driver.log(status),
            }
        }
        driver.close(None);
        let totals = totals(&gate, driver.now);
        prop_assert!(totals.iter().all(|(_, reserved)| reserved == "0"), "{:?}", totals);
        prop_assert_eq!(&totals[0].0, "1");
        prop_assert!(totals[1].0.parse::<u32>().unwrap() <= 3);
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }
}
