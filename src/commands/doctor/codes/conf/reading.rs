//! Codes about files and lines: what keepalived reads.

use super::{Code, note, problem};

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
pub(super) static FILE_SKIPPED: Code = problem(
    "LU105",
    "keepalived skips the file {file} and starts",
    "{why}",
    "{fix}",
    "keepalived reads regular files without any x bit only, and reports others in the log. It runs with the rest of its \
     configuration.",
);
pub(super) static FILE_REFUSED: Code = problem(
    "LU106",
    "keepalived does not start, and refuses to reload, because of the file {file}",
    "{why}",
    "{fix}",
    "The main file, and files that are included by includer and its relatives, must be regular files that can be read and \
     have no x bit.",
);
pub(super) static INCLUDE_CIRCLE: Code = problem(
    "LU107",
    "keepalived includes {file} until it runs out of file descriptors",
    "{file} includes itself",
    "remove this include",
    "keepalived does not notice that a file includes itself, directly or through other files.",
);
pub(super) static INCLUDED_TWICE: Code = note(
    "LU108",
    "keepalived reads the included file twice",
    "the line that includes it does not begin with include",
    "begin the line with include, and put @id in front of the lines in the file",
    "keepalived's first process reads all files and writes their lines into a copy, which its other processes read. A line that \
     begins with include is not in the copy. But a line with @id, or with a definition that stands for include, is, so the \
     other processes include the file once more. The first of two blocks with the same name counts.",
);
pub(super) static TEMPLATE: Code = problem(
    "LU109",
    "this is a template, not a configuration: it was not checked",
    "{sample} is not replaced",
    "render the template, and run the doctor on the result",
    "Programs such as Ansible, Helm and envsubst replace placeholders before keepalived reads the file.",
);
pub(super) static MESSAGE: Code = problem(
    "LU110",
    "keepalived reported while it included files: {text}",
    "",
    "correct the include, and reload keepalived",
    "The text that a running keepalived has loaded contains its own messages about files that it could not include.",
);
pub(super) static TOO_MANY: Code = problem(
    "LU111",
    "more than 1000 findings: the rest are not shown",
    "almost none of this is valid keepalived syntax",
    "check that this is a keepalived.conf",
    "The doctor stops to collect findings about a configuration after the first thousand.",
);
pub(super) static NOT_UNDERSTOOD: Code = note(
    "LU112",
    "this line was not checked",
    "{construct}",
    "",
    "The doctor does not follow constructs that are rare and whose meaning it cannot know. It says nothing about what the line \
     could define, such as a script that seems to be missing.",
);
pub(super) static UNSAFE: Code = problem(
    "LU113",
    "unsafe: {versions} crashes on this line or garbles it",
    "{cause}",
    "{fix}",
    "keepalived has errors in its parser that garbled or unusual input triggers. What it reads then depends on its version, so \
     the doctor does not read the line.",
);
pub(super) static VERSIONS_DIFFER: Code = note(
    "LU114",
    "versions of keepalived read this differently: {difference}",
    "the version of keepalived is not known",
    "listenup doctor --keepalived-version VERSION, with the version that keepalived --version prints",
    "The doctor reads the configuration as the version of keepalived that runs or is installed. If it does not know the version, \
     it reads as 2.3.4.",
);
pub(super) static BYTE_ORDER_MARK: Code = problem(
    "LU115",
    "keepalived ignores the first line",
    "the file begins with a byte order mark",
    "sed -i '1s/^\\xEF\\xBB\\xBF//' {file}",
    "Editors on Windows write a byte order mark. keepalived reads it as a part of the first word.",
);
pub(super) static OPEN_QUOTE: Code = problem(
    "LU116",
    "keepalived ignores the rest of this line, or crashes",
    "a double quote is not closed",
    "close the quote on the same line",
    "A quoted text cannot continue on the next line. In a line with a command, all versions of keepalived crash.",
);
pub(super) static ESCAPED_COMMENT: Code = problem(
    "LU117",
    "keepalived ignores the rest of the line from # or ! on",
    "a backslash does not protect # and !",
    "put the whole text that contains # or ! between double quotes",
    "keepalived's first process removes the backslash when it copies the line, so its other processes find a comment.",
);
pub(super) static CONTINUATION: Code = problem(
    "LU118",
    "keepalived ignores this line: {keyword} is not a keyword",
    "a backslash does not continue a line outside of a definition",
    "write the whole line in one, without the backslash",
    "Only a definition $NAME=\\ continues on the next lines.",
);
pub(super) static ENDLESS_DEFINITION: Code = problem(
    "LU119",
    "keepalived never gets past this line, and does not start",
    "definitions use each other in a circle",
    "remove one of these definitions from the other",
    "keepalived puts in definitions until none is left, without any limit.",
);
pub(super) static NOT_READ_AGAIN: Code = Code {
    versions: "2.4.0 and later",
    ..problem(
        "LU120",
        "keepalived ignores this line",
        "keepalived does not interpret @id, ~SEQ or a definition that comes from a definition",
        "write the text of the definition in place of its name",
        "Up to 2.3.4 keepalived looked again at a line into which it had put a definition. So $IF_MAIN=@main, or $S=~SEQ(...), \
         which its manual page documents, worked.",
    )
};
pub(super) static NOT_DELIMITED: Code = problem(
    "LU121",
    "${name} stays as it is written: the definition is not put in",
    "$NAME requires a blank, a comma, a parenthesis or the end of the line after it",
    "write ${{name}}; a definition of several lines must be at the end of its line",
    "In quotes, in a path, or before a dot, keepalived puts in a definition only if its name is in braces.",
);
pub(super) static UNDEFINED: Code = problem(
    "LU122",
    "${name} stays as it is written",
    "{name} is not defined above this line",
    "add above this line: ${name}=VALUE",
    "keepalived does not read environment variables before 2.4.0, and leaves a name that it does not know.",
);

pub(super) static CODES: &[&Code] = &[
    &INCLUDE_MISSING,
    &INCLUDE_QUOTED,
    &INCLUDE_MATCHES_NOTHING,
    &FILE_MISSING,
    &FILE_SKIPPED,
    &FILE_REFUSED,
    &INCLUDE_CIRCLE,
    &INCLUDED_TWICE,
    &TEMPLATE,
    &MESSAGE,
    &TOO_MANY,
    &NOT_UNDERSTOOD,
    &UNSAFE,
    &VERSIONS_DIFFER,
    &BYTE_ORDER_MARK,
    &OPEN_QUOTE,
    &ESCAPED_COMMENT,
    &CONTINUATION,
    &ENDLESS_DEFINITION,
    &NOT_READ_AGAIN,
    &NOT_DELIMITED,
    &UNDEFINED,
];
