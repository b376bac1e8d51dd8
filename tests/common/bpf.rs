//! BPF programs that choose the listener of a connection, loaded by bpf(2).

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;
use socket2::Socket;

/// Instructions of linux/bpf.h: the code, the registers, the offset, and the number.
type Instruction = (u8, u8, u8, i16, i32);

const SK_LOOKUP: u32 = 36;
const MAP_CREATE: i32 = 0;
const MAP_UPDATE: i32 = 2;
const PROG_LOAD: i32 = 5;
const LINK_CREATE: i32 = 28;
const SOCKMAP: u32 = 15;
const PROG_TYPE_SK_LOOKUP: u32 = 30;
/// Where `struct bpf_sk_lookup` has the local port.
const LOCAL_PORT: i16 = 60;

/// Steers all connections to a port of this thread's network namespace to a listener, as long as it lives.
pub struct Steering(#[allow(dead_code)] [OwnedFd; 3]);

impl Steering {
    /// From this port to this listener.
    pub fn of(port: u16, listener: &Socket) -> Self {
        let map = call(MAP_CREATE, &[SOCKMAP, 4, 8, 1]);
        let (key, value) = (0_u32, listener.as_raw_fd() as u64);
        let [key, value] = [&raw const key as u64, &raw const value as u64];
        let map_fd = map.as_raw_fd() as u64;
        // SAFETY: the attribute has the addresses of a key and a value that live until the call returns.
        let updated = unsafe { bpf(MAP_UPDATE, &words64(&[map_fd, key, value, 0])) };
        assert_eq!(updated, 0, "{}", std::io::Error::last_os_error());
        let program: [Instruction; 20] = [
            (0x61, 2, 1, LOCAL_PORT, 0),      // r2 = the local port
            (0x55, 2, 0, 15, port.into()),    // another: pass
            (0xbf, 6, 1, 0, 0),               // r6 = the context
            (0x62, 10, 0, -4, 0),             // the key 0 on the stack
            (0xbf, 2, 10, 0, 0),              // r2 = its address
            (0x07, 2, 0, 0, -4),              //
            (0x18, 1, 1, 0, map.as_raw_fd()), // r1 = the map
            (0, 0, 0, 0, 0),                  //
            (0x85, 0, 0, 0, 1),               // bpf_map_lookup_elem
            (0x15, 0, 0, 7, 0),               // none: pass
            (0xbf, 7, 0, 0, 0),               // r7 = the listener
            (0xbf, 1, 6, 0, 0),               //
            (0xbf, 2, 7, 0, 0),               //
            (0xb7, 3, 0, 0, 0),               //
            (0x85, 0, 0, 0, 124),             // bpf_sk_assign
            (0xbf, 1, 7, 0, 0),               //
            (0x85, 0, 0, 0, 86),              // bpf_sk_release
            (0xb7, 0, 0, 0, 1),               // SK_PASS
            (0x95, 0, 0, 0, 0),               //
            (0x95, 0, 0, 0, 0),               //
        ];
        let program = load(&program[..19]);
        let namespace = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
        let [program_fd, namespace_fd] = [program.as_raw_fd(), namespace.as_raw_fd()];
        let link = call(
            LINK_CREATE,
            &[program_fd as u32, namespace_fd as u32, SK_LOOKUP, 0],
        );
        Self([map, program, link])
    }
}

fn load(program: &[Instruction]) -> OwnedFd {
    let mut code = Vec::new();
    for (code_byte, to, from, offset, number) in program {
        code.extend([*code_byte, from << 4 | to]);
        code.extend(offset.to_ne_bytes());
        code.extend(number.to_ne_bytes());
    }
    let licence = c"GPL";
    let mut attribute = PROG_TYPE_SK_LOOKUP.to_ne_bytes().to_vec();
    attribute.extend((program.len() as u32).to_ne_bytes());
    attribute.extend((code.as_ptr() as u64).to_ne_bytes());
    attribute.extend((licence.as_ptr() as u64).to_ne_bytes());
    attribute.resize(68, 0); // up to expected_attach_type
    attribute.extend(SK_LOOKUP.to_ne_bytes());
    attribute.resize(128, 0);
    // SAFETY: the attribute has the addresses of the code and of the licence, which live until the call returns.
    let fd = unsafe { bpf(PROG_LOAD, &attribute) };
    descriptor(fd)
}

fn words64(words: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.resize(128, 0);
    bytes
}

/// A call whose attribute begins with these words and has no addresses.
fn call(command: i32, words: &[u32]) -> OwnedFd {
    let mut attribute: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    attribute.resize(128, 0);
    // SAFETY: the attribute has no addresses.
    let fd = unsafe { bpf(command, &attribute) };
    descriptor(fd)
}

/// # Safety
/// Addresses in the attribute are valid for what the command reads and writes there.
unsafe fn bpf(command: i32, attribute: &[u8]) -> i64 {
    // SAFETY: bpf(2) reads as many bytes as it is told; the rest is for the caller.
    unsafe { libc::syscall(libc::SYS_bpf, command, attribute.as_ptr(), attribute.len()) }
}

fn descriptor(fd: i64) -> OwnedFd {
    assert!(fd >= 0, "bpf: {}", std::io::Error::last_os_error());
    // SAFETY: a call that has succeeded gives a new descriptor, which nothing else owns.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}
