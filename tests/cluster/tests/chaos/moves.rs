//! Partitions that move to other nodes: the requests of an administrator, encoded by our codec.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kafka_proto::frame::{decode_response_header, encode_request};
use kafka_proto::messages::partitions::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, ReassignablePartition,
    ReassignableTopic,
};
use kafka_proto::{Array, ErrorCode, Message, Request};

/// The version of both requests: the first.
const VERSION: i16 = 0;
const PATIENCE: Duration = Duration::from_secs(120);

/// Moves each partition of `topic` to the nodes that `to` says, the first of them preferred as leader, and waits until
/// they have moved.
pub fn reassign(bootstrap: &str, topic: &str, partitions: u32, to: impl Fn(i32) -> Vec<i32>) {
    let replicas: Vec<Vec<i32>> = (0..partitions as i32).map(to).collect();
    let partitions: Vec<ReassignablePartition<'_>> = (0..)
        .zip(&replicas)
        .map(|(index, nodes)| ReassignablePartition {
            partition_index: index,
            replicas: Some(Array::slice(nodes)),
        })
        .collect();
    let topics = [ReassignableTopic { name: topic, partitions: Array::slice(&partitions) }];
    let request = AlterPartitionReassignmentsRequest { topics: Array::slice(&topics), ..Default::default() };
    let body = ask(bootstrap, &request);
    let response = AlterPartitionReassignmentsResponse::decode(VERSION, &body).unwrap();
    assert_eq!(response.error_code, ErrorCode::NONE, "{response:?}");
    for partition in response.responses.iter().flat_map(|topic| topic.partitions.iter()) {
        assert_eq!(partition.error_code, ErrorCode::NONE, "{partition:?}");
    }
    let deadline = Instant::now() + PATIENCE;
    while under_way(bootstrap) > 0 {
        assert!(Instant::now() < deadline, "{topic} does not get to where it was sent");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many topics have partitions that move.
fn under_way(bootstrap: &str) -> usize {
    let body = ask(bootstrap, &ListPartitionReassignmentsRequest::default());
    let response = ListPartitionReassignmentsResponse::decode(VERSION, &body).unwrap();
    assert_eq!(response.error_code, ErrorCode::NONE, "{response:?}");
    response.topics.len()
}

/// The body of the answer of the first node that gives one.
fn ask<'a, R: Request<'a>>(bootstrap: &str, request: &R) -> Vec<u8> {
    let mut failed = Vec::new();
    for address in bootstrap.split(',') {
        match exchange(address, request) {
            Ok(body) => return body,
            Err(error) => failed.push(error),
        }
    }
    panic!("nobody answers: {failed:?}");
}

fn exchange<'a, R: Request<'a>>(address: &str, request: &R) -> io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut out = vec![0; 4096];
    let frame = encode_request(&mut out, (VERSION, 1, Some("chaos")), request, &mut []).unwrap();
    socket.write_all(&out[..frame.head_len])?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut answer)?;
    let (_, body) = decode_response_header(R::KEY, VERSION, &answer).unwrap();
    Ok(body.to_vec())
}
