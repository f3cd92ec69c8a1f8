//! A build without the codecs: what asks for one is told which feature has it.

use kafka_std::Producer;

#[test]
fn a_codec_that_is_not_built_in_names_its_feature() {
    for (codec, feature, built) in [
        ("gzip", "gzip", cfg!(feature = "gzip")),
        ("snappy", "snappy", cfg!(feature = "snappy")),
        ("zstd", "zstd", cfg!(any(feature = "zstd", feature = "zstd-c"))),
        ("lz4", "", true),
    ] {
        let builder = Producer::builder().bootstrap_servers("127.0.0.1:1");
        match (builder.set("compression.type", codec).unwrap().build(), built) {
            (Ok(_), true) => {}
            (Err(error), false) => {
                let expected = format!(
                    "compression.type: \"{codec}\" is not allowed: \
                     must be built in: the feature `{feature}` of kafka-std has it"
                );
                assert_eq!(error.to_string(), expected);
            }
            (Ok(_), false) => panic!("{codec} is there"),
            (Err(error), true) => panic!("{codec}: {error}"),
        }
    }
}
