//! Messages with places to fill in: `The model '{model}' does not exist.`

/// `template` with each `{name}` replaced by the value of that name, or removed if there is no such
/// value. Values are not searched for places, so a client's braces stay braces.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, (name, after))) = rest
        .split_once('{')
        .and_then(|(before, place)| place.split_once('}').map(|place| (before, place)))
    {
        text.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name);
        text.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn places_are_filled_by_name() {
        let values = [("b", "2"), ("a", "1")];
        assert_eq!(fill("{a}, {b} and {a}.", &values), "1, 2 and 1.");
    }

    #[test]
    fn values_are_not_searched_for_places() {
        assert_eq!(fill("'{a}' {b}", &[("a", "{b}"), ("b", "x")]), "'{b}' x");
    }

    #[test]
    fn a_brace_without_an_end_stays() {
        assert_eq!(fill("a {b", &[("b", "x")]), "a {b");
    }
}
