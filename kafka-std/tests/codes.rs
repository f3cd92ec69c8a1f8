//! What each error code of a broker does to a record, a transaction and the producer, as in Apache's client.

mod common;

use std::time::Duration;

use kafka_broker::{Action, Config, Server};
use kafka_proto::ApiKey;
use kafka_std::producer::Cause;
use kafka_std::{ConsumerGroup, ErrorCode, Producer, Record, TransactionError};

/// What becomes of a record whose batch is answered with an error once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is sent again, and written.
    Retried,
    /// It is in the log already; nobody knows where.
    Written,
    /// It fails with this code, comes back, and concerns no other record.
    Refused,
}

/// What becomes of the records of a batch when the answer names one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// It changes nothing: the batch is sent again, or was written.
    Ignored,
    /// The one that was named fails with the code and the broker's words, the others may be sent again.
    Alone,
}

/// What becomes of a transaction, and of its producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It is asked again, and it commits.
    Commits,
    /// It has to be aborted; the next one commits.
    Aborts,
    /// The producer can do nothing more.
    Fatal,
}

use End::{Aborts, Commits, Fatal};
use Fate::{Refused, Retried, Written};
use Named::{Alone, Ignored};

type E = ErrorCode;

/// What a produce response says, and what it means: to a record, to the records of a batch when it names one of them, and
/// to a transaction whose record it was.
const PRODUCE: &[(ErrorCode, Fate, Named, End)] = &[
    // Tried again.
    (E::CORRUPT_MESSAGE, Retried, Ignored, Commits),
    (E::UNKNOWN_TOPIC_OR_PARTITION, Retried, Ignored, Commits),
    (E::LEADER_NOT_AVAILABLE, Retried, Ignored, Commits),
    (E::NOT_LEADER_OR_FOLLOWER, Retried, Ignored, Commits),
    (E::REQUEST_TIMED_OUT, Retried, Ignored, Commits),
    (E::NETWORK_EXCEPTION, Retried, Ignored, Commits),
    (E::COORDINATOR_LOAD_IN_PROGRESS, Retried, Ignored, Commits),
    (E::NOT_ENOUGH_REPLICAS, Retried, Ignored, Commits),
    (E::NOT_ENOUGH_REPLICAS_AFTER_APPEND, Retried, Ignored, Commits),
    (E::CONCURRENT_TRANSACTIONS, Retried, Ignored, Commits),
    (E::KAFKA_STORAGE_ERROR, Retried, Ignored, Commits),
    (E::FENCED_LEADER_EPOCH, Retried, Ignored, Commits),
    (E::UNKNOWN_LEADER_EPOCH, Retried, Ignored, Commits),
    (E::UNKNOWN_TOPIC_ID, Retried, Ignored, Commits),
    (E::THROTTLING_QUOTA_EXCEEDED, Retried, Ignored, Commits),
    // It was there already.
    (E::DUPLICATE_SEQUENCE_NUMBER, Written, Ignored, Commits),
    // The idempotent producer goes on under another epoch; in a transaction records could be missing.
    (E::OUT_OF_ORDER_SEQUENCE_NUMBER, Retried, Ignored, Aborts),
    (E::UNKNOWN_PRODUCER_ID, Retried, Ignored, Aborts),
    (E::INVALID_PRODUCER_EPOCH, Retried, Ignored, Aborts),
    // Another producer has the transactional.id, or the coordinator knows it no more.
    (E::PRODUCER_FENCED, Retried, Ignored, Fatal),
    (E::INVALID_PRODUCER_ID_MAPPING, Retried, Ignored, Fatal),
    // The record, or the right to write it.
    // A batch of several is sent in parts.
    (E::MESSAGE_TOO_LARGE, Refused, Ignored, Aborts),
    (E::RECORD_LIST_TOO_LARGE, Refused, Alone, Aborts),
    (E::INVALID_TOPIC_EXCEPTION, Refused, Alone, Aborts),
    (E::INVALID_RECORD, Refused, Alone, Aborts),
    (E::INVALID_TIMESTAMP, Refused, Alone, Aborts),
    (E::INVALID_REQUIRED_ACKS, Refused, Alone, Aborts),
    (E::TOPIC_AUTHORIZATION_FAILED, Refused, Alone, Aborts),
    (E::UNSUPPORTED_FOR_MESSAGE_FORMAT, Refused, Alone, Aborts),
    (E::UNSUPPORTED_COMPRESSION_TYPE, Refused, Alone, Aborts),
    (E::POLICY_VIOLATION, Refused, Alone, Aborts),
    (E::INVALID_TXN_STATE, Refused, Alone, Aborts),
    (E::TRANSACTION_ABORTABLE, Refused, Alone, Aborts),
    (E::UNKNOWN_SERVER_ERROR, Refused, Alone, Aborts),
    (E::CLUSTER_AUTHORIZATION_FAILED, Refused, Alone, Fatal),
    (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Refused, Alone, Fatal),
    (E::UNSUPPORTED_VERSION, Refused, Alone, Fatal),
    // What no broker has said so far.
    (ErrorCode(9999), Refused, Alone, Aborts),
];

