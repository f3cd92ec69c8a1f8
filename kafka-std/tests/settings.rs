//! What a producer's settings may not be: named at the call that sets them, or at `build` where they contradict.

use std::time::Duration;

use kafka_std::{ConfigError, Error, Producer};

fn accepted(settings: &[(&str, &str)]) {
    let builder = Producer::builder().bootstrap_servers("127.0.0.1:1");
    settings.iter().fold(builder, |b, (name, value)| b.set(name, value).unwrap()).build().unwrap();
}

/// The setting that is to be changed, by the error of `build`.
fn contradiction(settings: &[(&str, &str)]) -> &'static str {
    let builder = Producer::builder().bootstrap_servers("127.0.0.1:1");
    let built = settings.iter().fold(builder, |b, (name, value)| b.set(name, value).unwrap()).build();
    match built {
        Err(Error::Config(ConfigError::Contradiction { key, .. })) => key,
        Err(other) => panic!("{settings:?}: {other}"),
        Ok(_) => panic!("{settings:?}: accepted"),
    }
}

#[test]
fn settings_that_contradict_each_other_are_named_at_build() {
    for (settings, named) in [
        (&[("enable.idempotence", "true"), ("acks", "1")][..], "acks"),
        (&[("enable.idempotence", "true"), ("acks", "0")], "acks"),
        (&[("enable.idempotence", "true"), ("retries", "0")], "retries"),
        (&[("enable.idempotence", "true"), ("max.in.flight", "6")], "max.in.flight.requests.per.connection"),
        (&[("delivery.timeout.ms", "30004")], "delivery.timeout.ms"),
        (&[("linger.ms", "100000")], "delivery.timeout.ms"),
        (&[("request.timeout.ms", "119996")], "delivery.timeout.ms"),
        (&[("buffer.memory", "16383")], "buffer.memory"),
        (&[("max.request.size", "255")], "max.request.size"),
        (&[("transactional.id", "t"), ("enable.idempotence", "false")], "transactional.id"),
        (&[("transactional.id", "t"), ("acks", "1")], "transactional.id"),
        (&[("transactional.id", "t"), ("retries", "0")], "transactional.id"),
    ] {
        assert_eq!(contradiction(settings), named, "{settings:?}");
    }
    for (codec, level, value) in
        [("gzip", "compression.gzip.level", "0"), ("lz4", "compression.lz4.level", "17")]
    {
        let text = format!("bootstrap.servers=127.0.0.1:1\ncompression.type={codec}\n{level}={value}");
        let error = Producer::from_properties(&text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{level}: \"{value}\" is not allowed: must be ")), "{error}");
    }
    // The later setting holds, also where the earlier one could not be read.
    Producer::builder().bootstrap_servers("nonsense").bootstrap_servers("127.0.0.1:1").build().unwrap();
    let typed = Producer::builder().bootstrap_servers("127.0.0.1:1").transactional_id("t");
    let error = typed.transaction_timeout(Duration::ZERO).build().unwrap_err().to_string();
    assert!(error.starts_with("transaction.timeout.ms: "), "{error}");
    // The level of another codec than that which is used does not matter; on the edge of what is allowed.
    accepted(&[("compression.type", "gzip"), ("compression.lz4.level", "17")]);
    accepted(&[("delivery.timeout.ms", "30005")]);
    accepted(&[("buffer.memory", "16384")]);
}

#[test]
fn values_out_of_range_and_names_that_do_not_exist_are_named() {
    let error = |name: &str, value: &str| {
        Producer::builder().set(name, value).map(drop).expect_err(&format!("{name}={value}")).to_string()
    };
    for (name, value) in [
        ("acks", "2"),
        ("enable.idempotence", "yes"),
        ("max.in.flight.requests.per.connection", "0"),
        ("batch.size", "-1"),
        ("linger.ms", "-1"),
        ("buffer.memory", "much"),
        ("max.block.ms", "-1"),
        ("max.request.size", "2147483648"),
        ("compression.type", "brotli"),
        ("compression.gzip.level", "10"),
        ("retries", "-1"),
        ("retry.backoff.ms", "0.5"),
        ("request.timeout.ms", "0"),
        ("delivery.timeout.ms", "0"),
        ("transaction.timeout.ms", "0"),
        ("send.buffer.bytes", "-2"),
        ("metadata.max.age.ms", "0"),
        ("connections.max.idle.ms", "0"),
        ("partitioner.availability.timeout.ms", "-1"),
        ("partitioner.class", "com.example.Mine"),
        ("partitioner", "fnv1a"),
        ("metadata.max.idle.ms", "1"),
    ] {
        assert!(error(name, value).starts_with(&format!("{name}: ")), "{name}={value}");
    }
    for (wrong, meant) in [
        ("transaction.id", "transactional.id"),
        ("max.inflight", "max.in.flight"),
        ("compression.types", "compression.type"),
        ("delivery.timeouts.ms", "delivery.timeout.ms"),
        ("partitoner.class", "partitioner.class"),
        ("BATCH_SIZE", "batch.size"),
    ] {
        let text = error(wrong, "1");
        assert_eq!(text, format!("{wrong}: no such setting; did you mean {meant}?"));
    }
}
