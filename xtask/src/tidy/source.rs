//! A Rust file as the rules see it: what is code, what is only text, and where its tests are.

use super::Problem;

/// A Rust file.
pub struct Source<'a> {
    pub path: &'a str,
    /// The text with comments and the insides of literals blanked out; every byte keeps its place.
    pub code: String,
    /// The code with `#[cfg(test)]` items blanked out too; all blank in a file that is only tests.
    pub product: String,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &str) -> Source<'a> {
        let code = blank_text(text);
        let product = if is_test_file(path) { blank_all(&code) } else { blank_tests(&code) };
        Source { path, code, product }
    }

    /// Whether it belongs to what runs on a device: the two core crates, without their tests and examples.
    pub fn is_core(&self) -> bool {
        ["kafka-proto/src/", "kafka-client-core/src/"].iter().any(|dir| self.path.starts_with(dir))
    }

    /// A problem at the byte `at`.
    pub fn problem(&self, at: usize, rule: &'static str, what: impl Into<String>) -> Problem {
        let line = 1 + self.code.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        Problem { path: self.path.to_owned(), line, rule, what: what.into() }
    }
}

/// Tests of a crate from outside, and modules that hold nothing else.
fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/")
}

fn blank_all(code: &str) -> String {
    code.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect()
}

/// Comments, strings and characters become blanks; line ends stay. Non-ASCII goes too, so bytes are characters.
fn blank_text(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = text_length(bytes, at);
        if length == 0 {
            out.push(if bytes[at].is_ascii() { bytes[at] } else { b' ' });
            at += 1;
        } else {
            let end = (at + length).min(bytes.len());
            out.extend(bytes[at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// How many bytes from `at` are a comment or a literal; 0 where code goes on.
fn text_length(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let word_before = at > 0 && is_word(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, b'"'),
        [b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !word_before => raw_string(rest, 2),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        // `'a'` is a character and `'a` a lifetime: the quote that closes comes one character later.
        [b'\'', first, ..] => {
            let width = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r#"…"#`; 0 when it is a raw identifier.
fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = prefix + hashes + 1;
    let end = rest[body..].windows(closing.len()).position(|window| window == closing);
    end.map_or(rest.len(), |end| body + end + closing.len())
}

/// Blanks each item behind a `#[cfg(test)]` or `#[test]`.
fn blank_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for mark in ["#[cfg(test)]", "#[test]", "#[cfg(all(test"] {
        for (at, _) in code.match_indices(mark) {
            let end = item_end(code.as_bytes(), at + mark.len());
            out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The end of the item that begins at `from`: its closing brace, or its semicolon when that comes first.
fn item_end(code: &[u8], from: usize) -> usize {
    let opens = code[from..].iter().position(|byte| matches!(byte, b'{' | b';'));
    match opens.map(|at| from + at) {
        Some(at) if code[at] == b'{' => block_end(code, at),
        Some(at) => at + 1,
        None => code.len(),
    }
}

/// The byte behind the brace that closes the one at `open`.
pub fn block_end(code: &[u8], open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// A byte that can be part of an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `word` stands in `code` as a whole word. Parts that do not begin or end with a letter (`.unwrap(`) match as
/// they are.
pub fn words<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    let bytes = code.as_bytes();
    let begins = word.bytes().next().is_some_and(is_word);
    let ends = word.bytes().last().is_some_and(is_word);
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = *at > 0 && is_word(bytes[at - 1]);
        let after = bytes.get(at + word.len()).is_some_and(|byte| is_word(*byte));
        !(begins && before || ends && after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_blanked_and_code_stays() {
        let text = "a /* b /* c */ d */ e // f\n\"g\\\"h\" r#\"i\"j\"# 'k' '\\'' 'l: m b\"n\" br\"o\" r#p 'ß' '\"' q";
        let code = blank_text(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "'l:", "m", "b", "r#p", "q"]);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn tests_are_no_product() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { { } } }\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
        let source = Source::new("kafka-proto/src/x.rs", text);
        let left: Vec<&str> = source.product.split_whitespace().collect();
        assert_eq!(left, ["fn", "a()", "{}", "fn", "c()", "{}", "fn", "e()", "{}"]);
        assert!(Source::new("kafka-proto/tests/x.rs", text).product.trim().is_empty());
        assert!(Source::new("kafka-proto/src/wire/tests.rs", text).product.trim().is_empty());
    }

    #[test]
    fn whole_words_only() {
        assert_eq!(words("std::x my_std::y std_z::a std", "std").count(), 2);
        assert_eq!(words("a.unwrap() b.unwrap_or(1)", ".unwrap()").count(), 1);
    }
}
