//! The tables against the definitions inside the jar.

use kafka_conformance::{Judge, Release, definitions};

#[test]
fn the_tables_say_what_apaches_definitions_say() {
    let judge = Judge::new(Release::V4_4).expect("a judge");
    let texts = judge.definitions().expect("definitions");
    let differences = definitions::differences(&texts);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_changed_definition_is_noticed() {
    let judge = Judge::new(Release::V4_4).expect("a judge");
    let texts = judge.definitions().expect("definitions");
    let changed = |from: &str, to: &str| {
        let texts: Vec<String> = texts.iter().map(|text| text.replace(from, to)).collect();
        definitions::differences(&texts).join("\n")
    };
    assert!(
        changed("\"ThrottleTimeMs\",\"type\":\"int32\"", "\"ThrottleTimeMs\",\"type\":\"int64\"")
            .contains("type")
    );
    assert!(changed("\"name\":\"ThrottleTimeMs\"", "\"name\":\"Throttle\"").contains("fields"));
    assert!(changed("\"default\":\"-1\"", "\"default\":\"-2\"").contains("default"));
    assert!(changed("\"tag\":1", "\"tag\":7").contains("tag"));
    assert!(changed("\"nullableVersions\":\"1+\"", "\"nullableVersions\":\"2+\"").contains("nullable"));
    assert!(changed("\"flexibleVersions\":\"9+\"", "\"flexibleVersions\":\"8+\"").contains("flexible"));
    assert!(changed("\"validVersions\":\"3-13\"", "\"validVersions\":\"3-14\"").contains("versions"));
    assert!(changed("\"apiKey\":18", "\"apiKey\":118").contains("ApiVersionsRequest: missing"));
}
