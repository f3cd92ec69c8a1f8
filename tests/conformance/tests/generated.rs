//! Messages made from our tables, read and written again by Apache's classes.

use arbitrary::Unstructured;
use kafka_conformance::{Judge, Line, Outcome, Release, fields, setting, show};
use kafka_proto::api::Direction;
use kafka_proto::{api, arbitrary as make, schema};
use std::fmt::Write;

/// Bytes for the maker: the same for the same seed.
fn random_bytes(state: &mut u64, len: usize) -> Vec<u8> {
    let next = |_| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        state.to_be_bytes()[0]
    };
    (0..len).map(next).collect()
}

fn made(seed: u64, count: u64) -> (Vec<String>, Vec<Vec<u8>>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let (mut lines, mut bodies) = (Vec::new(), Vec::new());
    let messages = schema::MESSAGES.iter().chain(schema::EMBEDDED);
    for message in messages {
        for version in message.versions.min..=message.versions.max {
            for _ in 0..count {
                let bytes = random_bytes(&mut state, 1500);
                let body = make::body(message, version, &mut Unstructured::new(&bytes)).expect("a message");
                let mut line = match message.api {
                    Some((key, Direction::Request)) => format!("{} {version} request ", key.0),
                    Some((key, Direction::Response)) => format!("{} {version} response ", key.0),
                    None => format!("{} {version} data ", message.body.name),
                };
                // What goes to Apache was written by the codec under test.
                let ours = match message.api {
                    Some((key, direction)) => {
                        let mut out = vec![0; body.len()];
                        let len = api::transcode(key, version, direction, &body, &mut out);
                        assert_eq!(len, Ok(body.len()), "{line}");
                        out
                    }
                    None => body,
                };
                for byte in &ours {
                    let _ = write!(line, "{byte:02x}");
                }
                lines.push(line);
                bodies.push(ours);
            }
        }
    }
    (lines, bodies)
}

#[test]
fn apache_reads_equal_fields_out_of_what_we_write() {
    let (seed, count) = (setting("KAFKA_CONFORMANCE_SEED", 1), setting("KAFKA_CONFORMANCE_COUNT", 50));
    let judge = Judge::new(Release::V4_4).expect("a judge");
    // In portions, so that the long run stays in memory.
    for portion in 0..count.div_ceil(50) {
        let (lines, bodies) = made(seed + portion, 50.min(count - portion * 50));
        let mut sent = lines.clone().into_iter().zip(bodies);
        let check = |answer: &str| {
            let (line, body) = sent.next().expect("an answer for each line");
            let answer = Line::parse(answer).unwrap_or_else(|| panic!("not understood: {answer:.200}"));
            assert!(line.starts_with(answer.at));
            let Outcome::Written { hex, json } = answer.outcome else { panic!("{answer:?}\n{line}") };
            assert!(line.ends_with(&format!(" {hex}")), "{}: other bytes: {hex}, ours {line}", answer.at);
            let shown = show(&answer, &body).unwrap_or_else(|e| panic!("{}: {e}", answer.at));
            fields::compare(&shown, json).unwrap_or_else(|e| panic!("{}: {e}\n{shown}\n{json}", answer.at));
        };
        judge.check(lines, check).unwrap_or_else(|e| panic!("seed {}: {e}", seed + portion));
        assert!(sent.next().is_none(), "the judge stopped early");
    }
}
