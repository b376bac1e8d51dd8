//! The library behind the `listenup` program; `main.rs` has the map of its modules.

pub mod chain;
pub mod check;
pub mod cli;
pub mod clock;
pub mod demands;
pub mod doctor;
pub mod domain;
pub mod guard;
pub mod judge;
pub mod list;
pub mod log;
pub mod look;
pub mod netns;
pub mod owner;
pub mod report;
pub mod resets;
pub mod source;
pub mod start;
pub mod trace;
pub mod users;
pub mod wall;
