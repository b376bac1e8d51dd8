//! Everything has an end, and takes time in proportion.

use std::time::{Duration, Instant};

use super::super::Problem;
use super::{INSTANCE, read_files, read_text, shown};

#[test]
fn circles_and_expansions_are_limited() {
    let started = Instant::now();
    let many = "${A}".repeat(200);
    for (text, problem) in [
        (
            "include keepalived.conf\n".to_owned(),
            Problem::IncludeCircle,
        ),
        (
            "include *.conf\ninclude b.conf\n".to_owned(),
            Problem::IncludeCircle,
        ),
        ("$M=a \\\n$M\n\n$M\n".to_owned(), Problem::Limits),
        ("$A=$A\n$A\n".to_owned(), Problem::Limits),
        (format!("$A={{${{A}}\n{many}\n"), Problem::Garbled),
        (format!("x {}\n", "y".repeat(2000)), Problem::Garbled),
        (
            format!("$A={}\n{many}\n", "y".repeat(100)),
            Problem::Garbled,
        ),
        (
            format!("x {{\n{}", format!("{}\n", "{}".repeat(400)).repeat(1250)),
            Problem::Limits,
        ),
        ("x\n".repeat(5000), Problem::TooMany),
        ("x".repeat(2 << 20), Problem::Limits),
        (
            format!("include {}\n", "*".repeat(300)),
            Problem::IncludeCircle,
        ),
    ] {
        let loops = "include a.conf\ninclude a.conf\ninclude keepalived.conf\n";
        let files = [
            ("keepalived.conf", text.as_str()),
            ("a.conf", "include b.conf\ninclude b.conf\n"),
            ("b.conf", loops),
        ];
        let config = read_files(None, &files);
        let found = config.diagnostics.iter().any(|one| one.problem == problem);
        let shown = shown(&config);
        let first = shown.get(..shown.len().min(20));
        assert!(
            found,
            "{}: {problem:?}\n{first:#?}",
            text.get(..60).unwrap_or(&text)
        );
        assert!(shown.len() <= 1001);
    }
    // Far more than it takes, far less than without an end.
    assert!(started.elapsed() < Duration::from_secs(120));
}

#[test]
fn many_scripts_take_linear_time() {
    let count = 16_000;
    let script = |at| format!("vrrp_script chk{at} {{\n script \"/bin/true\"\n fall 2x\n}}\n");
    let scripts: String = (0..count).map(script).collect();
    let tracked: String = (0..count).map(|at| format!(" chk{at}\n")).collect();
    let config = read_text(&format!(
        "{scripts}{}",
        INSTANCE.replace(" chk\n", &tracked)
    ));
    assert_eq!(config.scripts.len(), count);
    assert!(
        config
            .scripts
            .iter()
            .all(|script| script.tracked_by.len() == 1)
    );
    assert_eq!(config.diagnostics.len(), 1001);
}
