//! Random messages by Apache's classes, read and written again by our codec.

use kafka_conformance::{Judge, Line, Outcome, Release, fields, setting, show, transcode};
use std::collections::HashMap;

fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn each_message_survives(release: Release) {
    let (seed, count) = (setting("KAFKA_CONFORMANCE_SEED", 1), setting("KAFKA_CONFORMANCE_COUNT", 50));
    let judge = Judge::new(release).expect("a judge");
    let mut tried: HashMap<String, u64> = HashMap::new();
    let check = |text: &str| {
        let line = Line::parse(text).unwrap_or_else(|| panic!("not understood: {text:.200}"));
        let Outcome::Written { hex, json } = line.outcome else { panic!("{text:.200}") };
        let body = unhex(hex);
        let ours = transcode(&line, &body).unwrap_or_else(|e| panic!("{}: {e}\n{hex}\n{json}", line.at));
        assert_eq!(ours, body, "{}: other bytes for {json}", line.at);
        let shown = show(&line, &body).unwrap_or_else(|e| panic!("{}: {e}\n{hex}", line.at));
        fields::compare(&shown, json).unwrap_or_else(|e| panic!("{}: {e}\n{shown}\n{json}", line.at));
        *tried.entry(line.at.to_owned()).or_default() += 1;
    };
    judge.random(seed, count, check).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    let versions = tried.len();
    println!(
        "{} messages, {versions} combinations of API, version and direction",
        tried.values().sum::<u64>()
    );
    assert!(versions > 400, "the judge knows only {versions} combinations");
    assert!(tried.values().all(|messages| *messages == count));
}

#[test]
fn messages_of_4_4_survive_and_their_fields_are_equal() {
    each_message_survives(Release::V4_4);
}

#[test]
fn messages_of_4_3_survive_and_their_fields_are_equal() {
    each_message_survives(Release::V4_3);
}
