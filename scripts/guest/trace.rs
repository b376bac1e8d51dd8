//! Captures how a kernel traces resets: the events' formats, and pages of its ring buffer with real resets.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::libc::O_NONBLOCK;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::sockets::{connect, listen};

/// Writes both formats, header_page and resets.hex into the folder. Only the calling thread sees the tracefs that is mounted for it.
pub fn capture(folder: &Path) {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    // The root of an initramfs is not shared, and cannot be changed.
    let _ = mount(None::<&str>, "/", None::<&str>, private, None::<&str>);
    let tracefs = folder.join("tracefs");
    fs::create_dir(&tracefs).unwrap();
    let no_flags = MsFlags::empty();
    mount(
        Some("tracefs"),
        &tracefs,
        Some("tracefs"),
        no_flags,
        None::<&str>,
    )
    .unwrap();
    let instance = tracefs.join("instances/listenup-capture");
    fs::create_dir(&instance).unwrap();
    let events = instance.join("events");
    for event in ["tcp_send_reset", "tcp_receive_reset"] {
        let event_folder = events.join("tcp").join(event);
        let format = fs::read(event_folder.join("format")).unwrap();
        fs::write(folder.join(format!("{event}.format")), format).unwrap();
        fs::write(event_folder.join("enable"), "1").unwrap();
    }
    // All of it in one read: the kernel calls the next one its end (trace_events.c, show_header).
    let mut header = [0; 4096];
    let file = fs::File::open(events.join("header_page"));
    let length = file.unwrap().read(&mut header).unwrap();
    fs::write(folder.join("header_page"), &header[..length]).unwrap();
    resets();
    let text = pages(&instance);
    fs::write(folder.join("resets.hex"), text).unwrap();
    fs::remove_dir(&instance).unwrap();
    umount2(&tracefs, MntFlags::MNT_DETACH).unwrap();
    fs::remove_dir(&tracefs).unwrap();
}

/// One of each kind: nothing listens, a close with unread data and one with SO_LINGER 0.
pub fn resets() {
    for nobody in ["127.0.0.1:1099", "[::1]:1099"] {
        TcpStream::connect(nobody).unwrap_err();
    }
    let listener = listen("127.0.0.1", 1098);
    let (mut client, server) = connect(&listener, 1097);
    client.write_all(b"unread").unwrap();
    sleep(Duration::from_millis(10));
    drop(server);
    let (_client, server) = connect(&listener, 1096);
    server.set_linger(Some(Duration::ZERO)).unwrap();
    drop(server);
    sleep(Duration::from_millis(100));
}

/// The pages that have something, as far as they are used.
fn pages(instance: &Path) -> String {
    let mut text =
        "# Pages of trace_pipe_raw: see resets() in scripts/guest/trace.rs.\n".to_owned();
    for entry in fs::read_dir(instance.join("per_cpu")).unwrap() {
        let path = entry.unwrap().path().join("trace_pipe_raw");
        let mut pipe = OpenOptions::new();
        pipe.read(true).custom_flags(O_NONBLOCK);
        let mut pipe = pipe.open(path).unwrap();
        let mut page = [0; 4096];
        while pipe.read(&mut page).is_ok_and(|length| length > 0) {
            let used = 16 + usize::from(u16::from_ne_bytes([page[8], page[9]]) & 0xfff);
            text.push_str("\npage\n");
            for line in page[..used].chunks(16) {
                let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
                writeln!(text, "{}", hex.join(" ")).unwrap();
            }
        }
    }
    text
}
