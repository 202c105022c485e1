//! A header's value with parameters: `form-data; name="a"; filename="b.png"`.

use std::borrow::Cow;

/// The parameters after a header's first word.
#[derive(Debug)]
pub(super) struct Params<'a> {
    /// The bytes from the semicolon on, with white space around them trimmed.
    rest: &'a [u8],
}

/// The bytes are not parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ParamsError;

type Param<'a> = (&'a [u8], Cow<'a, [u8]>);

/// The word before the first semicolon, and the parameters.
pub(super) fn split(value: &[u8]) -> (&[u8], Params<'_>) {
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let (word, rest) = value.split_at_checked(end).unwrap_or((value, &[]));
    (word.trim_ascii(), Params { rest })
}

impl<'a> Params<'a> {
    /// `name "=" ( token / quoted-string )`, where `rest` starts with the name.
    fn param(&mut self, rest: &'a [u8]) -> Result<Param<'a>, ParamsError> {
        let equals = memchr::memchr2(b'=', b';', rest).ok_or(ParamsError)?;
        let (name, rest) = rest.split_at_checked(equals).ok_or(ParamsError)?;
        let rest = rest.strip_prefix(b"=").ok_or(ParamsError)?;
        let (value, rest) = match rest.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = memchr::memchr3(b';', b' ', b'\t', rest).unwrap_or(rest.len());
                let (token, rest) = rest.split_at_checked(end).ok_or(ParamsError)?;
                (Cow::Borrowed(token), rest)
            }
        };
        self.rest = rest.trim_ascii();
        Ok((name.trim_ascii(), value))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, ParamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let Some(mut rest) = rest.strip_prefix(b";").map(<[u8]>::trim_ascii_start) else {
            return Some(Err(ParamsError));
        };
        // Some clients end with a semicolon.
        while let Some(more) = rest.strip_prefix(b";") {
            rest = more.trim_ascii_start();
        }
        (!rest.is_empty()).then(|| self.param(rest))
    }
}

/// The text up to the closing quote, and the bytes after it. A backslash escapes a quote and
/// itself. Before any other byte it is kept, because old browsers send whole paths
/// (`C:\images\a.png`).
fn unquote(quoted: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), ParamsError> {
    let mut value = Cow::Borrowed(&[][..]);
    let mut rest = quoted;
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest).ok_or(ParamsError)?;
        let (plain, tail) = rest.split_at_checked(at).ok_or(ParamsError)?;
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
            [] => return Err(ParamsError),
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
    fn other_text_is_not_a_parameter() {
        for value in ["x;a", "x; a=\"1", "x; a=\"1\\\"", "x; a=\"1\"b", "x; a; b=1", "x; a=1 b"] {
            assert_eq!(params(value), None, "{value}");
        }
    }
}
