use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::*;

const LIMITS: Limits = Limits {
    bytes: 100,
    lines: 10,
};

fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    RegularFile::open(path)?.read(LIMITS)
}

#[test]
fn a_file_is_read_up_to_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for (text, expected) in [
        (vec![], Ok(())),
        (b"x".repeat(100), Ok(())),
        (b"x".repeat(101), Err(ReadError::TooLarge(100))),
        (b"\n".repeat(10), Ok(())),
        (b"\n".repeat(11), Err(ReadError::TooManyLines(10))),
    ] {
        fs::write(&path, &text).unwrap();
        assert_eq!(read(&path), expected.map(|()| text));
    }
    // A hole of 2 GiB costs nothing.
    File::create(&path).unwrap().set_len(2 << 30).unwrap();
    assert_eq!(read(&path), Err(ReadError::TooLarge(100)));
    let missing = read(&folder.path().join("missing"));
    assert_eq!(missing, Err(ReadError::System(Errno::ENOENT)));
}

#[test]
fn only_regular_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let socket = folder.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let link = folder.path().join("link");
    for target in [Path::new("/dev/zero"), Path::new("/"), &fifo, &socket] {
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        assert_eq!(read(&link), Err(ReadError::NotRegular), "{target:?}");
    }
}

#[test]
fn kernel_files_are_read_only_by_the_function_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    for target in [
        "/proc/kmsg",
        "/proc/self/status",
        "/sys/kernel/uevent_seqnum",
    ] {
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        assert_eq!(read(&link), Err(ReadError::KernelFile), "{target}");
        let refused = RegularFile::open_in_proc(&link).map(drop);
        assert_eq!(refused, Err(ReadError::System(Errno::ELOOP)), "{target}");
    }
    let status = RegularFile::open_in_proc(Path::new("/proc/self/status")).unwrap();
    assert!(status.read_start(4096).unwrap().starts_with(b"Name:"));
}

/// The link leads to a file on a disk, but a user decides where such a link leads.
#[test]
fn kernel_links_are_followed_only_by_the_function_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    fs::write(folder.path().join("file"), "0").unwrap();
    let root = Path::new("/proc/self/root").join(folder.path().strip_prefix("/").unwrap());
    for target in [Path::new("/proc/self/exe"), &root.join("file")] {
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        let refused = ReadError::System(Errno::ELOOP);
        assert_eq!(RegularFile::open(&link).map(drop), Err(refused));
        assert_eq!(RegularFile::open(target).map(drop), Err(refused));
        assert!(metadata(target).is_err());
        RegularFile::open_magic_link(target).unwrap();
    }
}

#[test]
fn copies_are_recognized_by_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let bytes = b"0123456789".repeat(20_000);
    let mut other = bytes.clone();
    if let Some(last) = other.last_mut() {
        *last = b'x';
    }
    fs::write(path("one"), &bytes).unwrap();
    fs::write(path("copy"), &bytes).unwrap();
    fs::write(path("other"), &other).unwrap();
    fs::write(path("longer"), [&bytes[..], b"x"].concat()).unwrap();
    fs::hard_link(path("one"), path("link")).unwrap();
    let one = RegularFile::open(&path("one")).unwrap();
    for (name, expected) in [
        ("one", true),
        ("link", true),
        ("copy", true),
        ("other", false),
        ("longer", false),
    ] {
        let file = RegularFile::open(&path(name)).unwrap();
        assert_eq!(one.has_content_of(&file), Ok(expected), "{name}");
    }
    assert_eq!(one.metadata().size(), 200_000);
}
