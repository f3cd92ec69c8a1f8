//! Format strings: what is printed of a record, and delimiters with escapes.

use std::io::{self, Write};

use kafka_std::Header;
use kafka_std::consumer::Record;
use nom::branch::alt;
use nom::bytes::complete::{is_not, take};
use nom::character::complete::{anychar, char};
use nom::combinator::{map, map_opt, map_res, value};
use nom::multi::many0;
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Topic,
    Partition,
    Offset,
    Key,
    KeyLength,
    Value,
    ValueLength,
    ValueLengthBinary,
    Timestamp,
    Headers,
}

/// The letters and what they stand for: kcat's.
const FIELDS: [(char, Field); 10] = [
    ('t', Field::Topic),
    ('p', Field::Partition),
    ('o', Field::Offset),
    ('k', Field::Key),
    ('K', Field::KeyLength),
    ('s', Field::Value),
    ('S', Field::ValueLength),
    ('R', Field::ValueLengthBinary),
    ('T', Field::Timestamp),
    ('h', Field::Headers),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Field(Field),
}

/// A format string that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pieces: Vec<Piece>,
    /// What stands for a null key, value or header value.
    null: &'static str,
}

/// What can be printed of a record.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub record: &'a Record<'a>,
}

impl Format {
    /// Understands `text`. With `null_is_shown` nulls are printed as `NULL`, else as nothing.
    pub fn parse(text: &str, null_is_shown: bool) -> Result<Format, String> {
        let (rest, pieces) = pieces(text).map_err(|error| error.to_string())?;
        let null = if null_is_shown { "NULL" } else { "" };
        if rest.is_empty() {
            return Ok(Format { pieces, null });
        }
        let column = text.chars().count() - rest.chars().count() + 1;
        let bad: String = rest.chars().take(2).collect();
        let fields: Vec<String> = FIELDS.iter().map(|(letter, _)| format!("%{letter}")).collect();
        Err(format!(
            "\"{bad}\" in column {column} of the format; there are {} %% and \\n \\r \\t \\\\ \\xNN",
            fields.join(" ")
        ))
    }

    /// A format that prints the value, with the key before it where there is a delimiter for it.
    pub fn of_delimiters(key: Option<&[u8]>, end: &[u8], null_is_shown: bool) -> Format {
        let mut pieces = Vec::new();
        if let Some(delimiter) = key {
            pieces.extend([Piece::Field(Field::Key), Piece::Text(delimiter.to_vec())]);
        }
        pieces.extend([Piece::Field(Field::Value), Piece::Text(end.to_vec())]);
        Format { pieces, null: if null_is_shown { "NULL" } else { "" } }
    }

    /// Prints a record.
    pub fn write(&self, shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.write_all(text)?,
                Piece::Field(field) => self.field(*field, shown, out)?,
            }
        }
        Ok(())
    }

    fn field(&self, field: Field, shown: &Shown<'_>, out: &mut impl Write) -> io::Result<()> {
        let record = shown.record;
        let bytes =
            |bytes: Option<&[u8]>, out: &mut dyn Write| out.write_all(bytes.unwrap_or(self.null.as_bytes()));
        let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |b| i64::try_from(b.len()).unwrap_or(i64::MAX));
        match field {
            Field::Topic => out.write_all(shown.topic.as_bytes()),
            Field::Partition => write!(out, "{}", shown.partition),
            Field::Offset => write!(out, "{}", record.offset),
            Field::Timestamp => write!(out, "{}", record.timestamp),
            Field::Key => bytes(record.key, out),
            Field::Value => bytes(record.value, out),
            Field::KeyLength => write!(out, "{}", length(record.key)),
            Field::ValueLength => write!(out, "{}", length(record.value)),
            Field::ValueLengthBinary => out.write_all(&(length(record.value) as i32).to_be_bytes()),
            Field::Headers => {
                for (index, Header { key, value }) in record.headers.enumerate() {
                    write!(out, "{}{key}=", if index > 0 { "," } else { "" })?;
                    // As kcat: a null header value is always visible.
                    out.write_all(value.unwrap_or(b"NULL"))?;
                }
                Ok(())
            }
        }
    }
}

