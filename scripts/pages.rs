//! Writes the man pages and the completions of bash, zsh and fish, from the definition of the command
//! line.
//!
//! `pages DIR` writes DIR/man/listenup.1, a page for each subcommand, listenup-keepalived.7 and listenup-doctor-codes.7, and
//! listenup.bash, _listenup (zsh) and listenup.fish in DIR/completions.
//!
//! The text of a page is packaging/man/NAME.roff, with requests that are replaced:
//!
//! | request | by |
//! |---|---|
//! | `.OPTIONS` | the heading of that section |
//! | `.OPTION NAME` | the option or argument as it is written, above its explanation; each must be there, once |
//! | `.SUBCOMMANDS` | that section |
//! | `.HELP WORDS` | the paragraph of `--help` that begins with these words |
//! | `.INCLUDE NAME` | packaging/man/NAME.roff |
//! | `.CODES` | the codes of `listenup doctor`, from their table |

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use clap::{Arg, Command, ValueHint};
use clap_complete::aot::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).ok_or("usage: pages DIR")?;
    let folder = Path::new(&folder);
    man_pages(&folder.join("man"))?;
    completions(&folder.join("completions"))
}

fn man_pages(folder: &Path) -> Result<()> {
    let mut listenup = listenup::cli::command().disable_help_subcommand(true);
    listenup.build();
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join("listenup.1"),
        page(&listenup, &text("listenup")?)?,
    )?;
    for subcommand in listenup.get_subcommands() {
        let name = subcommand.get_name();
        let page = page(subcommand, &text(name)?)?;
        fs::write(folder.join(format!("listenup-{name}.1")), page)?;
    }
    let of_keepalived = heading("listenup-keepalived", 7)? + &text("keepalived")?;
    fs::write(folder.join("listenup-keepalived.7"), of_keepalived)?;
    let of_codes =
        heading("listenup-doctor-codes", 7)? + &text("codes")?.replace(".CODES\n", &codes());
    fs::write(folder.join("listenup-doctor-codes.7"), of_codes)?;
    Ok(())
}

/// A file of packaging/man, with those that it includes.
fn text(name: &str) -> Result<String> {
    let file = format!("packaging/man/{name}.roff");
    let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let mut whole = String::new();
    for line in text.lines() {
        match line.strip_prefix(".INCLUDE ") {
            Some(part) => whole += &self::text(part)?,
            None => whole += &format!("{line}\n"),
        }
    }
    Ok(whole)
}

fn heading(title: &str, section: u8) -> Result<String> {
    let (title, date) = (title.to_uppercase(), date_of_release()?);
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!(
        ".TH {title} {section} \"{date}\" \"listenup {version}\"\n"
    ))
}

fn page(command: &Command, text: &str) -> Result<Vec<u8>> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").ok_or("no usage")?.to_owned();
    let title = command.get_display_name().unwrap_or(command.get_name());
    let man = Man::new(command.clone().override_usage(usage));
    let mut page = heading(title, 1)?.into_bytes();
    let mut missing: BTreeSet<&str> = command
        .get_arguments()
        .map(|arg| arg.get_id().as_str())
        .collect();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    for line in text.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            (".OPTIONS", _) => page.extend(b".SH OPTIONS\n"),
            (".OPTION", name) => {
                let arg = command
                    .get_arguments()
                    .find(|arg| arg.get_id() == name)
                    .filter(|_| missing.remove(name))
                    .ok_or_else(|| format!("{title}: no option {name}, or twice"))?;
                page.extend(tag(arg).into_bytes());
            }
            (".SUBCOMMANDS", _) => man.render_subcommands_section(&mut page)?,
            (".HELP", words) => help(command, words)?.to_writer(&mut page)?,
            _ => page.extend([line.as_bytes(), b"\n"].concat()),
        }
    }
    match missing.first() {
        Some(option) => Err(format!("{title}: {option} is not explained").into()),
        None => Ok(page),
    }
}

/// The groups of codes, by their first digit.
const GROUPS: [&str; 6] = [
    "HOW KEEPALIVED READS THE FILE",
    "WHAT THE CONFIGURATION MEANS",
    "CHECKS BY OTHER PROGRAMS",
    "CHECKS BY LISTENUP",
    "THE RUNNING KEEPALIVED",
    "THIS HOST",
];

/// A section for each group of codes, with a paragraph for each code.
fn codes() -> String {
    let mut page = String::new();
    let mut group = None;
    for code in listenup::commands::doctor::codes::all() {
        let of_code = code.id.chars().nth(2).and_then(|digit| digit.to_digit(10));
        if of_code != group {
            group = of_code;
            let heading = of_code.and_then(|digit| GROUPS.get(digit as usize - 1));
            page += &format!(".SH {}\n", heading.unwrap_or(&"OTHERS"));
        }
        let severity = code.severity.name();
        page += &format!(
            ".TP\n\\fB{}\\fR ({severity})\n{}\n",
            code.id,
            escaped(code.effect)
        );
        for (label, line) in [
            ("Cause: ", code.cause),
            ("Fix: ", code.fix),
            ("Versions of keepalived: ", code.versions),
            ("", code.explanation),
        ] {
            if !line.is_empty() {
                // A paragraph of the table can have several lines.
                let line = escaped(&line.replace('\n', " "));
                page += &format!(".IP\n{label}{line}\n");
            }
        }
    }
    page
}

