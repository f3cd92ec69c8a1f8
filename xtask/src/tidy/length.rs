//! How long a file and a function may be: what a reader can hold.

use super::Problem;
use super::source::{Source, block_end, is_word, words};

/// Lines before the tests, in the core crates.
const CORE_LINES_MAX: usize = 400;
/// Lines before the tests, elsewhere.
const LINES_MAX: usize = 500;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

pub fn check(source: &Source<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let max = if source.is_core() { CORE_LINES_MAX } else { LINES_MAX };
    // A file of tests has no product: then all of it counts.
    let counted = if source.product.trim().is_empty() { &source.code } else { &source.product };
    let lines = counted.trim_end().lines().count();
    if lines > max {
        let what = format!("{lines} lines, and {max} are the most: it holds two ideas");
        problems.push(Problem { path: source.path.to_owned(), line: 0, rule: "file-length", what });
    }
    for (at, name, lines) in functions(&source.code) {
        if lines > FUNCTION_LINES_MAX {
            let what = format!("{name} has {lines} lines, and {FUNCTION_LINES_MAX} are the most");
            problems.push(source.problem(at, "function-length", what));
        }
    }
    problems
}

/// Where each function with a body begins, its name, and how many lines it takes.
fn functions(code: &str) -> Vec<(usize, &str, usize)> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let name_at = at + 3;
        let name_length = bytes.iter().skip(name_at).take_while(|byte| is_word(**byte)).count();
        // `fn(u8)` is a type.
        let Some(name) = code.get(name_at..name_at + name_length).filter(|name| !name.is_empty()) else {
            continue;
        };
        let Some(open) = body(bytes, name_at + name_length) else { continue };
        let end = block_end(bytes, open);
        let lines = 1 + bytes[at..end].iter().filter(|byte| **byte == b'\n').count();
        found.push((at, name, lines));
    }
    found
}

/// The brace that opens the body of the function whose name ends at `from`; none when it is only declared. A
/// semicolon inside brackets is an array's length.
fn body(code: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::new(path, text)).iter().map(|problem| problem.rule).collect()
    }

    #[test]
    fn long_files_are_seen_and_tests_do_not_count() {
        let long = "use a;\n".repeat(401);
        assert_eq!(rules("kafka-proto/src/x.rs", &long), ["file-length"]);
        assert!(rules("kafka-std/src/x.rs", &long).is_empty());
        assert_eq!(rules("kafka-std/src/x.rs", &long.repeat(2)), ["file-length"]);
        assert_eq!(rules("kafka-std/tests/x.rs", &long.repeat(2)), ["file-length"]);
        let tested = format!("use a;\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert!(rules("kafka-proto/src/x.rs", &tested).is_empty());
    }

    #[test]
    fn long_functions_are_seen() {
        let of = |lines: usize| format!("fn f(a: [u8; 3]) -> u8 {{\n{}}}\n", "    g();\n".repeat(lines));
        assert!(rules("x.rs", &of(68)).is_empty());
        assert_eq!(rules("x.rs", &of(69)), ["function-length"]);
        // Neither a type, nor a declaration, nor a brace in a string.
        assert!(
            rules("x.rs", "trait T { fn a(&self); }\ntype F = fn(u8);\nconst S: &str = \"fn {\";").is_empty()
        );
    }
}
