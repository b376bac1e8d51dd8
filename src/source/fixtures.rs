//! The answers of real kernels, and answers made by their documented formats: tests/fixtures.

use std::fs;
use std::path::PathBuf;

/// The folders of the kernels that were captured, all of them on a little endian machine.
pub(super) fn captured() -> Vec<String> {
    let names = fs::read_dir(path("", "")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let kernels: Vec<_> = names.filter(|name| name.ends_with("-x86_64")).collect();
    assert!(kernels.len() >= 5, "{kernels:?}");
    kernels
}

/// The text of a file of a kernel.
pub(super) fn text(kernel: &str, file: &str) -> String {
    let path = path(kernel, file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn path(kernel: &str, file: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    [fixtures, kernel, file].iter().collect()
}
