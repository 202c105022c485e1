//! The boundary that a `content-type` declares.

use super::params::{Params, split};

/// What separates the parts of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
}

/// A `multipart/form-data` without a boundary that can be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("'content-type' has no boundary of 1 to 70 characters of RFC 2046")]
pub struct BadBoundary;

impl Boundary {
    /// The boundary of a `content-type`; nothing where that is another than `multipart/form-data`.
    ///
    /// # Errors
    ///
    /// It has no boundary, two, or one that RFC 2046 does not allow.
    pub fn of_content_type(content_type: &[u8]) -> Option<Result<Self, BadBoundary>> {
        let (media_type, params) = split(content_type);
        media_type.eq_ignore_ascii_case(b"multipart/form-data").then(|| Self::of_params(params))
    }

    fn of_params(params: Params<'_>) -> Result<Self, BadBoundary> {
        let mut found = None;
        for param in params {
            let (name, value) = param.map_err(|_| BadBoundary)?;
            if name.eq_ignore_ascii_case(b"boundary") && found.replace(value).is_some() {
                return Err(BadBoundary);
            }
        }
        Self::new(&found.ok_or(BadBoundary)?)
    }

    /// A boundary of these characters.
    ///
    /// # Errors
    ///
    /// `boundary = 0*69<bchars> bcharsnospace` (RFC 2046 §5.1.1) does not hold.
    pub fn new(boundary: &[u8]) -> Result<Self, BadBoundary> {
        let fits = (1..=70).contains(&boundary.len())
            && boundary
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte))
            && !boundary.ends_with(b" ");
        let delimiter = || [b"\r\n--", boundary].concat();
        fits.then(|| Self { delimiter: delimiter() }).ok_or(BadBoundary)
    }

    pub(super) fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }
}

#[cfg(test)]
mod tests {
    use super::{BadBoundary, Boundary};

    fn of(content_type: &str) -> Option<Result<Vec<u8>, BadBoundary>> {
        let boundary = Boundary::of_content_type(content_type.as_bytes())?;
        Some(boundary.map(|it| it.delimiter().to_vec()))
    }

    #[test]
    fn a_boundary_is_read_quoted_or_not() {
        for content_type in [
            "multipart/form-data; boundary=a-b",
            "Multipart/Form-Data ;charset=utf-8 ; BOUNDARY=\"a-b\"",
            "multipart/form-data;boundary=a-b;",
        ] {
            assert_eq!(of(content_type), Some(Ok(b"\r\n--a-b".to_vec())), "{content_type}");
        }
        let odd = "multipart/form-data; boundary=\"'()+_,-./:=? 9\"";
        assert_eq!(of(odd), Some(Ok(b"\r\n--'()+_,-./:=? 9".to_vec())));
    }

    #[test]
    fn what_cannot_be_a_boundary_is_none() {
        let long = "x".repeat(71);
        for boundary in [
            "",
            "; boundary=",
            "; boundary=\"a \"",
            "; boundary=a;boundary=a",
            "; boundary=\"a",
            "; boundary=ä",
            "; boundary=a b",
            &format!("; boundary={long}"),
        ] {
            let content_type = format!("multipart/form-data{boundary}");
            assert_eq!(of(&content_type), Some(Err(BadBoundary)), "{content_type}");
        }
    }

    #[test]
    fn other_media_types_have_none() {
        for content_type in ["application/json; boundary=a", "multipart/mixed; boundary=a", ""] {
            assert_eq!(of(content_type), None);
        }
    }
}
