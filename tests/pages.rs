//! Man pages and completions against the definition of the command
//! line.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::program::{ProgramOutput, example};
use tempfile::TempDir;

/// What scripts/pages.rs writes.
struct Pages(TempDir);

impl Pages {
    fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        ProgramOutput::by(Command::new(example("pages")).arg(folder.path()))
            .exits(0)
            .stdout("")
            .stderr("");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    #[track_caller]
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The source of a man page, its hyphens plain.
    #[track_caller]
    fn man(&self, page: &str) -> String {
        self.read(&format!("man/{page}.1")).replace(r"\-", "-")
    }

    /// A page as a person sees it, each section and each explanation of an option on a line of its own.
    #[track_caller]
    fn shown(&self, page: &str) -> String {
        let mut man = Command::new("man");
        man.args(["--no-hyphenation", "--no-justification", "-l"]);
        man.arg(self.path(&format!("man/{page}")))
            .env("MANWIDTH", "1000");
        ProgramOutput::by(&mut man).exits(0).stderr("").stdout
    }
}

const COMPLETIONS: [&str; 3] = [
    "completions/listenup.bash",
    "completions/_listenup",
    "completions/listenup.fish",
];

/// Each subcommand with its arguments.
fn subcommands() -> Vec<clap::Command> {
    let mut listenup = listenup::cli::command().disable_help_subcommand(true);
    listenup.build();
    let subcommands: Vec<_> = listenup.get_subcommands().cloned().collect();
    assert!(subcommands.len() >= 2);
    subcommands
}

/// The options as they are written: `--quiet`, `-q`.
fn options(command: &clap::Command) -> BTreeSet<String> {
    let long = command.get_arguments().filter_map(clap::Arg::get_long);
    let short = command.get_arguments().filter_map(clap::Arg::get_short);
    let long = long.map(|name| format!("--{name}"));
    long.chain(short.map(|name| format!("-{name}"))).collect()
}

/// The long options that a text mentions, but for those in short, such as `--owner-...`.
fn mentioned(text: &str) -> BTreeSet<String> {
    let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let words = text.split(|letter| !of_a_name(letter));
    let long = words.filter(|word| word.starts_with("--") && !word.ends_with('-'));
    long.map(str::to_owned).collect()
}

#[test]
fn each_subcommand_has_a_page_with_exactly_its_options() {
    let pages = Pages::write();
    let whole = pages.man("listenup");
    let mut known: BTreeSet<String> = ["--version".to_owned()].into();
    for command in subcommands() {
        known.extend(options(&command));
    }
    let mut written = vec!["listenup.1".to_owned()];
    for command in subcommands() {
        let name = command.get_name();
        assert!(whole.contains(&format!("listenup-{name}(1)")), "{name}");
        let page = pages.man(&format!("listenup-{name}"));
        for option in options(&command) {
            assert!(page.contains(&format!(r"\fB{option}\fR")), "{option}");
        }
        for positional in command.get_positionals() {
            let value = positional.get_value_names().unwrap()[0].as_str();
            assert!(page.contains(&format!(r"\fI{value}\fR")), "{value}");
        }
        let unknown = mentioned(&page)
            .into_iter()
            .find(|option| !known.contains(option));
        assert_eq!(unknown, None, "{name}");
        written.push(format!("listenup-{name}.1"));
    }
    written.push("listenup-keepalived.7".to_owned());
    written.push("listenup-doctor-codes.7".to_owned());
    let there = fs::read_dir(pages.path("man")).unwrap();
    let there: BTreeSet<_> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, written.into_iter().collect());
}

#[test]
fn each_code_of_the_doctor_is_in_its_page() {
    let pages = Pages::write();
    let shown = pages.shown("listenup-doctor-codes.7");
    let page: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let codes = listenup::commands::doctor::codes::all();
    assert!(codes.len() > 100);
    for code in codes {
        assert!(
            page.contains(&format!(" {} ({})", code.id, code.severity.name())),
            "{}",
            code.id
        );
        let explanation: String = code
            .explanation
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(page.contains(&explanation), "{}: {explanation}", code.id);
    }
}

