//! The file through what can happen to it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

const AT: fn(u64) -> Duration = Duration::from_millis;

fn content(file: &TrackFile) -> String {
    fs::read_to_string(&file.path).unwrap()
}

fn open(folder: &tempfile::TempDir) -> TrackFile {
    TrackFile::open(&folder.path().join("service"), None, 1)
        .unwrap()
        .0
}

#[test]
fn the_file_is_a_valid_number_at_each_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder);
    let inode = fs::metadata(&file.path).unwrap().ino();
    for value in [1, 0, -254, 0, 254, 1] {
        file.ensure_value(value, AT(0));
        assert_eq!(content(&file), format!("{value}\n"));
        assert_eq!(super::value(&file.path), Ok(Some(value.into())));
    }
    let found = fs::metadata(&file.path).unwrap();
    assert_eq!((found.mode(), found.ino()), (0o100_644, inode));
    assert!(file.is_right() && file.news().is_empty());
}

#[test]
fn a_change_by_another_process_is_undone_and_reported_once_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder);
    file.ensure_value(-254, AT(0));
    let harm: [fn(&Path); 6] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "0\n").unwrap(),
        |path| fs::write(path, "-2540\n").unwrap(),
        |path| {
            fs::remove_file(path).unwrap();
            symlink("/etc/hostname", path).unwrap();
        },
        |path| {
            fs::remove_file(path).unwrap();
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        },
    ];
    for (index, harm) in harm.into_iter().enumerate() {
        harm(&file.path);
        file.ensure_value(-254, AT(100 * index as u64));
        assert_eq!(content(&file), "-254\n", "{index}");
        assert!(fs::symlink_metadata(&file.path).unwrap().is_file());
        assert_eq!(file.news().len(), usize::from(index == 0));
    }
    fs::write(&file.path, "0\n").unwrap();
    file.ensure_value(-254, AT(61_000));
    assert_eq!(file.news().len(), 1);
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 1);
}

#[test]
fn a_directory_in_place_of_the_file_is_trouble_until_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder);
    file.ensure_value(0, AT(0));
    fs::remove_file(&file.path).unwrap();
    fs::create_dir(&file.path).unwrap();
    file.ensure_value(1, AT(1));
    let why = format!(
        "{} cannot be written: Is a directory (EISDIR)",
        file.path.display()
    );
    assert_eq!(
        (file.is_right(), file.trouble()),
        (false, Some(why.clone()))
    );
    assert_eq!(file.news(), [why]);
    file.ensure_value(1, AT(2));
    assert_eq!(file.news(), [""; 0]);
    fs::remove_dir(&file.path).unwrap();
    file.ensure_value(1, AT(3));
    assert_eq!((content(&file).as_str(), file.trouble()), ("1\n", None));
    let again = format!("{} is written again: it says 1", file.path.display());
    assert_eq!(file.news(), [again]);
}

#[test]
fn a_folder_writable_by_other_users_is_insecure() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = TrackFile::open(&inner.join("service"), None, 1).unwrap().0;
    for (mode, weak) in [
        (0o755, false),
        (0o757, true),
        (0o1777, false),
        (0o700, false),
    ] {
        fs::set_permissions(&inner, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(file.insecure_folder().is_some(), weak, "{mode:o}");
    }
}

#[test]
fn only_a_regular_file_has_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service");
    assert_eq!(value(&path), Ok(None));
    for (text, expected) in [
        ("0\n", Ok(Some(0))),
        ("-254", Ok(Some(-254))),
        (" 1 \nmore", Ok(Some(1))),
        ("99999\n", Ok(Some(99_999))),
        ("", Ok(None)),
        ("\n", Ok(None)),
        ("soon", Err(Unfit::NotANumber)),
        ("root:x:0:0:", Err(Unfit::NotANumber)),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(value(&path), expected, "{text:?}");
    }
    fs::remove_file(&path).unwrap();
    // To open a FIFO would wait for a writer.
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert_eq!(value(&path), Err(Unfit::NotRegular));
}

