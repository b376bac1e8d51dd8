//! JSON, as packaging/schema/doctor.json describes it.

use serde_json::{Value, json};

use super::findings::Finding;
use crate::report::json::VERSION;

/// What was found, the problems first.
pub fn document(findings: &[Finding], block: Option<&str>) -> Value {
    json!({
        "version": VERSION,
        "problems": findings.iter().filter(|finding| finding.is_problem()).count(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
        "block": block,
    })
}

fn finding(finding: &Finding) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let place = finding.place.as_ref();
    json!({
        "severity": finding.severity.name(),
        "file": place.map(|place| place.file.to_string_lossy()),
        // 0 is the file as a whole.
        "line": place.map(|place| place.line).filter(|line| *line > 0),
        "effect": finding.effect,
        "cause": text(&finding.cause),
        "cure": text(&finding.cure),
    })
}
