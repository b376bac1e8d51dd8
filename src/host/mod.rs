//! The machine, apart from its sockets.

pub mod cgroups;
mod descriptors;
pub mod folders;
pub mod hard_timeout;
pub mod inherited;
pub mod netns;
pub mod passwd;
pub mod process_folder;
pub mod processes;
pub mod signals;
pub mod vrf;
pub mod wall_clock;
