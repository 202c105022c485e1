//! A response of the Responses API in one JSON document, from an upstream that does not stream.
//!
//! The document may be the response itself (OpenAI API reference, "The response object"), the last
//! event of a stream alone, or an error, which some upstreams send with a status of success.

use super::error::ErrorInfo;
use super::event::{Response, ResponseEvent};
use super::json::{Json, Tape};

impl ResponseEvent {
    /// The terminal event that is equivalent to the document, read from its skeleton. `None` if it
    /// is neither a response nor an error.
    #[must_use]
    pub fn of_document(skeleton: &[u8]) -> Option<Self> {
        let tape = Tape::parse(skeleton)?;
        let document = tape.root();
        let response = document.get("response").filter(|it| it.is_object()).unwrap_or(document);
        let status = response.text("status");
        let fails =
            ["error", "detail"].iter().any(|key| response.get(key).is_some_and(has_content))
                || document.get("error").is_some_and(has_content)
                || status == Some("failed")
                || document.text("type") == Some("error");
        match status {
            _ if fails => {}
            Some("incomplete") => return Some(Self::incomplete(Some(response))),
            _ if response.get("output").is_some_and(Json::is_array) => {
                return Some(Self::Completed(Response::read(response)));
            }
            _ => {}
        }
        let info = ErrorInfo::read(&document.to_value()).filter(|it| *it != ErrorInfo::default());
        let failed = |info| Self::Failed { info, response: Response::read(response) };
        info.or_else(|| fails.then(ErrorInfo::default)).map(failed)
    }
}

/// Whether a member has content: each success has `"error": null`, and some upstreams write an
/// error whose own members are empty. Of several members with one name, any may have it.
pub(super) fn has_content(member: Json<'_>) -> bool {
    member.as_str().is_some_and(|text| !text.is_empty())
        || member.entries().next().is_some()
        || member.members().any(|(_, it)| it.is_number() || has_content(it))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ResponseEvent;

    fn read(document: &Value) -> Option<ResponseEvent> {
        ResponseEvent::of_document(document.to_string().as_bytes())
    }

    #[test]
    fn a_document_stands_for_the_end_of_a_stream() {
        let item = json!({"type": "image_generation_call", "result": "0"});
        let response = json!({"object": "response", "status": "completed", "error": null,
            "incomplete_details": null, "output": [item]});
        for document in [
            response.clone(),
            json!({"output": [item]}),
            json!({"type": "response.completed", "response": response}),
        ] {
            let Some(ResponseEvent::Completed(response)) = read(&document) else {
                panic!("{document}")
            };
            assert_eq!(response.output[0].result, Some(0), "{document}");
        }
        let incomplete = json!({"status": "incomplete", "output": [],
            "incomplete_details": {"reason": "content_filter"}});
        assert!(matches!(
            read(&incomplete),
            Some(ResponseEvent::Incomplete { reason: Some(reason), .. })
                if reason == "content_filter"
        ));
    }

    #[test]
    fn an_error_is_one_wherever_it_stands() {
        for document in [
            json!({"error": {"code": "rate_limit_exceeded"}}),
            json!({"detail": "rate_limit_exceeded"}),
            json!({"object": "response", "status": "failed", "output": [],
                "error": {"code": "rate_limit_exceeded", "message": "no"}}),
            json!({"type": "response.failed", "response": {"status": "failed",
                "error": {"code": "rate_limit_exceeded"}}}),
            json!({"type": "error", "code": "rate_limit_exceeded"}),
            json!({"code": "rate_limit_exceeded", "message": "no"}),
        ] {
            let Some(ResponseEvent::Failed { info, .. }) = read(&document) else {
                panic!("{document}")
            };
            let words = [info.code, info.message];
            assert!(words.contains(&Some("rate_limit_exceeded".to_owned())), "{document}");
        }
        assert!(matches!(read(&json!({"status": "failed"})), Some(ResponseEvent::Failed { .. })));
        for other in [json!({}), json!([]), json!("x"), json!({"object": "list", "data": []})] {
            assert!(read(&other).is_none(), "{other}");
        }
    }
}
