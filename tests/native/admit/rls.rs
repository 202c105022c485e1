//! Rules that a rate-limit service counts: whole exchanges with scripted verdicts, without Envoy.

use std::rc::Rc;
use std::time::Duration;

use crate::support::money::{Counters, all_calls, get, header, picture, record, rule};
use crate::support::{NOW, body, config, head};
use imagegate::exchange::{
    Consult, End, Exchange, Gate, LocalReply, OnAnswer, OnRequestBody, OnRequestHeaders, OnVerdict,
    SideBatch, Vm,
};
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

/// A `RateLimitRequest`, read by another hand than the one that wrote it.
#[derive(Clone, PartialEq, Message)]
struct Asked {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(message, repeated, tag = "2")]
    descriptors: Vec<Descriptor>,
    #[prost(uint32, tag = "3")]
    hits_addend: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Descriptor {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
    #[prost(message, optional, tag = "3")]
    hits_addend: Option<u64>,
    #[prost(bool, tag = "4")]
    is_negative_hits: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `overall_code: OK`, and nothing else.
const OK: &[u8] = &[8, 1];
const OVER_LIMIT: &[u8] = &[8, 2];

fn asked(message: &[u8]) -> Asked {
    Asked::decode(message).unwrap()
}

/// OVER_LIMIT or OK with a status: 10,000 hits in all, so many left, 35 s to go.
fn told(code: u8, remaining: u8) -> Vec<u8> {
    vec![8, code, 18, 11, 18, 3, 8, 0x90, 0x4e, 24, remaining, 34, 2, 8, 35]
}

struct Setup {
    gate: Rc<Gate>,
    vm: Rc<Vm>,
}

impl Setup {
    fn new(engine: &Value, limits: &Value) -> Self {
        let more =
            json!({"prices": [{"model": "*", "usd": "0.211"}], "limits": limits, "engine": engine});
        let vm = Rc::<Vm>::default();
        let gate = Gate::new(config(&more), Rc::clone(&vm), Box::<Counters>::default());
        Self { gate: Rc::new(gate), vm }
    }

    /// Sends a whole request.
    fn send(&self, exchange: &mut Exchange, request: &Value) -> OnRequestBody {
        match exchange.request_headers(&head(&[]), End::Open, NOW) {
            OnRequestHeaders::Hold => {}
            other => panic!("{other:?}"),
        }
        exchange.request_body(request.to_string().as_bytes(), End::Stream, NOW)
    }

    /// Sends a request that the service is asked about; its questions have the tokens 100, 101, ….
    fn consult(&self, request: &Value) -> (Exchange, Consult) {
        let mut exchange = Exchange::new(Rc::clone(&self.gate));
        let consult = match self.send(&mut exchange, request) {
            OnRequestBody::Consult(consult) => consult,
            other => panic!("{other:?}"),
        };
        (100..).zip(&consult.questions).for_each(|(it, _)| exchange.question_started(Some(it)));
        (exchange, consult)
    }

    fn releases(&self) -> Vec<Asked> {
        let releases = self.vm.take_settlements(usize::MAX);
        releases.iter().map(|it| asked(&it.message)).collect()
    }

    /// What of `concurrent`, which is counted locally, is used and held.
    fn in_flight(&self) -> [Value; 2] {
        let list = body(&get(&self.gate, &[], NOW));
        let entry = list["data"].as_array().unwrap().iter().find(|it| it["unit"] == "concurrent");
        ["used", "reserved"].map(|field| entry.unwrap()[field].clone())
    }
}

/// A service that takes hits back, so that all rules are asked at once, with `more` laid over it.
fn engine(more: &Value) -> Value {
    let mut engine = json!({"kind": "rls", "releases": "negative_hits"});
    for (key, value) in more.as_object().unwrap() {
        engine[key] = value.clone();
    }
    engine
}

fn four_rules() -> Value {
    json!([
        rule("rpm", "requests", json!(60), Some("1m")),
        rule("images", "images", json!(10), Some("day")),
        rule("in-flight", "concurrent", json!(4), None),
        rule("budget", "usd", json!("1.00"), Some("month")),
    ])
}

fn resumed(verdict: OnVerdict) -> Option<SideBatch> {
    match verdict {
        OnVerdict::Resume(side_calls) => side_calls,
        other => panic!("{other:?}"),
    }
}

fn refused(verdict: OnVerdict) -> LocalReply {
    match verdict {
        OnVerdict::Reply(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn error(reply: &LocalReply) -> (u16, String, String) {
    let error = &body(reply)["error"];
    let text = |name: &str| error[name].as_str().unwrap().to_owned();
    (reply.status, text("code"), text("message"))
}

#[test]
fn each_rule_of_the_service_is_one_question_and_requests_in_flight_are_counted_here() {
    let setup = Setup::new(&engine(&json!({"domain": "fleet"})), &four_rules());
    let (_, consult) = setup.consult(&json!({"prompt": "p", "n": 2}));
    assert_eq!(consult.questions[0].cluster, "ratelimit");
    assert_eq!(consult.questions[0].timeout, Duration::from_millis(50));
    let asked: Vec<_> = consult.questions.iter().map(|it| asked(&it.message)).collect();
    let hits: Vec<_> = asked
        .iter()
        .map(|it| (it.descriptors[0].entries[0].value.as_str(), it.hits_addend))
        .collect();
    assert_eq!(hits, [("rpm", 1), ("images", 2), ("budget", 4_220)]);
    assert!(
        asked.iter().all(|it| it.domain == "fleet" && it.descriptors[0].entries[1].key == "user")
    );
    assert_eq!(setup.in_flight(), [json!(0), json!(1)]);
}

#[test]
fn a_request_goes_on_when_the_last_question_is_answered_and_its_side_calls_with_it() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let (mut exchange, consult) = setup.consult(&json!({"prompt": "p", "n": 3}));
    assert!(consult.forward.side_calls.is_none());
    for token in [102, 100] {
        exchange.question_answered(token, Some(OK));
        assert!(matches!(exchange.verdict(NOW), OnVerdict::Hold), "{token}");
    }
    // A second answer, and one that nobody asked for, change nothing.
    exchange.question_answered(100, Some(OVER_LIMIT));
    exchange.question_answered(7, Some(OVER_LIMIT));
    exchange.question_answered(101, Some(OK));
    let batch = resumed(exchange.verdict(NOW)).unwrap();
    assert_eq!((batch.calls.count, batch.body == consult.forward.body), (2, true));
    assert!(matches!(exchange.verdict(NOW), OnVerdict::Pass));
    (0..2).for_each(|call| exchange.side_call_started(Some(call)));
    let reply = all_calls(&mut exchange, 3, &picture("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    let record = record(&mut exchange, Some(200));
    assert_eq!(record["reserved_nanodollars"], 633_000_000);
    assert_eq!(record["settled_nanodollars"], 633_000_000);
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn the_rule_that_refuses_is_named_with_what_is_left_and_when_to_come_again() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    exchange.question_answered(100, Some(&told(2, 0)));
    exchange.question_answered(101, Some(OK));
    exchange.question_answered(102, Some(OK));
    let reply = refused(exchange.verdict(NOW));
    let (status, code, message) = error(&reply);
    assert_eq!((status, code.as_str()), (429, "rate_limit_exceeded"));
    assert!(message.contains("'rpm'") && message.contains(" 0 left"), "{message}");
    assert_eq!(header(&reply, "retry-after"), Some("35"));
    assert_eq!(header(&reply, "x-ratelimit-remaining-requests"), Some("0"));
    let record = record(&mut exchange, Some(429));
    assert_eq!((&record["rule"], &record["reserved_nanodollars"]), (&json!("rpm"), &json!(0)));
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn a_budget_of_the_service_is_a_quota_and_one_that_tells_nothing_is_told_so() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    exchange.question_answered(100, Some(OK));
    exchange.question_answered(101, Some(OK));
    exchange.question_answered(102, Some(OVER_LIMIT));
    let reply = refused(exchange.verdict(NOW));
    let (status, code, message) = error(&reply);
    assert_eq!((status, code.as_str()), (429, "insufficient_quota"));
    assert!(message.contains("'budget'") && message.contains("too few are left"), "{message}");
    assert_eq!(header(&reply, "x-should-retry"), Some("false"));
    assert_eq!(header(&reply, "x-ratelimit-remaining-usd"), None);
}

#[test]
fn a_local_rule_that_refuses_asks_nobody() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let open: Vec<_> = (0..4).map(|_| setup.consult(&json!({"prompt": "p"}))).collect();
    let mut fifth = Exchange::new(Rc::clone(&setup.gate));
    match setup.send(&mut fifth, &json!({"prompt": "p"})) {
        OnRequestBody::Reply(reply) => assert_eq!(reply.status, 429),
        other => panic!("{other:?}"),
    }
    drop(open);
}

/// The next question of an exchange that asks one by one, by its rule; its token is `token`.
fn next(exchange: &mut Exchange, token: u32) -> String {
    match exchange.verdict(NOW) {
        OnVerdict::Ask(question) => {
            exchange.question_started(Some(token));
            asked(&question.message).descriptors[0].entries[0].value.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_service_that_takes_nothing_back_is_asked_rule_by_rule_and_for_money_last() {
    let mut limits = four_rules();
    limits.as_array_mut().unwrap().reverse();
    let setup = Setup::new(&engine(&json!({"releases": "never"})), &limits);
    let one_by_one = || {
        let (mut exchange, consult) = setup.consult(&json!({"prompt": "p"}));
        assert_eq!(consult.questions.len(), 1);
        assert_eq!(asked(&consult.questions[0].message).descriptors[0].entries[0].value, "rpm");
        assert!(matches!(exchange.verdict(NOW), OnVerdict::Hold));
        exchange.question_answered(100, Some(OK));
        assert_eq!(next(&mut exchange, 101), "images");
        exchange
    };
    // Refused by a rate: the budget is never asked.
    let mut exchange = one_by_one();
    exchange.question_answered(101, Some(OVER_LIMIT));
    assert_eq!(error(&refused(exchange.verdict(NOW))).1, "rate_limit_exceeded");
    assert_eq!(setup.releases().len(), 0);
    // All admit.
    let mut exchange = one_by_one();
    exchange.question_answered(101, Some(OK));
    assert_eq!(next(&mut exchange, 102), "budget");
    exchange.question_answered(102, Some(OK));
    assert!(resumed(exchange.verdict(NOW)).is_none());
    // The host refuses to ask in the middle.
    let mut exchange = one_by_one();
    exchange.question_answered(101, Some(OK));
    assert!(matches!(exchange.verdict(NOW), OnVerdict::Ask(_)));
    exchange.question_started(None);
    assert_eq!(refused(exchange.verdict(NOW)).status, 503);
    // The client leaves in the middle, and so does who is not answered.
    drop(one_by_one().finish(None, NOW));
    let mut exchange = one_by_one();
    assert!(matches!(exchange.tick(NOW + Duration::from_millis(1_149)), OnAnswer::Hold));
    assert!(matches!(exchange.tick(NOW + Duration::from_millis(1_150)), OnAnswer::Reply(_)));
}

#[test]
fn a_service_that_is_silent_is_what_on_error_says_rule_by_rule() {
    let mut limits = four_rules();
    limits[1]["on_error"] = json!("allow");
    let setup = Setup::new(&engine(&json!({})), &limits);
    for failed in [100, 101, 102] {
        let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
        for token in [100, 101, 102] {
            exchange.question_answered(token, (token != failed).then_some(OK));
        }
        if failed == 101 {
            assert!(resumed(exchange.verdict(NOW)).is_none());
            exchange.finish(None, NOW).unwrap();
            continue;
        }
        let reply = refused(exchange.verdict(NOW));
        assert_eq!(reply.status, 503);
        assert_eq!(error(&reply).1, "limits_unavailable");
    }
    let setup = Setup::new(&engine(&json!({"on_error": "allow"})), &four_rules());
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    (100..103).for_each(|token| exchange.question_answered(token, None));
    assert!(resumed(exchange.verdict(NOW)).is_none());
    let reply = all_calls(&mut exchange, 1, &picture("low", "1024x1024"));
    assert_eq!(reply.status, 200);
    assert_eq!(record(&mut exchange, Some(200))["unavailable_rules"], "rpm,images,budget");
}

#[test]
fn a_question_that_the_host_refuses_and_one_that_is_answered_with_garbage_have_no_answer() {
    let setup =
        Setup::new(&engine(&json!({})), &json!([rule("rpm", "requests", json!(1), Some("1m"))]));
    let mut exchange = Exchange::new(Rc::clone(&setup.gate));
    assert!(matches!(
        setup.send(&mut exchange, &json!({"prompt": "p"})),
        OnRequestBody::Consult(_)
    ));
    exchange.question_started(None);
    assert_eq!(refused(exchange.verdict(NOW)).status, 503);
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    exchange.question_answered(100, Some(b"<html>"));
    assert_eq!(refused(exchange.verdict(NOW)).status, 503);
}

#[test]
fn a_question_that_the_host_forgets_is_not_waited_for() {
    let setup = Setup::new(&engine(&json!({"on_error": "allow"})), &four_rules());
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    assert!(matches!(exchange.tick(NOW + Duration::from_millis(1_149)), OnAnswer::Hold));
    match exchange.tick(NOW + Duration::from_millis(1_150)) {
        OnAnswer::Reply(reply) => assert_eq!(reply.status, 503),
        other => panic!("{other:?}"),
    }
    exchange.question_answered(100, Some(OK));
    assert!(matches!(exchange.verdict(NOW), OnVerdict::Pass));
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn a_shadow_rule_of_the_service_admits_and_is_recorded() {
    let mut limits = four_rules();
    limits[0]["shadow"] = json!(true);
    limits[1]["shadow"] = json!(true);
    let setup = Setup::new(&engine(&json!({})), &limits);
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    exchange.question_answered(100, Some(OVER_LIMIT));
    exchange.question_answered(101, None);
    exchange.question_answered(102, Some(OK));
    assert!(resumed(exchange.verdict(NOW)).is_none());
    let record = record(&mut exchange, None);
    assert_eq!(
        (&record["shadow_rules"], &record["unavailable_rules"]),
        (&json!("rpm"), &json!("images"))
    );
}

fn released(setup: &Setup) -> Vec<(String, u32)> {
    let releases = setup.releases();
    assert!(releases.iter().all(|it| it.descriptors[0].is_negative_hits));
    releases
        .into_iter()
        .map(|it| (it.descriptors[0].entries[0].value.clone(), it.hits_addend))
        .collect()
}

#[test]
fn what_was_not_delivered_is_given_back_where_the_service_takes_it() {
    let setup = Setup::new(&engine(&json!({"releases": "negative_hits"})), &four_rules());
    let admitted = || {
        let (mut exchange, _) = setup.consult(&json!({"prompt": "p", "n": 3}));
        (100..103).for_each(|token| exchange.question_answered(token, Some(OK)));
        resumed(exchange.verdict(NOW)).unwrap();
        (0..2).for_each(|call| exchange.side_call_started(Some(call)));
        exchange
    };
    let pair = |name: &str, hits| (name.to_owned(), hits);
    // The client leaves: a request counts, images and money do not.
    drop(admitted().finish(None, NOW));
    assert_eq!(released(&setup), [pair("images", 3), pair("budget", 6_330)]);
    // All is delivered.
    let mut exchange = admitted();
    all_calls(&mut exchange, 3, &picture("low", "1024x1024"));
    exchange.finish(Some(200), NOW).unwrap();
    assert_eq!(released(&setup), []);
    // A rule refuses: what the others, and it itself, have counted is given back.
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    exchange.question_answered(100, Some(OK));
    exchange.question_answered(101, Some(OVER_LIMIT));
    exchange.question_answered(102, None);
    refused(exchange.verdict(NOW));
    exchange.finish(Some(429), NOW).unwrap();
    assert_eq!(released(&setup), [pair("rpm", 1), pair("images", 1)]);
    // The client leaves while the service is asked: what is known to be counted.
    let (mut exchange, _) = setup.consult(&json!({"prompt": "p"}));
    exchange.question_answered(102, Some(OK));
    assert_eq!(record(&mut exchange, None)["code"], "client_closed_request");
    assert_eq!(released(&setup), [pair("budget", 2_110)]);
    assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
}

#[test]
fn what_only_the_service_knows_is_null_in_the_list_of_limits() {
    let setup = Setup::new(&engine(&json!({})), &four_rules());
    let list = body(&get(&setup.gate, &[], NOW));
    let entry = |name: &str| {
        list["data"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!(entry("budget")["max"], "1");
    for field in ["used", "reserved", "remaining", "resets_at"] {
        assert_eq!(entry("budget")[field], Value::Null, "{field}");
    }
    assert_eq!(entry("in-flight")["remaining"], 4);
}

#[derive(Debug, Clone)]
enum Step {
    Start(bool),
    Answer(u32, u8),
    Verdict,
    Tick(u64),
    Head,
    Body(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<bool>().prop_map(Step::Start),
        (100..104_u32, 0..4_u8).prop_map(|(token, answer)| Step::Answer(token, answer)),
        (100..104_u32, 0..4_u8).prop_map(|(token, answer)| Step::Answer(token, answer)),
        Just(Step::Verdict),
        (0..2_000_u64).prop_map(Step::Tick),
        Just(Step::Head),
        any::<bool>().prop_map(Step::Body),
    ];
    prop::collection::vec(step, 0..24)
}

proptest! {
    /// Whatever the order of callbacks: one answer at most, and nothing is held, counted twice or given
    /// back twice when it is over.
    #[test]
    fn every_order_of_callbacks_ends_with_nothing_held(
        steps in steps(),
        releases in prop_oneof![Just("never"), Just("negative_hits")],
    ) {
        let setup = Setup::new(&engine(&json!({"releases": releases})), &four_rules());
        let mut exchange = Exchange::new(Rc::clone(&setup.gate));
        let sent = setup.send(&mut exchange, &json!({"prompt": "p"}));
        prop_assert!(matches!(sent, OnRequestBody::Consult(_)));
        let (mut token, mut replies, mut resumes) = (100, 0, 0);
        for step in steps {
            match step {
                Step::Start(starts) => {
                    exchange.question_started(starts.then_some(token));
                    token += 1;
                }
                Step::Answer(token, 0) => exchange.question_answered(token, None),
                Step::Answer(token, 1) => exchange.question_answered(token, Some(OVER_LIMIT)),
                Step::Answer(token, _) => exchange.question_answered(token, Some(OK)),
                Step::Verdict => match exchange.verdict(NOW) {
                    OnVerdict::Reply(_) => replies += 1,
                    OnVerdict::Resume(_) => resumes += 1,
                    OnVerdict::Ask(_) => exchange.question_started(Some(token)),
                    OnVerdict::Hold | OnVerdict::Pass => {}
                },
                Step::Tick(millis) => {
                    if let OnAnswer::Reply(_) = exchange.tick(NOW + Duration::from_millis(millis)) {
                        replies += 1;
                    }
                }
                Step::Head => drop(exchange.response_headers(crate::support::ok(), End::Open, NOW)),
                Step::Body(whole) => {
                    let bytes = if whole { picture("low", "1024x1024") } else { Vec::new() };
                    let end = if whole { End::Stream } else { End::Open };
                    if let OnAnswer::Reply(_) = crate::support::collect(&mut exchange, bytes, end, NOW) {
                        replies += 1;
                    }
                }
            }
            prop_assert!(replies <= 1 && resumes <= 1);
        }
        exchange.finish(None, NOW).unwrap();
        prop_assert_eq!(setup.in_flight(), [json!(0), json!(0)]);
        let mut names: Vec<_> = released(&setup).into_iter().map(|(name, _)| name).collect();
        let all = names.len();
        names.dedup();
        prop_assert_eq!(names.len(), all, "given back twice");
        prop_assert!(exchange.finish(None, NOW).is_some());
        prop_assert!(setup.releases().is_empty());
    }
}
