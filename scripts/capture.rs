//! Captures what this kernel says about a zoo of sockets, as fixtures for the parsers' tests.
//!
//! `cargo run --example capture -- FOLDER` as root writes FOLDER/tcp, tcp6, snmp, netstat and nf_conntrack (from /proc; the
//! folder's name says of which kernel, and the counters have seen the zoo and one closed port) and FOLDER/sock_diag.hex: the
//! datagrams of two dumps, every field on a line of its own with its name, and what trace.rs captures. Then it opens the
//! UDP sockets as well and writes FOLDER/udp, udp6 and sock_diag_udp.hex. The requests are made here by hand, so that the
//! fixtures do not depend on the code that they test.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../tests/common/sockets.rs"]
#[allow(dead_code)]
mod sockets;
#[path = "../tests/common/table.rs"]
#[allow(dead_code)]
mod table;
#[path = "guest/trace.rs"]
mod trace;
#[path = "../tests/common/udp.rs"]
#[allow(dead_code)]
mod udp;
#[path = "guest/version.rs"]
mod version;

use std::fmt::Write as _;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// What the shared sockets.rs takes from its parent.
pub fn ip(words: &str) {
    assert!(
        Command::new("ip")
            .args(words.split_whitespace())
            .status()
            .unwrap()
            .success(),
        "ip {words}"
    );
}

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    ip("link set lo up");
    let _zoo = sockets::Zoo::open();
    TcpStream::connect("127.0.0.1:1099").unwrap_err();
    copy(
        &["tcp", "tcp6", "snmp", "netstat", "stat/nf_conntrack"],
        &folder,
    );
    trace::capture(&folder);
    dumps(&TCP, &folder.join("sock_diag.hex"));
    let _bound = udp::sockets();
    let _filled = udp::filled();
    copy(&["udp", "udp6"], &folder);
    dumps(&UDP, &folder.join("sock_diag_udp.hex"));
}

/// Writes these tables of this thread's namespace to the folder.
fn copy(tables: &[&str], folder: &Path) {
    for table in tables {
        let path = Path::new("/proc/thread-self/net").join(table);
        if table.starts_with("stat/") && !path.exists() {
            continue; // its module is not loaded
        }
        let text = std::fs::read(&path).unwrap();
        std::fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
}

/// What is asked of sock_diag.
struct Asked {
    protocol: u8,
    extensions: u8,
    state: u8,
    /// The same in words.
    words: &'static str,
}

const TCP: Asked = Asked {
    protocol: 6,
    extensions: 0,
    state: 10,
    words: "LISTEN, of the zoo in tests/common/sockets.rs",
};

const UDP: Asked = Asked {
    protocol: 17,
    extensions: 1 << 6, // INET_DIAG_SKMEMINFO
    state: 7,
    words: "CLOSE with INET_DIAG_SKMEMINFO, of the zoo in tests/common/udp.rs",
};

/// Writes a dump of either family.
fn dumps(asked: &Asked, file: &Path) {
    let mut text = format!(
        "# sock_diag's answers to two dumps of {}.\n\
         # Kernel: {} {}, {} endian\n",
        asked.words,
        version::upstream(),
        std::env::consts::ARCH,
        if cfg!(target_endian = "little") {
            "little"
        } else {
            "big"
        },
    );
    for (family, label) in [(2, "AF_INET"), (10, "AF_INET6")] {
        dump(asked, family, label, &mut text);
    }
    std::fs::write(file, text).unwrap();
}

fn dump(asked: &Asked, family: u8, label: &str, text: &mut String) {
    let mut request = Vec::new();
    request.extend(72_u32.to_ne_bytes());
    request.extend(20_u16.to_ne_bytes()); // SOCK_DIAG_BY_FAMILY
    request.extend(0x301_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_DUMP
    request.extend(1_u32.to_ne_bytes()); // the sequence number
    request.extend([0, 0, 0, 0, family, asked.protocol, asked.extensions, 0]);
    request.extend((1_u32 << asked.state).to_ne_bytes());
    request.extend([0; 40]);
    request.extend([0xff; 8]);
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )
    .unwrap();
    sendto(
        socket.as_raw_fd(),
        &request,
        &NetlinkAddr::new(0, 0),
        MsgFlags::empty(),
    )
    .unwrap();
    let mut buffer = vec![0; 65536];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        writeln!(text, "\ndatagram # {label}").unwrap();
        if annotate(&buffer[..length], text) {
            return;
        }
    }
}

/// Writes a datagram field by field. True at the end of the dump.
fn annotate(datagram: &[u8], text: &mut String) -> bool {
    const HEADER: [(&str, usize); 5] = [
        ("nlmsg_len", 4),
        ("nlmsg_type", 2),
        ("nlmsg_flags", 2),
        ("nlmsg_seq", 4),
        ("nlmsg_pid", 4),
    ];
    const SOCKET: [(&str, usize); 15] = [
        ("idiag_family", 1),
        ("idiag_state", 1),
        ("idiag_timer", 1),
        ("idiag_retrans", 1),
        ("idiag_sport", 2),
        ("idiag_dport", 2),
        ("idiag_src", 16),
        ("idiag_dst", 16),
        ("idiag_if", 4),
        ("idiag_cookie", 8),
        ("idiag_expires", 4),
        ("idiag_rqueue", 4),
        ("idiag_wqueue", 4),
        ("idiag_uid", 4),
        ("idiag_inode", 4),
    ];
    let mut rest = datagram;
    while !rest.is_empty() {
        let length = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
        let kind = u16::from_ne_bytes(rest[4..6].try_into().unwrap());
        let (mut message, behind) = rest.split_at(length.next_multiple_of(4).min(rest.len()));
        fields(&mut message, &HEADER, text);
        if kind == 3 {
            let error = i32::from_ne_bytes(message[..4].try_into().unwrap());
            assert_eq!(error, 0, "the dump ended with an errno");
            fields(&mut message, &[("error (NLMSG_DONE)", 4)], text);
            return true;
        }
        assert_eq!(kind, 20, "no socket");
        fields(&mut message, &SOCKET, text);
        while !message.is_empty() {
            let length = usize::from(u16::from_ne_bytes(message[..2].try_into().unwrap()));
            fields(
                &mut message,
                &[("nla_len", 2), ("nla_type", 2), ("value", length - 4)],
                text,
            );
            let padding = length.next_multiple_of(4) - length;
            if padding > 0 {
                fields(&mut message, &[("padding", padding)], text);
            }
        }
        rest = behind;
    }
    false
}

fn fields(bytes: &mut &[u8], layout: &[(&str, usize)], text: &mut String) {
    for &(name, length) in layout {
        let (field, rest) = bytes.split_at(length);
        *bytes = rest;
        let hex: Vec<_> = field.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "{:<47} # {name}", hex.join(" ")).unwrap();
    }
}
