//! What a keepalived.conf, and two files that it may include, can have in them.

#![no_main]

#[path = "../../../src/keepalived_conf/tests/in_memory.rs"]
mod in_memory;

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use listenup::keepalived_conf::{Config, Files, Kind, Reading, TrackedBy, Version};

use in_memory::{FOLDER, InMemory};

fuzz_target!(|input: &[u8]| {
    let configs = read(input);
    for config in &configs {
        check(config);
    }
    // Nothing in it depends on anything but the input. Short ones will do, since it takes as long again.
    assert!(input.len() > 300 || configs == read(input));
});

fn check(config: &Config) {
    assert!(config.diagnostics.len() <= 1001);
    assert!(config.files.len() <= 10_000);
    for script in &config.scripts {
        assert!(!script.command.words.is_empty());
        assert!(script.rise > 0 && script.fall() > 0);
        for time in [script.interval, script.timeout()] {
            assert!(!time.is_zero() && time.as_secs() <= 4294);
        }
        instances_are_there(config, &script.tracked_by);
    }
    for file in &config.track_files {
        instances_are_there(config, &file.tracked_by);
    }
    for process in &config.track_processes {
        instances_are_there(config, &process.tracked_by);
    }
    for check in &config.misc_checks {
        assert!(!check.interval.is_zero() && !check.default_timeout.is_zero());
    }
}

fn instances_are_there(config: &Config, tracked_by: &[TrackedBy]) {
    for by in tracked_by {
        let mut names = config.instances.iter().map(|instance| &instance.name);
        assert!(names.any(|name| *name == by.instance));
    }
}

/// Reads files that are the parts of the input between bytes 0xff: `keepalived.conf`, `a.conf`, `b.conf`. The same text is
/// also read as what a running keepalived has loaded. An input that begins with a digit is read as one of the versions.
fn read(input: &[u8]) -> [Config; 2] {
    let names = ["keepalived.conf", "a.conf", "b.conf"];
    let (version, input) = match input.split_first() {
        Some((digit @ b'0'..=b'9', rest)) => (version(*digit), rest),
        _ => (None, input),
    };
    let parts = input.split(|byte| *byte == 0xff);
    let files = InMemory(names.into_iter().zip(parts).collect());
    let main = Path::new(FOLDER).join("keepalived.conf");
    let reading = Reading {
        files: &files,
        id: b"a",
        version,
    };
    let read = reading.read(Path::new("/"), &main);
    [read, reading.read_loaded(input, &main)]
}

fn version(digit: u8) -> Option<Version> {
    match digit {
        b'0' => Some(Version::new(2, 2, 7)),
        b'1' => Some(Version::new(2, 2, 8)),
        b'2' => Some(Version::new(2, 3, 1)),
        b'3' => Some(Version::new(2, 3, 4)),
        _ => Some(Version::new(2, 4, 3)),
    }
}
