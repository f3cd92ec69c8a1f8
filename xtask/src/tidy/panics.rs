//! In the core crates: nothing that panics, and `std` and `alloc` only where memory or codecs are the subject. Indexing
//! and `expect` are left to clippy, which knows a slice from a table that cannot be missed.

use super::Problem;
use super::source::{Source, words};

/// What ends a program.
const PANICS: [&str; 6] = [".unwrap()", ".unwrap_err()", "panic!", "unreachable!", "assert!", "assert_eq!"];

/// Names of files and folders that may name `std` and `alloc`: owned memory, and codecs that come from other crates.
const STD_PLACES: [&str; 4] = ["lib.rs", "storage", "codec", "compress"];

pub fn check(source: &Source<'_>) -> Vec<Problem> {
    if !source.is_core() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for word in PANICS {
        for at in words(&source.product, word) {
            if !is_constant_check(&source.product, at) {
                problems.push(source.problem(at, "panic", format!("{word} may end the program")));
            }
        }
    }
    if !may_name_std(source.path) {
        for word in ["std::", "alloc::"] {
            for at in words(&source.product, word) {
                let what = format!("{word} is named in the files of storage and codecs only");
                problems.push(source.problem(at, "std", what));
            }
        }
    }
    problems
}

/// `const _: () = assert!(…)` is judged by the compiler.
fn is_constant_check(code: &str, at: usize) -> bool {
    let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
    code[line..at].trim_start().starts_with("const ")
}

fn may_name_std(path: &str) -> bool {
    let place = path.split("/src/").nth(1).unwrap_or_default();
    place.split('/').any(|part| STD_PLACES.iter().any(|name| part.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::new(path, text)).iter().map(|problem| problem.rule).collect()
    }

    #[test]
    fn each_way_to_panic_is_seen_in_the_core_crates() {
        let bad = ["a.unwrap();", "panic!();", "unreachable!()", "assert!(a);", "assert_eq!(a, b);"];
        for text in bad {
            assert_eq!(rules("kafka-client-core/src/x.rs", text), ["panic"], "{text}");
            assert!(rules("kafka-std/src/x.rs", text).is_empty(), "{text}");
        }
        let good = [
            "a.unwrap_or(b)",
            "debug_assert!(a)",
            "const _: () = assert!(A < B);",
            "// a.unwrap()",
            "\"panic!\"",
        ];
        for text in good {
            assert!(rules("kafka-proto/src/x.rs", text).is_empty(), "{text}");
        }
    }

    #[test]
    fn std_and_alloc_have_their_places() {
        for text in ["use std::vec::Vec;", "use alloc::boxed::Box;", "fn f() -> std::io::Result<()>"] {
            assert_eq!(rules("kafka-proto/src/wire/x.rs", text), ["std"], "{text}");
            assert!(rules("kafka-client-core/src/storage.rs", text).is_empty(), "{text}");
            assert!(rules("kafka-proto/src/compress/zstd.rs", text).is_empty(), "{text}");
        }
        assert!(
            rules("kafka-proto/src/x.rs", "use core::fmt; #[cfg(feature = \"std\")] fn f() {}").is_empty()
        );
    }
}