/// What the coordinators of a transaction say, by request.
const TRANSACTION: &[(ApiKey, &[(ErrorCode, End)])] = &[
    (
        ApiKey::INIT_PRODUCER_ID,
        &[
            (E::NOT_COORDINATOR, Commits),
            (E::COORDINATOR_NOT_AVAILABLE, Commits),
            (E::COORDINATOR_LOAD_IN_PROGRESS, Commits),
            (E::CONCURRENT_TRANSACTIONS, Commits),
            (E::PRODUCER_FENCED, Fatal),
            (E::INVALID_PRODUCER_EPOCH, Fatal),
            (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal),
            (E::CLUSTER_AUTHORIZATION_FAILED, Fatal),
            (E::INVALID_TRANSACTION_TIMEOUT, Fatal),
            (E::UNSUPPORTED_VERSION, Fatal),
            (E::UNKNOWN_SERVER_ERROR, Fatal),
        ],
    ),
    (
        ApiKey::FIND_COORDINATOR,
        &[
            (E::COORDINATOR_NOT_AVAILABLE, Commits),
            (E::COORDINATOR_LOAD_IN_PROGRESS, Commits),
            (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal),
            (E::UNSUPPORTED_VERSION, Fatal),
            (E::INVALID_REQUEST, Fatal),
        ],
    ),
    (
        ApiKey::ADD_PARTITIONS_TO_TXN,
        &[
            (E::NOT_COORDINATOR, Commits),
            (E::COORDINATOR_NOT_AVAILABLE, Commits),
            (E::COORDINATOR_LOAD_IN_PROGRESS, Commits),
            (E::CONCURRENT_TRANSACTIONS, Commits),
            (E::UNKNOWN_TOPIC_OR_PARTITION, Commits),
            (E::TOPIC_AUTHORIZATION_FAILED, Aborts),
            (E::OPERATION_NOT_ATTEMPTED, Aborts),
            (E::UNKNOWN_PRODUCER_ID, Aborts),
            (E::INVALID_PRODUCER_ID_MAPPING, Aborts),
            (E::TRANSACTION_ABORTABLE, Aborts),
            (E::INVALID_TXN_STATE, Fatal),
            (E::PRODUCER_FENCED, Fatal),
            (E::INVALID_PRODUCER_EPOCH, Fatal),
            (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal),
        ],
    ),
    (
        ApiKey::ADD_OFFSETS_TO_TXN,
        &[
            (E::NOT_COORDINATOR, Commits),
            (E::COORDINATOR_LOAD_IN_PROGRESS, Commits),
            (E::CONCURRENT_TRANSACTIONS, Commits),
            (E::GROUP_AUTHORIZATION_FAILED, Aborts),
            (E::UNKNOWN_PRODUCER_ID, Aborts),
            (E::INVALID_PRODUCER_ID_MAPPING, Aborts),
            (E::TRANSACTION_ABORTABLE, Aborts),
            (E::INVALID_TXN_STATE, Fatal),
            (E::PRODUCER_FENCED, Fatal),
            (E::INVALID_PRODUCER_EPOCH, Fatal),
            (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal),
        ],
    ),
    (
        ApiKey::TXN_OFFSET_COMMIT,
        &[
            (E::NOT_COORDINATOR, Commits),
            (E::COORDINATOR_NOT_AVAILABLE, Commits),
            (E::COORDINATOR_LOAD_IN_PROGRESS, Commits),
            (E::REQUEST_TIMED_OUT, Commits),
            (E::UNKNOWN_TOPIC_OR_PARTITION, Commits),
            (E::GROUP_AUTHORIZATION_FAILED, Aborts),
            (E::ILLEGAL_GENERATION, Aborts),
            (E::UNKNOWN_MEMBER_ID, Aborts),
            (E::FENCED_INSTANCE_ID, Aborts),
            (E::STALE_MEMBER_EPOCH, Aborts),
            (E::TRANSACTION_ABORTABLE, Aborts),
            (E::PRODUCER_FENCED, Fatal),
            (E::INVALID_PRODUCER_EPOCH, Fatal),
            (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal),
            (E::UNSUPPORTED_FOR_MESSAGE_FORMAT, Fatal),
        ],
    ),
    (
        ApiKey::END_TXN,
        &[
            (E::NOT_COORDINATOR, Commits),
            (E::COORDINATOR_NOT_AVAILABLE, Commits),
            (E::COORDINATOR_LOAD_IN_PROGRESS, Commits),
            (E::CONCURRENT_TRANSACTIONS, Commits),
            (E::UNKNOWN_PRODUCER_ID, Aborts),
            (E::INVALID_PRODUCER_ID_MAPPING, Aborts),
            (E::TRANSACTION_ABORTABLE, Aborts),
            (E::INVALID_TXN_STATE, Fatal),
            (E::PRODUCER_FENCED, Fatal),
            (E::INVALID_PRODUCER_EPOCH, Fatal),
            (E::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Fatal),
        ],
    ),
];

