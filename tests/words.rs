//! Texts that people read are plain English: no string, doc comment or page uses a phrase from the list below.
//! CONTRIBUTING.md, "Words", says what to write instead.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// A phrase, in lower case. `*` stands for one to three words.
const PHRASES: [&str; 30] = [
    "anew",
    "as wanted",
    "behind it",
    "but for",
    "by way of",
    "dies of",
    "for ever",
    "goes by",
    "has the word",
    "in doubt",
    "in vain",
    "is no file",
    "is no *",
    "is told",
    "it tells",
    "its like",
    "may not enter",
    "minds",
    "nobody may",
    "not known",
    "others than",
    "so many",
    "stands behind",
    "stands in",
    "takes * for",
    "what it has",
    "what it is",
    "what there is",
    "whatever",
    "whoever",
];

/// Phrases that contain one from the list and are good English.
const ALLOWED: [&str; 5] = [
    "is no longer",
    "is no more",
    "is no need",
    "is no other",
    "there is no",
];

/// Folders and files whose texts have not been edited yet.
const PENDING: [&str; 17] = [
    "CONTRIBUTING.md",
    "SECURITY.md",
    "packaging",
    "src/cli",
    "src/clock.rs",
    "src/commands/check",
    "src/commands/list",
    "src/commands/mod.rs",
    "src/domain",
    "src/engine",
    "src/host",
    "src/log",
    "src/main.rs",
    "src/report",
    "src/requirements",
    "src/source",
    "src/untrusted",
];

fn is_pending(path: &Path) -> bool {
    let path = path.to_str().unwrap();
    PENDING.iter().any(|pending| path.starts_with(pending))
}

/// A text that somebody reads, and where it is.
struct Text {
    file: PathBuf,
    line: usize,
    words: Vec<String>,
}

impl Text {
    fn new(file: &Path, line: usize, text: &str) -> Self {
        let is_part = |c: char| !(c.is_alphanumeric() || c == '\'' || c == '-' || c == '_');
        let words = text.split(is_part).filter(|word| !word.is_empty());
        Self {
            file: file.to_owned(),
            line,
            words: words.map(str::to_lowercase).collect(),
        }
    }

    /// The phrases from the list that it contains.
    fn bad_phrases(&self) -> Vec<&'static str> {
        let mut words = self.words.clone();
        for allowed in ALLOWED {
            let allowed: Vec<&str> = allowed.split(' ').collect();
            while let Some(at) = words
                .windows(allowed.len())
                .position(|some| some == allowed)
            {
                words.splice(at..at + allowed.len(), [".".to_owned()]);
            }
        }
        let contains = |phrase: &&'static str| {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            (0..words.len()).any(|at| begins_with(&words[at..], &phrase))
        };
        PHRASES.iter().copied().filter(contains).collect()
    }
}

fn begins_with(words: &[String], phrase: &[&str]) -> bool {
    match (phrase, words) {
        ([], _) => true,
        (["*", rest @ ..], _) => {
            (1..=words.len().min(3)).any(|gap| begins_with(&words[gap..], rest))
        }
        ([first, rest @ ..], [word, words @ ..]) => first == word && begins_with(words, rest),
        _ => false,
    }
}

/// The string literals and doc comments of a Rust file, without those of its unit tests.
fn texts(file: &Path, code: &str) -> Vec<Text> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut texts = Vec::new();
    let bytes = code.as_bytes();
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &code[at..];
        let length = if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            if rest.starts_with("///") || rest.starts_with("//!") {
                // A phrase can go on in the next line of the same comment.
                let next = code[at + end..].trim_start().strip_prefix(&rest[..3]);
                let next = next
                    .and_then(|text| text.lines().next())
                    .unwrap_or_default();
                let first: Vec<&str> = next.split(' ').take(4).collect();
                let text = format!("{} {}", &rest[3..end], first.join(" "));
                texts.push(Text::new(file, line_of(at), &text));
            }
            end
        } else if let Some(hashes) = raw_string(rest) {
            let open = hashes + 2;
            let close = format!("\"{}", "#".repeat(hashes));
            let end = rest[open..].find(&close).unwrap();
            texts.push(Text::new(file, line_of(at), &rest[open..open + end]));
            open + end + close.len()
        } else if rest.starts_with('"') {
            let mut end = 1;
            while !rest[end..].starts_with('"') {
                end += if rest[end..].starts_with('\\') { 2 } else { 1 };
                while !rest.is_char_boundary(end) {
                    end += 1;
                }
            }
            texts.push(Text::new(
                file,
                line_of(at),
                &rest[1..end].replace("\\n", " "),
            ));
            end + 1
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\\"'") {
            4
        } else {
            rest.chars().next().unwrap().len_utf8()
        };
        at += length;
    }
    texts
}

/// The number of `#` of a raw string that begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_stem().unwrap() != "tests" {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

fn complaints(texts: &[Text]) -> Vec<String> {
    let bad = texts.iter().flat_map(|text| {
        let phrases = text.bad_phrases().into_iter();
        phrases.map(|phrase| format!("{}:{}: {phrase:?}", text.file.display(), text.line))
    });
    bad.collect()
}

#[test]
fn strings_and_doc_comments_are_plain_english() {
    let sources = files(Path::new("src"), ".rs");
    assert!(sources.len() > 50, "{sources:?}");
    let read = |file: &PathBuf| texts(file, &fs::read_to_string(file).unwrap());
    let sources = sources.iter().filter(|file| !is_pending(file));
    let texts: Vec<Text> = sources.flat_map(read).collect();
    assert!(!texts.is_empty());
    let found = complaints(&texts);
    assert!(
        found.is_empty(),
        "{} texts:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn pages_are_plain_english() {
    let mut pages = files(Path::new("packaging"), ".roff");
    pages.extend(files(Path::new("packaging"), ".md"));
    pages.extend(files(Path::new("src"), ".txt"));
    for page in ["README.md", "SECURITY.md", "CONTRIBUTING.md"] {
        pages.push(page.into());
    }
    assert!(pages.len() > 10, "{pages:?}");
    let mut texts = Vec::new();
    for page in pages.iter().filter(|page| !is_pending(page)) {
        let text = fs::read_to_string(page).unwrap();
        for (number, line) in text.lines().enumerate() {
            texts.push(Text::new(page, number + 1, line));
        }
    }
    let found = complaints(&texts);
    assert!(
        found.is_empty(),
        "{} lines:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn the_check_finds_what_it_is_for() {
    let source = r###"
        /// Of what is no file, and for
        /// ever.
        fn f() {
            let a = "takes all of it for granted";
            let b = r#"nobody may "run" it"#;
            let c = '"'; // whatever
            let d = "is no longer \"there\"";
            let e = "minds";
        }
    "###;
    let found = complaints(&texts(Path::new("x.rs"), source));
    let expected = [
        "x.rs:2: \"for ever\"",
        "x.rs:2: \"is no file\"",
        "x.rs:2: \"is no *\"",
        "x.rs:5: \"takes * for\"",
        "x.rs:6: \"nobody may\"",
        "x.rs:9: \"minds\"",
    ];
    assert_eq!(found, expected);
}
