//! What passes on the wire, judged without knowing the client: the same sequence always carries the same bytes (P5),
//! at most five batches of a partition are under way (P7), and every frame decodes (S6).

use std::collections::{BTreeMap, VecDeque};

use kafka_proto::frame::{decode_request_header, decode_response_header};
use kafka_proto::messages::{ProduceRequest, ProduceResponse};
use kafka_proto::record::batches;
use kafka_proto::wire::Records;
use kafka_proto::{ApiKey, Message};

use crate::record::digest;

/// Topic (name or id) and partition, as a request names it.
type Target = (String, i32);

/// A request without an answer.
#[derive(Debug)]
struct Owed {
    key: ApiKey,
    version: i16,
    targets: Vec<Target>,
}

#[derive(Debug, Default)]
struct Wire {
    out: Vec<u8>,
    back: Vec<u8>,
    /// Batches of the requests without an answer, oldest request first.
    owed: VecDeque<Owed>,
}

/// The watcher of all connections.
#[derive(Debug, Default)]
pub struct WireWatch {
    wires: BTreeMap<u32, Wire>,
    /// Client, id, epoch, target, sequence: what the batch was when it was first seen.
    seen: BTreeMap<(i64, i16, Target, i32), u64>,
    in_flight: BTreeMap<(usize, Target), u32>,
    /// The most batches of a partition that were under way at a time.
    pub in_flight_max: u32,
    /// Produce requests.
    pub produce_requests: u64,
    /// Requests of each kind.
    pub requests: BTreeMap<i16, u64>,
    /// Batches that were sent again.
    pub repeated: u64,
    /// What passed, for people; kept when there is a list.
    pub notes: Option<Vec<String>>,
    /// Whether to judge the number in flight: not for a client that was told to keep more.
    pub in_flight_allowed: Option<u32>,
}

impl WireWatch {
    /// A watcher that keeps what it sees as text where it is `readable`.
    pub fn new(readable: bool) -> Self {
        WireWatch { notes: readable.then(Vec::new), ..WireWatch::default() }
    }

    /// A client wrote these bytes.
    pub fn wrote(&mut self, link: u32, client: usize, bytes: &[u8], violations: &mut Vec<String>) {
        let wire = self.wires.entry(link).or_default();
        wire.out.extend_from_slice(bytes);
        loop {
            let wire = self.wires.entry(link).or_default();
            let Some(frame) = take_frame(&mut wire.out) else { return };
            self.request(link, client, &frame, violations);
        }
    }

    fn request(&mut self, link: u32, client: usize, frame: &[u8], violations: &mut Vec<String>) {
        let Ok((header, body)) = decode_request_header(frame) else {
            violations.push("S6: a frame whose header does not decode".into());
            return;
        };
        *self.requests.entry(header.api_key.0).or_default() += 1;
        let mut targets = Vec::new();
        if header.api_key == ApiKey::PRODUCE {
            match ProduceRequest::decode(header.api_version, body) {
                Ok(request) => {
                    self.produce_requests += 1;
                    targets = self.produce(link, client, &request, violations);
                    if request.acks == 0 {
                        return;
                    }
                }
                Err(error) => violations.push(format!("S6: a produce request that does not decode: {error}")),
            }
        }
        for target in &targets {
            let count = self.in_flight.entry((client, target.clone())).or_default();
            *count += 1;
            self.in_flight_max = self.in_flight_max.max(*count);
            if *count > self.in_flight_allowed.unwrap_or(5) {
                violations.push(format!("P7: {count} batches of {target:?} in flight"));
            }
        }
        let owed = Owed { key: header.api_key, version: header.api_version, targets };
        self.wires.entry(link).or_default().owed.push_back(owed);
    }

