//! Checks by other programs: what happens with them, and the line that replaces those that are understood whole.
//!
//! ```text
//! script     the text of a check, and whether its file can be executed
//! tokens     the words and operators of that text
//! evaluate   its runs: one for each answer that its questions can have
//! run        what a run consists of
//! machine    one run: its statements
//! command    its commands
//! word       the words of these
//! test       the conditions of [ and [[
//! probe      a question to the host
//! pipe       the question that a pipe of programs asks
//! programs   the options of netstat, ss, lsof, nc, killall, pidof, pgrep and ps
//! pattern    the port in a pattern of grep
//! meaning    what success means, and the replacement
//! faults     the findings
//! ```

mod command;
mod evaluate;
mod faults;
mod machine;
mod meaning;
mod pattern;
mod pipe;
mod probe;
mod programs;
mod run;
mod script;
mod test;
mod tokens;
mod word;

use std::path::PathBuf;

use self::probe::{Scene, base_name};
use self::run::{Context, Run, is_bash};
use self::script::Script;
use self::tokens::{Content, NotUnderstood, Part, Token, Tokens};
use super::checks::Check;
use super::findings::Finding;
use crate::domain::Target;
use crate::keepalived_conf::Config;

pub use self::meaning::Replacement;
pub use self::script::read;
pub use super::codes::third_party::Left;

/// Who runs a check, and what replaces it.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// The user.
    pub user: String,
    /// The user is root.
    pub is_root: bool,
    /// The path of listenup.
    pub listenup: &'a str,
}

/// A check by another program.
struct Analysis<'c> {
    check: &'c Check<'c>,
    setting: Setting<'c>,
    words: Vec<String>,
    script: Option<Script>,
    /// The first word that only a shell understands, and that no shell sees.
    operator: Option<String>,
    tokens: Result<Tokens, NotUnderstood>,
    runs: Result<Vec<Run>, NotUnderstood>,
    /// The same in bash, as far as that differs.
    meant: Result<Vec<Run>, NotUnderstood>,
}

/// Returns what is wrong with a check, and what is worth knowing.
pub fn examine(check: &Check<'_>, config: &Config, setting: Setting<'_>) -> Vec<Finding> {
    faults::of(&analyse(check, config, setting))
}

/// Returns why keepalived cannot start the program of a check.
pub fn start(check: &Check<'_>, config: &Config, setting: Setting<'_>) -> Vec<Finding> {
    faults::of_start(&analyse(check, config, setting))
}

/// Returns the line that replaces a check.
///
/// # Errors
/// Returns why there is none. `Ok(None)`: it asks nothing that listenup can answer.
pub fn replacement(
    check: &Check<'_>,
    config: &Config,
    setting: Setting<'_>,
) -> Result<Option<Replacement>, Left> {
    let analysis = analyse(check, config, setting);
    if !analysis.asks() || !check.command.rest.is_empty() {
        return Ok(None);
    }
    analysis.replacement().map(Some)
}

/// Returns the ports for which a check looks, if it is understood.
pub fn targets(check: &Check<'_>, config: &Config, setting: Setting<'_>) -> Vec<Target> {
    let analysis = analyse(check, config, setting);
    let probes = analysis.runs.iter().flat_map(|runs| meaning::probes(runs));
    let targets = probes.flat_map(|probe| meaning::targets(&probe));
    targets.filter_map(|target| target.parse().ok()).collect()
}

/// Whether a shell script calls listenup.
pub fn calls_listenup(check: &Check<'_>) -> bool {
    let script = Script::of(&words_of(check));
    let tokens = script.and_then(|script| tokens::split(&script.text).ok());
    let tokens = tokens.unwrap_or_default();
    let mut words = tokens.iter().filter_map(|(_, token)| token.plain());
    words.any(|word| base_name(word) == "listenup")
}

/// Returns the script that a shell reads when a check runs. Its path is absolute.
pub fn script_of(check: &Check<'_>) -> Option<PathBuf> {
    script::read_by_shell(&words_of(check))
}

fn words_of(check: &Check<'_>) -> Vec<String> {
    let word = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    check.words.iter().map(word).collect()
}

