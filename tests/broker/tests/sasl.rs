//! Authentication as a client meets it: who may come in, in which order, and for how long.

mod common;

use common::{Bench, Message};
use kafka_broker::{Cluster, Config, ConnId, Sasl};
use kafka_proto::ErrorCode;
use kafka_proto::messages::*;

fn guarded(reauthenticate_ms: u64) -> Bench {
    let sasl = Sasl { users: vec![("ann".into(), "secret".into())], reauthenticate_ms, ..Sasl::default() };
    Bench::new(Config { sasl, topics: vec![("t".into(), 1)], ..Config::default() })
}

fn handshake(b: &mut Bench, conn: ConnId, mechanism: &str) -> (ErrorCode, usize) {
    b.send(conn, 1, &SaslHandshakeRequest { mechanism });
    let body = b.take(conn).unwrap();
    let answer = SaslHandshakeResponse::decode(1, &body).unwrap();
    (answer.error_code, answer.mechanisms.len())
}

fn authenticate(b: &mut Bench, conn: ConnId, auth_bytes: &[u8]) -> (ErrorCode, Vec<u8>, i64) {
    b.send(conn, 2, &SaslAuthenticateRequest { auth_bytes });
    let body = b.take(conn).unwrap();
    let answer = SaslAuthenticateResponse::decode(2, &body).unwrap();
    (answer.error_code, answer.auth_bytes.to_vec(), answer.session_lifetime_ms)
}

fn metadata(b: &mut Bench, conn: ConnId) -> bool {
    b.send(conn, 1, &MetadataRequest { topics: None, ..Default::default() });
    b.take(conn).is_some()
}

fn is_closed(b: &Bench, conn: ConnId) -> bool {
    b.closed.iter().any(|c| c.0 == conn)
}

#[test]
fn nobody_gets_anything_before_authentication() {
    let mut b = guarded(0);
    let conn = b.connect(0);
    b.send(conn, 0, &ApiVersionsRequest::default());
    assert!(b.take(conn).is_some());
    assert!(!metadata(&mut b, conn));
    assert!(is_closed(&b, conn));
}

#[test]
fn plain_lets_in_who_knows_the_password() {
    let mut b = guarded(0);
    let conn = b.connect(0);
    assert_eq!(handshake(&mut b, conn, "PLAIN"), (ErrorCode::NONE, 3));
    assert_eq!(authenticate(&mut b, conn, b"\0ann\0secret"), (ErrorCode::NONE, vec![], 0));
    assert!(metadata(&mut b, conn));
    for wrong in [&b"\0ann\0wrong"[..], b"\0bob\0secret", b"nonsense", b"\0ann\0secret\0more", b"\xff\xff"] {
        let conn = b.connect(0);
        handshake(&mut b, conn, "PLAIN");
        assert_eq!(authenticate(&mut b, conn, wrong).0, ErrorCode::SASL_AUTHENTICATION_FAILED);
        assert!(is_closed(&b, conn));
    }
}

#[test]
fn the_order_is_kept_and_unknown_mechanisms_are_refused() {
    let mut b = guarded(0);
    let conn = b.connect(0);
    assert_eq!(authenticate(&mut b, conn, b"\0ann\0secret").0, ErrorCode::ILLEGAL_SASL_STATE);
    assert!(is_closed(&b, conn));
    let conn = b.connect(0);
    assert_eq!(handshake(&mut b, conn, "GSSAPI"), (ErrorCode::UNSUPPORTED_SASL_MECHANISM, 3));
    assert!(is_closed(&b, conn));
    let mut open = Bench::single();
    let conn = open.connect(0);
    assert_eq!(handshake(&mut open, conn, "PLAIN").0, ErrorCode::ILLEGAL_SASL_STATE, "nobody asked");
}

#[test]
fn a_session_ends_and_can_be_renewed() {
    let mut b = guarded(60_000);
    let conn = b.connect(0);
    handshake(&mut b, conn, "PLAIN");
    assert_eq!(authenticate(&mut b, conn, b"\0ann\0secret").2, 60_000);
    b.pass(59_000_000);
    assert!(metadata(&mut b, conn));
    handshake(&mut b, conn, "PLAIN");
    assert_eq!(authenticate(&mut b, conn, b"\0ann\0secret").0, ErrorCode::NONE);
    b.pass(59_000_000);
    assert!(metadata(&mut b, conn));
    b.pass(2_000_000);
    assert!(!metadata(&mut b, conn));
    assert!(is_closed(&b, conn));
}

#[test]
fn scram_challenges_and_refuses_a_wrong_proof() {
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let mut b = guarded(0);
        let conn = b.connect(0);
        handshake(&mut b, conn, mechanism);
        let (code, challenge, _) = authenticate(&mut b, conn, b"n,,n=ann,r=abc");
        let challenge = String::from_utf8(challenge).unwrap();
        assert_eq!(code, ErrorCode::NONE);
        assert!(challenge.starts_with("r=abc") && challenge.ends_with(",i=4096"), "{challenge}");
        let nonce = challenge.split(',').next().unwrap();
        let last = format!("c=biws,{nonce},p=AAAA");
        assert_eq!(authenticate(&mut b, conn, last.as_bytes()).0, ErrorCode::SASL_AUTHENTICATION_FAILED);
        assert!(is_closed(&b, conn));
    }
}

#[test]
fn an_impossible_mechanism_is_a_clear_error() {
    let sasl = Sasl { mechanisms: vec!["PLANE".into()], ..Sasl::default() };
    let error = Cluster::new(Config { sasl, ..Config::default() }, 1).unwrap_err();
    assert!(error.to_string().contains("\"PLANE\""), "{error}");
}
