//! Requests, responses, and metadata in pieces.

use kafka_proto::api::{Direction, TranscodeError, show, transcode};
use kafka_proto::schema::MESSAGES;
use kafka_proto::stream::{MetadataItem, MetadataStream, Step};
use kafka_proto::{ApiKey, EncodeError, arbitrary as make};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::feed::Feed;
use crate::spoil;

/// Valid messages of any API, made from the fuzzer's bytes: they come out of the codec as they went in, whole, and into a
/// buffer that is too small not at all. Then they are spoiled: what is still a message is one that can be written, and
/// every element of its arrays can be looked at.
pub fn check(direction: Direction, u: &mut Unstructured<'_>) -> Result<()> {
    let schemas: Vec<_> = MESSAGES.iter().filter(|s| s.api.is_some_and(|api| api.1 == direction)).collect();
    let schema = u.choose(&schemas)?;
    let version = u.int_in_range(schema.versions.min..=schema.versions.max)?;
    let Some((key, _)) = schema.api else { return Ok(()) };
    let mut body = make::body(schema, version, u)?;
    let mut out = vec![0; 2 * body.len() + 4096];
    let len = transcode(key, version, direction, &body, &mut out);
    assert_eq!(len.map(|len| &out[..len]), Ok(&body[..]), "{key} {version} {direction:?}");
    if let Some(room) = body.len().checked_sub(1) {
        let short = transcode(key, version, direction, &body, &mut out[..room]);
        let need = body.len();
        assert_eq!(short, Err(TranscodeError::Encode(EncodeError::TooSmall { need })), "{key} {version}");
    }
    spoil(u, &mut body)?;
    any(key, version, direction, &body);
    Ok(())
}

/// Any bytes as a message: refused, or read to its last element, and written to bytes that are written the same again.
pub fn any(key: ApiKey, version: i16, direction: Direction, body: &[u8]) {
    // Unknown tagged fields are dropped, so the second pass, not the first, has to keep every byte.
    let mut first = vec![0; 2 * body.len() + 4096];
    let len = match transcode(key, version, direction, body, &mut first) {
        Ok(len) => len,
        Err(TranscodeError::Decode(error)) => return assert!(error.at as usize <= body.len(), "{error}"),
        Err(error) => panic!("{key} {version} {direction:?}: {error}"),
    };
    let mut second = vec![0; len];
    let again = transcode(key, version, direction, &first[..len], &mut second);
    assert_eq!(again, Ok(len), "{key} {version} {direction:?}");
    assert_eq!(first[..len], second[..], "{key} {version} {direction:?}");
    let mut text = String::new();
    assert_eq!(show(key, version, direction, body, &mut text), Ok(()));
    // A reader that turned bad while the elements were read again would have left some out.
    assert_eq!(show(key, version, direction, body, &mut String::new()), Ok(()));
}

/// A metadata response that is right, or nearly.
pub fn metadata(u: &mut Unstructured<'_>) -> Result<(i16, Vec<u8>)> {
    let versions = ApiKey::METADATA.versions().ok_or(libfuzzer_sys::arbitrary::Error::IncorrectFormat)?;
    let version = u.int_in_range(versions.min..=versions.max)?;
    let mut body = make::message(ApiKey::METADATA, version, Direction::Response, u)?;
    spoil(u, &mut body)?;
    Ok((version, body))
}

/// What the reader that is fed says: each item in words, and how it ended.
pub fn stream(version: i16, body: &[u8], sizes: &[u8]) -> (Vec<String>, std::result::Result<(), String>) {
    let mut feed = Feed::new(body, sizes);
    let mut items = Vec::new();
    let mut stream = match MetadataStream::new(version, body.len()) {
        Ok(stream) => stream,
        Err(error) => return (items, Err(error.to_string())),
    };
    for _ in 0..feed.rounds() {
        let Step { consumed, item } = match stream.next(feed.ready()) {
            Ok(step) => step,
            Err(error) => {
                assert!(error.at as usize <= body.len(), "{error}");
                return (items, Err(error.to_string()));
            }
        };
        feed.take(consumed);
        match item {
            MetadataItem::More(need) => {
                assert!(feed.wait(need), "asked for more than the response has");
            }
            MetadataItem::End(_) => {
                items.push(format!("{item:?}"));
                assert_eq!(stream.left(), 0);
                return (items, Ok(()));
            }
            item => items.push(format!("{item:?}")),
        }
    }
    panic!("no progress");
}
