//! Rules that are valid, and count otherwise than they seem to.

use super::finding::Finding;
use super::tree::Node;

/// Warns of rules for each model that cannot tell models apart.
pub(crate) fn check(configuration: &Node, findings: &mut Vec<Finding>) {
    if !items(configuration, "models").is_empty() {
        return;
    }
    for (index, rule) in items(configuration, "limits").iter().enumerate() {
        let Some(per) = rule.get("per").filter(|it| it.text() == Some("model")) else { continue };
        if !items(rule, "models").is_empty() {
            continue;
        }
        let title = "this rule counts all models together";
        let why = "`per: model` counts by the names in the rule's `models`, or else in `models`, and \
                   neither is there";
        let finding = Finding::warning(title, per.span.clone());
        let finding = finding.with("at", format!("/limits/{index}/per")).why(why);
        findings.push(finding.help("name the models in the rule: `models: [\"gpt-image-2\", …]`"));
    }
}

fn items<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).map(Node::items).unwrap_or_default()
}
