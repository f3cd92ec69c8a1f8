//! What somebody meant who wrote something else.

/// The candidate most like `word`, if any is like it at all.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(2);
    let ranked = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    let (best, candidate) = ranked.min_by_key(|(edits, _)| *edits)?;
    (best <= allowed && best < candidate.chars().count()).then_some(candidate)
}

/// How many characters have to be put in, taken out or changed to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        let options = ["bootstrap", "topic", "partition"];
        assert_eq!(nearest("bootstrp", options), Some("bootstrap"));
        assert_eq!(nearest("topik", options), Some("topic"));
        assert_eq!(nearest("verbose", options), None);
        assert_eq!(nearest("", options), None);
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
