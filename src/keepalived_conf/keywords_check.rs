//! What may stand in the blocks of the process that checks real servers.

use super::keyword::{Block, Keyword, block, since, value, values};

/// In `virtual_server`.
pub(super) const VIRTUAL_SERVER: &[Keyword] = &[
    value("ip_family"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("connect_timeout"),
    value("delay_loop"),
    values("inhibit_on_failure"),
    value("lb_algo"),
    value("lvs_sched"),
    values("hashed"),
    values("ops"),
    values("flag-1"),
    values("flag-2"),
    values("flag-3"),
    values("sh-port"),
    values("sh-fallback"),
    values("mh-port"),
    values("mh-fallback"),
    value("lb_kind"),
    value("lvs_method"),
    value("persistence_engine"),
    values("persistence_timeout"),
    value("persistence_granularity"),
    value("protocol"),
    values("ha_suspend"),
    values("smtp_alert"),
    values("virtualhost"),
    values("snmp_name"),
    values("alpha"),
    values("omega"),
    value("quorum_up"),
    value("quorum_down"),
    value("quorum"),
    value("hysteresis"),
    value("weight"),
    value("sorry_server"),
    values("sorry_server_inhibit"),
    values("sorry_server_lvs_method"),
    block("real_server", Block::RealServer, REAL_SERVER),
];

/// In `real_server`.
const REAL_SERVER: &[Keyword] = &[
    value("weight"),
    value("lvs_method"),
    value("uthreshold"),
    value("lthreshold"),
    values("inhibit_on_failure"),
    value("notify_up"),
    value("notify_down"),
    values("alpha"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("connect_timeout"),
    value("delay_loop"),
    values("smtp_alert"),
    values("virtualhost"),
    values("snmp_name"),
    block("MISC_CHECK", Block::MiscCheck, MISC_CHECK),
    block("SMTP_CHECK", Block::OtherCheck, SMTP_CHECK),
    block("TCP_CHECK", Block::OtherCheck, CONNECTING),
    block("PING_CHECK", Block::OtherCheck, CONNECTING),
    block("UDP_CHECK", Block::OtherCheck, UDP_CHECK),
    block("HTTP_GET", Block::OtherCheck, HTTP_GET),
    block("SSL_GET", Block::OtherCheck, HTTP_GET),
    block("DNS_CHECK", Block::OtherCheck, DNS_CHECK),
    block("FILE_CHECK", Block::OtherCheck, FILE_CHECK),
    block("BFD_CHECK", Block::OtherCheck, BFD_CHECK),
];

/// The blocks of a `real_server`.
pub(super) const REAL_SERVER_ROOTS: &[&str] = &[
    "MISC_CHECK",
    "SMTP_CHECK",
    "TCP_CHECK",
    "PING_CHECK",
    "UDP_CHECK",
    "HTTP_GET",
    "SSL_GET",
    "DNS_CHECK",
    "FILE_CHECK",
    "BFD_CHECK",
];

const MISC_CHECK: &[Keyword] = &[
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("delay_loop"),
    values("alpha"),
    values("log_all_failures"),
    values("misc_path"),
    value("misc_timeout"),
    values("misc_dynamic"),
    values("user"),
];

const CONNECTING: &[Keyword] = &[
    value("connect_ip"),
    value("connect_port"),
    value("bindto"),
    value("bind_port"),
    value("bind_if"),
    value("connect_timeout"),
    value("fwmark"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("delay_loop"),
    values("alpha"),
    values("log_all_failures"),
];

const SMTP_CHECK: &[Keyword] = &[
    values("helo_name"),
    value("connect_ip"),
    value("connect_port"),
    value("bindto"),
    value("bind_port"),
    value("bind_if"),
    value("connect_timeout"),
    value("fwmark"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("delay_loop"),
    values("alpha"),
    values("log_all_failures"),
    block("host", Block::Other, CONNECTING),
];

const UDP_CHECK: &[Keyword] = &[
    value("connect_ip"),
    value("connect_port"),
    value("bindto"),
    value("bind_port"),
    value("bind_if"),
    value("connect_timeout"),
    value("fwmark"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("delay_loop"),
    values("alpha"),
    values("log_all_failures"),
    values("payload"),
    values("require_reply"),
    value("min_reply_length"),
    value("max_reply_length"),
];

const HTTP_GET: &[Keyword] = &[
    value("connect_ip"),
    value("connect_port"),
    value("bindto"),
    value("bind_port"),
    value("bind_if"),
    value("connect_timeout"),
    value("fwmark"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("delay_loop"),
    values("alpha"),
    values("log_all_failures"),
    value("nb_get_retry"),
    values("virtualhost"),
    values("http_protocol"),
    values("enable_sni"),
    values("fast_recovery"),
    since("2.2.8", values("tls_compliant")),
    block("url", Block::Other, URL),
];

const URL: &[Keyword] = &[
    value("path"),
    value("digest"),
    values("status_code"),
    values("virtualhost"),
    values("regex"),
    values("regex_no_match"),
    values("regex_options"),
    values("regex_min_offset"),
    values("regex_max_offset"),
    values("regex_stack"),
];

const DNS_CHECK: &[Keyword] = &[
    value("connect_ip"),
    value("connect_port"),
    value("bindto"),
    value("bind_port"),
    value("bind_if"),
    value("connect_timeout"),
    value("fwmark"),
    value("retry"),
    value("delay_before_retry"),
    value("warmup"),
    value("delay_loop"),
    values("alpha"),
    values("log_all_failures"),
    value("type"),
    value("name"),
];

const FILE_CHECK: &[Keyword] = &[value("track_file"), values("weight")];

const BFD_CHECK: &[Keyword] = &[values("name"), values("alpha")];

/// In `SSL`.
pub(super) const SSL: &[Keyword] = &[
    values("password"),
    values("ca"),
    values("certificate"),
    values("key"),
];
