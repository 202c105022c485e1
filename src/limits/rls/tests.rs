//! Checks as a service reads them, and decisions as services write them.

use super::wire::{Header, Limit, Status};
use super::*;
use crate::limits::{OnError, Per};

const NOW: Duration = Duration::from_secs(1_767_225_600);

fn service(releases: Refunds) -> Service {
    Service {
        cluster: "ratelimit".to_owned(),
        domain: "imagegate".to_owned(),
        timeout: Duration::from_millis(50),
        releases,
    }
}

fn rule(per: Per, unit: Unit, window: Window) -> Rule {
    Rule {
        name: "a-rule".to_owned(),
        id: Rule::id_of("a-rule", per, unit, window),
        per,
        unit,
        max: 10,
        window,
        models: None,
        consumers: None,
        users: None,
        groups: None,
        shadow: false,
        engine: Engine::Rls(OnError::Deny),
    }
}

const SCOPE: Scope<'_> =
    Scope { consumer: "acme-web", user: "acme", model: "gpt-image-2", groups: &[] };

fn checks_of(rule: Rule, amount: u64) -> Vec<Check> {
    checks(&[rule], &SCOPE, &|_| amount, NOW)
}

fn decode(message: &[u8]) -> RateLimitRequest {
    RateLimitRequest::decode(message).unwrap()
}

const MINUTE: Window = Window::Sliding(Duration::from_secs(60));

#[test]
fn a_check_names_the_rule_and_the_scope_and_has_its_hits_twice() {
    for (per, scope) in [
        (Per::Key, Some(("key", "acme-web"))),
        (Per::User, Some(("user", "acme"))),
        (Per::Model, Some(("model", "gpt-image-2"))),
        (Per::Global, None),
    ] {
        let checks = checks_of(rule(per, Unit::Images, MINUTE), 3);
        let request = decode(&checks[0].message(&service(Refunds::Never)));
        let [descriptor] = request.descriptors.as_slice() else { panic!("one descriptor") };
        let entries: Vec<_> =
            descriptor.entries.iter().map(|it| (it.key.as_str(), it.value.as_str())).collect();
        assert_eq!(
            entries,
            [Some(("rule", "a-rule")), scope].into_iter().flatten().collect::<Vec<_>>()
        );
        assert_eq!((request.domain.as_str(), request.hits_addend), ("imagegate", 3));
        assert_eq!((descriptor.hits_addend, descriptor.is_negative_hits), (Some(3), false));
    }
}

#[test]
fn each_group_is_a_check_of_its_own() {
    let groups = ["design".to_owned(), "web".to_owned()];
    let scope = Scope { groups: &groups, ..SCOPE };
    let rules = [
        rule(Per::Group, Unit::Usd, MINUTE),
        Rule { groups: Some(vec!["web".to_owned()]), ..rule(Per::Group, Unit::Images, MINUTE) },
        Rule { groups: Some(vec!["web".to_owned()]), ..rule(Per::Key, Unit::Requests, MINUTE) },
        Rule { groups: Some(vec!["sales".to_owned()]), ..rule(Per::Key, Unit::Requests, MINUTE) },
    ];
    let found = |scope| {
        let checks = checks(&rules, &scope, &|_| 1, NOW).into_iter();
        checks.map(|it| (it.rule, it.scope)).collect::<Vec<_>>()
    };
    let group = |name: &str| Some(("group", name.to_owned()));
    let expected = [
        (2, Some(("key", "acme-web".to_owned()))),
        (1, group("web")),
        (0, group("design")),
        (0, group("web")),
    ];
    assert_eq!(found(scope), expected);
    assert_eq!(found(SCOPE), []);
}

#[test]
fn amounts_are_rounded_up_to_hits_of_their_unit() {
    for (unit, amount, expected) in [
        (Unit::Requests, 1, 1),
        (Unit::Images, 10, 10),
        (Unit::Megapixels, 1024 * 1024, 1_049),
        (Unit::Usd, 211_000_000, 2_110),
        (Unit::Usd, 1, 1),
        (Unit::Usd, 100_001, 2),
        (Unit::Usd, u64::MAX, u32::MAX),
    ] {
        assert_eq!(hits(unit, amount), expected, "{unit:?} {amount}");
    }
    assert_eq!(amount(Unit::Usd, 2_110), 211_000_000);
}

#[test]
fn the_largest_maximum_is_that_of_a_limit_of_32_bits() {
    for (unit, most) in [
        (Unit::Requests, 4_294_967_295),
        (Unit::Images, 4_294_967_295),
        (Unit::Megapixels, 4_294_967_295_000),
        (Unit::Usd, 429_496_729_500_000),
    ] {
        assert_eq!(fits(unit, most), Ok(()), "{unit:?}");
        assert!(fits(unit, most + 1).is_err(), "{unit:?}");
        assert_eq!(u64::from(hits(unit, most)), amount(Unit::Requests, MOST_HITS), "{unit:?}");
    }
}