#[test]
fn a_new_folder_with_the_same_name_is_not_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("listenup-watch-443");
    fs::create_dir(&inner).unwrap();
    let mut file = TrackFile::open(&inner.join("track"), None, 1).unwrap().0;
    file.ensure_value(1, AT(0));
    // Some file systems use an inode number again at once.
    fs::remove_file(inner.join("track")).unwrap();
    fs::remove_dir(&inner).unwrap();
    fs::create_dir(&inner).unwrap();
    file.ensure_value(1, AT(1));
    let why = unseen(&inner.join("track"), Lost::Folder);
    assert!(why.ends_with(": reload keepalived, then systemctl reload listenup-watch@443"));
    assert_eq!(file.trouble(), Some(why.clone()));
    assert_eq!(file.news(), [why]);
    let is_marked =
        || watched(&File::open(inner.join("track")).unwrap()) == Ok(Watched::Unseen(Lost::Folder));
    assert!(is_marked() && file.is_right() && file.is_unseen());
    // The trouble stays if the file is replaced again.
    fs::remove_file(inner.join("track")).unwrap();
    file.ensure_value(1, AT(2));
    assert!(is_marked() && file.is_unseen());
    let other = TrackFile::open(&inner.join("track"), None, 1);
    assert_eq!(other.err(), Some(Unfit::Locked));
    let quoted = unseen(Path::new("/run/listenup-watch-a\\x2db/track"), Lost::Folder);
    assert!(
        quoted.ends_with("then reload this watch (SIGHUP)"),
        "{quoted}"
    );
}

/// A lock for reading from this byte on, which requires no more than the permission to read the file.
fn lock_by_a_reader(path: &Path, from: i64) -> File {
    let reader = File::open(path).unwrap();
    let lock = nix::libc::flock {
        l_type: nix::libc::F_RDLCK as i16,
        l_whence: 0,
        l_start: from,
        l_len: 0,
        l_pid: 0,
    };
    let set = nix::fcntl::FcntlArg::F_OFD_SETLK(&lock);
    nix::fcntl::fcntl(&reader, set).unwrap();
    reader
}

#[test]
fn a_lock_that_a_reader_prevents_is_reported_once_and_taken_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("service");
    fs::write(&path, "1\n").unwrap();
    let is = || watched(&File::open(&path).unwrap());
    let reader = lock_by_a_reader(&path, 0);
    let [mut first, mut second] = [(); 2].map(|()| open(&folder));
    assert_eq!(is(), Ok(Watched::ReadLocked));
    for at in [0, 1_000, 2_000] {
        first.ensure_value(1, AT(at));
    }
    let text = format!(
        "another process has a lock on {}: a second watch would not be refused",
        path.display()
    );
    assert_eq!((first.news(), first.trouble()), (vec![text], None));
    drop(reader);
    assert_eq!(is(), Ok(Watched::No));
    first.ensure_value(1, AT(3_000));
    assert_eq!(is(), Ok(Watched::Yes));
    // Now one of them keeps the file.
    second.ensure_value(0, AT(3_000));
    let why = format!(
        "{} cannot be written: another watch keeps it",
        path.display()
    );
    assert_eq!(
        (content(&first).as_str(), second.trouble()),
        ("1\n", Some(why))
    );
    first.ensure_value(1, AT(4_000));
    let again = format!(
        "{} is locked: a second watch is refused again",
        path.display()
    );
    assert_eq!((first.news(), first.is_right()), (vec![again], true));
    drop(first);
    second.ensure_value(0, AT(4_000));
    assert_eq!((content(&second).as_str(), second.trouble()), ("0\n", None));
}

#[test]
fn a_lock_that_is_taken_later_keeps_the_mark_of_a_lost_file() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("service");
    let mut file = TrackFile::open(&path, None, 1).unwrap().0;
    file.ensure_value(1, AT(0));
    fs::rename(&inner, folder.path().join("moved")).unwrap();
    fs::create_dir(&inner).unwrap();
    fs::write(&path, "0\n").unwrap();
    let reader = lock_by_a_reader(&path, 0);
    file.ensure_value(1, AT(1));
    let is = || watched(&File::open(&path).unwrap());
    assert_eq!((is(), file.is_unseen()), (Ok(Watched::ReadLocked), true));
    drop(reader);
    file.ensure_value(1, AT(2_000));
    assert_eq!(is(), Ok(Watched::Unseen(Lost::Folder)));
}

