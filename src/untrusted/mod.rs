//! Data that other users can influence: files that they can write or replace, and the text in them.

mod error;
pub mod file;
mod permissions;
pub mod text;

pub use error::ReadError;
pub use file::{Limits, PathHandle, RegularFile, metadata, open_path};
pub use permissions::with_files_of;
