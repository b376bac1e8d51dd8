//! Codes about what instances and sync groups track.

use super::{Code, note, problem};

pub(super) static TRACKED_ABSENT: Code = problem(
    "LU174",
    "({tracker}) keepalived ignores {name}: there is no {block} {name}",
    "",
    "add a {block} {name} above the block that tracks it, or remove this line",
    "keepalived ignores a line that tracks a name which does not exist. The instance is not checked by it.",
);
pub(super) static TRACKED_MISSPELLED: Code = problem(
    "LU175",
    "({tracker}) keepalived ignores {name}: there is no {block} {name}",
    "did you mean {meant}?",
    "replace {name} by {meant}",
    "keepalived ignores a line that tracks a name which does not exist. The instance is not checked by it.",
);
pub(super) static TRACKED_BELOW: Code = problem(
    "LU176",
    "({tracker}) keepalived ignores {name}: the {block} {name} is below this line",
    "keepalived knows only the blocks above",
    "move {block} {name} above the block that tracks it",
    "keepalived looks up a name when it reads the line that tracks it.",
);
pub(super) static TRACKED_TWICE: Code = note(
    "LU177",
    "keepalived ignores this line: {name} is tracked already",
    "",
    "remove this line",
    "The first line that tracks a name counts, also if it is in another block of the same instance.",
);
pub(super) static TRACK_OPTION: Code = problem(
    "LU178",
    "keepalived ignores the whole line: {name} is not tracked",
    "only weight and a number can follow the name, and not: {options}",
    "{name} weight NUMBER, each name on a line of its own",
    "keepalived ignores a line of track_script, track_file or track_process with words that it does not know.",
);
pub(super) static WEIGHT_IN_GROUP: Code = problem(
    "LU179",
    "({instance}) keepalived ignores {name}: its weight is {weight}, and the instance is in a vrrp_sync_group",
    "weights do not count in vrrp_sync_group {group}",
    "{name} weight 0, or add sync_group_tracking_weight to vrrp_sync_group {group}",
    "The instances of a sync group move together, so one of them cannot have another priority. With weight 0 a failure puts all \
     of them into FAULT.",
);
pub(super) static WEIGHT_OF_OWNER: Code = problem(
    "LU180",
    "({instance}) keepalived ignores {name}: its weight is {weight}, and the priority is 255",
    "weights do not count for the owner of the address",
    "{name} weight 0, or a priority from 1 to 254",
    "A router with priority 255 owns the address, and its priority does not change.",
);
pub(super) static WEIGHT_CLEARED: Code = problem(
    "LU181",
    "({instance}) keepalived uses weight 0 for {name}: a failure means FAULT",
    "its weight is {weight}; weights do not count in a sync group, nor with priority 255",
    "{name} weight 0, if that is meant; or see sync_group_tracking_weight in keepalived.conf(5)",
    "The instances of a sync group move together, and the priority of an address owner does not change.",
);
pub(super) static UNTRACKED: Code = problem(
    "LU182",
    "vrrp_script {name} is not tracked by any instance, so it never runs",
    "",
    "add to the vrrp_instance: track_script { {name} }",
    "A script has no effect unless a vrrp_instance or a vrrp_sync_group tracks it.",
);
pub(super) static MEMBER_ABSENT: Code = problem(
    "LU183",
    "({group}) keepalived ignores {name}: there is no vrrp_instance {name}",
    "",
    "remove {name} from the group, or correct its name",
    "The lines of group are names of instances.",
);
pub(super) static MEMBER_TAKEN: Code = problem(
    "LU184",
    "({group}) keepalived ignores {name}: the vrrp_instance is in another vrrp_sync_group",
    "",
    "remove {name} from one of the groups",
    "An instance can be in one sync group.",
);
pub(super) static GROUP_EMPTY: Code = problem(
    "LU185",
    "keepalived removes vrrp_sync_group {name}, with all that it tracks",
    "the group has no instance",
    "add the names of instances: group { NAME }",
    "A sync group without instances is removed.",
);
pub(super) static TRACK_FILE_DROPPED: Code = Code {
    versions: "2.2.8 and later",
    ..problem(
        "LU186",
        "keepalived drops track_file {name} when it starts, so no instance is checked by it",
        "{folder} does not exist, or is on a file system that keepalived cannot watch",
        "keep the file in a folder below /run that exists when keepalived starts, and reload keepalived",
        "keepalived drops a track_file while it reads the configuration if the folder does not exist, or is in /proc or /sys. \
         Later it does not look again.",
    )
};
pub(super) static INIT_FILE_OVERWRITES: Code = Code {
    versions: "2.2.8 to 2.3.2",
    ..problem(
        "LU187",
        "keepalived writes over the file of track_file {name} at each start",
        "this version treats init_file as init_file overwrite",
        "remove init_file, and create the file before keepalived starts",
        "Other versions write the number only if the file does not exist.",
    )
};
pub(super) static OLD_TRACK_FILE: Code = note(
    "LU188",
    "vrrp_track_file is the old name of track_file",
    "",
    "track_file {name} {",
    "keepalived 2.1.0 changed the name, and logs a warning for the old one.",
);

/// The codes of this file.
pub(super) static CODES: &[&Code] = &[
    &TRACKED_ABSENT,
    &TRACKED_MISSPELLED,
    &TRACKED_BELOW,
    &TRACKED_TWICE,
    &TRACK_OPTION,
    &WEIGHT_IN_GROUP,
    &WEIGHT_OF_OWNER,
    &WEIGHT_CLEARED,
    &UNTRACKED,
    &MEMBER_ABSENT,
    &MEMBER_TAKEN,
    &GROUP_EMPTY,
    &TRACK_FILE_DROPPED,
    &INIT_FILE_OVERWRITES,
    &OLD_TRACK_FILE,
];
