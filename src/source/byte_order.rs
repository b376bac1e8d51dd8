//! The byte order of the kernel's messages, which is that of the machine. It is a value here, so that both orders can
//! be tested on one machine.

/// The order in which the bytes of a number lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first: x86, most ARM, RISC-V.
    Little,
    /// Most significant byte first: s390x.
    Big,
}

impl ByteOrder {
    /// The order of the machine this was compiled for.
    pub const NATIVE: Self = if cfg!(target_endian = "little") {
        Self::Little
    } else {
        Self::Big
    };

    /// Returns two bytes as a number.
    pub const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    /// Returns four bytes as a number.
    pub const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Returns eight bytes as a number.
    pub const fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(bytes),
            Self::Big => u64::from_be_bytes(bytes),
        }
    }

    /// Returns a number as two bytes.
    pub const fn bytes16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// Returns a number as four bytes.
    pub const fn bytes32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_order_matches_std() {
        assert_eq!(
            ByteOrder::NATIVE.bytes32(0x0102_0304),
            0x0102_0304_u32.to_ne_bytes()
        );
        assert_eq!(ByteOrder::NATIVE.u16([1, 2]), u16::from_ne_bytes([1, 2]));
    }

    #[test]
    fn both_byte_orders_round_trip() {
        assert_eq!(ByteOrder::Little.bytes16(0x0102), [2, 1]);
        assert_eq!(ByteOrder::Big.bytes16(0x0102), [1, 2]);
        assert_eq!(
            ByteOrder::Little.u64([1, 0, 0, 0, 0, 0, 0, 2]),
            0x0200_0000_0000_0001
        );
        assert_eq!(
            ByteOrder::Big.u64([1, 0, 0, 0, 0, 0, 0, 2]),
            0x0100_0000_0000_0002
        );
        for order in [ByteOrder::Little, ByteOrder::Big] {
            assert_eq!(order.u16(order.bytes16(443)), 443);
            assert_eq!(order.u32(order.bytes32(0xdead_beef)), 0xdead_beef);
        }
    }
}
