//! The keywords that keepalived knows, and the blocks that they belong to (the `install_keyword` calls of keepalived 2.2.7,
//! and what later versions up to 2.4.3 added). Which of them require a value was tried with the real 2.2.7.
//!
//! In a table, `NAME!` requires a value, `NAME[]` has a block whose lines are values, `NAME{}` has a block with keywords of
//! its own, and `NAME@2.2.8` exists since that version. A table with `...` has more keywords, which have no effect on checks
//! and which new versions add to.

use super::Version;
use super::spelling::suggest;

/// A block: the keyword that opens it, the one of the block around it, and the keywords in it.
#[derive(Debug)]
pub(super) struct Row {
    pub keyword: &'static str,
    parent: &'static str,
    table: &'static str,
}

/// The values or the block that can follow a keyword.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Values, or none.
    Values,
    /// At least one value; without it keepalived does not start.
    Value,
    /// A block whose lines are values.
    List,
    /// A block with keywords of its own.
    Block(&'static Row),
}

/// A keyword of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyword {
    pub name: &'static str,
    pub kind: Kind,
    /// The first version that knows it, where 2.2.7 does not.
    pub since: Option<Version>,
}

impl Keyword {
    /// True if a block follows it.
    pub fn opens(&self) -> bool {
        matches!(self.kind, Kind::List | Kind::Block(_))
    }
}

/// The top level: the keywords outside all blocks.
pub(super) static TOP: Row = Row {
    parent: "",
    keyword: "",
    table: ROOT,
};

/// Each block whose lines mean nothing to the model.
static OTHER: Row = Row {
    parent: "",
    keyword: "...",
    table: "group[] interfaces[] url[] host[] ...",
};

/// The other blocks. Those that a keyword belongs to most often come first.
#[rustfmt::skip]
static BLOCKS: &[Row] = &[
    Row { parent: "", keyword: "vrrp_script", table: VRRP_SCRIPT },
    Row { parent: "", keyword: "vrrp_instance", table: VRRP_INSTANCE },
    Row { parent: "", keyword: "vrrp_sync_group", table: SYNC_GROUP },
    Row { parent: "", keyword: "global_defs", table: GLOBAL_DEFS },
    Row { parent: "", keyword: "virtual_server", table: VIRTUAL_SERVER },
    Row { parent: "", keyword: "track_file", table: TRACK_FILE },
    Row { parent: "", keyword: "vrrp_track_file", table: TRACK_FILE },
    Row { parent: "", keyword: "vrrp_track_process", table: TRACK_PROCESS },
    Row { parent: "virtual_server", keyword: "real_server", table: REAL_SERVER },
    Row { parent: "real_server", keyword: "MISC_CHECK", table: MISC_CHECK },
    Row { parent: "real_server", keyword: "FILE_CHECK", table: FILE_CHECK },
];

impl Row {
    /// True if the block has keywords that are not in its table.
    pub fn has_others(&self) -> bool {
        self.table.contains("...")
    }

    /// Returns the keyword of that name in this block.
    pub fn find(&self, name: &str) -> Option<Keyword> {
        let words = self.table.split_ascii_whitespace();
        let mut similar = words.filter(|word| word.starts_with(name));
        similar.find_map(|word| Some(self.keyword(word)).filter(|keyword| keyword.name == name))
    }

    /// Returns the keyword of this block that was probably meant.
    pub fn suggest(&self, name: &str) -> Option<&'static str> {
        let words = self.table.split_ascii_whitespace();
        let names = words.map(|word| self.keyword(word).name);
        // The tables of other blocks have few of their keywords.
        suggest(name, names).filter(|_| self.keyword != OTHER.keyword)
    }

    fn keyword(&self, word: &'static str) -> Keyword {
        let (word, since) = match word.split_once('@') {
            Some((word, since)) => (word, since.parse().ok()),
            None => (word, None),
        };
        let name = word.trim_end_matches(['!', '[', ']', '{', '}']);
        let kind = match word.get(name.len()..) {
            Some("!") => Kind::Value,
            Some("[]") => Kind::List,
            Some("{}") => Kind::Block(block(self.keyword, name)),
            _ => Kind::Values,
        };
        Keyword { name, kind, since }
    }
}