fn analyse<'c>(check: &'c Check<'c>, config: &Config, setting: Setting<'c>) -> Analysis<'c> {
    let words = words_of(check);
    let script = Script::of(&words);
    let operator = words.iter().skip(1).find(|word| is_operator(word));
    let operator = operator.filter(|_| script.as_ref().is_none_or(|script| script.file.is_some()));
    // In sh -c 'TEXT' > FILE the other words are parameters that nothing uses.
    let is_text = words.get(1).is_some_and(|word| word == "-c")
        && words.get(2).is_some_and(|word| word.contains(' '));
    let operator = operator.filter(|_| !is_text).cloned();
    let tokens = match (&script, &operator) {
        (Some(script), None) => tokens::split(&script.text),
        _ => as_shell_words(&words),
    };
    let file = script.as_ref().and_then(|script| script.file.as_ref());
    let shown = file.map(|file| {
        format!(
            "{} {}",
            file.display(),
            words.get(1..).unwrap_or_default().join(" ")
        )
    });
    let evaluated = |bash| {
        let arguments = script.as_ref().map_or(&[][..], |script| &script.arguments);
        let scene = Scene {
            config,
            script: shown.as_deref().unwrap_or_default(),
            is_root: setting.is_root,
        };
        tokens.as_ref().map_err(|line| *line).and_then(|tokens| {
            evaluate::evaluate(
                tokens,
                Context {
                    bash,
                    arguments,
                    scene,
                },
            )
        })
    };
    let bash = script.as_ref().map_or(Some(true), |script| script.bash);
    let runs = match bash {
        Some(bash) => evaluated(bash),
        None => Err(NotUnderstood(1)),
    };
    let meant = match bash {
        Some(false) => evaluated(true),
        _ => runs.clone(),
    };
    Analysis {
        check,
        setting,
        words,
        script,
        operator,
        tokens,
        runs,
        meant,
    }
}

impl Analysis<'_> {
    /// Whether it has a program in it that is known here.
    fn asks(&self) -> bool {
        let known = [
            "netstat", "ss", "lsof", "nc", "ncat", "netcat", "killall", "pidof", "pgrep", "ps",
        ];
        let words = self.words.join(" ");
        let text = self.script.as_ref().map_or(&words, |script| &script.text);
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
        let mut words = code.flat_map(|line| line.split(|c| !is_part(c)));
        words.any(|word| known.contains(&base_name(word)) || word.starts_with("/dev/tcp/"))
    }

    /// `sh -c` with a command of several words.
    fn runs_first_word_only(&self) -> bool {
        let is_shell = self
            .words
            .first()
            .is_some_and(|word| is_bash(base_name(word)).is_some());
        is_shell && self.operator.is_some() && self.words.get(1).is_some_and(|word| word == "-c")
    }

    /// A place in the script, or its program.
    fn place(&self, line: usize) -> String {
        match self.script.as_ref().and_then(|script| script.file.as_ref()) {
            Some(file) => format!("{}:{line}", file.display()),
            None => self.check.in_words(),
        }
    }
}

/// A word that only a shell understands.
fn is_operator(word: &str) -> bool {
    let is_redirect = |word: &str| word.starts_with('>') || word.starts_with("&>");
    ["|", "||", "&&", ";", "&", "<"].contains(&word)
        || is_redirect(word)
        || word.strip_prefix(['1', '2']).is_some_and(is_redirect)
}

/// The tokens that a shell would see.
fn as_shell_words(words: &[String]) -> Result<Tokens, NotUnderstood> {
    let mut text = String::new();
    for word in words {
        match word {
            word if is_operator(word) => text.push_str(word),
            word if word.contains('\'') => return direct(words),
            word => text.push_str(&format!("'{word}'")),
        }
        text.push(' ');
    }
    tokens::split(&text)
}

/// The words as they are.
fn direct(words: &[String]) -> Result<Tokens, NotUnderstood> {
    let token = |word: &String| {
        let content = Content::Text(word.clone());
        (
            1,
            Token::Word(vec![Part {
                quoted: true,
                content,
            }]),
        )
    };
    Ok(words.iter().map(token).collect())
}
