//! Forms of an Images API answer that are odd but legal: a reader of JSON and of HTTP must take them.

use super::faults;
use crate::json::Json;

faults! {
    /// The JSON of the Images API in an odd but legal form.
    ImagesFault {
        DataLast "data_last" "the members in another order, data as the last",
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
