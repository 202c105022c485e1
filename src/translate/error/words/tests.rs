//! Tests of the meaning of a model's words, with labelled texts in ten languages.

use std::time::Duration;

use proptest::prelude::*;

use super::from_words;
use super::meaning::Meaning;
use super::plain::MAX_CHARS;
use super::text::{MAX_SENTENCES, Text};
use crate::openai::error::{ClientFailure, Failure, UpstreamFailure};

/// Lists of labelled texts, each with its origin.
const LISTS: [(&str, &str); 9] = [
    ("modelled on reports", include_str!("../../../../tests/fixtures/words/given.txt")),
    ("made with the families", include_str!("../../../../tests/fixtures/words/own.txt")),
    ("held back from them", include_str!("../../../../tests/fixtures/words/held.txt")),
    ("as models write", include_str!("../../../../tests/fixtures/words/models.txt")),
    ("terse, or very polite", include_str!("../../../../tests/fixtures/words/terse.txt")),
    ("of many kinds", include_str!("../../../../tests/fixtures/words/mixed.txt")),
    ("of common forms", include_str!("../../../../tests/fixtures/words/common.txt")),
    ("of other writers", include_str!("../../../../tests/fixtures/words/others.txt")),
    ("subjects, not refused", include_str!("../../../../tests/fixtures/words/subjects.txt")),
];

/// The label, the language and the text of each line.
fn texts(list: &str) -> impl Iterator<Item = (&str, &str, String)> {
    list.lines().map(|line| {
        let (label, rest) = line.split_once('\t').unwrap();
        let (language, text) = rest.split_once('\t').unwrap();
        (label, language, text.replace("\\n", "\n"))
    })
}

#[test]
fn nine_of_ten_texts_of_each_list_are_understood_and_only_refusals_are_refusals() {
    for (name, list) in LISTS {
        let (mut wrong, mut total) = (Vec::new(), 0);
        for (label, language, text) in texts(list) {
            let failure = from_words(&text);
            let is_refused = matches!(failure, Failure::Client(ClientFailure::Refused { .. }));
            assert!(label == "refusal" || !is_refused, "{name}: read as a refusal: {text}");
            let is_right = match label {
                "refusal" => is_refused,
                "limit" => {
                    matches!(failure, Failure::Upstream(UpstreamFailure::RateLimited { .. }))
                }
                "tool_broken" => failure == Failure::Upstream(UpstreamFailure::NoTool),
                "chatter" | "claims_success" => {
                    failure == Failure::Upstream(UpstreamFailure::NoImage)
                }
                _ => panic!("{label} is no label"),
            };
            total += 1;
            if !is_right {
                wrong.push(format!("{label} {language} {text}: {failure:?}"));
            }
        }
        assert!(total > 40 && wrong.len() * 10 <= total, "{name}: {total} texts, {wrong:#?}");
    }
}