/// What a page says of an option, in one line: the paragraph below it.
#[track_caller]
fn explanation(shown: &str, arg: &clap::Arg) -> String {
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (_, Some(long)) => format!("--{long}"),
        _ => format!("{}...", arg.get_value_names().unwrap()[0]),
    };
    let (_, options) = shown.split_once("\nOPTIONS\n").unwrap();
    let mut lines = options
        .lines()
        .skip_while(|line| line.trim().split("  ").next().unwrap() != tag_of(&name, arg));
    let first = lines.next().unwrap_or_else(|| panic!("{name} has no tag"));
    match first.trim().split_once("  ") {
        // A short tag has the first line beside it.
        Some((_, text)) => text.trim().to_owned(),
        None => lines.next().unwrap().trim().to_owned(),
    }
}

fn tag_of(name: &str, arg: &clap::Arg) -> String {
    let values = arg.get_possible_values();
    let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    match (arg.get_action().takes_values(), values.as_slice()) {
        _ if arg.is_positional() => name.to_owned(),
        (false, _) => name.to_owned(),
        (true, []) => format!("{name} {}", arg.get_value_names().unwrap()[0]),
        (true, values) => format!("{name} {}", values.join("|")),
    }
}

#[test]
fn every_option_is_explained_in_sentences_that_name_its_default() {
    let pages = Pages::write();
    let (mut explained, mut defaults) = (0, 0);
    for command in subcommands() {
        let name = command.get_name();
        let shown = pages.shown(&format!("listenup-{name}.1"));
        for arg in command.get_arguments() {
            let text = explanation(&shown, arg);
            let id = arg.get_id();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.ends_with('.'), "{name} {id}: {text}");
            explained += 1;
            if ["help", "version"].contains(&id.as_str()) {
                continue;
            }
            let (summary, default) = help.split_once(" [default: ").unwrap_or((&help, ""));
            assert!(text.len() > summary.len(), "{name} {id}: {text}");
            let default = default.split([',', ']']).next().unwrap();
            // keepalived's set of exit codes, by its name.
            assert!(text.contains(default), "{name} {id}: {default}: {text}");
            assert!(
                default.is_empty() || text.contains("default"),
                "{name} {id}: {text}"
            );
            // Each value that it takes is there by its name, or so is what it stands for.
            for value in arg.get_possible_values() {
                assert!(
                    text.contains(value.get_name()),
                    "{name} {id}: {}",
                    value.get_name()
                );
            }
            defaults += usize::from(!default.is_empty());
        }
    }
    assert!(explained >= 50 && defaults >= 15, "{explained} {defaults}");
}

#[test]
fn pages_refuses_unexplained_and_unknown_options() {
    for (part, other, why) in [
        (".OPTION any\n", "", "any is not explained"),
        (
            ".OPTION any\n",
            ".OPTION any\n.OPTION any\n",
            "no option any, or twice",
        ),
        (
            ".OPTION any\n",
            ".OPTION any\n.OPTION none\n",
            "no option none, or twice",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("packaging/man");
        fs::create_dir_all(&sources).unwrap();
        for entry in fs::read_dir("packaging/man").unwrap() {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            fs::write(sources.join(entry.file_name()), text.replace(part, other)).unwrap();
        }
        fs::copy("CHANGELOG.md", folder.path().join("CHANGELOG.md")).unwrap();
        let mut pages = Command::new(example("pages"));
        ProgramOutput::by(pages.arg("pages").current_dir(&folder))
            .exits(1)
            .stderr_has(why);
    }
}

#[test]
fn every_page_has_its_sections() {
    let pages = Pages::write();
    for command in subcommands() {
        let page = pages.man(&format!("listenup-{}", command.get_name()));
        let sections = page.lines().filter_map(|line| line.strip_prefix(".SH "));
        let sections: Vec<_> = sections.collect();
        assert_eq!(sections[..3], ["NAME", "SYNOPSIS", "DESCRIPTION"]);
        let last = &sections[sections.len() - 5..];
        let expected = ["EXIT STATUS", "FILES", "EXAMPLES", "SECURITY", "SEE ALSO"];
        assert_eq!(last, expected);
        assert!(sections.contains(&"OPTIONS"), "{sections:?}");
        let has_json = page.contains(r"\fBjson\fR") || page.contains(".BR json");
        assert_eq!(sections.contains(&"JSON"), has_json, "{sections:?}");
    }
    let contract = pages.read("man/listenup-keepalived.7");
    for section in [
        "EXIT STATUS",
        "QUOTING",
        "PATHS AND USERS",
        "UPGRADES AND REMOVAL",
        "TRACK_FILE OR VRRP_SCRIPT?",
        "SELINUX",
        "WHAT IT CANNOT SEE",
    ] {
        assert!(
            contract.contains(&format!("\n.SH {section}\n")),
            "{section}"
        );
    }
}

/// The fields of a document by its schema, those within it too.
fn fields(schema: &serde_json::Value, known: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(properties) = map.get("properties").and_then(|it| it.as_object()) {
                known.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| fields(value, known));
        }
        serde_json::Value::Array(all) => all.iter().for_each(|value| fields(value, known)),
        _ => {}
    }
}

