//! Images that do not arrive once and whole, and changes to their items.

use super::{NEXT, ScriptFault, change, zero};
use crate::{
    json::Json,
    script::{Plan, Script, Step, failure, moderation},
};

impl ScriptFault {
    pub(super) fn change_item(self, plan: &mut Plan) {
        if self != Self::EmptyResult && self != Self::NullResult && self != Self::NoMetadata {
            plan.steps.retain(|step| !step.is_named("response.image_generation_call.completed"));
        }
        let Some(step) = plan.image().and_then(|at| plan.steps.get_mut(at)) else { return };
        change(step, "item", |item| match self {
            Self::GeneratingStatus => item.set("status", "generating"),
            Self::EmptyResult => item.set("result", ""),
            Self::NullResult => item.set("result", Json::NULL),
            Self::NoMetadata => {
                for name in ["background", "output_format", "quality", "revised_prompt", "size"] {
                    item.remove(name);
                }
            }
            _ => {
                item.set("status", "failed");
                item.set("result", Json::NULL);
                item.set(
                    "error",
                    match self {
                        Self::ItemModeration => moderation("output"),
                        _ => failure(
                            "image_generation_server_error",
                            "image_generation_failed",
                            "Image generation failed",
                        ),
                    },
                );
            }
        });
    }

    pub(super) fn move_images(self, script: &Script, plan: &mut Plan) {
        let Some(image) = plan.image() else { return };
        let at_end =
            plan.find(|step| step.is_named("response.completed")).unwrap_or(plan.steps.len());
        match self {
            Self::Repeated => {
                let again = plan.steps.get(image).cloned();
                plan.steps.splice(image..image, again);
            }
            Self::TwoImages => {
                for step in plan.steps.iter_mut().skip(image + 1) {
                    shift(step);
                }
                let rest = plan.steps.split_off(image + 1);
                plan.steps.extend(script.second_image(NEXT));
                plan.steps.extend(rest);
            }
            Self::AfterCompleted => {
                let error = failure("server_error", "server_error", "This comes too late.");
                plan.steps.push(script.nested_error(error));
                plan.steps.extend(script.second_image(NEXT));
            }
            _ => {
                if let Some(step) = plan.steps.get_mut(at_end) {
                    *step = script.completed_with(script.output());
                }
                if self == Self::CompletedOnly {
                    plan.steps.remove(image);
                }
            }
        }
    }

    pub(super) fn change_usage(self, plan: &mut Plan) {
        let at = plan.find(|step| step.is_named("response.completed"));
        let Some(step) = at.and_then(|at| plan.steps.get_mut(at)) else { return };
        change(step, "response", |response| {
            if self == Self::NoUsage {
                response.remove("tool_usage");
            } else {
                response.change("tool_usage", zero);
            }
        });
    }
}

/// Moves the message by one place, to make room for a second image.
fn shift(step: &mut Step) {
    if let Step::Event(event) = step {
        event.body.change("output_index", |index| *index = Json::from(NEXT + 1));
    }
}
