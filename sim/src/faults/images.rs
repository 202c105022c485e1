//! Unusual but legal forms of an Images API answer, which any JSON and HTTP reader must accept.

use super::faults;
use crate::json::Json;

faults! {
    /// The JSON of the Images API in an unusual but legal form.
    ImagesFault {
        DataLast "data_last" "the members in another order, data last",
        Pretty "pretty" "white space around everything",
        Chunked "chunked" "no content-length",
    }
}

impl ImagesFault {
    /// Edits the answer.
    pub fn edit(self, answer: &mut Json) {
        if let (Self::DataLast, Json::Object(members)) = (self, answer) {
            members.reverse();
            members.sort_by_key(|(name, _)| name == "data");
        }
    }
}
