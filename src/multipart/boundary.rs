//! The boundary that a `content-type` declares.

use super::params::{Params, split};

/// What separates the parts of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary {
    /// CRLF, two hyphens and the boundary.
    delimiter: Vec<u8>,
}

/// A `multipart/form-data` without a valid boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("'content-type' has no boundary of 1 to 70 characters of RFC 2046")]
pub struct BoundaryError;

impl Boundary {
    /// The boundary of a `content-type`. `None` unless that is `multipart/form-data`.
    ///
    /// # Errors
    ///
    /// It has no boundary, two of them, or one that RFC 2046 does not allow.
    pub fn of_content_type(content_type: &[u8]) -> Option<Result<Self, BoundaryError>> {
        let (media_type, params) = split(content_type);
        media_type.eq_ignore_ascii_case(b"multipart/form-data").then(|| Self::of_params(params))
    }

    fn of_params(params: Params<'_>) -> Result<Self, BoundaryError> {
        let mut found = None;
        for param in params {
            let (name, value) = param.map_err(|_| BoundaryError)?;
            if name.eq_ignore_ascii_case(b"boundary") && found.replace(value).is_some() {
                return Err(BoundaryError);
            }
        }
        Self::new(&found.ok_or(BoundaryError)?)
    }

    /// A boundary of these characters.
    ///
    /// # Errors
    ///
    /// `boundary = 0*69<bchars> bcharsnospace` (RFC 2046 §5.1.1) does not hold.
    pub fn new(boundary: &[u8]) -> Result<Self, BoundaryError> {
        let fits = (1..=70).contains(&boundary.len())
            && boundary
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte))
            && !boundary.ends_with(b" ");
        let delimiter = || [b"\r\n--", boundary].concat();
        fits.then(|| Self { delimiter: delimiter() }).ok_or(BoundaryError)
    }

    pub(super) fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }
}

#[cfg(test)]
mod tests {
    use super::{Boundary, BoundaryError};

    fn of(content_type: &str) -> Option<Result<Vec<u8>, BoundaryError>> {
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
    fn an_invalid_boundary_is_an_error() {
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
            assert_eq!(of(&content_type), Some(Err(BoundaryError)), "{content_type}");
        }
    }

    #[test]
    fn other_media_types_have_no_boundary() {
        for content_type in ["application/json; boundary=a", "multipart/mixed; boundary=a", ""] {
            assert_eq!(of(content_type), None);
        }
    }
}
