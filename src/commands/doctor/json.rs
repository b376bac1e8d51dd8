//! JSON, as packaging/schema/doctor.json describes it.

use serde_json::{Value, json};

use super::Report;
use super::findings::{Finding, Severity};
use crate::report::json::VERSION;

/// Returns the document.
pub fn document(report: &Report) -> Value {
    let lines = report.examined.iter().map(Finding::effect);
    json!({
        "version": VERSION,
        "examined": lines.collect::<Vec<_>>(),
        "problems": report.count(Severity::Problem),
        "failing": report.count(Severity::Failing),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "block": report.block,
    })
}

fn finding(finding: &Finding) -> Value {
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    let place = finding.place.as_ref();
    json!({
        "code": finding.code.id,
        "severity": finding.severity().name(),
        "file": place.map(|place| place.file.to_string_lossy()),
        // 0 is the file as a whole.
        "line": place.map(|place| place.line).filter(|line| *line > 0),
        "effect": finding.effect(),
        "cause": text(finding.cause()),
        "fix": text(finding.fix()),
    })
}