fn server(transaction_version: i16) -> Server {
    let topics = vec![("t".into(), 1), ("in".into(), 1)];
    Server::start(Config { topics, transaction_version, ..Config::default() }).unwrap()
}

fn producer(server: &Server, transactional: bool, linger: Duration) -> Producer {
    let builder = Producer::builder().bootstrap_servers(&server.bootstrap()).linger(linger);
    let builder = builder.set("retry.backoff.ms", "1").unwrap().set("retry.backoff.max.ms", "2").unwrap();
    let builder = builder.max_block(Duration::from_secs(20));
    if transactional { builder.transactional_id("codes") } else { builder }.build().unwrap()
}

fn fate(code: ErrorCode) -> Fate {
    let server = server(2);
    let producer = producer(&server, false, Duration::ZERO);
    producer.send(Record::to("t").value("before")).unwrap().wait().unwrap();
    server.with(|c| c.inject(ApiKey::PRODUCE, Action::Error(code)));
    let result = producer.send(Record::to("t").value("v")).unwrap().wait();
    let fate = match &result {
        Ok(record) if record.offset().is_some() => Retried,
        Ok(_) => Written,
        Err(error) => {
            assert_eq!((error.code(), error.may_be_written()), (Some(code), false));
            assert_eq!(error.record().unwrap().value.as_deref(), Some(&b"v"[..]));
            Refused
        }
    };
    assert_eq!(server.with(|c| c.clear_injections()), 0);
    // Whatever it was, it was this record's.
    producer.send(Record::to("t").value("after")).unwrap().wait().unwrap();
    fate
}

/// A batch of three records whose answer names the second.
fn named(code: ErrorCode) -> Named {
    let server = server(2);
    let producer = producer(&server, false, Duration::from_secs(20));
    server.with(|c| c.inject(ApiKey::PRODUCE, Action::ErrorOfRecord(code, 1)));
    let deliveries = [0, 1, 2].map(|n: u8| producer.send(Record::to("t").value(&[n])).unwrap());
    assert!(producer.flush(Duration::from_secs(20)));
    assert_eq!(server.with(|c| c.clear_injections()), 0);
    let results = deliveries.map(|delivery| delivery.wait());
    if results.iter().all(Result::is_ok) {
        return Ignored;
    }
    let [first, second, third] = results.map(Result::unwrap_err);
    assert_eq!((second.cause(), second.message()), (Cause::Broker(code), Some("a fault")));
    for other in [first, third] {
        assert_eq!((other.cause(), other.message()), (Cause::BatchRefused, None), "{code}");
        assert!(other.is_retriable() && !other.may_be_written());
    }
    Alone
}

