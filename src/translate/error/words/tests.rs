use std::time::Duration;

use super::from_words;
use crate::openai::error::Failure;

/// What the texts of a file are told as: wrong ones, and how many there are in all.
fn judge(file: &str) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    for line in file.lines() {
        let mut columns = line.splitn(3, '\t');
        let (label, _language) = (columns.next().unwrap(), columns.next().unwrap());
        let told = from_words(&columns.next().unwrap().replace("\\n", "\n"));
        let is_right = match label {
            "refusal" => matches!(told, Failure::Refused { .. }),
            "limit" => matches!(told, Failure::RateLimited { .. }),
            "tool_broken" => told == Failure::UpstreamNoTool,
            "chatter" | "claims_success" => told == Failure::UpstreamNoImage,
            _ => panic!("{label} is no label"),
        };
        let is_refused = matches!(told, Failure::Refused { .. });
        assert!(label == "refusal" || !is_refused, "told as a refusal: {line}");
        if !is_right {
            wrong.push(format!("{line}: {told:?}"));
        }
    }
    (wrong, file.lines().count())
}

#[test]
fn words_are_told_by_what_they_mean() {
    let (wrong, total) = judge(include_str!("../../../../tests/fixtures/words/given.txt"));
    assert!(wrong.is_empty() && total > 40, "{wrong:#?}");
}

/// Texts that the families were made with, and some that they were not.
#[test]
fn nine_of_ten_texts_are_understood_and_nothing_else_is_told_as_a_refusal() {
    for file in [
        include_str!("../../../../tests/fixtures/words/own.txt"),
        include_str!("../../../../tests/fixtures/words/held.txt"),
    ] {
        let (wrong, total) = judge(file);
        assert!(total > 50 && wrong.len() * 10 < total, "{wrong:#?}");
    }
}

#[test]
fn a_refusal_is_told_in_the_models_words() {
    for text in [
        "I'm sorry, but I can't help with that.",
        "Das Bild kann ich nicht erstellen.",
        "I can't use the image tool for this: it violates the content policy.",
    ] {
        let Failure::Refused { message, details: None } = from_words(text) else {
            panic!("{text}");
        };
        assert!(message.ends_with(text), "{message}");
    }
}

#[test]
fn a_drawing_in_text_is_no_refusal() {
    for (text, failure) in [
        ("", Failure::UpstreamNoImage),
        ("  \n", Failure::UpstreamNoImage),
        ("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>", Failure::UpstreamNoTool),
        ("Sure:\n```html\n<html><b>fox</b>\n```", Failure::UpstreamNoTool),
        ("![a fox](https://example.com/fox.png)", Failure::UpstreamNoImage),
        ("{\"prompt\": \"a fox\"}", Failure::UpstreamNoTool),
        ("I don't have access to an image generation tool.", Failure::UpstreamNoTool),
        ("Here is your image!", Failure::UpstreamNoImage),
    ] {
        assert_eq!(from_words(text), failure, "{text}");
    }
}

#[test]
fn a_limit_has_the_wait_that_is_told() {
    for (text, seconds) in [
        ("You've reached your image limit; it resets in about 14 hours.", 50_400),
        ("Rate limited. Try again in 3 hours and 12 minutes.", 11_520),
        ("Rate limited, retry after 12s.", 12),
        ("画像生成の利用上限に達しました。約3時間後にもう一度お試しください。", 10_800),
        ("請求過於頻繁，請等待 5 分鐘後重試。", 300),
        ("Превышен лимит запросов. Попробуйте снова через 15 минут.", 900),
        ("Trop de requêtes : patientez 30 secondes.", 30),
        ("Rate limited. Please wait a few minutes.", 60),
        ("Limit of 5 images per 24 hours reached, try again later.", 60),
        ("Rate limited, try again in 400 days.", 86_400),
        ("Rate limited, try again in 99999999999999999999 days.", 60),
        ("Rate limited, try again in 0 seconds.", 60),
    ] {
        let limited = Failure::RateLimited { retry_after: Duration::from_secs(seconds) };
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
        assert_eq!(from_words(text), Failure::UpstreamNoImage, "{text}");
    }
    let text = "The tool rejected the prompt: \"rejected by our safety system\".";
    assert!(matches!(from_words(text), Failure::Refused { .. }), "an error message is no poster");
}

#[test]
fn long_and_hostile_words_are_bounded() {
    let Failure::Refused { message, .. } = from_words(&"I can't help. ".repeat(10_000)) else {
        panic!("not a refusal");
    };
    assert!(message.chars().count() < 1100);
    for text in ["\"", "'", "```", "<svg", "「", ", but ", "1", "\u{130}", "İ, aber ", "?"] {
        let _any = from_words(&text.repeat(50_000));
        let _any = from_words(&format!("{text}{}", ",_but".repeat(10_000)));
    }
}
