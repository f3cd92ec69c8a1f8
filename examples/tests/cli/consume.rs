//! What `kafka-cli consume` prints, and when it ends.

use std::io::{BufRead, BufReader, Read};

use kafka_broker::{Config, Server};

use crate::support::{Ran, cli, cluster, finish, run, start};

/// A cluster whose topic `t` has `per_partition` records in each of its three partitions: `partition/offset`.
fn filled(per_partition: usize) -> Server {
    let server = cluster(&["t", "empty"]);
    for partition in 0..3 {
        let input: String = (0..per_partition).map(|offset| format!("{partition}/{offset}\n")).collect();
        let to = ["-t", "t", "-p", &partition.to_string()];
        assert_eq!(run(&mut cli(&server, "produce", &to), input.as_bytes()).code, 0);
    }
    server
}

fn consume(server: &Server, args: &[&str]) -> Ran {
    run(&mut cli(server, "consume", args), b"")
}

/// What is printed, in order of the partitions; what is said on standard error must be nothing.
#[track_caller]
fn assert_prints(server: &Server, args: &[&str], expected: &[&str]) {
    let ran = consume(server, args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let mut lines: Vec<&str> = ran.out.lines().collect();
    lines.sort_by_key(|line| line.split('/').next().map(str::to_owned));
    assert_eq!(lines, expected, "{args:?}");
}

#[test]
fn all_partitions_are_read_to_their_ends() {
    let server = filled(3);
    let all = ["0/0", "0/1", "0/2", "1/0", "1/1", "1/2", "2/0", "2/1", "2/2"];
    assert_prints(&server, &["-t", "t", "-e"], &all);
    assert_prints(&server, &["-t", "t", "-e", "-p", "1"], &all[3..6]);
    assert_prints(&server, &["-t", "empty", "-e"], &[]);
}

#[test]
fn offsets_count_from_the_beginning_or_from_the_end() {
    let server = filled(5);
    for (offset, expected) in [
        ("beginning", &["1/0", "1/1", "1/2", "1/3", "1/4"][..]),
        ("end", &[]),
        ("3", &["1/3", "1/4"]),
        ("5", &[]),
        ("-2", &["1/3", "1/4"]),
        ("-100", &["1/0", "1/1", "1/2", "1/3", "1/4"]),
        ("s@0", &["1/0", "1/1", "1/2", "1/3", "1/4"]),
        ("s@99999999999999", &[]),
    ] {
        assert_prints(&server, &["-t", "t", "-p", "1", "-e", "-o", offset], expected);
    }
    assert_prints(&server, &["-t", "t", "-e", "-o", "-1"], &["0/4", "1/4", "2/4"]);
}

#[test]
fn an_offset_that_does_not_exist_is_said_and_reading_goes_on() {
    let server = filled(3);
    let ran = consume(&server, &["-t", "t", "-p", "2", "-e", "-o", "77"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "2/0\n2/1\n2/2\n"));
    assert!(ran.err.contains("offset 77 does not exist"), "{}", ran.err);
}

#[test]
fn it_ends_after_a_count() {
    let server = filled(100);
    let ran = consume(&server, &["-t", "t", "-c", "7"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 7));
    assert_eq!(consume(&server, &["-t", "t", "-c", "0"]).out, "");
    assert_eq!(consume(&server, &["-t", "t", "-c", "1000", "-e"]).out.lines().count(), 300);
}

#[test]
fn formats_print_every_part_of_a_record() {
    let server = cluster(&["t"]);
    let options = ["-t", "t", "-p", "0", "-K", ":", "-Z", "-H", "a=1", "-H", "n"];
    assert_eq!(run(&mut cli(&server, "produce", &options), "key:value\ngone:\nnone".as_bytes()).code, 0);
    let shown = |options: &[&str]| {
        let ran = consume(&server, &[&["-t", "t", "-e"], options].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out
    };
    assert_eq!(
        shown(&["-f", r"%t %p %o [%k %K] [%s %S] %h %%\n"]),
        "t 0 0 [key 3] [value 5] a=1,n=NULL %\nt 0 1 [gone 4] [ -1] a=1,n=NULL %\nt 0 2 [ -1] [none 4] a=1,n=NULL %\n"
    );
    assert_eq!(shown(&["-Z", "-f", "%k=%s;"]), "key=value;gone=NULL;NULL=none;");
    assert_eq!(shown(&["-K", r"\t", "-D", "|"]), "key\tvalue|gone\t|\tnone|");
    let before = std::time::SystemTime::now();
    for timestamp in shown(&["-f", r"%T\n"]).lines() {
        let ms: u64 = timestamp.parse().expect("milliseconds");
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
        let ago = before.duration_since(at).expect("in the past");
        assert!(ago.as_secs() < 300, "{ago:?}");
    }
}

#[test]
fn what_each_codec_compressed_is_printed_as_it_was() {
    let server = cluster(&["t"]);
    let input: String = (0..2000).map(|i| format!("line {i}, much like the others\n")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let to = ["-t", "t", "-p", "0", "-z", codec];
        assert_eq!(run(&mut cli(&server, "produce", &to), input.as_bytes()).code, 0, "{codec}");
        let ran = consume(&server, &["-t", "t", "-p", "0", "-e", "-o", "-2000"]);
        assert!(ran.out == input && ran.err.is_empty(), "{codec}: {} bytes, {}", ran.out.len(), ran.err);
    }
}

#[test]
fn bytes_come_out_as_they_went_in() {
    let server = cluster(&["t"]);
    let input: Vec<u8> = (1..=255).flat_map(|byte| [byte, b'x', 0]).collect();
    assert_eq!(run(&mut cli(&server, "produce", &["-t", "t", "-D", r"\x00"]), &input).code, 0);
    let mut child = start(&mut cli(&server, "consume", &["-t", "t", "-e", "-p", "0", "-D", r"\x00"]));
    let (mut found, mut partitions) = (Vec::new(), vec![]);
    child.stdout.take().expect("a pipe").read_to_end(&mut found).expect("its output");
    finish(child);
    for partition in ["1", "2"] {
        let mut child =
            start(&mut cli(&server, "consume", &["-t", "t", "-e", "-p", partition, "-D", r"\x00"]));
        child.stdout.take().expect("a pipe").read_to_end(&mut partitions).expect("its output");
        finish(child);
    }
    found.append(&mut partitions);
    let mut pieces: Vec<_> = found.split(|byte| *byte == 0).filter(|piece| !piece.is_empty()).collect();
    pieces.sort_unstable();
    let expected: Vec<[u8; 2]> = (1..=255).map(|byte| [byte, b'x']).collect();
    assert_eq!(pieces, expected);
}

#[test]
fn records_are_printed_when_they_arrive() {
    let server = cluster(&["t"]);
    let mut child = start(&mut cli(&server, "consume", &["-t", "t"]));
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let (line, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
    for value in ["first", "second"] {
        assert_eq!(run(&mut cli(&server, "produce", &["-t", "t"]), value.as_bytes()).code, 0);
        let printed = lines.recv_timeout(std::time::Duration::from_secs(30));
        assert_eq!(printed.as_deref(), Ok(value));
    }
    child.kill().expect("it runs");
    finish(child);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let server = filled(10_000);
    for endless in [
        &["-t", "t", "-f", "%s and much more of it, so that no pipe has room for all\\n"][..],
        &["-t", "t", "-e"],
    ] {
        let mut child = start(&mut cli(&server, "consume", endless));
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut String::new()).expect("a line");
        drop(out);
        // What is written later finds nobody; a reader that waits for more is told of by a record that comes.
        assert_eq!(run(&mut cli(&server, "produce", &["-t", "t"]), b"more\n").code, 0);
        let ran = finish(child);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    }
}

#[test]
fn a_topic_is_not_created_by_reading_it() {
    let server = Server::start(Config::default()).expect("a broker");
    let ran = consume(&server, &["-t", "nothing", "-e", "-X", "default.api.timeout.ms=700"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("nothing") && ran.err.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{}", ran.err);
    assert!(server.with(|cluster| cluster.topic("nothing").is_none()));
}

#[test]
fn a_connection_that_breaks_costs_no_record() {
    let server = filled(2_000);
    server.with(|cluster| {
        cluster.inject(kafka_proto::ApiKey::FETCH, kafka_broker::Action::CloseAfter);
    });
    let ran = consume(&server, &["-t", "t", "-e", "-X", "max.partition.fetch.bytes=4096"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 6_000), "{}", ran.err);
}
