//! The reachability of a target by a listener. It can depend on something that the listener's source does not show.

/// The answer to the question whether a listener serves a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It serves the target.
    Yes,
    /// It does not serve the target.
    No,
    /// It serves the target unless this condition is true, which is unknown.
    Unless(Condition),
}

/// Something about a listener that is unknown and decides whether it serves the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// IPV6_V6ONLY is set.
    V6only,
    /// It is bound to another device.
    OtherDevice,
    /// It is bound to `lo`, and the address is assigned to another device: a connection from this
    /// machine comes in on the device that has the address (net/ipv4/route.c, ip_route_output_key_hash_rcu;
    /// net/ipv6/ip6_input.c, ip6_rcv_core).
    NotOnLo,
    /// It is bound to a device that is gone.
    DeviceGone,
    /// It is bound to an address in 127.0.0.0/8, and to a device that gets no packets for it.
    LoopbackAddress,
    /// It is bound to no device, and connections through a VRF do not find such listeners.
    OutsideVrf,
}

impl Reachability {
    /// Combines two answers: both must be yes.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unless(unless), _) | (_, Self::Unless(unless)) => Self::Unless(unless),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}