/// A transaction with a record and an offset, in which the next answer to `api` is an error.
fn end(api: ApiKey, code: ErrorCode, transaction_version: i16) -> End {
    let server = server(transaction_version);
    let producer = producer(&server, true, Duration::ZERO);
    let inject = || server.with(|c| c.inject(api, Action::Error(code)));
    if matches!(api, ApiKey::INIT_PRODUCER_ID | ApiKey::FIND_COORDINATOR) {
        inject();
        match producer.init_transactions() {
            Ok(()) => {}
            Err(TransactionError::Failed(reason)) => {
                // An old epoch has one reason.
                let old = code == E::INVALID_PRODUCER_EPOCH;
                assert_eq!(reason, if old { E::PRODUCER_FENCED } else { code });
                assert!(producer.begin_transaction().is_err());
                return Fatal;
            }
            Err(other) => panic!("{code}: {other}"),
        }
    } else {
        producer.init_transactions().unwrap();
        inject();
    }
    let transaction = || {
        producer.begin_transaction().unwrap();
        let delivery = producer.send(Record::to("t").value("v"));
        let offsets = producer.send_offsets(&ConsumerGroup::new("g"), &[("in", 0, 1)]);
        let result = delivery.map(|delivery| delivery.wait());
        (result, offsets.and_then(|()| producer.commit_transaction()))
    };
    let (_, committed) = transaction();
    assert_eq!(server.with(|c| c.clear_injections()), 0, "it was never asked");
    match committed {
        Ok(()) => Commits,
        Err(TransactionError::MustAbort(_)) => {
            producer.abort_transaction().unwrap();
            let (delivery, committed) = transaction();
            delivery.unwrap().unwrap();
            committed.unwrap();
            Aborts
        }
        Err(TransactionError::Failed(_)) => {
            assert!(producer.begin_transaction().is_err() && producer.abort_transaction().is_err());
            Fatal
        }
        Err(other) => panic!("{code}: {other}"),
    }
}

#[test]
fn every_code_of_a_produce_response_does_to_a_record_what_the_table_says() {
    let wrong: Vec<_> =
        PRODUCE.iter().map(|row| (row.0, row.1, fate(row.0))).filter(|w| w.1 != w.2).collect();
    assert!(wrong.is_empty(), "expected and found: {wrong:#?}");
}

#[test]
fn every_code_of_a_produce_response_that_names_a_record_does_to_its_batch_what_the_table_says() {
    let wrong: Vec<_> =
        PRODUCE.iter().map(|row| (row.0, row.2, named(row.0))).filter(|w| w.1 != w.2).collect();
    assert!(wrong.is_empty(), "expected and found: {wrong:#?}");
}

#[test]
fn every_code_of_a_produce_response_does_to_a_transaction_what_the_table_says() {
    let mut wrong = Vec::new();
    for (code, _, _, expected) in PRODUCE {
        for version in [1, 2] {
            let found = end(ApiKey::PRODUCE, *code, version);
            if found != *expected {
                wrong.push((*code, version, *expected, found));
            }
        }
    }
    assert!(wrong.is_empty(), "expected and found: {wrong:#?}");
}

#[test]
fn every_code_of_a_coordinator_does_what_the_table_says() {
    let mut wrong = Vec::new();
    for (api, codes) in TRANSACTION {
        // With KIP-890 these two are not asked.
        let old = matches!(*api, ApiKey::ADD_PARTITIONS_TO_TXN | ApiKey::ADD_OFFSETS_TO_TXN);
        for (code, expected) in *codes {
            for version in 1..=if old { 1 } else { 2 } {
                let found = end(*api, *code, version);
                if found != *expected {
                    wrong.push((*api, *code, version, *expected, found));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "expected and found: {wrong:#?}");
}
