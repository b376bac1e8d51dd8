//! Codes about files and lines: what keepalived reads.

use super::{Code, note, problem};

/// Returns the code of a construct that the reader does not follow.
const fn not_understood(id: &'static str, cause: &'static str) -> Code {
    note(
        id,
        "this line was not checked",
        cause,
        "",
        "The doctor does not follow constructs that are rare and whose meaning it cannot know. It says nothing about what the \
         line could define, such as a script that seems to be missing.",
    )
}

/// Returns the code of a line that keepalived does not read in the same way each time.
const fn garbled_line(
    id: &'static str,
    versions: &'static str,
    cause: &'static str,
    fix: &'static str,
) -> Code {
    Code {
        versions,
        ..problem(
            id,
            "not safe: keepalived can crash on this line, or garble it",
            cause,
            fix,
            "keepalived has errors in its parser that unusual input triggers. What it reads then depends on its version, so the \
             doctor does not read the line.",
        )
    }
}

/// Returns the code of something that versions of keepalived read differently.
const fn difference(id: &'static str, effect: &'static str) -> Code {
    note(
        id,
        effect,
        "the version of keepalived is not known, so it is read as 2.3.4",
        "listenup doctor --keepalived-version VERSION, with the version that keepalived --version prints",
        "The doctor reads the configuration as the version of keepalived that runs or is installed. If it does not know the \
         version, it reads as 2.3.4, and reports once what other versions read differently.",
    )
}

pub(super) static INCLUDE_MISSING: Code = problem(
    "LU101",
    "keepalived starts without the included file {pattern}",
    "{pattern} does not exist",
    "create the file, or correct its name; a relative name begins in the folder of the file that includes it",
    "A plain include of a file that does not exist is an error in the log only. keepalived runs with the rest, so the checks \
     and addresses in that file are missing. With includea instead of include, keepalived refuses to start.",
);
pub(super) static INCLUDE_QUOTED: Code = problem(
    "LU102",
    "keepalived starts without the included file {pattern}",
    "the quotes are part of the name, and no file has such a name",
    "include {pattern}",
    "keepalived does not remove quotes from the name of an included file.",
);
pub(super) static INCLUDE_MATCHES_NOTHING: Code = note(
    "LU103",
    "no file matches {pattern}: keepalived silently continues",
    "",
    "ls {pattern}",
    "An include with wildcards that match nothing is not an error.",
);
pub(super) static FILE_MISSING: Code = problem(
    "LU104",
    "keepalived does not start, and refuses to reload",
    "{pattern} does not exist",
    "create the file, or correct its name",
    "The main file, and files that are included by includem, includew, includeb or includea, must exist.",
);
pub(super) static FILE_REFUSED: Code = problem(
    "LU105",
    "keepalived does not start, and refuses to reload, because it does not read {file}",
    "it must be a regular file that can be read and has no x bit",
    "ls -l {file}; if it has an x bit: chmod a-x {file}",
    "The main file, and files that are included by includer and its relatives, must be readable.",
);
pub(super) static FILE_IS_FOLDER: Code = problem(
    "LU106",
    "keepalived starts without the files in {file}",
    "it is a folder, and only files are included",
    "include {file}*.conf",
    "keepalived skips a folder, reports it in the log, and runs with the rest of its configuration.",
);
pub(super) static FILE_EXECUTABLE: Code = problem(
    "LU107",
    "keepalived starts without the file {file}",
    "it has an x bit",
    "chmod a-x {file}",
    "keepalived skips a file with an x bit, reports it in the log, and runs with the rest of its configuration.",
);
pub(super) static FILE_UNREADABLE: Code = problem(
    "LU108",
    "keepalived starts without the file {file}",
    "it is not a regular file, or it cannot be read",
    "ls -l {file}",
    "keepalived skips such a file, reports it in the log, and runs with the rest of its configuration.",
);
pub(super) static INCLUDE_CIRCLE: Code = problem(
    "LU109",
    "keepalived includes {file} until it runs out of file descriptors",
    "{file} includes itself",
    "remove this include",
    "keepalived does not notice that a file includes itself, directly or through other files.",
);
pub(super) static INCLUDED_TWICE: Code = note(
    "LU110",
    "keepalived reads the included file twice",
    "the line that includes it does not begin with include",
    "begin the line with include, and put @id in front of the lines in the file",
    "keepalived's first process reads all files and writes their lines into a copy, which its other processes read. A line that \
     begins with include is not in the copy. But a line with @id, or with a definition that stands for include, is, so the \
     other processes include the file once more. The first of two blocks with the same name counts.",
);
pub(super) static TEMPLATE: Code = problem(
    "LU111",
    "this is a template, not a configuration: it was not checked",
    "{sample} is not replaced",
    "render the template, and run the doctor on the result",
    "Programs such as Ansible, Helm and envsubst replace placeholders before keepalived reads the file.",
);
pub(super) static MESSAGE: Code = problem(
    "LU112",
    "keepalived reported while it included files: {text}",
    "",
    "correct the include, and reload keepalived",
    "The text that a running keepalived has loaded contains its own messages about files that it could not include.",
);
pub(super) static TOO_MANY: Code = problem(
    "LU113",
    "more than 1000 findings: the rest are not shown",
    "almost none of this is valid keepalived syntax",
    "check that this is a keepalived.conf",
    "The doctor stops to collect findings about a configuration after the first thousand.",
);
pub(super) static SEQUENCE: Code = not_understood(
    "LU114",
    "it begins with ~SEQ or ~LST, which the doctor does not follow",
);
pub(super) static RANDOM: Code = not_understood("LU115", "${_RANDOM} is another number each time");
pub(super) static ENVIRONMENT: Code =
    not_understood("LU116", "${_ENV} depends on the environment of keepalived");
