//! Rules between a request and the model that serves it.
//!
//! The family of the model sets the rules, by the name that is sent upstream. Messages use the name
//! that the client used. The client must not see the name to which the operator renamed it.

use super::super::{ImageRequest, RequestError};
use crate::openai::{
    choice::{Choice, list},
    echo::echo,
    model::Family,
    size::Size,
};

impl ImageRequest<'_> {
    /// Checks everything that depends on the model. `model` is the name that is sent upstream.
    ///
    /// # Errors
    ///
    /// The field whose value the model's family does not accept.
    pub fn check_model(&self, model: &str) -> Result<(), RequestError> {
        let family = Family::of(model);
        self.check_word("quality", self.quality, family.qualities())?;
        self.check_word("output_format", self.output_format, family.output_formats())?;
        let fidelity = self.edit.as_ref().and_then(|edit| edit.input_fidelity);
        self.check_word("input_fidelity", fidelity, Family::input_fidelities(model))?;
        if !family.takes_markup() && self.overlays().any(|(name, _)| name == "markup") {
            let model = self.model_in_words();
            let fault = format!("{model} takes none; 'gpt-image-2.5' and later models do");
            return Err(RequestError::invalid_value("markup", &fault));
        }
        self.check_size(family)
    }

    /// Checks that the model accepts the word in `field`.
    fn check_word<C: Choice + PartialEq>(
        &self,
        field: &'static str,
        requested: Option<C>,
        taken: &[C],
    ) -> Result<(), RequestError> {
        let unknown = self.unknown.as_ref().filter(|it| it.field == field);
        let word = match (&requested, unknown) {
            (Some(choice), _) if taken.contains(choice) => return Ok(()),
            (Some(choice), _) => choice.as_str(),
            (None, Some(unknown)) => &unknown.word,
            (None, None) => return Ok(()),
        };
        let model = self.model_in_words();
        let fault = match taken {
            // Only for `input_fidelity` some models have no choice.
            [] => format!("{model} always keeps closely to its images. Leave it out"),
            taken => {
                format!("{model} does not know '{word}'. Supported values are {}", list(taken))
            }
        };
        Err(RequestError::invalid_value(field, &fault))
    }

    fn check_size(&self, family: Family) -> Result<(), RequestError> {
        let Size::Exact { width, height } = self.size else { return Ok(()) };
        let admitted = match self.frames() {
            None => family.admit_size(width, height),
            Some(frames) => family.admit_frames(width, height, frames),
        };
        admitted.map_err(|fault| {
            let (size, model) = (self.size, self.model_in_words());
            let accepted = family.accepted_sizes(self.frames());
            let fault = format!("'{size}': {fault}. Accepted by {model}: {accepted}");
            RequestError::invalid_value("size", &fault)
        })
    }

    /// The model as a sentence names it.
    fn model_in_words(&self) -> String {
        match &self.model {
            Some(model) => format!("the model '{}'", echo(model)),
            None => "the default model".to_owned(),
        }
    }
}
