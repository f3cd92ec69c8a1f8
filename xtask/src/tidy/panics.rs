//! In the core crates: nothing that panics, nothing that indexes, and `std` and `alloc` only where memory or codecs
//! are the subject.

use super::Problem;
use super::source::{Source, is_word, words};

/// What ends a program.
const PANICS: [&str; 8] = [
    ".unwrap()",
    ".expect(",
    ".unwrap_err()",
    ".expect_err(",
    "panic!",
    "unreachable!",
    "assert!",
    "assert_eq!",
];

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
    for at in indexing(&source.product) {
        problems.push(source.problem(
            at,
            "indexing",
            "indexing panics when out of range: get(), first_chunk(), iterators",
        ));
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

/// Each `[` that directly follows a value: a name, a call, another index. A space before it makes it a type or a
/// list, and rustfmt sees to the spaces. Macro patterns (`$x[…]`) and attributes are none.
fn indexing(code: &str) -> impl Iterator<Item = usize> + '_ {
    let bytes = code.as_bytes();
    code.match_indices('[').map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        before.is_some_and(|byte| is_word(byte) || matches!(byte, b')' | b']' | b'?'))
            && !is_lifetime(bytes, *at)
    })
}

/// `&'a[u8]` would be odd, but is a type.
fn is_lifetime(code: &[u8], at: usize) -> bool {
    let word = code[..at].iter().rev().take_while(|byte| is_word(**byte)).count();
    word < at && code[at - word - 1] == b'\''
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
        let bad = [
            "a.unwrap();",
            "a.expect(b);",
            "panic!();",
            "unreachable!()",
            "assert!(a);",
            "assert_eq!(a, b);",
        ];
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
    fn indexing_is_told_from_types_and_lists() {
        for text in ["a[0]", "a()[1..]", "a[0][1]", "self.a[i]", "a?[1]"] {
            assert!(rules("kafka-proto/src/x.rs", text).contains(&"indexing"), "{text}");
        }
        for text in [
            "let a = [0];",
            "fn f(a: &[u8], b: [u8; 4])",
            "#[inline]",
            "vec![1]",
            "&'a [u8]",
            "Array<[u8; 2]>",
        ] {
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