fn block(parent: &str, name: &str) -> &'static Row {
    let is_it = |row: &&Row| row.parent == parent && row.keyword == name;
    BLOCKS.iter().find(is_it).unwrap_or(&OTHER)
}

/// Returns the name of a block that a keyword belongs to; empty for top level.
pub(super) fn parent_block(name: &str) -> Option<&'static str> {
    let rows = std::iter::once(&TOP).chain(BLOCKS);
    let mut rows = rows.filter(|row| row.find(name).is_some());
    rows.next().map(|row| row.keyword)
}

const ROOT: &str = "
    linkbeat_use_polling net_namespace net_namespace_ipvs namespace_with_ipsets use_pid_dir instance
    child_wait_time! global_defs{} track_group{} static_ipaddress[] static_routes[] static_rules[]
    vrrp_sync_group{} garp_group{} linkbeat_interfaces[] vrrp_instance{} vrrp_script{} vrrp_track_process{}
    interface_up_down_delays[] bfd_instance{} track_file{} vrrp_track_file{} SSL{} virtual_server_group[]
    virtual_server{}
";

/// The keywords of all versions from 1.3.0 to 2.4.3 (keepalived/core/global_parser.c, `init_global_keywords`).
const GLOBAL_DEFS: &str = "
    bfd_cpu_affinity bfd_no_swap bfd_priority bfd_process_name bfd_rlimit_rtime bfd_rlimit_rttime bfd_rt_priority
    checker_cpu_affinity checker_log_all_failures checker_no_swap checker_priority checker_process_name
    checker_rlimit_rtime checker_rlimit_rttime checker_rt_priority config_save_dir data_use_instance
    dbus_no_interface_name@2.3.0 dbus_service_name default_interface disable_local_igmp dynamic_interfaces
    enable_dbus enable_script_security enable_snmp_checker enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2
    enable_snmp_rfcv3 enable_snmp_vrrp enable_traps fifo_write_vrrp_states_on_reload include_check
    iproute_etc_dir@2.3.2 iproute_usr_dir@2.3.2 json_dump_file@2.3.3 json_version@2.2.8 log_unknown_vrids lvs_flush
    lvs_flush_on_stop lvs_flush_onstop lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force
    lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force lvs_notify_fifo lvs_notify_fifo_script
    lvs_process_name lvs_sync_daemon lvs_timeouts max_auto_priority min_auto_priority_delay nftables
    nftables_counters nftables_ifindex nftables_ipvs nftables_ipvs_priority nftables_ipvs_start_fwmark
    nftables_priority no_checker_emails no_email_faults notification_email[] notification_email_from notify_fifo
    notify_fifo_script process_monitor_rcv_bufs process_monitor_rcv_bufs_force process_name process_names
    random_seed reload_check_config reload_file reload_repeat reload_time_file router_id rs_init_notifies
    script_user set_supplementary_groups@2.4.4 shutdown_script shutdown_script_timeout smtp_alert smtp_alert_checker
    smtp_alert_vrrp smtp_connect_timeout smtp_helo_name smtp_server snmp_rs_stats_update_interval@2.3.0 snmp_socket
    snmp_vs_stats_update_interval@2.3.0 startup_script startup_script_timeout state_dump_file@2.3.3
    stats_dump_file@2.3.3 tmp_config_directory umask use_symlink_paths@2.3.0 v3_checksum_as_v2@2.2.8
    vmac_addr_prefix vmac_prefix vrrp_check_unicast_src vrrp_cpu_affinity vrrp_delay_after_boot@2.4.0
    vrrp_down_timer_adverts vrrp_garp_extra_if vrrp_garp_interval vrrp_garp_lower_prio_delay
    vrrp_garp_lower_prio_repeat vrrp_garp_master_delay vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat
    vrrp_garp_master_repeat vrrp_gna_interval vrrp_higher_prio_send_advert vrrp_ipsets vrrp_iptables
    vrrp_lower_prio_no_advert vrrp_mcast_group4 vrrp_mcast_group6 vrrp_min_garp vrrp_netlink_cmd_rcv_bufs
    vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force vrrp_no_swap
    vrrp_notify_fifo vrrp_notify_fifo_script vrrp_notify_priority_changes vrrp_owner_ignore_adverts@2.3.3
    vrrp_priority vrrp_process_name vrrp_rlimit_rtime vrrp_rlimit_rttime vrrp_rt_priority vrrp_rx_bufs_multiplier
    vrrp_rx_bufs_policy vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_strict vrrp_version vrrp_vmac_garp_intvl
