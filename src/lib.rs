//! The library behind the `listenup` program; `main.rs` has the map of its modules.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod domain;
pub mod engine;
pub mod errno;
pub mod host;
pub mod keepalived_conf;
pub mod log;
pub mod report;
pub mod requirements;
pub mod source;
pub mod start;
pub mod untrusted;