/// A delimiter or a key with escapes, as bytes.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let plain = map(is_not("\\"), |text: &str| text.as_bytes().to_vec());
    match many0(alt((plain, escape))).parse(text) {
        Ok(("", parts)) => Ok(parts.concat()),
        Ok((rest, _)) => Err(format!("\"{rest}\" is no escape; there are \\n \\r \\t \\\\ \\xNN")),
        Err(error) => Err(error.to_string()),
    }
}

// format = *( text / escape / field ) ; text: anything but % and \
fn pieces(input: &str) -> IResult<&str, Vec<Piece>> {
    let text = map(is_not("%\\"), |text: &str| Piece::Text(text.as_bytes().to_vec()));
    many0(alt((text, map(escape, Piece::Text), field))).parse(input)
}

// field = "%" ( letter / "%" )
fn field(input: &str) -> IResult<&str, Piece> {
    let percent = value(Piece::Text(b"%".to_vec()), char('%'));
    let named = map_opt(anychar, |letter| FIELDS.iter().find(|(l, _)| *l == letter).map(|(_, f)| *f));
    preceded(char('%'), alt((percent, map(named, Piece::Field)))).parse(input)
}

// escape = "\" ( "n" / "r" / "t" / "\" / "x" 2HEXDIG )
fn escape(input: &str) -> IResult<&str, Vec<u8>> {
    let hex = preceded(char('x'), map_res(take(2usize), hex_byte));
    let letter = alt((
        value(b'\n', char('n')),
        value(b'\r', char('r')),
        value(b'\t', char('t')),
        value(b'\\', char('\\')),
        hex,
    ));
    map(preceded(char('\\'), letter), |byte| vec![byte]).parse(input)
}

/// `from_str_radix` alone would take a sign.
fn hex_byte(digits: &str) -> Result<u8, std::num::ParseIntError> {
    let digits = if digits.bytes().all(|b| b.is_ascii_hexdigit()) { digits } else { "" };
    u8::from_str_radix(digits, 16)
}

#[cfg(test)]
mod tests {
    use kafka_proto::record::{BatchBuilder, NewRecord, Stamp, batches};

    use super::*;

    fn shown(format: &str, null: bool) -> Vec<u8> {
        let headers = [Header { key: "unit", value: Some(b"C") }, Header { key: "none", value: None }];
        let new =
            NewRecord { key: Some(b"sensor"), value: None, headers: &headers, timestamp: 1_700_000_000_000 };
        let (mut batch, mut memory) = (BatchBuilder::new(), [0; 256]);
        batch.append(&mut memory, &new).expect("room");
        batch.finish(&mut memory, &Stamp::NONE);
        let batch = batches(&memory[..batch.len()]).next().expect("a batch").expect("a good one");
        let mut record = batch.records().expect("records").next().expect("a record").expect("a good one");
        record.offset = 42;
        let mut out = Vec::new();
        let shown = Shown { topic: "readings", partition: 3, record: &record };
        Format::parse(format, null).expect("a format").write(&shown, &mut out).expect("memory");
        out
    }

    #[test]
    fn every_field_has_its_letter() {
        assert_eq!(shown("%t %p %o %k %K [%s] %S %T %h %%\n", false), {
            "readings 3 42 sensor 6 [] -1 1700000000000 unit=C,none=NULL %\n".as_bytes()
        });
        assert_eq!(shown("%s|%R", true), b"NULL|\xff\xff\xff\xff");
    }

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(shown(r"\t\x41\xff\\\n\r", false), b"\tA\xff\\\n\r");
        assert_eq!(unescape(r"a\x3ab\t").expect("escapes"), b"a:b\t");
        assert_eq!(unescape("ü").expect("plain"), "ü".as_bytes());
    }

    #[test]
    fn what_is_no_format_is_pointed_at() {
        let complaint = |text| Format::parse(text, false).expect_err("no format");
        assert!(
            complaint("%t äß %q").starts_with("\"%q\" in column 7 of the format"),
            "{}",
            complaint("%t äß %q")
        );
        assert!(complaint("100%").starts_with("\"%\" in column 4"));
        assert!(complaint(r"a\z").starts_with("\"\\z\" in column 2"));
        assert!(complaint(r"\x4").starts_with("\"\\x\" in column 1"));
        assert!(complaint(r"\x+4").starts_with("\"\\x\" in column 1"));
        assert!(unescape(r"\q").expect_err("no escape").contains(r#""\q""#));
    }
}
