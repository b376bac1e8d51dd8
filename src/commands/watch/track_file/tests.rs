//! The file through what can happen to it.

use std::os::unix::fs::symlink;

use super::*;

fn content(file: &TrackFile) -> String {
    fs::read_to_string(&file.path).unwrap()
}

#[test]
fn it_is_written_when_its_value_changes_and_when_somebody_else_has_changed_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = TrackFile::at(&folder.path().join("service"));
    assert_eq!(file.keep(1).unwrap(), Kept::Written);
    assert_eq!(content(&file), "1\n");
    let inode = fs::metadata(&file.path).unwrap().ino();
    assert_eq!(file.keep(1).unwrap(), Kept::Same);
    assert_eq!(fs::metadata(&file.path).unwrap().ino(), inode);
    assert_eq!(file.keep(-254).unwrap(), Kept::Written);
    assert_eq!(content(&file), "-254\n");

    let harm: [fn(&Path); 5] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "0\n").unwrap(),
        |path| fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap(),
        |path| {
            fs::remove_file(path).unwrap();
            symlink("/etc/hostname", path).unwrap();
        },
    ];
    for harm in harm {
        harm(&file.path);
        assert_eq!(file.keep(-254).unwrap(), Kept::Restored);
        assert_eq!(content(&file), "-254\n");
        let found = fs::symlink_metadata(&file.path).unwrap();
        assert_eq!(found.mode(), 0o100_644);
    }
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 1, "no draft is left");
}

#[test]
fn what_an_earlier_run_left_half_done_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = TrackFile::at(&folder.path().join("service"));
    let victim = folder.path().join("victim");
    fs::write(&victim, "whole").unwrap();
    symlink(&victim, &file.draft).unwrap();
    assert_eq!(file.keep(1).unwrap(), Kept::Written);
    assert_eq!(content(&file), "1\n");
    assert_eq!(fs::read_to_string(victim).unwrap(), "whole");
}

#[test]
fn a_failed_write_leaves_the_old_file_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = TrackFile::at(&folder.path().join("service"));
    file.keep(0).unwrap();
    fs::create_dir(&file.draft).unwrap();
    assert!(file.keep(1).is_err());
    assert_eq!(content(&file), "0\n");
    fs::remove_dir(&file.draft).unwrap();
    assert_eq!(file.keep(1).unwrap(), Kept::Written);
    assert!(
        TrackFile::at(&folder.path().join("no/service"))
            .keep(1)
            .is_err()
    );
}

#[test]
fn a_folder_that_others_can_write_to_is_weak() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = TrackFile::at(&inner.join("service"));
    for (mode, weak) in [
        (0o755, false),
        (0o757, true),
        (0o1777, false),
        (0o700, false),
    ] {
        fs::set_permissions(&inner, Permissions::from_mode(mode)).unwrap();
        assert_eq!(file.weak_folder().is_some(), weak, "{mode:o}");
    }
}

#[test]
fn only_a_file_has_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = TrackFile::at(&folder.path().join("service"));
    assert_eq!(file.value(), None);
    for (text, is_value) in [("0\n", true), ("-254", true), ("", false), ("soon", false)] {
        fs::write(&file.path, text).unwrap();
        assert_eq!(file.value().is_some(), is_value, "{text:?}");
    }
    // To open a FIFO would wait for a writer, and nothing would say down meanwhile.
    fs::remove_file(&file.path).unwrap();
    nix::unistd::mkfifo(&file.path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert_eq!(file.value(), None);
    assert_eq!(file.keep(1).unwrap(), Kept::Written);
    assert_eq!(content(&file), "1\n");
}
