//! Whether a listener serves a target, which may hang on what its source does not say.

/// Whether a listener serves a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It does unless something holds that is not known.
    Unless(Condition),
}

/// What may not be known of a listener and may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is V6ONLY.
    V6only,
    /// It is bound to another device.
    OtherDevice,
    /// It is bound to `lo`, and the address is assigned to another device: a connection from this
    /// machine comes in on the device that has the address (net/ipv4/route.c, ip_route_output_key_hash_rcu;
    /// net/ipv6/ip6_input.c, ip6_rcv_core).
    NotOnLo,
    /// It is bound to a device that is gone.
    DeviceGone,
    /// It is bound to no device, and what comes in by a VRF does not find those.
    OutsideVrf,
}

impl Reachability {
    /// Where this and something else decide.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unless(unless), _) | (_, Self::Unless(unless)) => Self::Unless(unless),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}
