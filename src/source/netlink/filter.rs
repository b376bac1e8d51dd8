//! A bytecode that makes the kernel filter a dump by a set of local ports.
//!
//! One dump serves any number of ports, and its answer contains nothing else: an answer that fits one datagram cannot
//! miss a listener. The code is a search tree, so a listener on another port costs the kernel a few steps.
//!
//! `struct inet_diag_bc_op` is { u8 code; u8 yes; u16 no }; `yes` and `no` are how many bytes to go forward. An S_GE or
//! S_LE is followed by a second operation that only carries the port in its `no`. The end of the code accepts, and any
//! position after it refuses (net/ipv4/inet_diag.c, `inet_diag_bc_run`). `inet_diag_bc_audit` requires every `yes` to
//! lead to the next instruction and every `no` to an instruction or to 4 bytes after the end, hence the jumps.

use crate::source::ByteOrder;

const JMP: u8 = 1;
const S_GE: u8 = 2;
const S_LE: u8 = 3;

/// Bytes of a jump, and of a comparison with its port.
const JUMP: usize = 4;
const COMPARISON: usize = 8;

/// The most ports that [`bytecode`] accepts. The tree needs at most 28 bytes a port and its offsets have 16 bits, but
/// the kernel's audit reads the code again for every jump in it: 0.5 ms for this many.
pub(super) const MOST_PORTS: usize = 512;

/// Returns the code that accepts exactly these ports, which are ascending and at most [`MOST_PORTS`].
pub(super) fn bytecode(ports: &[u16], order: ByteOrder) -> Vec<u8> {
    // Written from the end to the beginning, so that the distance to the end is always known. At last the order is
    // reversed.
    let mut code = Code {
        backwards: Vec::new(),
        order,
    };
    code.accept_only(ports);
    code.backwards.iter().rev().flatten().copied().collect()
}

struct Code {
    /// Operations of four bytes, the last first.
    backwards: Vec<[u8; 4]>,
    order: ByteOrder,
}

impl Code {
    /// Puts code in front that ends the run: it accepts these ports and refuses others.
    fn accept_only(&mut self, ports: &[u16]) {
        match ports {
            [] => {}
            [port] => {
                self.jump_to_the_end();
                self.compare(S_LE, *port, self.reject_offset());
                self.compare(S_GE, *port, self.reject_offset());
            }
            _ => {
                let (lower, upper) = ports.split_at(ports.len() / 2);
                self.accept_only(lower);
                let before_lower = self.length();
                self.accept_only(upper);
                let over_upper = self.length() - before_lower + COMPARISON;
                if let [pivot, ..] = upper {
                    self.compare(S_GE, *pivot, over_upper);
                }
            }
        }
    }

    fn length(&self) -> usize {
        self.backwards.len() * JUMP
    }

    /// The distance from a comparison that is put in front now to the refusal.
    fn reject_offset(&self) -> usize {
        COMPARISON + self.length() + JUMP
    }

    fn compare(&mut self, code: u8, port: u16, otherwise: usize) {
        self.operation(0, 0, port);
        self.operation(code, COMPARISON as u8, otherwise as u16);
    }

    fn jump_to_the_end(&mut self) {
        let end = JUMP + self.length();
        self.operation(JMP, JUMP as u8, end as u16);
    }

    fn operation(&mut self, code: u8, yes: u8, no: u16) {
        let [low, high] = self.order.bytes16(no);
        self.backwards.push([code, yes, low, high]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's interpreter (`inet_diag_bc_run`) for the three operations used here.
    fn run(code: &[u8], port: u16, order: ByteOrder) -> bool {
        let mut at = 0;
        while at < code.len() {
            let no = usize::from(order.u16([code[at + 2], code[at + 3]]));
            let operand = || order.u16([code[at + 6], code[at + 7]]);
            let yes = match code[at] {
                JMP => false,
                S_GE => port >= operand(),
                S_LE => port <= operand(),
                other => panic!("unknown operation {other}"),
            };
            at += if yes { usize::from(code[at + 1]) } else { no };
        }
        at == code.len()
    }

    #[test]
    fn the_bytecode_accepts_exactly_the_ports_in_both_byte_orders() {
        let long: Vec<u16> = (1..=2048).map(|n| n * 31).collect();
        let sets: [&[u16]; 7] = [
            &[443],
            &[80, 443],
            &[1, 2, 3],
            &[1, 65535],
            &[22, 80, 443, 6443, 8080],
            &[65534, 65535],
            &long,
        ];
        for order in [ByteOrder::Little, ByteOrder::Big] {
            for ports in sets {
                let code = bytecode(ports, order);
                for port in 0..=u16::MAX {
                    assert_eq!(
                        run(&code, port, order),
                        ports.contains(&port),
                        "{port} of {} ports",
                        ports.len()
                    );
                }
            }
        }
    }

    #[test]
    fn the_longest_bytecode_fits_an_attribute() {
        let ports: Vec<u16> = (1..=MOST_PORTS as u16).collect();
        assert!(bytecode(&ports, ByteOrder::NATIVE).len() + 4 <= usize::from(u16::MAX));
    }

    #[test]
    fn the_bytecode_takes_logarithmic_steps() {
        let ports: Vec<u16> = (1..=1024).collect();
        let code = bytecode(&ports, ByteOrder::Little);
        let (mut at, mut steps) = (0, 0);
        while at < code.len() {
            let no = usize::from(u16::from_le_bytes([code[at + 2], code[at + 3]]));
            at += no; // a port below all of them
            steps += 1;
        }
        assert!(steps <= 11, "{steps} steps for 1,024 ports");
    }
}
