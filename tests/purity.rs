//! What the source text must not contain.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The lines of code, without comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_domain_is_pure() {
    let files = rust_files(Path::new("src/domain"));
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let code = code(&file);
        for forbidden in [
            "clap",
            "nix::",
            "procfs",
            "tracing",
            "humantime",
            "libc",
            "unsafe",
            "std::fs",
            "std::io",
            "std::os",
            "std::env",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "SystemTime",
            "crate::",
        ] {
            assert!(
                !code.contains(forbidden),
                "{} mentions {forbidden}",
                file.display()
            );
        }
    }
}

#[test]
fn no_exit_no_panicking_print_and_unsafe_only_in_named_files() {
    let files = rust_files(Path::new("src"));
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let code = code(&file);
        for forbidden in ["process::exit", "println!", "eprintln!", "dbg!"] {
            assert!(
                !code.contains(forbidden),
                "{} has {forbidden}",
                file.display()
            );
        }
        let may_be = [
            "src/start.rs",
            "src/main.rs",
            "src/host/descriptors.rs",
            "src/host/hard_timeout.rs",
            "src/host/inherited.rs",
            "src/host/wall_clock.rs",
        ]
        .map(Path::new)
        .contains(&file.as_path());
        assert!(
            may_be || !uses_unsafe(&code),
            "{} has unsafe",
            file.display()
        );
    }
}

/// The keyword, not the word in a text.
fn uses_unsafe(code: &str) -> bool {
    [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe extern",
        "unsafe(",
    ]
    .iter()
    .any(|keyword| code.contains(keyword))
}

#[test]
fn procfs_and_clap_are_used_only_in_their_modules() {
    for file in rust_files(Path::new("src")) {
        let code = code(&file);
        for (word, homes) in [
            ("use procfs", &["src/source/proc/row.rs"][..]),
            ("use clap", &["src/cli"]),
        ] {
            assert!(
                !code.contains(word) || homes.iter().any(|home| file.starts_with(home)),
                "{} has {word}",
                file.display()
            );
        }
    }
}

/// What other users can influence is read by `untrusted::RegularFile` alone.
#[test]
fn untrusted_files_are_opened_only_by_their_reader() {
    let opening = [
        "fs::read(",
        "fs::read_to_string(",
        "File::open(",
        "OpenOptions",
        "openat(",
        "rustix::fs::open",
        "fcntl::open",
    ];
    for (place, exception) in [
        ("src/commands/doctor", None),
        ("src/keepalived_conf", None),
        ("src/host/passwd.rs", None),
        ("src/host/processes.rs", None),
        ("src/host/processes", None),
        // Its own namespace.
        (
            "src/host/netns.rs",
            Some(("netns.rs", "File::open(\"/proc/self/ns/net\")")),
        ),
        (
            "src/commands/watch/track_file",
            Some(("open_file.rs", "OpenOptions")),
        ),
    ] {
        let place = Path::new(place);
        let files = match place.is_dir() {
            true => rust_files(place),
            false => vec![place.to_owned()],
        };
        assert!(!files.is_empty(), "{}", place.display());
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let code = code(file);
            let (code, _) = code
                .split_once("#[cfg(test)]\nmod tests {")
                .unwrap_or((&code, ""));
            let mut code = code.replace("RegularFile::open", "");
            if let Some((name, allowed)) = exception.filter(|(name, _)| file.ends_with(name)) {
                assert!(code.contains(allowed), "{name} no longer has {allowed}");
                code = code.replace(allowed, "");
            }
            for word in opening {
                assert!(!code.contains(word), "{} has {word}", file.display());
            }
        }
    }
}

/// With musl, std drops O_PATH from custom flags, and the file is opened after all.
#[test]
fn o_path_is_passed_to_open_itself() {
    let files = rust_files(Path::new("src"));
    let users = files.iter().filter(|file| code(file).contains("O_PATH"));
    let users: Vec<&Path> = users.map(PathBuf::as_path).collect();
    let allowed = ["src/start.rs", "src/untrusted/file.rs"].map(Path::new);
    assert!(users.iter().all(|user| allowed.contains(user)), "{users:?}");
    assert_eq!(users.len(), allowed.len());
    for file in allowed {
        let code = code(file);
        let customs = code.lines().filter(|line| line.contains("custom_flags"));
        assert!(customs.into_iter().all(|line| !line.contains("O_PATH")));
    }
}

/// These follow links of the kernel, such as /proc/PID/root, to a file system that can wait forever. `untrusted` does not.
#[test]
fn the_doctor_follows_no_kernel_links() {
    for folder in ["src/commands/doctor", "src/keepalived_conf"] {
        for file in rust_files(Path::new(folder)) {
            let code = code(&file);
            let (code, _) = code.split_once("mod tests {").unwrap_or((&code, ""));
            for word in [
                " fs::metadata(",
                "std::fs::metadata(",
                ".exists()",
                "statvfs(&file",
                "canonicalize(file",
                ".canonicalize(",
            ] {
                assert!(!code.contains(word), "{} has {word}", file.display());
            }
        }
    }
}