";

const VRRP_SCRIPT: &str = "
    script interval! timeout! weight! rise! fall! user! init_fail
";

const VRRP_INSTANCE: &str = "
    use_vmac use_vmac_addr vmac_xmit_base use_ipvlan unicast_peer[] unicast_fault_no_peer check_unicast_src
    old_unicast_checksum native_ipv6 state! interface! vrf! dont_track_primary track_interface[] track_script[]
    track_file[] track_process[] track_bfd[] mcast_src_ip! unicast_src_ip! mcast_dst_ip! track_src_ip
    virtual_router_id! unicast_ttl! version! priority! advert_int! virtual_ipaddress[]
    virtual_ipaddress_excluded[] promote_secondaries linkbeat_use_polling virtual_routes[] virtual_rules[]
    accept no_accept skip_check_adv_addr strict_mode preempt nopreempt preempt_delay! debug! notify_backup!
    notify_master! notify_fault! notify_stop! notify_deleted notify! notify_master_rx_lower_pri! smtp_alert
    notify_priority_changes lvs_sync_daemon_interface! garp_master_delay! garp_master_refresh!
    garp_master_repeat! garp_master_refresh_repeat! garp_lower_prio_delay! garp_lower_prio_repeat!
    down_timer_adverts! garp_extra_if vmac_garp_intvl lower_prio_no_advert higher_prio_send_advert
    kernel_rx_buf_size authentication{} no_virtual_ipaddress@2.2.8 timer_expired_backup@2.2.8
    v3_checksum_as_v2@2.2.8 thread_timer_expired@2.3.2 owner_ignore_adverts@2.3.3 auth_hmac{}@2.4.0
";

const SYNC_GROUP: &str = "
    group[] track_interface[] track_script[] track_file[] track_process[] track_bfd[] notify_backup!
    notify_master! notify_fault! notify_stop! notify! smtp_alert global_tracking sync_group_tracking_weight
    notify_priority_changes
";

const TRACK_FILE: &str = "
    file weight init_file
";

const TRACK_PROCESS: &str = "
    process! param_match weight quorum! quorum_max! delay! terminate_delay! fork_delay! full_command
";

const VIRTUAL_SERVER: &str = "
    delay_loop! quorum_up! quorum_down! real_server{} ...
";

const REAL_SERVER: &str = "
    delay_loop! notify_up! notify_down! MISC_CHECK{} SMTP_CHECK{} TCP_CHECK{} PING_CHECK{} UDP_CHECK{} HTTP_GET{} SSL_GET{}
    DNS_CHECK{} FILE_CHECK{} BFD_CHECK{} ...
";

const MISC_CHECK: &str = "
    retry! delay_before_retry! warmup! delay_loop! alpha log_all_failures misc_path misc_timeout! misc_dynamic
    user
";

const FILE_CHECK: &str = "
    track_file! weight
";

#[cfg(test)]
mod tests {
    use super::{BLOCKS, Kind, TOP, parent_block};

    #[test]
    fn a_keyword_has_a_parent_block_if_it_is_unique() {
        for (name, expected) in [
            ("vrrp_script", Some("")),
            ("interval", Some("vrrp_script")),
            ("script_user", Some("global_defs")),
            ("MISC_CHECK", Some("real_server")),
            ("nonsense", None),
        ] {
            assert_eq!(parent_block(name), expected, "{name}");
        }
    }

    #[test]
    fn the_tables_are_well_formed() {
        let mut blocks = std::collections::HashSet::new();
        for row in std::iter::once(&TOP).chain(BLOCKS) {
            for word in row.table.split_ascii_whitespace() {
                let keyword = row.keyword(word);
                let is_block = matches!(keyword.kind, Kind::Block(_));
                assert_eq!(word.contains("{}"), is_block, "{word}");
                assert_eq!(word.contains('@'), keyword.since.is_some(), "{word}");
                if let Kind::Block(inner) = keyword.kind {
                    blocks.insert((inner.parent, inner.keyword));
                }
            }
        }
        // All of them can be opened, and at least one has no row.
        assert_eq!(blocks.len(), BLOCKS.len() + 1);
    }
}