/// The typing of a text does not matter: capitals, full width, invisible marks.
#[test]
fn odd_letters_change_nothing() {
    let wide = |char: char| match char.is_ascii_alphanumeric() {
        true => char::from_u32(u32::from(char) + 0xfee0).unwrap(),
        false => char,
    };
    for (_, _, text) in LISTS.into_iter().flat_map(|(_, list)| texts(list)) {
        // Invisible marks would break a fence or a tag.
        if text.contains(['`', '<', '{', 'ß']) {
            continue;
        }
        let meaning = Meaning::of(&text);
        assert_eq!(Meaning::of(&text.to_uppercase()), meaning, "{text}");
        assert_eq!(Meaning::of(&text.chars().map(wide).collect::<String>()), meaning, "{text}");
        let unseen = text.chars().take(900).flat_map(|it| [it, '\u{200b}']).collect::<String>();
        assert_eq!(Meaning::of(&unseen), meaning, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Words of every meaning in any order, with anything between them, are read in bounded time.
    #[test]
    fn any_words_are_read_within_bounds(
        pieces in prop::collection::vec(
            prop_oneof![
                any::<String>(),
                prop::sample::select(vec![
                    "I can't ", "draw ", ", but ", "violence", ". ", "?", "\n> ", "```", "\"", "“",
                    "<svg", "too many ", "requests ", "try again in ", "9", " hours", "画像", "できません",
                    "限流", "е\u{308}", "\u{200d}", "İ", "ß", "요청", "— ", "it's ", "不能", "{",
                ]).prop_map(str::to_owned),
            ],
            0..400,
        ),
        tail in any::<String>(),
    ) {
        let text = pieces.concat();
        let read = Text::read(&text);
        prop_assert!(read.sentences.len() <= 2 * MAX_SENTENCES);
        // A lower case letter may be three characters, a comma three bytes.
        let bytes: usize = read.sentences.iter().map(|it| it.words.len()).sum();
        prop_assert!(bytes <= MAX_CHARS * 12 + 2 * MAX_SENTENCES, "{bytes}");
        let meaning = Meaning::of(&text);
        if text.chars().count() >= MAX_CHARS {
            prop_assert_eq!(Meaning::of(&format!("{text}{tail}")), meaning);
        }
        let _failure = from_words(&text);
    }
}

#[test]
fn a_refusal_is_reported_in_the_models_words() {
    for text in [
        "I'm sorry, but I can't help with that.",
        "Das Bild kann ich nicht erstellen.",
        "I can't use the image tool for this: it violates the content policy.",
    ] {
        let Failure::Client(ClientFailure::Refused { message, details: None }) = from_words(text)
        else {
            panic!("{text}");
        };
        assert!(message.ends_with(text), "{message}");
    }
}

#[test]
fn code_a_link_or_a_claim_is_no_refusal() {
    for (text, failure) in [
        ("", Failure::Upstream(UpstreamFailure::NoImage)),
        ("  \n", Failure::Upstream(UpstreamFailure::NoImage)),
        (
            "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>",
            Failure::Upstream(UpstreamFailure::NoTool),
        ),
        ("Sure:\n```html\n<html><b>fox</b>\n```", Failure::Upstream(UpstreamFailure::NoTool)),
        ("![a fox](https://example.com/fox.png)", Failure::Upstream(UpstreamFailure::NoImage)),
        ("{\"prompt\": \"a fox\"}", Failure::Upstream(UpstreamFailure::NoTool)),
        (
            "I don't have access to an image generation tool.",
            Failure::Upstream(UpstreamFailure::NoTool),
        ),
        ("Here is your image!", Failure::Upstream(UpstreamFailure::NoImage)),
    ] {
        assert_eq!(from_words(text), failure, "{text}");
    }
}

#[test]
fn a_limit_has_the_wait_that_the_model_names() {
    for (text, seconds) in [
        ("You've reached your image limit; it resets in about 14 hours.", 50_400.0),
        ("Rate limited. Try again in 3 hours and 12 minutes.", 11_520.0),
        ("Rate limited, retry after 12s.", 12.0),
        ("Rate limited, try again in 1.5 hours.", 5400.0),
        ("Rate limit reached. Please try again in 6m0s.", 360.0),
        ("Rate limit reached. Please try again in 467ms.", 0.467),
        ("画像生成の利用上限に達しました。約3時間後にもう一度お試しください。", 10_800.0),
        ("已达到生图上限，约３小时后重置。", 10_800.0),
        ("請求過於頻繁，請等待 5 分鐘後重試。", 300.0),
        ("한도에 도달했습니다. 3시간 후에 다시 시도하세요.", 10_800.0),
        ("Превышен лимит запросов. Попробуйте снова через 15 минут.", 900.0),
        ("Trop de requêtes : patientez 30 secondes.", 30.0),
        ("Das Limit ist erreicht, in etwa 14 Stunden geht es wieder.", 50_400.0),
        ("Hai raggiunto il limite di immagini. Riprova tra 5 ore.", 18_000.0),
        ("Rate limited. Please wait a few minutes.", 60.0),
        ("You've reached your image limit. It resets at 5 pm.", 60.0),
        ("Limit of 5 images per 24 hours reached, try again later.", 60.0),
        ("Rate limited, try again in 400 days.", 86_400.0),
        ("Rate limited, try again in 99999999999999999999 days.", 60.0),
        ("Rate limited, try again in 1.2.3 days.", 60.0),
        ("Rate limited, try again in 0 seconds.", 60.0),
    ] {
        let limited = Failure::Upstream(UpstreamFailure::RateLimited {
            retry_after: Duration::from_secs_f64(seconds),
        });
        assert_eq!(from_words(text), limited, "{text}");
    }
}

#[test]
fn quoted_words_of_a_poster_mean_nothing() {
    for text in [
        "Do you want the poster to read \"Our Privacy Policy violates nothing\"?",
        "The sign will say “I can’t help with violence”, in red.",
        "Der Titel lautet „Das kann ich nicht erstellen“.",
        "海报写着「我无法协助」。",
    ] {
        assert_eq!(from_words(text), Failure::Upstream(UpstreamFailure::NoImage), "{text}");
    }
    let text = "The tool rejected the prompt: \"rejected by our safety system\".";
    assert!(
        matches!(from_words(text), Failure::Client(ClientFailure::Refused { .. })),
        "an error message is no poster"
    );
}

#[test]
fn long_and_hostile_words_are_bounded() {
    let Failure::Client(ClientFailure::Refused { message, .. }) =
        from_words(&"I can't help. ".repeat(10_000))
    else {
        panic!("not a refusal");
    };
    assert!(message.chars().count() < 1100);
    for text in ["\"", "'", "```", "<svg", "「", ", but ", "1", "\u{130}", "İ, aber ", "?"] {
        let _any = from_words(&text.repeat(50_000));
        let _any = from_words(&format!("{text}{}", ",_but".repeat(10_000)));
    }
}