/// A text of the table for roff, its values in capital letters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        escaped += before;
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        match after.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                escaped += &name.to_uppercase();
                rest = after;
            }
            None => {
                escaped.push('{');
                rest = after;
            }
        }
    }
    escaped += rest;
    let escaped = escaped.replace('\\', "\\(rs").replace('-', "\\-");
    // A line that begins so is a request.
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}

/// How an option or an argument is written, as the tag of a paragraph: `-q, --quiet`, `--format text|json`.
fn tag(arg: &Arg) -> String {
    let short = arg.get_short().map(|name| format!("-{name}"));
    let long = arg.get_long().map(|name| format!("--{name}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    let mut parts: Vec<String> = Vec::new();
    if !names.is_empty() {
        let bold = names.iter().map(|name| format!(r"\fB{name}\fR"));
        parts.push(bold.collect::<Vec<_>>().join(", "));
    }
    if arg.get_action().takes_values() {
        let values = arg.get_possible_values();
        let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        let named = arg.get_value_names().and_then(|names| names.first());
        let several = if arg.is_positional() { "..." } else { "" };
        parts.push(match (values.as_slice(), named) {
            ([], Some(name)) => format!(r"\fI{name}\fR{several}"),
            _ => format!(r"\fB{}\fR", values.join(r"\fR|\fB")),
        });
    }
    format!(".TP\n{}\n", parts.join(" ").replace('-', r"\-"))
}

/// The paragraph of `--help` that begins with these words, line by line.
fn help(command: &Command, words: &str) -> Result<Roff> {
    let help = command.get_after_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    let mut paragraphs = help.split("\n\n");
    let paragraph = paragraphs.find(|paragraph| paragraph.starts_with(words));
    let paragraph = paragraph.ok_or_else(|| format!("no paragraph of the help begins: {words}"))?;
    let mut roff = Roff::new();
    roff.control("nf", []);
    for line in paragraph.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    Ok(roff)
}

/// Of the newest release in CHANGELOG.md; empty before the first. Not of today, so that the same source
/// gives the same pages.
fn date_of_release() -> Result<String> {
    let changelog = fs::read_to_string("CHANGELOG.md")?;
    let mut headings = changelog.lines().filter(|line| line.starts_with("## "));
    let date = headings.find_map(|heading| heading.split_once(" - "));
    Ok(date.map_or(String::new(), |(_, date)| date.to_owned()))
}

fn completions(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut listenup = listenup::cli::command();
    listenup.build();
    let mut listenup = listenup.mut_subcommands(|subcommand| {
        subcommand.mut_args(|arg| match hint(&arg) {
            Some(hint) => arg.value_hint(hint),
            None => arg,
        })
    });
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let file = generate_to(shell, &mut listenup, "listenup", folder)?;
        let text = fs::read_to_string(&file)?;
        let text = match shell {
            Shell::Bash => with_users_and_devices(&listenup, &text),
            Shell::Zsh => text.replace("_hosts", "_net_interfaces"),
            _ => text.replace("__fish_print_hostnames", "__fish_print_interfaces"),
        };
        fs::write(file, text)?;
    }
    Ok(())
}

/// What a shell offers for a value. clap has no hint for network devices: they have the one for host names, and
/// [`completions`] replaces what comes of it.
fn hint(arg: &Arg) -> Option<ValueHint> {
    let takes_words = arg.get_action().takes_values() && arg.get_possible_values().is_empty();
    let name = arg.get_value_names().and_then(|names| names.first());
    let name = name.filter(|_| takes_words)?.as_str();
    Some(match name {
        "USER" | "USER|UID" => ValueHint::Username,
        "IF" => ValueHint::Hostname,
        _ if name.contains("FILE") || name.contains("PATH") => ValueHint::FilePath,
        _ => ValueHint::Other,
    })
}

/// bash offers files where clap knows no better.
fn with_users_and_devices(listenup: &Command, completions: &str) -> String {
    let mut offers = Vec::new();
    for arg in listenup.get_subcommands().flat_map(Command::get_arguments) {
        let words = match arg.get_value_hint() {
            ValueHint::Username => "-u",
            ValueHint::Hostname => r#"-W "$(command ls /sys/class/net 2>/dev/null)""#,
            _ => continue,
        };
        let option = arg.get_long().unwrap_or_default();
        offers.push((format!("--{option})"), words));
    }
    let mut text = String::new();
    let mut offer = None;
    for line in completions.lines() {
        let line = match offer {
            Some(words) => line.replace("compgen -f", &format!("compgen {words} --")),
            None => line.to_owned(),
        };
        text += &format!("{line}\n");
        let here = offers.iter().find(|(option, _)| line.trim() == option);
        offer = here.map(|(_, words)| *words);
    }
    text
}
