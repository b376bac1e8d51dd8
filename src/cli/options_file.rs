//! `--options-file`: arguments from a file, so that a reload can read them again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;

use crate::untrusted::{Limits, ReadError, RegularFile};

const OPTION: &[u8] = b"--options-file";
/// Options that are not of a watch.
const ELSEWHERE: [&str; 3] = ["--options-file", "--check-options", "--status"];
/// The longest file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Returns the command line with the arguments of its options file in it, after the subcommand. An option in the file
/// replaces the same option of the command line, if that is written as `--option=VALUE`.
///
/// # Errors
/// Returns a sentence that says why the file cannot be used.
pub(super) fn expanded(line: &[OsString]) -> Result<Vec<OsString>, String> {
    let Some(path) = path(line) else {
        return Ok(line.to_vec());
    };
    let given = read(path)?;
    let names: Vec<&[u8]> = given.iter().filter_map(|word| option(word)).collect();
    let (before, after) = line.split_at(line.len().min(2));
    // Without a value in the same word it is a flag, which can be given twice, or its value is the next word.
    let is_replaced = |word: &&OsString| {
        word.as_bytes().contains(&b'=') && option(word).is_some_and(|name| names.contains(&name))
    };
    let kept = after.iter().filter(|word| !is_replaced(word));
    Ok(before.iter().chain(&given).chain(kept).cloned().collect())
}

/// The value of the option. A hyphen in front of it says that the file need not exist.
fn path(line: &[OsString]) -> Option<&OsStr> {
    let mut words = line.iter().skip(2);
    while let Some(word) = words.next() {
        match word.as_bytes().strip_prefix(OPTION) {
            Some([]) => return words.next().map(OsString::as_os_str),
            Some([b'=', path @ ..]) => return Some(OsStr::from_bytes(path)),
            _ => {}
        }
    }
    None
}

/// The name of an option, with its hyphens.
fn option(word: &OsString) -> Option<&[u8]> {
    let word = word.as_bytes();
    let name = word.split(|byte| *byte == b'=').next()?;
    (name.len() > 2 && name.starts_with(b"--")).then_some(name)
}

fn read(path: &OsStr) -> Result<Vec<OsString>, String> {
    let (path, need_not_exist) = match path.as_bytes().strip_prefix(b"-") {
        Some(path) => (OsStr::from_bytes(path), true),
        None => (path, false),
    };
    let shown = Path::new(path).display();
    let limits = Limits {
        bytes: LONGEST,
        lines: usize::MAX,
    };
    let text = match RegularFile::open(Path::new(path)).and_then(|file| file.read(limits)) {
        Ok(text) => text,
        Err(ReadError::System(Errno::ENOENT)) if need_not_exist => return Ok(Vec::new()),
        Err(why) => return Err(format!("{shown} cannot be read: {why}")),
    };
    let arguments = arguments(&text).map_err(|(number, advice)| {
        format!("{shown}:{number}: a line is one argument: write {advice}")
    })?;
    let is_there = |name: &&str| {
        let mut names = arguments.iter().filter_map(option);
        names.any(|given| given == name.as_bytes())
    };
    match ELSEWHERE.into_iter().find(is_there) {
        Some(name) => Err(format!("{shown}: {name} cannot be in an options file")),
        None => Ok(arguments),
    }
}

/// The arguments, one a line. Blank lines and those that begin with `#` are comments.
///
/// # Errors
/// Returns the number of a line that has more than one argument, and how to write it.
fn arguments(text: &[u8]) -> Result<Vec<OsString>, (usize, String)> {
    let mut arguments = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let is_space = |byte: &u8| byte.is_ascii_whitespace();
        if let Some(at) = line
            .iter()
            .position(is_space)
            .filter(|_| line.starts_with(b"-"))
        {
            let (option, value) = line.split_at(at);
            let (option, value) = (
                String::from_utf8_lossy(option),
                String::from_utf8_lossy(value.trim_ascii()),
            );
            return Err((index + 1, format!("{option}={value}")));
        }
        arguments.push(OsString::from_vec(line.to_vec()));
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn each_line_of_an_options_file_is_one_argument() {
        let text = b"# a comment\n\n  --retry-for=200ms\r\n443\n[2001:db8::10]:443";
        let expected = words("--retry-for=200ms 443 [2001:db8::10]:443");
        assert_eq!(arguments(text), Ok(expected));
        let advice = "--retry-for=5s".to_owned();
        assert_eq!(arguments(b"443\n--retry-for  5s"), Err((2, advice)));
    }

    #[test]
    fn options_of_the_file_replace_options_of_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("watch-web");
        std::fs::write(&file, "--rise=1s\n--quiet\n443\n").unwrap();
        let path = file.display();
        let line =
            format!("listenup watch --options-file={path} --rise=3s --risen=1 --fall 1s --quiet");
        let expected = format!(
            "listenup watch --rise=1s --quiet 443 --options-file={path} --risen=1 --fall 1s --quiet"
        );
        assert_eq!(expanded(&words(&line)), Ok(words(&expected)));
        std::fs::remove_file(&file).unwrap();
        let why = format!("{path} cannot be read: No such file or directory (ENOENT)");
        assert_eq!(expanded(&words(&line)), Err(why));
        let line = line.replace("file=", "file=-");
        assert_eq!(expanded(&words(&line)), Ok(words(&line)));
    }
}
