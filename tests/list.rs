//! `listenup list`: the table.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::net::TcpStream;

use nix::errno::Errno;
use socket2::Socket;

use common::confined::{Call, Confined, folder_with_listenup};
use common::in_namespace;
use common::program::{listenup, sh};
use common::service::Service;
use common::sockets::{bind, listen, listen_with, tcp};

/// Returns the table without the column UNIT, which depends on the machine.
#[track_caller]
fn table(line: &str) -> String {
    let said = listenup(line).exits(0).stderr("");
    let (head, _) = said.stdout.split_once('\n').unwrap();
    let unit = head.find("  UNIT").unwrap();
    let cut = |row: &str| row[..unit].trim_end().to_owned() + "\n";
    said.stdout.lines().map(cut).collect()
}

#[test]
fn the_list_is_a_table_sorted_by_port_and_address() {
    in_namespace(|| {
        let full = bind(tcp("127.0.0.1"), "127.0.0.1", 443);
        full.listen(2).unwrap();
        let _wait = [0; 3].map(|_| TcpStream::connect("127.0.0.1:443").unwrap());
        let v6only = |socket: &Socket| socket.set_only_v6(true).unwrap();
        let on_lo = |socket: &Socket| socket.bind_device(Some(b"lo")).unwrap();
        let _sockets = [
            listen("::", 8080),
            listen_with("::", 80, v6only),
            listen("0.0.0.0", 80),
            listen_with("0.0.0.0", 53, on_lo),
            listen("127.0.0.2", 443),
            listen("::1", 443),
        ];
        let by_netlink = "\
PROTO  ADDRESS    PORT  QUEUE  V6ONLY  DEVICE  USER
tcp    0.0.0.0    53    0/16   -       lo      root
tcp    0.0.0.0    80    0/16   -       -       root
tcp    ::         80    0/16   yes     -       root
tcp    127.0.0.1  443   3/2    -       -       root
tcp    127.0.0.2  443   0/16   -       -       root
tcp    ::1        443   0/16   yes     -       root
tcp    ::         8080  0/16   no      -       root
";
        let by_proc = "\
PROTO  ADDRESS    PORT  QUEUE  V6ONLY  DEVICE  USER
tcp    0.0.0.0    53    0/?    -       ?       root
tcp    0.0.0.0    80    0/?    -       ?       root
tcp    ::         80    0/?    ?       ?       root
tcp    127.0.0.1  443   3/?    -       ?       root
tcp    127.0.0.2  443   0/?    -       ?       root
tcp    ::1        443   0/?    ?       ?       root
tcp    ::         8080  0/?    ?       ?       root
";
        assert_eq!(table("list"), by_netlink);
        assert_eq!(table("list --source proc"), by_proc);
        let by_fall_back = Confined::listenup()
            .without(Call::SockDiagSocket, Errno::EACCES)
            .run("list")
            .exits(0)
            .stderr("");
        assert_eq!(by_fall_back.stdout, listenup("list --source proc").stdout);

        let rows = |line: &str| table(line).lines().skip(1).count();
        assert_eq!(rows("list 80"), 2);
        assert_eq!(rows("list 80 443"), 5);
        assert_eq!(rows("list 127.0.0.1:443"), 1);
        assert_eq!(rows("list [::1]:8080"), 1);
    });
}

#[test]
fn list_p_names_the_processes() {
    in_namespace(|| {
        let service = Service::on(&["127.0.0.1:8443"]);
        let said = listenup("list -p").exits(0).stderr("");
        let row = said.stdout.lines().nth(1).unwrap();
        assert!(
            row.ends_with(&format!("  listener ({})", service.pid())),
            "{said:?}"
        );
    });
}

#[test]
fn without_listeners_stderr_says_so_and_the_exit_code_is_1_only_for_targets() {
    in_namespace(|| {
        let none = "listenup: no listeners found";
        listenup("list")
            .exits(0)
            .stdout("")
            .stderr(&format!("{none}\n"));
        listenup("list 443 udp:53")
            .exits(1)
            .stdout("")
            .stderr(&format!("{none} for 443 udp:53\n"));
        let json = listenup("list --format json 443").exits(1).stderr("");
        assert!(json.stdout.contains("\"listeners\":[]"), "{json:?}");
    });
}

#[test]
fn a_list_error_exits_with_2() {
    in_namespace(|| {
        listenup("list 443x").exits(2).stdout("");
        listenup("list --no-such-option").exits(2).stdout("");
        listenup("list --netns no-such-name 443")
            .exits(2)
            .stdout("");
    });
}

#[test]
fn ten_thousand_listeners_are_all_listed_once() {
    in_namespace(|| {
        let _service = Service::start(
            std::process::Command::new(common::program::example("listener"))
                .arg("127.0.0.1:10000-19999"),
            10_000,
        );
        for source in ["netlink", "proc"] {
            let said = listenup(&format!("list --source {source}"))
                .exits(0)
                .stderr("");
            let mut ports: Vec<u16> = said
                .stdout
                .lines()
                .skip(1)
                .map(|row| row.split_whitespace().nth(2).unwrap().parse().unwrap())
                .collect();
            ports.dedup();
            assert_eq!(ports, (10_000..20_000).collect::<Vec<_>>(), "{source}");
        }
    });
}

#[test]
fn without_readable_processes_the_list_is_printed_with_a_warning() {
    in_namespace(|| {
        let _socket = listen("127.0.0.1", 443);
        let root = folder_with_listenup();
        let said = Confined::listenup_in_root(root.path()).run("list -p").exits(0).stderr(
            "listenup: warning: the processes are unknown: /proc cannot be listed: No such file or \
             directory (ENOENT)\n",
        );
        let row = said.stdout.lines().nth(1).unwrap();
        assert!(
            row.starts_with("tcp    127.0.0.1  443 ") && row.ends_with("  ?"),
            "{said:?}"
        );
    });
}

#[test]
fn without_a_working_source_list_fails() {
    in_namespace(|| {
        sh(r#"ulimit -n 3; exec "$0" list"#)
            .exits(2)
            .stdout("")
            .stderr(
                "listenup: could not tell: sock_diag: socket: Too many open files (EMFILE); \
                 /proc/self/net/tcp: cannot be opened: Too many open files (EMFILE)\n",
            );
    });
}
