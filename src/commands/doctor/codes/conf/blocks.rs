//! Codes about blocks, keywords and their values.

use super::{Code, note, problem};

pub(super) static UNKNOWN_KEYWORD: Code = problem(
    "LU141",
    "keepalived ignores the line: {keyword} is not a keyword of {block}",
    "",
    "remove the line, or look up the keyword in keepalived.conf(5)",
    "keepalived ignores a line whose first word it does not know, and reports it in the log.",
);
pub(super) static MISSPELLED_KEYWORD: Code = problem(
    "LU142",
    "keepalived ignores the line: {keyword} is not a keyword of {block}",
    "did you mean {meant}?",
    "replace {keyword} by {meant}",
    "keepalived ignores a line whose first word it does not know, and reports it in the log.",
);
pub(super) static MISPLACED_KEYWORD: Code = problem(
    "LU143",
    "keepalived ignores the line: {keyword} is not a keyword of {block}",
    "{keyword} belongs to {home}",
    "move the line to {home}",
    "Each block of keepalived.conf has its own keywords.",
);
pub(super) static BLOCK_ENDS_EARLY: Code = problem(
    "LU144",
    "keepalived ignores {keyword} and the lines below it: they are not in a block",
    "{keyword} belongs to {home}, and the last block ends above this line",
    "remove the } that is too many above this line",
    "keepalived does not check whether braces match. After one } too many, the rest of the block is at top level, where its \
     keywords mean nothing. What follows from this is not reported.",
);
pub(super) static KEYWORD_TOO_NEW: Code = problem(
    "LU145",
    "keepalived ignores {keyword}",
    "{keyword} exists since keepalived {since}",
    "remove {keyword}",
    "keepalived ignores a keyword that its version does not know. If a block follows the keyword, the block's } ends the block \
     around it.",
);
pub(super) static UNKNOWN_BLOCK: Code = problem(
    "LU146",
    "keepalived reads the lines of {keyword} as lines of {block}, and the lines after its } in the wrong block",
    "{keyword} is not a keyword of {block}",
    "remove {keyword} with its block",
    "keepalived ignores a keyword that it does not know, and the { after it. The } of that block ends the block around it. What \
     follows from this is not reported.",
);
pub(super) static MISSING_CLOSE: Code = problem(
    "LU147",
    "keepalived reads the lines from here on in the wrong block",
    "the } of {block}, which begins in line {opened}, is missing before {by}",
    "add a line with } above this line",
    "keepalived does not check whether braces match. Without a } it reads the next block as lines of the one that is open. What \
     follows from this is not reported.",
);
pub(super) static MISSING_CLOSE_AT_END: Code = problem(
    "LU148",
    "keepalived reads the lines of this block in the wrong block: a } is missing",
    "{block} is not closed up to the end of the file",
    "add a line with } at the end of {block}, or where a block in it should end",
    "keepalived does not check whether braces match. Without a } it reads the next block as lines of the one that is open. What \
     follows from this is not reported.",
);
pub(super) static MISSING_OPEN: Code = problem(
    "LU149",
    "keepalived reads the lines from here on in the wrong block",
    "there is no { after {block}",
    "{block} {",
    "keepalived treats the next line as the first one of the block, up to the next }.",
);
pub(super) static EXTRA_OPEN: Code = problem(
    "LU150",
    "keepalived ignores this {, and reads the lines after it as if it were not there",
    "no keyword opens a block here",
    "remove the { with its }, or write the keyword of the block in front of it",
    "The lines in this block were not checked.",
);
pub(super) static EXTRA_CLOSE: Code = problem(
    "LU151",
    "keepalived ignores this }",
    "no block is open here",
    "remove the }",
    "A } too many can mean that a block above ends earlier than it seems to.",
);
pub(super) static MISSING_VALUE: Code = problem(
    "LU152",
    "keepalived does not start: {keyword} has no value",
    "",
    "write a value after {keyword}, or remove the line",
    "keepalived ends with a permanent configuration error.",
);
pub(super) static IGNORED_WORDS: Code = note(
    "LU153",
    "keepalived ignores {words}",
    "{keyword} has one value",
    "remove {words}",
    "Words after the value of a keyword do not count. A comment begins with # or !.",
);
pub(super) static REPEATED: Code = problem(
    "LU154",
    "the {keyword} in line {line} does not count",
    "{keyword} is in the block twice, and keepalived uses the last one",
    "remove line {line}; for two checks, write two blocks",
    "A block has each of these values once. keepalived says nothing about a second one.",
);
pub(super) static REPEATED_IGNORED: Code = problem(
    "LU155",
    "keepalived ignores this {keyword}",
    "line {line} sets it already, and keepalived uses the first one",
    "remove this line",
    "keepalived ignores a second value of this keyword.",
);
pub(super) static NUMBER_USED: Code = problem(
    "LU156",
    "keepalived uses {used} for {keyword}",
    "keepalived reads {keyword} as digits only, from {least} to {most}",
    "write a number from {least} to {most}",
    "keepalived uses the digits at the beginning of a text that is not a number, or a default.",
);
pub(super) static NUMBER_IGNORED: Code = problem(
    "LU157",
    "keepalived ignores the line {keyword} {text}",
    "keepalived reads {keyword} as digits only, from {least} to {most}",
    "write a number from {least} to {most}",
    "keepalived uses the default, or what a line above sets.",
);
pub(super) static WORD_IGNORED: Code = problem(
    "LU158",
    "keepalived ignores {keyword} {word}",
    "{word} is not {expected}",
    "write {expected}, or remove it",
    "keepalived ignores a word that it does not know.",
);
pub(super) static NAME_MISSING: Code = problem(
    "LU159",
    "keepalived ignores the block: {block} requires one name",
    "",
    "{block} NAME {",
    "A name with blanks must be in double quotes.",
);
pub(super) static DUPLICATE_BLOCK: Code = problem(
    "LU160",
    "keepalived never uses this block: {block} {name} exists already",
    "the first one begins at {first}",
    "give this block another name, or remove it; to run a second script, track it by its new name",
    "The first block of a name counts.",
);
pub(super) static NO_COMMAND: Code = problem(
    "LU161",
    "keepalived removes {block}: it never runs",
    "the block has no {keyword} with a command",
    "add: {keyword} \"PROGRAM ARGUMENTS\"",
    "A block without a command is removed, and what tracks it is ignored.",
);
pub(super) static NO_FILE: Code = problem(
    "LU162",
    "keepalived removes track_file {name}: it has no file",
    "",
    "add: file \"PATH\"",
    "A block without a file is removed, and what tracks it is ignored.",
);
pub(super) static NO_PROCESS: Code = problem(
    "LU163",
    "keepalived removes vrrp_track_process {name}: it has no process",
    "",
    "add: process PROGRAM",
    "A block without a process is removed, and what tracks it is ignored.",
);
pub(super) static SERVER_ADDRESS: Code = problem(
    "LU164",
    "keepalived ignores the block {block} {address}",
    "{address} is not an IP address and a port",
    "{block} ADDRESS PORT {",
    "keepalived does not look up names. A port is optional.",
);
pub(super) static ADDRESS: Code = problem(
    "LU165",
    "keepalived ignores the address {address}",
    "{address} is not an IP address",
    "write ADDRESS/LENGTH, such as 192.0.2.1/24",
    "keepalived does not look up names.",
);
pub(super) static ADDRESS_FAMILY: Code = problem(
    "LU166",
    "keepalived ignores the address {address}",
    "virtual_ipaddress contains IPv4 and IPv6 addresses",
    "move {address} to virtual_ipaddress_excluded",
    "All addresses of virtual_ipaddress are of the family of the first one. virtual_ipaddress_excluded can have both.",
);
pub(super) static NO_ROUTER_ID: Code = problem(
    "LU167",
    "keepalived runs no VRRP at all: vrrp_instance {name} has no valid virtual_router_id",
    "",
    "add: virtual_router_id NUMBER, from 1 to 255, the same on all nodes",
    "The number tells instances in the same network apart. keepalived's VRRP process ends without it.",
);
pub(super) static NO_INTERFACE: Code = problem(
    "LU168",
    "keepalived runs no VRRP at all: vrrp_instance {name} has no interface",
    "",
    "add: interface NAME, with the name of a network interface (see ip link)",
    "keepalived's VRRP process ends without an interface, unless the instance has unicast peers.",
);
pub(super) static NOPREEMPT_IGNORED: Code = problem(
    "LU169",
    "keepalived ignores the nopreempt of vrrp_instance {name}",
    "nopreempt does not work with state MASTER or priority 255",
    "write state BACKUP, and a priority from 1 to 254, on all nodes",
    "A node that begins as MASTER takes the address when keepalived starts, so it would preempt the other.",
);
pub(super) static COMMAND_CRASH: Code = problem(
    "LU170",
    "this line crashes keepalived at every start",
    "a quote of {keyword} is not closed, or a backslash ends the line",
    "close the quote; for quotes within double quotes use '",
    "All versions of keepalived up to 2.4.3 crash (SIGSEGV) on a command with an open quote.",
);
pub(super) static COMMAND_EMPTY: Code = problem(
    "LU171",
    "keepalived ignores the line: {keyword} has no command",
    "no blank and command follow {keyword}, or a quote within the command is not closed",
    "{keyword} \"PROGRAM ARGUMENTS\"",
    "keepalived runs nothing for this line.",
);
pub(super) static COMMAND_DROPPED: Code = problem(
    "LU172",
    "keepalived runs {command} without {dropped}",
    "only the first word after {keyword} is the command",
    "{keyword} \"{command} {dropped}\"",
    "keepalived splits the first word after the keyword into the program and its arguments, and drops all other words. So a \
     command with arguments must be in double quotes.",
);
pub(super) static COMMAND_DROPPED_QUOTED: Code = problem(
    "LU173",
    "keepalived runs {command} without {dropped}",
    "only the first word after {keyword} is the command",
    "put the whole command after {keyword} between double quotes, and use ' within it",
    "keepalived splits the first word after the keyword into the program and its arguments, and drops all other words. So a \
     command with arguments must be in double quotes.",
);