pub(super) static ESCAPE: Code = not_understood(
    "LU117",
    "its command has an escape such as \\x41, which the doctor does not follow",
);
pub(super) static LIMITS: Code = not_understood(
    "LU118",
    "there are too many lines, bytes (1 MiB in a file, 4 MiB in all) or files that patterns match",
);
pub(super) static LONG_LINE: Code = garbled_line(
    "LU119",
    "",
    "the line is longer than 1023 bytes",
    "make the line shorter; write a long comment in several lines",
);
pub(super) static NUL: Code = garbled_line(
    "LU120",
    "",
    "the line contains a NUL byte",
    "remove the NUL byte",
);
pub(super) static LONG_EXPANSION: Code = garbled_line(
    "LU121",
    "",
    "the line is longer than 1023 bytes with its definitions",
    "use shorter definitions",
);
pub(super) static CONDITIONAL_DEFINITION: Code = garbled_line(
    "LU122",
    "up to 2.2.7",
    "@id comes from a definition, which keepalived supports from 2.2.8 on",
    "write @id itself at the beginning of the line",
);
pub(super) static RANDOM_BOUNDS: Code = garbled_line(
    "LU123",
    "before 2.4.0",
    "${_RANDOM} has bounds, which garble what follows, or crash keepalived",
    "write a number in place of ${_RANDOM}",
);
pub(super) static FILE_CHECK_CRASH: Code = garbled_line(
    "LU124",
    "2.3.0 to 2.3.2",
    "FILE_CHECK crashes this version",
    "upgrade keepalived, or use a MISC_CHECK in place of FILE_CHECK",
);
pub(super) static INCLUDED_COMMENT: Code = garbled_line(
    "LU125",
    "",
    "the file is included by a line that does not begin with include, and a comment begins at the margin",
    "put a blank in front of each # and ! that begins a line of this file",
);
pub(super) static DECIMALS_DIFFER: Code = difference(
    "LU126",
    "keepalived up to 2.3.1 ignores the decimals of interval and timeout",
);
pub(super) static ESCAPES_DIFFER: Code = difference(
    "LU127",
    "keepalived up to 2.3.1 decodes the backslashes of this command twice, later versions once",
);
pub(super) static DEFINITIONS_DIFFER: Code = difference(
    "LU128",
    "keepalived from 2.4.0 on ignores this line, because @id, ~SEQ or a definition comes from a definition",
);
pub(super) static COMMENTS_DIFFER: Code = difference(
    "LU129",
    "keepalived from 2.4.0 on ends the definition at this comment, older versions continue it",
);
pub(super) static TRACK_FILES_DIFFER: Code = difference(
    "LU130",
    "keepalived from 2.2.8 on drops this track_file, older versions keep it",
);
pub(super) static INIT_FILES_DIFFER: Code = difference(
    "LU131",
    "keepalived 2.2.8 to 2.3.2 writes over the file of init_file at each start",
);
pub(super) static KEYWORDS_DIFFER: Code =
    difference("LU132", "keepalived before {since} ignores {keyword}");