#[test]
fn a_file_that_cannot_be_read_is_trouble_until_it_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder);
    file.ensure_value(0, AT(0));
    let path = file.path.clone();
    let swap = |file: &mut TrackFile, is_read: bool| {
        let opened = File::options().read(is_read).write(true).open(&path);
        file.held.as_mut().unwrap().file = opened.unwrap();
    };
    swap(&mut file, false);
    let mut news = Vec::new();
    for at in (1_000..10_000).step_by(100) {
        // A changed value is written, but that does not show that it can be read.
        file.ensure_value(i16::from(at > 5_000), AT(at));
        assert!(!file.is_right(), "at {at}");
        news.extend(file.news());
    }
    let shown = file.path.display();
    let why = format!("{shown} cannot be read: Bad file number (EBADF)");
    let again = format!("{shown} is written again: it says 1");
    assert_eq!(
        (news, content(&file)),
        (vec![why.clone()], "1\n".to_owned())
    );
    swap(&mut file, true);
    file.ensure_value(1, AT(10_000));
    assert_eq!((file.news(), file.is_right()), (vec![again.clone()], true));
    // A trouble that begins again after its reported end is reported; its end again after a minute.
    for (at, is_read, expected) in [
        (11_000, false, Some(&why)),
        (12_000, true, None),
        (13_000, false, None),
        (62_000, true, None),
        (70_000, true, Some(&again)),
        (71_000, false, Some(&why)),
        (72_000, false, None),
    ] {
        swap(&mut file, is_read);
        file.ensure_value(1, AT(at));
        let said = file.news();
        assert_eq!((said.first(), said.len() < 2), (expected, true), "at {at}");
        assert_eq!(file.is_right(), is_read, "at {at}");
    }
}

#[test]
fn a_time_that_can_be_set_again_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder);
    file.ensure_value(0, AT(0));
    // Its times cannot be set (O_PATH).
    let other = crate::untrusted::open_path(folder.path(), nix::fcntl::OFlag::O_DIRECTORY).unwrap();
    let changeable = std::mem::replace(&mut file.held.as_mut().unwrap().file, other);
    file.beat(AT(1_000));
    let shown = file.path.display().to_string();
    let why = format!("{shown} cannot be changed any more: Bad file number (EBADF)");
    assert_eq!(
        (file.news(), file.trouble()),
        (vec![why.clone()], Some(why))
    );
    file.held.as_mut().unwrap().file = changeable;
    file.beat(AT(2_000));
    let again = format!("{shown} can be changed again");
    assert_eq!((file.news(), file.trouble()), (vec![again], None));
}

#[test]
fn a_mark_that_a_reader_hides_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder);
    file.ensure_value(1, AT(0));
    let is = || watched(&File::open(&file.path).unwrap());
    let held = file.held.as_mut().unwrap();
    for lost in [Lost::Folder, Lost::Source] {
        held.mark_unseen(lost);
        assert_eq!(is(), Ok(Watched::Unseen(lost)));
        let reader = lock_by_a_reader(&file.path, i64::MAX);
        assert_eq!(is(), Ok(Watched::Yes));
        // A reload.
        let mut new = Held::new(held.file.try_clone().unwrap(), &file.path).unwrap();
        assert_eq!((new.lock(None), new.is_read_locked), (Ok(()), false));
        assert_eq!(is(), Ok(Watched::Yes));
        let second = TrackFile::open(&file.path, None, 1);
        assert_eq!(second.err(), Some(Unfit::Locked));
        drop(reader);
        new.lock(None).unwrap();
        assert_eq!(is(), Ok(Watched::Yes));
    }
}
