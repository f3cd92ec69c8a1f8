//! Our tables compared with Apache's message definitions, version by version.

use crate::fields::snake;
use kafka_proto::ApiKey;
use kafka_proto::api::Direction;
use kafka_proto::schema::{self, Field, Kind, MessageSchema, Structure, Value};
use serde_json::Value as Json;

/// Everything in which the tables differ from the definitions, by name.
pub fn differences(definitions: &[String]) -> Vec<String> {
    let definitions: Vec<Json> = definitions.iter().map(|d| serde_json::from_str(d).expect("JSON")).collect();
    let mut differences = Vec::new();
    let brokers: Vec<&Json> = definitions
        .iter()
        .filter(|d| d["type"] == "request" && list(&d["listeners"]).iter().any(|l| l == "broker"))
        .map(|d| &d["apiKey"])
        .collect();
    let mut seen = 0;
    for definition in &definitions {
        let name = text(&definition["name"]);
        let ours = match text(&definition["type"]) {
            "request" | "response" if !brokers.contains(&&definition["apiKey"]) => continue,
            "request" => schema::find(key(definition), Direction::Request),
            "response" => schema::find(key(definition), Direction::Response),
            "data" => schema::EMBEDDED.iter().find(|m| m.body.name == name),
            _ => continue,
        };
        seen += 1;
        match ours {
            Some(ours) if ours.body.name == name => message(ours, definition, &mut differences),
            Some(ours) => differences.push(format!("{name}: ours is named {}", ours.body.name)),
            None => differences.push(format!("{name}: missing")),
        }
    }
    if seen != schema::MESSAGES.len() + schema::EMBEDDED.len() {
        differences.push(format!(
            "{seen} messages defined, {} in the tables",
            schema::MESSAGES.len() + schema::EMBEDDED.len()
        ));
    }
    differences
}

fn message(ours: &MessageSchema, definition: &Json, differences: &mut Vec<String>) {
    let name = ours.body.name;
    let (min, max) = range(&definition["validVersions"]);
    if (ours.versions.min, ours.versions.max) != (min, max) {
        differences.push(format!("{name}: versions {min} to {max}, ours {:?}", ours.versions));
    }
    let flexible = range(&definition["flexibleVersions"]);
    for version in min..=max {
        let at = format!("{name} {version}");
        if (version >= ours.flexible_from) != contains(flexible, version) {
            differences.push(format!("{at}: flexible or not"));
        }
        let commons = list(&definition["commonStructs"]);
        structure(ours.body, list(&definition["fields"]), commons, version, &at, differences);
    }
}

fn structure(
    ours: &Structure,
    fields: &[Json],
    commons: &[Json],
    version: i16,
    at: &str,
    differences: &mut Vec<String>,
) {
    let theirs: Vec<&Json> = fields.iter().filter(|f| contains(range(&f["versions"]), version)).collect();
    let mine: Vec<&Field> = ours.fields.iter().filter(|f| f.versions.contains(version)).collect();
    // Tagged fields stand last in the tables, anywhere in the definitions, and by tag on the wire.
    let (tagged, plain): (Vec<&Json>, Vec<&Json>) =
        theirs.iter().partition(|f| contains(range(&f["taggedVersions"]), version));
    let mut tagged = tagged;
    tagged.sort_by_key(|f| f["tag"].as_u64());
    let names = |fields: &[&Json]| fields.iter().map(|f| snake(text(&f["name"]))).collect::<Vec<_>>();
    let theirs = [plain, tagged].concat();
    let my_names: Vec<String> = mine.iter().map(|f| f.name.trim_start_matches("r#").to_owned()).collect();
    if names(&theirs) != my_names {
        differences.push(format!("{at}: fields {:?}, ours {my_names:?}", names(&theirs)));
        return;
    }
    for (mine, theirs) in mine.iter().zip(theirs) {
        field(mine, theirs, commons, version, &format!("{at} {}", mine.name), differences);
    }
}