#[test]
fn no_check_is_sent_for_an_amount_of_zero_or_a_local_rule() {
    assert!(checks_of(rule(Per::Key, Unit::Usd, Window::Month), 0).is_empty());
    let local = Rule { engine: Engine::Local, ..rule(Per::Key, Unit::Usd, Window::Month) };
    assert!(checks_of(local, 5).is_empty());
}

#[test]
fn unused_hits_are_refunded_in_their_period_if_the_service_has_refunds() {
    let check = checks_of(rule(Per::User, Unit::Usd, MINUTE), 633_000_000).remove(0);
    let negative = service(Refunds::NegativeHits);
    let request = decode(&check.settle(&negative, 211_000_000, NOW).unwrap());
    assert_eq!(request.hits_addend, 4_220);
    assert_eq!(request.descriptors[0].hits_addend, Some(4_220));
    assert!(request.descriptors[0].is_negative_hits);
    assert_eq!(check.settle(&negative, 633_000_000, NOW), None);
    assert_eq!(check.settle(&negative, 0, NOW + Duration::from_secs(60)), None);
    assert_eq!(check.settle(&service(Refunds::Never), 0, NOW), None);
}

#[test]
fn nothing_is_refunded_once_a_service_may_have_begun_the_next_period() {
    let negative = service(Refunds::NegativeHits);
    let day = Duration::from_secs(86_400);
    // 2026-01-01 was a Thursday, when weeks from the epoch begin; 30 days from it end on
    // 2026-01-07.
    for (window, counted, still, over) in [
        (Window::Week, NOW - Duration::from_secs(1), NOW - Duration::from_millis(1), NOW),
        (Window::Week, NOW + day * 4 - Duration::from_secs(1), NOW + day, NOW + day * 4),
        (Window::Month, NOW + day * 5, NOW + day * 6 - Duration::from_secs(1), NOW + day * 6),
        (Window::Month, NOW + day * 30, NOW + day * 31 - Duration::from_secs(1), NOW + day * 31),
    ] {
        let rules = [rule(Per::User, Unit::Usd, window)];
        let check = checks(&rules, &SCOPE, &|_| 211_000_000, counted).remove(0);
        assert!(check.settle(&negative, 0, still).is_some(), "{window:?} {counted:?}");
        assert_eq!(check.settle(&negative, 0, over), None, "{window:?} {counted:?}");
    }
}

#[test]
fn a_cost_above_the_reservation_is_counted_with_and_without_refunds() {
    let check = checks_of(rule(Per::User, Unit::Usd, MINUTE), 211_000_000).remove(0);
    for releases in [Refunds::Never, Refunds::NegativeHits] {
        let later = NOW + Duration::from_secs(60);
        let request = decode(&check.settle(&service(releases), 221_000_001, later).unwrap());
        assert_eq!((request.hits_addend, request.descriptors[0].is_negative_hits), (101, false));
    }
}

fn answer(code: i32, statuses: Vec<Status>, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers = headers.iter().map(|(key, value)| Header {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        raw_value: Vec::new(),
    });
    let response = RateLimitResponse {
        overall_code: code,
        statuses,
        response_headers_to_add: headers.collect(),
    };
    response.encode_to_vec()
}

#[test]
fn a_status_reports_what_is_left_and_until_when() {
    let status = Status {
        current_limit: Some(Limit { requests_per_unit: 10_000 }),
        limit_remaining: 1_560,
        duration_until_reset: Some(prost_types::Duration { seconds: 35, nanos: 0 }),
    };
    let expected =
        DescriptorStatus { remaining: Some(1_560), reset: Some(Duration::from_secs(35)) };
    assert_eq!(Decision::read(&answer(1, vec![status], &[])), Decision::Admits(expected));
    assert_eq!(
        Decision::read(&answer(2, vec![Status::default()], &[])),
        Decision::Rejects(DescriptorStatus::default())
    );
}

#[test]
fn headers_of_the_draft_report_the_same() {
    let headers = [
        ("X-RateLimit-Limit", "10, 10;w=60"),
        ("X-RateLimit-Remaining", "4"),
        ("X-RateLimit-Reset", "35"),
    ];
    let expected = DescriptorStatus { remaining: Some(4), reset: Some(Duration::from_secs(35)) };
    assert_eq!(Decision::read(&answer(1, Vec::new(), &headers)), Decision::Admits(expected));
    let odd = [("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "soon")];
    assert_eq!(
        Decision::read(&answer(1, Vec::new(), &odd)),
        Decision::Admits(DescriptorStatus::default())
    );
}

#[test]
fn an_invalid_answer_counts_as_unavailable() {
    for bytes in [&b""[..], b"\xff\xff\xff", b"\x08\x00", b"\x08\x07", b"{}"] {
        assert_eq!(Decision::read(bytes), Decision::Unavailable, "{bytes:?}");
    }
    // A negative duration is ignored.
    let status = Status {
        current_limit: Some(Limit { requests_per_unit: 1 }),
        limit_remaining: 0,
        duration_until_reset: Some(prost_types::Duration { seconds: -5, nanos: 0 }),
    };
    let expected = DescriptorStatus { remaining: Some(0), reset: None };
    assert_eq!(Decision::read(&answer(2, vec![status], &[])), Decision::Rejects(expected));
}
