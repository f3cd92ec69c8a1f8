//! A message's fields, as our `Debug` prints them, compared with the JSON that Apache prints.

use kafka_proto::ErrorCode;
use serde_json::Value as Json;

/// Fields that had another name in 4.3.
const RENAMED: &[(&str, &str)] = &[
    ("generation_id", "generation_id_or_member_epoch"),
    ("acceptable_recovery_lag", "acceptable_recovery_lag_legacy"),
];

/// What `Debug` printed.
#[derive(Debug)]
enum Shown {
    Fields(Vec<(String, Shown)>),
    List(Vec<Shown>),
    Text(String),
    /// A number, a name, an identifier.
    Word(String),
}

/// Compares; the error names the field.
pub fn compare(shown: &str, json: &str) -> Result<(), String> {
    let mut parser = Parser { rest: shown };
    let value = parser.value().ok_or_else(|| format!("not understood: {:.80}", parser.rest))?;
    let json: Json = serde_json::from_str(json).map_err(|e| e.to_string())?;
    same(&value, &json).map_err(|(path, why)| format!("{path}: {why}"))
}

type Difference = (String, String);

fn same(ours: &Shown, theirs: &Json) -> Result<(), Difference> {
    let equal = match (ours, theirs) {
        (Shown::Fields(fields), Json::Object(object)) => {
            for (name, theirs) in object {
                let name = snake(name);
                let named = |name: &str| fields.iter().find(|(field, _)| field == name);
                let renamed =
                    RENAMED.iter().filter(|(old, _)| *old == name).filter_map(|(_, new)| named(new));
                if renamed.clone().any(|(_, ours)| same(ours, theirs).is_ok()) {
                    continue;
                }
                let (_, ours) = named(&name).ok_or((name.clone(), "is missing".to_owned()))?;
                same(ours, theirs).map_err(|(path, why)| (format!("{name}.{path}"), why))?;
            }
            true
        }
        (Shown::List(list), Json::Array(array)) if list.len() == array.len() => {
            for (index, (ours, theirs)) in list.iter().zip(array).enumerate() {
                same(ours, theirs).map_err(|(path, why)| (format!("{index}.{path}"), why))?;
            }
            true
        }
        (Shown::List(bytes), Json::String(text)) => base64(text).is_some_and(|theirs| {
            let ours = bytes.iter().map(|byte| match byte {
                Shown::Word(word) => word.parse::<u8>().ok(),
                _ => None,
            });
            ours.eq(theirs.iter().copied().map(Some))
        }),
        (Shown::Text(ours), Json::String(theirs)) => ours == theirs,
        (Shown::Word(word), theirs) => same_word(word, theirs),
        _ => false,
    };
    if equal { Ok(()) } else { Err((String::new(), format!("ours {ours:?}, theirs {theirs}"))) }
}

fn same_word(word: &str, theirs: &Json) -> bool {
    match theirs {
        Json::Null => word == "None" || word == "Null",
        Json::Bool(theirs) => word == theirs.to_string(),
        Json::Number(number) => match number.as_i64() {
            Some(number) => integer(word) == Some(number) || word.parse() == Ok(number as f64),
            None => word.parse().ok() == number.as_f64(),
        },
        // Apache prints all records as empty; their bytes are compared with the rest of the message.
        Json::String(text) if word.ends_with(" bytes") => text.is_empty(),
        // Identifiers, and numbers that JSON lacks.
        Json::String(text) => {
            word == text || matches!((word, text.as_str()), ("inf", "Infinity") | ("-inf", "-Infinity"))
        }
        _ => false,
    }
}

fn integer(word: &str) -> Option<i64> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    if let Some(number) = word.strip_prefix("error ") {
        return number.parse().ok();
    }
    ErrorCode::ALL.iter().find(|code| code.name() == Some(word)).map(|code| code.0.into())
}

/// `topicId` as `topic_id`.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.replace("KRaft", "Kraft").replace("kRaft", "kraft").chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Shown> {
        if self.eat("Some(") {
            let value = self.value()?;
            return self.eat(")").then_some(value);
        }
        if self.eat("[") {
            let mut list = Vec::new();
            while !self.eat("]") {
                list.push(self.value()?);
                self.eat(", ");
            }
            return Some(Shown::List(list));
        }
        if self.eat("\"") {
            return self.text().map(Shown::Text);
        }
        let end = self.rest.find([',', '}', ']', ')', '{']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if self.eat("{ ") { self.fields() } else { Some(Shown::Word(word.trim_end().to_owned())) }
    }

    fn fields(&mut self) -> Option<Shown> {
        let mut fields = Vec::new();
        while !self.eat("}") {
            let (name, rest) = self.rest.split_once(": ")?;
            self.rest = rest;
            fields.push((name.to_owned(), self.value()?));
            self.eat(", ");
            self.eat(" ");
        }
        Some(Shown::Fields(fields))
    }

    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '0' => '\0',
                    'u' => {
                        let digits: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                    }
                    other => other,
                }),
                c => text.push(c),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn equal_fields_are_equal_and_others_are_named() {
        let shown = r#"A { error_code: NOT_COORDINATOR, list: [B { on: true, name: Some("a\"\u{e000}") }], id: None, bytes: [1, 255], records: 2 bytes }"#;
        let json = |code: i32, bytes: &str| {
            format!(
                r#"{{"errorCode":{code},"list":[{{"on":true,"name":"a\"\ue000"}}],"id":null,"bytes":"{bytes}","records":""}}"#
            )
        };
        assert_eq!(compare(shown, &json(16, "Af8=")), Ok(()));
        assert!(compare(shown, &json(15, "Af8=")).unwrap_err().starts_with("error_code."));
        assert!(compare(shown, &json(16, "Af4=")).unwrap_err().starts_with("bytes."));
        assert!(compare("A { }", r#"{"errorCode":1}"#).unwrap_err().contains("is missing"));
    }
}
