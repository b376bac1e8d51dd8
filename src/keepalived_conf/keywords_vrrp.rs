//! What may stand in the blocks of the VRRP process.

use super::keyword::{Block, Keyword, block, list, since, value, values};

/// In `vrrp_script`.
pub(super) const VRRP_SCRIPT: &[Keyword] = &[
    values("script"),
    value("interval"),
    value("timeout"),
    value("weight"),
    value("rise"),
    value("fall"),
    value("user"),
    values("init_fail"),
];

/// In `vrrp_instance`.
pub(super) const VRRP_INSTANCE: &[Keyword] = &[
    values("use_vmac"),
    values("use_vmac_addr"),
    values("vmac_xmit_base"),
    values("use_ipvlan"),
    list("unicast_peer"),
    values("unicast_fault_no_peer"),
    values("check_unicast_src"),
    values("old_unicast_checksum"),
    values("native_ipv6"),
    value("state"),
    value("interface"),
    value("vrf"),
    values("dont_track_primary"),
    list("track_interface"),
    list("track_script"),
    list("track_file"),
    list("track_process"),
    list("track_bfd"),
    value("mcast_src_ip"),
    value("unicast_src_ip"),
    value("mcast_dst_ip"),
    values("track_src_ip"),
    value("virtual_router_id"),
    value("unicast_ttl"),
    value("version"),
    value("priority"),
    value("advert_int"),
    list("virtual_ipaddress"),
    list("virtual_ipaddress_excluded"),
    values("promote_secondaries"),
    values("linkbeat_use_polling"),
    list("virtual_routes"),
    list("virtual_rules"),
    values("accept"),
    values("no_accept"),
    values("skip_check_adv_addr"),
    values("strict_mode"),
    values("preempt"),
    values("nopreempt"),
    value("preempt_delay"),
    value("debug"),
    value("notify_backup"),
    value("notify_master"),
    value("notify_fault"),
    value("notify_stop"),
    values("notify_deleted"),
    value("notify"),
    value("notify_master_rx_lower_pri"),
    values("smtp_alert"),
    values("notify_priority_changes"),
    value("lvs_sync_daemon_interface"),
    value("garp_master_delay"),
    value("garp_master_refresh"),
    value("garp_master_repeat"),
    value("garp_master_refresh_repeat"),
    value("garp_lower_prio_delay"),
    value("garp_lower_prio_repeat"),
    value("down_timer_adverts"),
    values("garp_extra_if"),
    values("vmac_garp_intvl"),
    values("lower_prio_no_advert"),
    values("higher_prio_send_advert"),
    values("kernel_rx_buf_size"),
    block("authentication", Block::Other, AUTHENTICATION),
    since("2.2.8", values("no_virtual_ipaddress")),
    since("2.2.8", values("timer_expired_backup")),
    since("2.2.8", values("v3_checksum_as_v2")),
    since("2.3.2", values("thread_timer_expired")),
    since("2.3.3", values("owner_ignore_adverts")),
    since("2.4.0", block("auth_hmac", Block::Other, AUTH_HMAC)),
];

const AUTHENTICATION: &[Keyword] = &[value("auth_type"), value("auth_pass")];

const AUTH_HMAC: &[Keyword] = &[
    values("key"),
    values("active_key"),
    values("time_window"),
    values("anti_replay"),
    values("mode"),
];

/// In `vrrp_sync_group`.
pub(super) const SYNC_GROUP: &[Keyword] = &[
    list("group"),
    list("track_interface"),
    list("track_script"),
    list("track_file"),
    list("track_process"),
    list("track_bfd"),
    value("notify_backup"),
    value("notify_master"),
    value("notify_fault"),
    value("notify_stop"),
    value("notify"),
    values("smtp_alert"),
    values("global_tracking"),
    values("sync_group_tracking_weight"),
    values("notify_priority_changes"),
];

/// In `track_file` and `vrrp_track_file`.
pub(super) const TRACK_FILE: &[Keyword] = &[values("file"), values("weight"), values("init_file")];

/// In `vrrp_track_process`.
pub(super) const TRACK_PROCESS: &[Keyword] = &[
    value("process"),
    values("param_match"),
    values("weight"),
    value("quorum"),
    value("quorum_max"),
    value("delay"),
    value("terminate_delay"),
    value("fork_delay"),
    values("full_command"),
];

/// In `track_group`.
pub(super) const TRACK_GROUP: &[Keyword] = &[list("group")];

/// In `garp_group`.
pub(super) const GARP_GROUP: &[Keyword] = &[
    value("garp_interval"),
    value("gna_interval"),
    value("interface"),
    list("interfaces"),
];

/// In `bfd_instance`.
pub(super) const BFD_INSTANCE: &[Keyword] = &[
    value("source_ip"),
    value("neighbor_ip"),
    value("neighbour_ip"),
    value("min_rx"),
    value("min_tx"),
    value("idle_tx"),
    value("multiplier"),
    values("passive"),
    value("ttl"),
    value("hoplimit"),
    value("max_hops"),
    value("weight"),
    values("vrrp"),
    values("checker"),
    since("2.2.8", values("multihop")),
];
