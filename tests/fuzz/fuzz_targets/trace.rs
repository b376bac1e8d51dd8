//! How the kernel's ring buffer may be described, and what it may hold. The input has three parts, with a NUL
//! between them: an event's format, a page's header, and a page.

#![no_main]

use libfuzzer_sys::fuzz_target;
use listenup::commands::resets::trace::format::EventFormat;
use listenup::commands::resets::trace::fuzzing::read;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |byte| *byte == 0);
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (format, header) = (text(), text());
    let page = parts.next().unwrap_or_default();
    for outcome in read(&format, &header, page) {
        // Every record has a header of its own, and all are in the page.
        let taken: usize = outcome.records.iter().map(|length| length + 4).sum();
        assert!(taken <= page.len(), "{outcome:?}");
        assert!(outcome.resets.len() <= outcome.records.len());
        if outcome.page_size.is_none() {
            assert!(outcome.records.is_empty());
        }
        let known = EventFormat::parse(&format);
        if known.id.is_none() || known.field("common_type").is_none() {
            assert!(outcome.resets.is_empty());
        }
        // What has no field is not known.
        for (field, said) in [
            (
                "reason",
                outcome.resets.iter().any(|reset| reset.reason.is_some()),
            ),
            (
                "common_pid",
                outcome.resets.iter().any(|reset| reset.pid.is_some()),
            ),
            (
                "state",
                outcome.resets.iter().any(|reset| reset.by_listener),
            ),
        ] {
            assert!(!said || known.field(field).is_some(), "{field}");
        }
    }
});