pub(super) static BYTE_ORDER_MARK: Code = problem(
    "LU133",
    "keepalived ignores the first line",
    "the file begins with a byte order mark",
    "sed -i '1s/^\\xEF\\xBB\\xBF//' {file}",
    "Editors on Windows write a byte order mark. keepalived reads it as a part of the first word.",
);
pub(super) static OPEN_QUOTE: Code = problem(
    "LU134",
    "keepalived ignores the rest of this line, or crashes",
    "a double quote is not closed",
    "close the quote on the same line",
    "A quoted text cannot continue on the next line. In a line with a command, all versions of keepalived crash.",
);
pub(super) static ESCAPED_COMMENT: Code = problem(
    "LU135",
    "keepalived ignores the rest of the line from # or ! on",
    "a backslash does not protect # and !",
    "put the whole text that contains # or ! between double quotes",
    "keepalived's first process removes the backslash when it copies the line, so its other processes find a comment.",
);
pub(super) static CONTINUATION: Code = problem(
    "LU136",
    "keepalived ignores this line: {keyword} is not a keyword",
    "a backslash does not continue a line outside of a definition",
    "write the whole line in one, without the backslash",
    "Only a definition $NAME=\\ continues on the next lines.",
);
pub(super) static ENDLESS_DEFINITION: Code = problem(
    "LU137",
    "keepalived never gets past this line, and does not start",
    "definitions use each other in a circle",
    "remove one of these definitions from the other",
    "keepalived puts in definitions until none is left, without any limit.",
);
pub(super) static NOT_READ_AGAIN: Code = Code {
    versions: "2.4.0 and later",
    ..problem(
        "LU138",
        "keepalived ignores this line",
        "keepalived does not interpret @id, ~SEQ or a definition that comes from a definition",
        "write the text of the definition in place of its name",
        "Up to 2.3.4 keepalived looked again at a line into which it had put a definition. So $IF_MAIN=@main, or $S=~SEQ(...), \
         which its manual page documents, worked.",
    )
};
pub(super) static NOT_DELIMITED: Code = problem(
    "LU139",
    "${name} stays as it is written: the definition is not put in",
    "$NAME requires a blank, a comma, a parenthesis or the end of the line after it",
    "write ${{name}}; a definition of several lines must be at the end of its line",
    "In quotes, in a path, or before a dot, keepalived puts in a definition only if its name is in braces.",
);
pub(super) static UNDEFINED: Code = problem(
    "LU140",
    "${name} stays as it is written",
    "{name} is not defined above this line",
    "add above this line: ${name}=VALUE",
    "keepalived does not read environment variables before 2.4.0, and leaves a name that it does not know.",
);

/// The codes of this file.
pub(super) static CODES: &[&Code] = &[
    &INCLUDE_MISSING,
    &INCLUDE_QUOTED,
    &INCLUDE_MATCHES_NOTHING,
    &FILE_MISSING,
    &FILE_REFUSED,
    &FILE_IS_FOLDER,
    &FILE_EXECUTABLE,
    &FILE_UNREADABLE,
    &INCLUDE_CIRCLE,
    &INCLUDED_TWICE,
    &TEMPLATE,
    &MESSAGE,
    &TOO_MANY,
    &SEQUENCE,
    &RANDOM,
    &ENVIRONMENT,
    &ESCAPE,
    &LIMITS,
    &LONG_LINE,
    &NUL,
    &LONG_EXPANSION,
    &CONDITIONAL_DEFINITION,
    &RANDOM_BOUNDS,
    &FILE_CHECK_CRASH,
    &INCLUDED_COMMENT,
    &DECIMALS_DIFFER,
    &ESCAPES_DIFFER,
    &DEFINITIONS_DIFFER,
    &COMMENTS_DIFFER,
    &TRACK_FILES_DIFFER,
    &INIT_FILES_DIFFER,
    &KEYWORDS_DIFFER,
    &BYTE_ORDER_MARK,
    &OPEN_QUOTE,
    &ESCAPED_COMMENT,
    &CONTINUATION,
    &ENDLESS_DEFINITION,
    &NOT_READ_AGAIN,
    &NOT_DELIMITED,
    &UNDEFINED,
];