    fn produce(
        &mut self,
        link: u32,
        client: usize,
        request: &ProduceRequest<'_>,
        violations: &mut Vec<String>,
    ) -> Vec<Target> {
        let mut targets = Vec::new();
        for topic in request.topic_data.iter() {
            let name =
                if topic.name.is_empty() { format!("{:?}", topic.topic_id) } else { topic.name.to_owned() };
            for partition in topic.partition_data.iter() {
                let target = (name.clone(), partition.index);
                let Records::Bytes(bytes) = partition.records else {
                    violations.push("S6: a produce request without records".into());
                    continue;
                };
                for batch in batches(bytes) {
                    let Ok(batch) = batch else {
                        violations.push("S6: a batch that does not decode".into());
                        continue;
                    };
                    if batch.verify_crc().is_err() {
                        violations.push("S6: a batch with a wrong checksum".into());
                    }
                    let header = *batch.header();
                    if let Some(notes) = &mut self.notes {
                        let (id, epoch, sequence) =
                            (header.producer_id, header.producer_epoch, header.base_sequence);
                        let count = header.count;
                        notes.push(format!(
                            "client {client} on {link}: produce {target:?}: {count} records, {id}/{epoch}/{sequence}"
                        ));
                    }
                    if header.producer_id < 0 {
                        continue;
                    }
                    if header.base_sequence < 0 || header.producer_epoch < 0 {
                        violations.push(format!(
                            "P5: epoch {} and sequence {} of a producer that has an id",
                            header.producer_epoch, header.base_sequence
                        ));
                    }
                    let key =
                        (header.producer_id, header.producer_epoch, target.clone(), header.base_sequence);
                    let print = digest(None, Some(bytes));
                    match self.seen.insert(key, print) {
                        Some(before) if before != print => violations.push(format!(
                            "P5: producer {} epoch {} sequence {} of {target:?} carried other bytes before",
                            header.producer_id, header.producer_epoch, header.base_sequence
                        )),
                        Some(_) => self.repeated += 1,
                        None => {}
                    }
                }
                targets.push(target);
            }
        }
        targets
    }

    /// Bytes arrived at a client.
    pub fn received(&mut self, link: u32, client: usize, bytes: &[u8]) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        wire.back.extend_from_slice(bytes);
        while let Some(frame) = take_frame(&mut wire.back) {
            let Some(owed) = wire.owed.pop_front() else { return };
            if let Some(notes) = &mut self.notes {
                note_answer(notes, link, client, &owed, &frame);
            }
            for target in owed.targets {
                if let Some(count) = self.in_flight.get_mut(&(client, target)) {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }

    /// The client's end of a connection closed. True when it had asked for a producer id: that may still arrive.
    pub fn closed(&mut self, link: u32, client: usize) -> bool {
        let Some(wire) = self.wires.remove(&link) else { return false };
        let asked = wire.owed.iter().any(|owed| owed.key == ApiKey::INIT_PRODUCER_ID);
        for target in wire.owed.into_iter().flat_map(|owed| owed.targets) {
            if let Some(count) = self.in_flight.get_mut(&(client, target)) {
                *count = count.saturating_sub(1);
            }
        }
        asked
    }
}

fn note_answer(notes: &mut Vec<String>, link: u32, client: usize, owed: &Owed, frame: &[u8]) {
    let Ok((_, body)) = decode_response_header(owed.key, owed.version, frame) else { return };
    if owed.key != ApiKey::PRODUCE {
        notes.push(format!("client {client} on {link}: {:?} answered", owed.key));
        return;
    }
    let Ok(answer) = ProduceResponse::decode(owed.version, body) else { return };
    for topic in answer.responses.iter() {
        for p in topic.partition_responses.iter() {
            let (code, offset) = (p.error_code, p.base_offset);
            let place = format!("{}/{}", topic.name, p.index);
            notes.push(format!("client {client} on {link}: produce {place} answered {code} at {offset}"));
        }
    }
}

fn take_frame(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let prefix = bytes.first_chunk::<4>()?;
    let end = 4 + i32::from_be_bytes(*prefix).max(0) as usize;
    if bytes.len() < end {
        return None;
    }
    let frame = bytes[4..end].to_vec();
    bytes.drain(..end);
    Some(frame)
}
