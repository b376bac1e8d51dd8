//! Man pages and completions, and the README's tables of options, against the definition of the command
//! line.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::program::{Said, example};
use tempfile::TempDir;

/// What scripts/pages.rs writes.
struct Pages(TempDir);

impl Pages {
    fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Said::by(Command::new(example("pages")).arg(folder.path()))
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
fn there_is_a_page_for_each_subcommand_with_each_option_and_no_others() {
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
    let there = fs::read_dir(pages.path("man")).unwrap();
    let there: BTreeSet<_> = there
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, written.into_iter().collect());
}

#[test]
fn every_page_has_its_sections() {
    let pages = Pages::write();
    for command in subcommands() {
        let page = pages.man(&format!("listenup-{}", command.get_name()));
        let sections = page.lines().filter_map(|line| line.strip_prefix(".SH "));
        let sections: Vec<_> = sections.collect();
        assert_eq!(sections[..3], ["NAME", "SYNOPSIS", "DESCRIPTION"]);
        let last = &sections[sections.len() - 4..];
        assert_eq!(last, ["EXIT STATUS", "EXAMPLES", "SECURITY", "SEE ALSO"]);
        assert!(sections.contains(&"OPTIONS"), "{sections:?}");
    }
}

#[test]
fn mandoc_and_man_find_nothing_wrong_with_a_page() {
    let pages = Pages::write();
    let mut linted = 0;
    for entry in fs::read_dir(pages.path("man")).unwrap() {
        let page = entry.unwrap().path();
        let said = Said::by(
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
        Said::by(Command::new("man").args(["--warnings", "-l"]).arg(&page))
            .exits(0)
            .stderr("");
        linted += 1;
    }
    assert!(linted >= 3);
}

#[test]
fn mandoc_does_find_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("wrong.1");
    fs::write(
        &page,
        ".TH WRONG 1 \"\" \"\"\n.SH NAME\nwrong \\- page\n.NOSUCH\n",
    )
    .unwrap();
    let said = Said::by(
        Command::new("mandoc")
            .args(["-Tlint", "-Wwarning"])
            .arg(&page),
    );
    assert!(said.stdout.contains("NOSUCH"), "{said:?}");
}

#[test]
fn the_same_source_gives_the_same_pages() {
    let (one, other) = (Pages::write(), Pages::write());
    let folders = [one.0.path(), other.0.path()];
    Said::by(Command::new("diff").arg("-r").args(folders))
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
fn bash(completions: &str, line: &str) -> Said {
    let script = r#"
        source "$0"
        complete -p listenup || exit
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _listenup listenup "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, completions]);
    Said::by(bash.args(line.split(' ')))
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
    ] {
        let script = "source $argv[1]; complete --do-complete $argv[2]";
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", script])
            .arg(&completions)
            .arg(line);
        let said = Said::by(&mut fish).exits(0).stderr("");
        let offered = said
            .stdout
            .lines()
            .map(|row| row.split('\t').next().unwrap());
        assert_eq!(offered.collect::<Vec<_>>(), words, "{line}");
    }
}

#[test]
fn zsh_and_fish_can_read_their_completions() {
    let pages = Pages::write();
    for (shell, dry, file) in [
        ("zsh", "-n", COMPLETIONS[1]),
        ("fish", "--no-execute", COMPLETIONS[2]),
    ] {
        let check = |file| Said::by(Command::new(shell).arg(dry).arg(file));
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
    Said::by(zsh.arg(pages.path("completions")))
        .exits(0)
        .stdout("_listenup\n")
        .stderr("");
}

/// The options in the tables of a section of the README whose rows begin with one.
fn tabled(readme: &str, section: &str) -> BTreeSet<String> {
    let (_, text) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `-"));
    let code = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let options = code.filter(|code| code.starts_with('-'));
    let names = options.map(|option| option.split(' ').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn the_tables_of_the_readme_have_each_option_of_check_and_no_others() {
    let readme = fs::read_to_string("README.md").unwrap();
    let mut named = tabled(&readme, "Targets");
    // A row there points to the other table for them.
    assert!(named.remove("--owner-..."), "{named:?}");
    named.extend(tabled(&readme, "More than listening"));
    let subcommands = subcommands();
    let check = subcommands
        .iter()
        .find(|command| command.get_name() == "check");
    let mut options = options(check.unwrap());
    options.remove("--help");
    options.remove("-h");
    assert_eq!(named, options);
}
