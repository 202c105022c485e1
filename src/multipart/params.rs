//! A header's value with parameters: `form-data; name="a"; filename="b.png"`.

use std::borrow::Cow;

/// The parameters behind a header's first word.
#[derive(Debug)]
pub(super) struct Params<'a> {
    /// From the semicolon on, white space around it trimmed.
    rest: &'a [u8],
}

/// Not parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

type Param<'a> = (&'a [u8], Cow<'a, [u8]>);

/// The word before the first semicolon, and the parameters.
pub(super) fn split(value: &[u8]) -> (&[u8], Params<'_>) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (word, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    (word.trim_ascii(), Params { rest })
}

impl<'a> Params<'a> {
    /// `name "=" ( token / quoted-string )`, of which `rest` starts with the name.
    fn param(&mut self, rest: &'a [u8]) -> Result<Param<'a>, Malformed> {
        let equals = memchr::memchr2(b'=', b';', rest).ok_or(Malformed)?;
        let (name, rest) = rest.split_at_checked(equals).ok_or(Malformed)?;
        let rest = rest.strip_prefix(b"=").ok_or(Malformed)?;
        let (value, rest) = match rest.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = memchr::memchr3(b';', b' ', b'\t', rest).unwrap_or(rest.len());
                let (token, rest) = rest.split_at_checked(end).ok_or(Malformed)?;
                (Cow::Borrowed(token), rest)
            }
        };
        self.rest = rest.trim_ascii();
        Ok((name.trim_ascii(), value))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let Some(mut rest) = rest.strip_prefix(b";").map(<[u8]>::trim_ascii_start) else {
            return Some(Err(Malformed));
        };
        // Some clients end with a semicolon.
        while let Some(more) = rest.strip_prefix(b";") {
            rest = more.trim_ascii_start();
        }
        (!rest.is_empty()).then(|| self.param(rest))
    }
}

/// The text up to the closing quote, and what follows it. A backslash escapes a quote and itself;
/// before anything else it stays, since old browsers send whole paths (`C:\images\a.png`).
fn unquote(quoted: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Malformed> {
    let mut value = Cow::Borrowed(&[][..]);
    let mut rest = quoted;
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest).ok_or(Malformed)?;
        let (plain, tail) = rest.split_at_checked(at).ok_or(Malformed)?;
        append(&mut value, plain);
        match tail {
            [b'"', after @ ..] => return Ok((value, after)),
            [b'\\', b'"' | b'\\', after @ ..] => {
                append(&mut value, tail.get(1..2).unwrap_or_default());
                rest = after;
            }
            [backslash, after @ ..] => {
                append(&mut value, std::slice::from_ref(backslash));
                rest = after;
            }
            [] => return Err(Malformed),
        }
    }
}

fn append<'a>(value: &mut Cow<'a, [u8]>, more: &'a [u8]) {
    if value.is_empty() {
        *value = Cow::Borrowed(more);
    } else if !more.is_empty() {
        value.to_mut().extend_from_slice(more);
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn params(value: &str) -> Option<Vec<(String, String)>> {
        let (_, params) = split(value.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        params.map(|it| it.ok().map(|(name, value)| (text(name), text(&value)))).collect()
    }

    #[test]
    fn values_are_tokens_or_quoted() {
        let wanted = [("a", "1"), ("b", "x; y=\"z\\"), ("c", "C:\\p\\a.png"), ("d", "")];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let found = params(r#"x ; a=1;b="x; y=\"z\\" ; c="C:\p\a.png";; d=;"#);
        assert_eq!(found.unwrap(), wanted);
        assert_eq!(params("x"), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for value in ["x;a", "x; a=\"1", "x; a=\"1\\\"", "x; a=\"1\"b", "x; a; b=1", "x; a=1 b"] {
            assert_eq!(params(value), None, "{value}");
        }
    }
}