/// The codes of this file.
pub(super) static CODES: &[&Code] = &[
    &UNKNOWN_KEYWORD,
    &MISSPELLED_KEYWORD,
    &MISPLACED_KEYWORD,
    &BLOCK_ENDS_EARLY,
    &KEYWORD_TOO_NEW,
    &UNKNOWN_BLOCK,
    &MISSING_CLOSE,
    &MISSING_CLOSE_AT_END,
    &MISSING_OPEN,
    &EXTRA_OPEN,
    &EXTRA_CLOSE,
    &MISSING_VALUE,
    &IGNORED_WORDS,
    &REPEATED,
    &REPEATED_IGNORED,
    &NUMBER_USED,
    &NUMBER_IGNORED,
    &WORD_IGNORED,
    &NAME_MISSING,
    &DUPLICATE_BLOCK,
    &NO_COMMAND,
    &NO_FILE,
    &NO_PROCESS,
    &SERVER_ADDRESS,
    &ADDRESS,
    &ADDRESS_FAMILY,
    &NO_ROUTER_ID,
    &NO_INTERFACE,
    &NOPREEMPT_IGNORED,
    &COMMAND_CRASH,
    &COMMAND_EMPTY,
    &COMMAND_DROPPED,
    &COMMAND_DROPPED_QUOTED,
];
