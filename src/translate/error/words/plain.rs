//! Normalizes the characters of a text: lower case, one form for each letter, no invisible ones.

/// The first [`MAX_CHARS`] characters, normalized.
pub(super) fn plain(text: &str) -> Vec<char> {
    let mut plain: Vec<char> = Vec::with_capacity(text.len().min(MAX_CHARS));
    for char in text.chars().take(MAX_CHARS).flat_map(char::to_lowercase) {
        match char {
            '\u{300}'..='\u{36f}' | '\u{3099}' | '\u{309a}' => {
                let whole = plain.last().and_then(|base| composed(*base, char));
                if let (Some(base), Some(whole)) = (plain.last_mut(), whole) {
                    *base = whole;
                }
            }
            it if is_invisible(it) => {}
            it => plain.push(narrow(it)),
        }
    }
    plain
}

/// Characters without width: joiners, direction marks, and variation selectors.
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

/// The ASCII form of a full-width letter or digit.
fn narrow(char: char) -> char {
    let is_wide = matches!(char, '０'..='９' | 'ａ'..='ｚ');
    let ascii = is_wide.then(|| u32::from(char).checked_sub(WIDE)).flatten();
    ascii.and_then(char::from_u32).unwrap_or(char)
}

/// A letter and the mark after it as one character, for the characters that the families have.
fn composed(base: char, mark: char) -> Option<char> {
    let (bases, wholes) = match mark {
        '\u{300}' => ("aeiou", "àèìòù"),
        '\u{301}' => ("aeiou", "áéíóú"),
        '\u{302}' => ("aeiou", "âêîôû"),
        '\u{303}' => ("ano", "ãñõ"),
        '\u{306}' => ("и", "й"),
        '\u{308}' => ("aeiouе", "äëïöüё"),
        '\u{327}' => ("c", "ç"),
        // In its block, a kana with the mark comes right after the one without it.
        '\u{3099}' => return kana(base, 1),
        '\u{309a}' => return kana(base, 2),
        _ => return None,
    };
    bases.chars().zip(wholes.chars()).find(|(it, _)| *it == base).map(|(_, whole)| whole)
}

fn kana(base: char, offset: u32) -> Option<char> {
    let is_kana = matches!(base, 'か'..='ほ' | 'カ'..='ホ');
    is_kana.then(|| u32::from(base).checked_add(offset)).flatten().and_then(char::from_u32)
}

/// A text says what it means in its first lines.
pub(super) const MAX_CHARS: usize = 2000;
/// The distance from an ASCII character to its full-width form.
const WIDE: u32 = 0xfee0;

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn one_letter_has_one_form() {
        for (odd, expected) in [
            ("Ｉ　ＣＡＮ'Ｔ　４２９", "i　can't　429"),
            ("re\u{200b}fu\u{ad}se\u{feff}", "refuse"),
            ("ge\u{301}ne\u{301}rer c\u{327}a, na\u{303}o, u\u{308}ber", "générer ça, não, über"),
            ("и\u{306} е\u{308}", "й ё"),
            ("か\u{3099}ソ\u{3099}ハ\u{309a}", "がゾパ"),
            ("x\u{301}\u{301}\u{301} \u{301}", "x "),
            ("İ", "i"),
        ] {
            assert_eq!(plain(odd).into_iter().collect::<String>(), expected);
        }
    }
}