fn field(
    ours: &Field,
    theirs: &Json,
    commons: &[Json],
    version: i16,
    at: &str,
    differences: &mut Vec<String>,
) {
    let mut differ = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            differences.push(format!("{at}: {what} {theirs}, ours {ours}"));
        }
    };
    let tag = contains(range(&theirs["taggedVersions"]), version).then(|| theirs["tag"].as_u64()).flatten();
    differ("tag", format!("{tag:?}"), format!("{:?}", ours.tag));

    let (kind, can_be_null) = match ours.kind {
        Kind::Nullable(kind) => (*kind, ours.null.contains(version)),
        Kind::Records => (Kind::Records, ours.null.contains(version)),
        kind => (kind, false),
    };
    let nullable = contains(range(&theirs["nullableVersions"]), version);
    differ("nullable", nullable.to_string(), can_be_null.to_string());
    differ("default", default(theirs), our_default(ours));

    let type_name = text(&theirs["type"]);
    let (element, is_array) = match type_name.strip_prefix("[]") {
        Some(element) => (element, true),
        None => (type_name, false),
    };
    let kind = match (kind, is_array) {
        (Kind::Array(element), true) => *element,
        (Kind::Array(_), false) => return differ("type", type_name.to_owned(), "an array".to_owned()),
        (_, true) => return differ("type", type_name.to_owned(), format!("{kind:?}")),
        (kind, false) => kind,
    };
    match kind {
        Kind::Structure(ours) if element.starts_with(char::is_uppercase) => {
            let common = commons.iter().find(|c| c["name"] == element);
            let fields = match &theirs["fields"] {
                Json::Array(fields) => fields,
                _ => common.map_or(&[][..], |common| list(&common["fields"])),
            };
            structure(ours, fields, commons, version, at, differences);
        }
        _ => differ("type", element.to_owned(), type_of(kind, text(&theirs["name"])).to_owned()),
    }
}

fn type_of(kind: Kind, name: &str) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::I8 => "int8",
        // Error codes have a type of their own, and nothing else has.
        Kind::I16 if !name.ends_with("ErrorCode") => "int16",
        Kind::ErrorCode if name.ends_with("ErrorCode") => "int16",
        Kind::U16 => "uint16",
        Kind::I32 => "int32",
        Kind::U32 => "uint32",
        Kind::I64 => "int64",
        Kind::F64 => "float64",
        Kind::Uuid => "uuid",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Records => "records",
        _ => "something else",
    }
}

fn default(field: &Json) -> String {
    let text = match &field["default"] {
        Json::String(text) => text.clone(),
        Json::Null => return "zero".to_owned(),
        other => other.to_string(),
    };
    let number = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    match (text.as_str(), number) {
        // Records begin as null.
        ("null", _) if field["type"] == "records" => "zero".to_owned(),
        ("" | "false", _) | (_, Some(0)) => "zero".to_owned(),
        (_, Some(number)) => number.to_string(),
        _ => text,
    }
}

fn our_default(field: &Field) -> String {
    match field.default {
        Value::Zero => "zero".to_owned(),
        Value::Null => "null".to_owned(),
        Value::True => "true".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

fn key(definition: &Json) -> ApiKey {
    ApiKey(definition["apiKey"].as_i64().and_then(|key| key.try_into().ok()).expect("an API key"))
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or("")
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// `3+`, `1-4`, `2`, `none` or nothing.
fn range(json: &Json) -> (i16, i16) {
    let number = |text: &str| text.parse().expect("a version");
    match text(json) {
        "" | "none" => (0, -1),
        text => match (text.strip_suffix('+'), text.split_once('-')) {
            (Some(min), _) => (number(min), i16::MAX),
            (_, Some((min, max))) => (number(min), number(max)),
            _ => (number(text), number(text)),
        },
    }
}

fn contains((min, max): (i16, i16), version: i16) -> bool {
    (min..=max).contains(&version)
}
