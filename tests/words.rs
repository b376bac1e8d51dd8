//! Texts that people read are plain English: no string, doc comment or page uses a phrase from the list below.
//! CONTRIBUTING.md, "Words", says what to write instead.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// A phrase, in lower case. `*` stands for one to three words.
const PHRASES: [&str; 40] = [
    "all the same",
    "anew",
    "anybody",
    "as wanted",
    "behind it",
    "beside",
    "but for",
    "by way of",
    "comes in by",
    "dies of",
    "everybody",
    "for ever",
    "for good",
    "goes by",
    "has the word",
    "in all",
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
    "somebody",
    "stands behind",
    "stands in",
    "takes * for",
    "told",
    "what it has",
    "what it is",
    "what there is",
    "whatever",
    "whoever",
    "without a word",
];

/// Phrases that contain one from the list and are good English.
const ALLOWED: [&str; 5] = [
    "is no longer",
    "is no more",
    "is no need",
    "is no other",
    "there is no",
];

/// Words with which a doc comment does not begin: no main clause follows them. [`BUT`] has the exceptions.
const OPENINGS: [&str; 9] = [
    "how", "those", "what", "where", "whether", "who", "whom", "whose", "why",
];

/// Good beginnings of a noun phrase for a number.
const BUT: [&str; 4] = ["how long", "how many", "how much", "how often"];

/// The most words of a sentence, or of a part of it between colons and semicolons, in a page.
const LONGEST: usize = 30;

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

/// The doc comments of a Rust file, without those of its unit tests, that begin with one of [`OPENINGS`].
fn incomplete_comments(file: &Path, code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let comment = |line: &str| {
        let line = line.trim_start();
        let text = line.strip_prefix("///").or(line.strip_prefix("//!"))?;
        Some(text.trim().to_lowercase())
    };
    let mut found = Vec::new();
    let mut before = None;
    for (number, line) in code.lines().enumerate() {
        let text = comment(line);
        if let (Some(text), None) = (&text, &before) {
            let opening = text.split(' ').next().unwrap();
            let is_good = BUT.iter().any(|good| text.starts_with(good));
            if OPENINGS.contains(&opening) && !is_good {
                let (file, line) = (file.display(), number + 1);
                found.push(format!("{file}:{line}: begins with {opening:?}"));
            }
        }
        before = text;
    }
    found
}

/// The paragraphs of a page of roff or Markdown, each with the number of its first line. Blocks of code are left out.
fn paragraphs(page: &str) -> Vec<(usize, String)> {
    let mut paragraphs = vec![(1, String::new())];
    let mut is_code = false;
    for (number, line) in page.lines().enumerate() {
        let fence = line.starts_with("```");
        is_code = match line {
            ".EX" | ".nf" => true,
            ".EE" | ".fi" => false,
            _ => is_code != fence,
        };
        let request = line
            .strip_prefix('.')
            .map(|line| line.split(' ').next().unwrap());
        let font = request.is_some_and(|name| ["B", "BI", "BR", "I", "IR", "RB"].contains(&name));
        let ends = match request {
            Some(_) => !font,
            None => {
                let item = line.trim_start().split(' ').next().unwrap();
                let is_number = item.ends_with('.') && item.len() < 4;
                line.trim().is_empty()
                    || ["-", "*"].contains(&item)
                    || is_number
                    || line.starts_with(['#', '|'])
            }
        };
        if is_code || fence || ends {
            paragraphs.push((number + 1, String::new()));
        }
        if is_code || fence || (ends && request.is_some()) {
            continue;
        }
        let text = match (font, line.split_once(' ')) {
            (true, Some((_, words))) => words,
            _ => line,
        };
        let last = paragraphs.last_mut().unwrap();
        // A cell of a table is a text of its own.
        last.1 += &(text.replace('"', "").replace('|', " . ") + "\n");
    }
    paragraphs
}

/// The sentences of a page, or parts between colons and semicolons, with more than [`LONGEST`] words.
fn long_sentences(file: &Path, page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, paragraph) in paragraphs(page) {
        let mut length = 0;
        for word in paragraph.split_whitespace() {
            let counts = word.contains(char::is_alphanumeric);
            length += usize::from(counts);
            let word = word.trim_end_matches(['"', '\'', ')', '*']);
            if counts && length == LONGEST + 1 {
                let file = file.display();
                found.push(format!(
                    "{file}:{number}: a sentence is too long, at {word:?}"
                ));
            }
            if word.ends_with(['.', '?', '!', ':', ';']) {
                length = 0;
            }
        }
    }
    found
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
    let mut found = Vec::new();
    for file in &sources {
        let code = fs::read_to_string(file).unwrap();
        found.extend(complaints(&texts(file, &code)));
        found.extend(incomplete_comments(file, &code));
    }
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
    for page in [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ] {
        pages.push(page.into());
    }
    assert!(pages.len() > 10, "{pages:?}");
    let (mut texts, mut found) = (Vec::new(), Vec::new());
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for (number, line) in text.lines().enumerate() {
            texts.push(Text::new(page, number + 1, line));
        }
        if page.extension().unwrap() != "txt" {
            found.extend(long_sentences(page, &text));
        }
    }
    found.extend(complaints(&texts));
    assert!(
        found.is_empty(),
        "{} lines:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn bad_phrases_are_found() {
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

#[test]
fn a_doc_comment_without_a_main_clause_is_found() {
    let source = "//! Whether it works.\n\n/// What it has. How it ended.\n/// Who knows.\nstruct A {\n    /// How many targets.\n    \
                  a: u8,\n    /// Whose\n    b: u8,\n}\n// What is this?\n#[cfg(test)]\nmod tests {\n    /// Who.\n}\n";
    let found = incomplete_comments(Path::new("x.rs"), source);
    let expected = [
        "x.rs:1: begins with \"whether\"",
        "x.rs:3: begins with \"what\"",
        "x.rs:8: begins with \"whose\"",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_long_sentence_is_found_in_a_page() {
    let words = |count: usize| vec!["word"; count].join(" ");
    let (good, bad) = (words(LONGEST), words(LONGEST + 1));
    let count = |page: &str| long_sentences(Path::new("x"), page).len();
    for page in [
        format!("{good}. {good}: {good};\n{good}.\n"),
        format!("{good}\n\n{good}\n"),
        format!("- {good}\n- {good}\n1. {good}\n| {good} | {good} |\n"),
        format!(".PP\n{good}\n.TP\n.B {good}\n.PP\n{good}\n"),
        format!("```\n{bad}\n```\n.EX\n{bad}\n.EE\n"),
    ] {
        assert_eq!(count(&page), 0, "{page}");
    }
    for page in [
        format!("{bad}.\n"),
        format!("{good}\nword\n"),
        format!("- {bad}\n"),
        format!("| a | {bad} |\n"),
        format!(".PP\n{good}\n.BR word (8)\n"),
        format!(".EX\n.EE\n{bad}\n"),
    ] {
        assert_eq!(count(&page), 1, "{page}");
    }
}
