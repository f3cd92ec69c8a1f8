//! The command lines.

use kafka_examples::args::{Failure, Opt, Parsed, Spec};

const BOOTSTRAP: Opt =
    Opt::value('b', "bootstrap", "HOST:PORT", "brokers to begin with, separated by commas");
const TOPIC: Opt = Opt::value('t', "topic", "TOPIC", "the topic");
const SETTING: Opt =
    Opt::value('X', "set", "NAME=VALUE", "a setting of the client, by its dotted name; may be repeated");

pub const PRODUCE: Spec = Spec {
    name: "kafka-cli produce",
    about: "Sends a record per line of a file or of standard input.",
    operands: "[FILE]",
    operands_max: 1,
    options: &[
        BOOTSTRAP,
        TOPIC,
        Opt::value('p', "partition", "N", "the partition; else the key decides"),
        Opt::value('D', "delimiter", "DELIM", "what ends a record (default \\n)"),
        Opt::value('K', "key-delimiter", "DELIM", "what ends the key at the beginning of a record"),
        Opt::value('k', "key", "KEY", "the key of records that have none of their own"),
        Opt::value('H', "header", "NAME=VALUE", "a header of every record; may be repeated; NAME alone: null"),
        Opt::flag('Z', "null", "send empty keys and values as null"),
        Opt::value('z', "compression", "CODEC", "none, gzip, snappy, lz4 or zstd"),
        SETTING,
    ],
    notes: "\
Empty lines are skipped. In DELIM and KEY, \\n \\r \\t \\\\ and \\xNN stand for bytes. The cluster has 5 seconds to be there
(-X max.block.ms=5000).

The exit code is 0 only when every record was acknowledged. What happened to each other one is said on standard error, by
its number in the input, and the exit code is 1; 2 if the command line cannot be understood.",
};

pub const CONSUME: Spec = Spec {
    name: "kafka-cli consume",
    about: "Prints the records of a topic.",
    operands: "",
    operands_max: 0,
    options: &[
        BOOTSTRAP,
        TOPIC,
        Opt::value('p', "partition", "N", "the partition; else all"),
        Opt::value(
            'o',
            "offset",
            "OFFSET",
            "beginning (default), end, N, -N (before the end), s@MS (a time)",
        ),
        Opt::value('c', "count", "N", "end after N records"),
        Opt::flag('e', "exit", "end at the end of the partitions, instead of waiting for more"),
        Opt::value('f', "format", "FORMAT", "what to print of a record"),
        Opt::value('D', "delimiter", "DELIM", "what to print after a record (default \\n)"),
        Opt::value('K', "key-delimiter", "DELIM", "print the key too, and this after it"),
        Opt::flag('Z', "null", "print NULL for a null key or value, not nothing"),
        SETTING,
    ],
    notes: "\
FORMAT:
  %t topic   %p partition   %o offset   %T timestamp in ms since 1970 (-1: unknown)
  %k key     %K its length (-1: null)   %h headers as name=value,name=value
  %s value   %S its length (-1: null)   %R its length as 4 bytes, big-endian
  %% a per cent sign; \\n \\r \\t \\\\ and \\xNN stand for bytes",
};

pub const METADATA: Spec = Spec {
    name: "kafka-cli metadata",
    about: "Prints the brokers of a cluster, its topics and their partitions.",
    operands: "",
    operands_max: 0,
    options: &[
        BOOTSTRAP,
        Opt::value('t', "topic", "TOPIC", "only this topic; may be repeated"),
        Opt::value('m', "timeout", "SECONDS", "how long to wait for the cluster, 1 or more (default 10)"),
        SETTING,
    ],
    notes: "\
Settings are checked as those of the other commands. Of them only request.timeout.ms matters here: it is --timeout in
milliseconds.",
};

/// The settings given with `-X`.
pub fn settings(args: &Parsed) -> Result<Vec<(&str, &str)>, Failure> {
    args.all("set")
        .map(|s| s.split_once('=').ok_or_else(|| args.usage(format!("-X {s}: not of the form NAME=VALUE"))))
        .collect()
}

/// A delimiter, which cannot be empty.
pub fn delimiter(args: &Parsed, long: &str) -> Result<Option<Vec<u8>>, Failure> {
    let Some(text) = args.get(long) else { return Ok(None) };
    let bytes = crate::format::unescape(text).map_err(|what| args.usage(format!("--{long}: {what}")))?;
    if bytes.is_empty() {
        return Err(args.usage(format!("--{long} is empty")));
    }
    Ok(Some(bytes))
}
