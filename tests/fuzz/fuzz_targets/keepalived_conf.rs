//! What a keepalived.conf, and two files that it may include, can have in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use listenup::keepalived_conf::fuzzing::read;
use listenup::keepalived_conf::{Config, TrackedBy};

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
        assert!(script.rise() > 0 && script.fall() > 0);
        for time in [script.interval(), script.timeout()] {
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
    for virtual_server in &config.virtual_servers {
        for real_server in &virtual_server.real_servers {
            for check in &real_server.misc_checks {
                let effective = check.effective(virtual_server, real_server);
                assert!(!effective.delay_loop.is_zero());
            }
        }
    }
}

fn instances_are_there(config: &Config, tracked_by: &[TrackedBy]) {
    for by in tracked_by {
        let mut names = config.instances.iter().map(|instance| &instance.name);
        assert!(names.any(|name| *name == by.instance));
    }
}
