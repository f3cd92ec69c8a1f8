//! Words that are in no file: what is unfinished, what is only true of one machine.
//!
//! They are put together from halves here, for this file is judged too.

use super::Problem;
use super::source::{Source, words};

/// In code: left over from writing it.
const UNFINISHED: [&str; 3] = [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!")];

/// In any text: a note to oneself.
const NOTES: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];

/// In any text: folders of one machine.
const MACHINE: [&str; 4] =
    [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Use", "rs/")];

/// In any text: hosts of package registries, which are reached through their clients.
const HOSTS: [&str; 9] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("repo1.maven", ".org"),
    concat!("repo.maven", ".apache.org"),
    concat!("proxy.golang", ".org"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.npm", "js.org"),
    concat!("deb.deb", "ian.org"),
];

/// Written by a tool, which names hosts where it likes.
const GENERATED: [&str; 2] = ["Cargo.lock", "go.sum"];

pub fn check(path: &str, text: &str) -> Vec<Problem> {
    if GENERATED.iter().any(|name| path.ends_with(name)) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut find = |text: &str, word: &'static str, rule: &'static str| {
        for at in words(text, word) {
            let line = 1 + text[..at].matches('\n').count();
            problems.push(Problem { path: path.to_owned(), line, rule, what: word.to_owned() });
        }
    };
    if path.ends_with(".rs") {
        let source = Source::new(path, text);
        UNFINISHED.iter().for_each(|word| find(&source.code, word, "unfinished"));
    }
    NOTES.iter().for_each(|word| find(text, word, "unfinished"));
    MACHINE.iter().for_each(|word| find(text, word, "machine-path"));
    HOSTS.iter().for_each(|word| find(text, word, "registry-host"));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_seen() {
        for word in UNFINISHED {
            assert_eq!(check("a.rs", &format!("fn f() {{ {word}() }}"))[0].rule, "unfinished");
        }
        for word in NOTES {
            assert_eq!(check("a.md", &format!("a {word} b"))[0].rule, "unfinished");
        }
        for path in MACHINE {
            assert_eq!(check("a.sh", &format!("cd {path}me"))[0].rule, "machine-path");
        }
        for host in HOSTS {
            assert_eq!(check("a.toml", &format!("url = \"{host}/x\""))[0].rule, "registry-host");
        }
        assert_eq!(check("a.rs", "\n\n// FIXM\u{45}")[0].line, 3);
    }

    #[test]
    fn what_only_looks_like_it_is_left_alone() {
        assert!(check("Cargo.lock", HOSTS[0]).is_empty());
        assert!(check("a.rs", "// the todo! of old; XXXL").is_empty());
        assert!(check("a.md", "see homework/ and framework/x").is_empty());
    }
}
