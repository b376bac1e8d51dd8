//! Writes the man pages and the completions of bash, zsh and fish, from the definition of the command
//! line.
//!
//! `pages DIR` writes DIR/man/listenup.1, a page for each subcommand beside it, and listenup.bash,
//! _listenup (zsh) and listenup.fish in DIR/completions.
//!
//! The text of the page of a subcommand is packaging/man/SUBCOMMAND.roff, with three requests that are
//! replaced: `.OPTIONS` and `.SUBCOMMANDS` by these sections, and `.HELP WORDS` by the paragraph of
//! `--help` that begins with these words.

use std::error::Error;
use std::fs;
use std::path::Path;

use clap::{Arg, Command};
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
    let text = |name: &str| {
        let file = format!("packaging/man/{name}.roff");
        fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))
    };
    fs::write(
        folder.join("listenup.1"),
        page(&listenup, &text("listenup")?)?,
    )?;
    for subcommand in listenup.get_subcommands() {
        let name = subcommand.get_name();
        let page = page(subcommand, &text(name)?)?;
        fs::write(folder.join(format!("listenup-{name}.1")), page)?;
    }
    Ok(())
}

fn page(command: &Command, text: &str) -> Result<Vec<u8>> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").ok_or("no usage")?.to_owned();
    let title = command.get_display_name().unwrap_or(command.get_name());
    let title = title.to_uppercase();
    let (date, version) = (date_of_release()?, env!("CARGO_PKG_VERSION"));

    let command = command.clone().mut_args(values_in_the_name);
    let man = Man::new(command.clone().override_usage(usage));
    let mut page = format!(".TH {title} 1 \"{date}\" \"listenup {version}\"\n").into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    for line in text.lines() {
        match line.split_once(' ').unwrap_or((line, "")) {
            (".OPTIONS", _) => man.render_options_section(&mut page)?,
            (".SUBCOMMANDS", _) => man.render_subcommands_section(&mut page)?,
            (".HELP", words) => help(&command, words)?.to_writer(&mut page)?,
            _ => page.extend([line.as_bytes(), b"\n"].concat()),
        }
    }
    Ok(page)
}

/// The option with the values that it takes as the name of its value: `--format <text|json>`. A list of
/// them, as clap_mangen writes it, would fill the page.
fn values_in_the_name(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    if values.is_empty() {
        return arg;
    }
    let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
    // clap keeps static names; leaking some is no matter here.
    let names = names.join("|").leak();
    arg.value_name(&*names).hide_possible_values(true)
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
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut listenup::cli::command(), "listenup", folder)?;
    }
    Ok(())
}