#[test]
fn the_fields_of_a_json_document_are_in_its_page() {
    let pages = Pages::write();
    for name in ["check", "doctor", "list", "watch", "resets"] {
        let schema = fs::read_to_string(format!("packaging/schema/{name}.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        let page = pages.man(&format!("listenup-{name}"));
        let (_, json) = page.split_once("\n.SH JSON\n").unwrap();
        let json = json.split("\n.SH ").next().unwrap();
        let top = schema["properties"].as_object().unwrap();
        for field in top.keys() {
            assert!(json.contains(field.as_str()), "{name}: {field}");
        }
        let mut all = BTreeSet::new();
        fields(&schema, &mut all);
        // What a page calls a field there is one.
        let words = json
            .lines()
            .filter(|line| line.starts_with(".BR ") || line.starts_with(".B "));
        let words = words.flat_map(|line| line.split([' ', '"', ',']).skip(1));
        let words = words.filter(|word| word.contains('_'));
        for word in words {
            assert!(all.contains(word), "{name}: {word}");
        }
    }
}

/// The names in the lines of `--log` are those of the code that writes them.
#[test]
fn the_fields_of_the_log_are_in_the_page_of_check() {
    let pages = Pages::write();
    let page = pages.man("listenup-check");
    let (_, log) = page.split_once("\n.SH LOG\n").unwrap();
    let log = log.split("\n.SH ").next().unwrap();
    let named = log.lines().filter_map(|line| line.strip_prefix(".B "));
    let named: BTreeSet<&str> = named.filter(|word| !word.contains(' ')).collect();
    let said = common::program::listenup("check --log stderr --source proc --timeout 400ms 1");
    let line = said.stderr.lines().find(|line| line.contains("failed"));
    let line = line.unwrap_or_else(|| panic!("{said:?}"));
    let fields = line.split(' ').filter_map(|word| word.split_once("=\""));
    let fields: BTreeSet<&str> = fields.map(|(name, _)| name).collect();
    assert!(fields.len() >= 5, "{line}");
    assert!(fields.is_subset(&named), "{fields:?} {named:?}");
}

#[test]
fn mandoc_and_man_find_nothing_wrong_with_a_page() {
    let pages = Pages::write();
    let mut linted = 0;
    for entry in fs::read_dir(pages.path("man")).unwrap() {
        let page = entry.unwrap().path();
        let said = ProgramOutput::by(
            Command::new("mandoc")
                .args(["-Tlint", "-Wwarning"])
                .arg(&page),
        );
        // Before the first release there is no date.
        let wrong = said
            .stdout
            .lines()
            .find(|line| !line.contains(" missing date"));
        assert_eq!(wrong, None);
        assert_eq!(said.stderr, "");
        ProgramOutput::by(Command::new("man").args(["--warnings", "-l"]).arg(&page))
            .exits(0)
            .stderr("");
        linted += 1;
    }
    assert!(linted >= 3);
}

#[test]
fn mandoc_finds_errors_in_a_wrong_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("wrong.1");
    fs::write(
        &page,
        ".TH WRONG 1 \"\" \"\"\n.SH NAME\nwrong \\- page\n.NOSUCH\n",
    )
    .unwrap();
    let said = ProgramOutput::by(
        Command::new("mandoc")
            .args(["-Tlint", "-Wwarning"])
            .arg(&page),
    );
    assert!(said.stdout.contains("NOSUCH"), "{said:?}");
}

#[test]
fn pages_are_reproducible() {
    let (one, other) = (Pages::write(), Pages::write());
    let folders = [one.0.path(), other.0.path()];
    ProgramOutput::by(Command::new("diff").arg("-r").args(folders))
        .exits(0)
        .stdout("");
}

#[test]
fn completions_name_every_subcommand_and_option() {
    let pages = Pages::write();
    for file in COMPLETIONS {
        let text = pages.read(file);
        for command in subcommands() {
            assert!(text.contains(command.get_name()), "{file}");
            for argument in command.get_arguments() {
                let Some(name) = argument.get_long() else {
                    continue;
                };
                let written = match file.ends_with(".fish") {
                    true => format!(" -l {name}"),
                    false => format!("--{name}"),
                };
                assert!(text.contains(&written), "{file}: {written}");
            }
        }
    }
}

/// The words that bash offers for the last one of a line.
fn bash(completions: &str, line: &str) -> ProgramOutput {
    let script = r#"
        source "$0"
        # bash has it only while it completes a line that is being typed.
        compopt() { :; }
        complete -p listenup || exit
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _listenup listenup "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, completions]);
    ProgramOutput::by(bash.args(line.split(' ')))
}

#[test]
fn bash_completes_subcommands_options_and_their_values() {
    let pages = Pages::write();
    let completions = pages.path(COMPLETIONS[0]);
    let completions = completions.to_str().unwrap();
    for (line, words) in [
        ("listenup ch", "check\n"),
        ("listenup check --so", "--source\n"),
        ("listenup check --source ", "auto\nsock_diag\nproc\n"),
        ("listenup list --f", "--format\n"),
        ("listenup check --owner-user roo", "root\n"),
        ("listenup doctor --user roo", "root\n"),
        ("listenup watch --interface lo", "lo\n"),
        ("listenup check --timeout ", "\n"),
        ("listenup doctor --rewrite Cargo.t", "Cargo.toml\n"),
    ] {
        let said = bash(completions, line).exits(0).stderr("");
        let (registered, offered) = said.stdout.split_once('\n').unwrap();
        assert!(
            registered.ends_with("-F _listenup listenup"),
            "{registered}"
        );
        assert_eq!(offered, words, "{line}");
    }
}

#[test]
fn fish_completes_subcommands_options_and_their_values() {
    let pages = Pages::write();
    let completions = pages.path(COMPLETIONS[2]);
    for (line, words) in [
        ("listenup ch", &["check"][..]),
        ("listenup check --so", &["--source"]),
        ("listenup check --source ", &["auto", "proc", "sock_diag"]),
        ("listenup list --f", &["--format"]),
        ("listenup check --owner-user roo", &["root"]),
        ("listenup watch --interface lo", &["lo"]),
        ("listenup check --timeout ", &[]),
        ("listenup doctor --rewrite Cargo.t", &["Cargo.toml"]),
    ] {
        let script = "source $argv[1]; complete --do-complete $argv[2]";
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", script])
            .arg(&completions)
            .arg(line);
        let said = ProgramOutput::by(&mut fish).exits(0).stderr("");
        let offered = said
            .stdout
            .lines()
            .map(|row| row.split('\t').next().unwrap());
        assert_eq!(offered.collect::<Vec<_>>(), words, "{line}");
    }
}

#[test]
fn zsh_offers_users_devices_and_files() {
    let zsh = Pages::write().read(COMPLETIONS[1]);
    for action in [
        ":USER:_users'",
        ":USER|UID:_users'",
        ":IF:_net_interfaces'",
        ":DURATION:'",
        ":FILE:_files'",
    ] {
        assert!(zsh.contains(action), "{action}");
    }
    assert!(
        !zsh.contains("_hosts") && !zsh.contains("_default'"),
        "{zsh}"
    );
}

#[test]
fn zsh_and_fish_can_read_their_completions() {
    let pages = Pages::write();
    for (shell, dry, file) in [
        ("zsh", "-n", COMPLETIONS[1]),
        ("fish", "--no-execute", COMPLETIONS[2]),
    ] {
        let check = |file| ProgramOutput::by(Command::new(shell).arg(dry).arg(file));
        check(pages.path(file)).exits(0).stdout("").stderr("");
        let broken = pages.path("broken");
        fs::write(&broken, "if true; {\n").unwrap();
        assert_ne!(check(broken).code, Some(0), "{shell} finds nothing wrong");
    }
}

#[test]
fn zsh_finds_its_completions_for_listenup() {
    let pages = Pages::write();
    let script =
        "fpath=($1 $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[listenup]";
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-c", script, "zsh"]);
    ProgramOutput::by(zsh.arg(pages.path("completions")))
        .exits(0)
        .stdout("_listenup\n")
        .stderr("");
}
