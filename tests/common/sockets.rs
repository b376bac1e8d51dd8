//! Real sockets of every kind that matters.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// A TCP socket that can be bound at once, whatever was there before.
pub fn tcp(address: &str) -> Socket {
    let address: IpAddr = address.parse().unwrap();
    let domain = if address.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket
}

/// Binds it and does not listen.
#[track_caller]
pub fn bind(socket: Socket, address: &str, port: u16) -> Socket {
    let address = SocketAddr::new(address.parse().unwrap(), port);
    let deadline = Instant::now() + Duration::from_secs(2);
    // A child that another test has just forked holds a closed listener until it executes its program.
    while let Err(error) = socket.bind(&address.into()) {
        let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        assert!(
            in_use && Instant::now() < deadline,
            "bind {address}: {error}"
        );
        thread::sleep(Duration::from_millis(1));
    }
    socket
}

/// A listener. `::` is dual-stack.
#[track_caller]
pub fn listen(address: &str, port: u16) -> Socket {
    listen_with(address, port, |socket| {
        if address == "::" {
            socket.set_only_v6(false).unwrap()
        }
    })
}

/// A listener on a socket that was prepared before it was bound.
#[track_caller]
pub fn listen_with(address: &str, port: u16, prepare: impl FnOnce(&Socket)) -> Socket {
    let socket = tcp(address);
    prepare(&socket);
    let socket = bind(socket, address, port);
    socket.listen(16).unwrap();
    socket
}

/// A connection from this local port of 127.0.0.1 to a listener there. Both ends.
pub fn connect(listener: &Socket, local_port: u16) -> (Socket, Socket) {
    let client = bind(tcp("127.0.0.1"), "127.0.0.1", local_port);
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    client
        .connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())
        .unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// Waits until the table of this thread's namespace shows this IPv4 port in this state, for what takes the kernel a moment.
#[track_caller]
pub fn await_state(port: u16, state: &str) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let (port, state) = (format!(":{port:04X}"), state.to_owned());
    loop {
        let table = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        let there = table.lines().any(|row| {
            let columns: Vec<_> = row.split_whitespace().collect();
            columns[1].ends_with(&port) && columns[3] == state
        });
        if there {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "no {state} on {port} in\n{table}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All of them at once, each on a port of its own.
pub struct Zoo(#[allow(dead_code)] Vec<Socket>);

impl Zoo {
    /// In the namespace of this thread, which also gets the addresses 192.0.2.1 and 2001:db8::1.
    pub fn open() -> Self {
        let mut zoo = Self::without_ipv6();
        super::ip("address add 2001:db8::1/128 dev lo nodad");
        zoo.0.extend([
            listen("::", 1004),
            listen_with("::", 1005, |socket| socket.set_only_v6(true).unwrap()),
            listen("::1", 1006),
            listen("::ffff:127.0.0.1", 1007),
            listen("2001:db8::1", 1016),
            listen("::ffff:0.0.0.0", 1017),
            listen_with("::", 1018, |socket| {
                socket.set_only_v6(false).unwrap();
                socket.bind_device(Some(b"lo")).unwrap();
            }),
        ]);
        zoo
    }

    /// Those that a kernel without IPv6 has as well.
    pub fn without_ipv6() -> Self {
        super::ip("address add 192.0.2.1/32 dev lo");
        let mut zoo = vec![
            listen("0.0.0.0", 1001),
            listen("127.0.0.1", 1002),
            listen("192.0.2.1", 1003),
            listen_with("0.0.0.0", 1008, |socket| {
                socket.bind_device(Some(b"lo")).unwrap()
            }),
            listen("0.0.0.0", 8080),
        ];
        for _ in 0..60 {
            zoo.push(listen_with("0.0.0.0", 1009, |socket| {
                socket.set_reuse_port(true).unwrap()
            }));
        }
        let no_backlog = bind(tcp("127.0.0.1"), "127.0.0.1", 1010);
        no_backlog.listen(0).unwrap();
        let bound_only = bind(tcp("0.0.0.0"), "0.0.0.0", 1011);
        let shut_down = listen("0.0.0.0", 1012);
        shut_down.shutdown(std::net::Shutdown::Read).unwrap();
        let udp = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        zoo.extend([
            no_backlog,
            bound_only,
            shut_down,
            bind(udp, "0.0.0.0", 1013),
        ]);

        let (client, server) = connect(&zoo[0], 1014);
        // Not by closing: a child that another test has just forked may hold both, and close them the other way round.
        client.shutdown(std::net::Shutdown::Write).unwrap();
        server.shutdown(std::net::Shutdown::Write).unwrap();
        drop((client, server));
        await_state(1014, "06"); // TIME_WAIT
        let (client, server) = connect(&zoo[0], 1015);
        await_state(1015, "01"); // ESTABLISHED
        zoo.extend([client, server]);
        Self(zoo)
    }
}

/// A service that says back what it is told, in the namespace of the thread that starts it. Its
/// connections live on when it is dropped; only its listener goes.
pub struct Server(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Server {
    pub fn start(port: u16) -> Self {
        let listener = listen("0.0.0.0", port);
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((connection, _)) => drop(thread::spawn(move || echo(connection))),
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self(stop, Some(thread))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(JoinHandle::join);
    }
}

fn echo(mut connection: Socket) {
    let mut byte = [0];
    connection.set_nonblocking(false).unwrap();
    while let Ok(1) = connection.read(&mut byte) {
        if connection.write_all(&byte).is_err() {
            return;
        }
    }
}
