//! What a person may write as a target.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use listenup::domain::{Endpoint, Target};

fuzz_target!(|text: &str| {
    let target: Target = match text.parse() {
        Ok(target) => target,
        Err(error) => {
            assert!(error.to_string().contains("expected"));
            return;
        }
    };
    assert_ne!(target.port(), 0);
    assert!(
        text.bytes().all(|byte| byte.is_ascii_graphic()),
        "a target with a space or worse"
    );
    let digits = text.rsplit(':').next();
    assert_eq!(digits, Some(target.port().to_string().as_str()));
    if let Endpoint::Address(IpAddr::V6(address), _) = target.endpoint {
        assert_eq!(address.to_ipv4_mapped(), None);
    }
    assert_eq!(target.to_string().parse(), Ok(target));
});
