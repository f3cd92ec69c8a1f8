//! Where a group stands, asked of its coordinator in the way of `kafka-std`'s `Admin::committed`: the request and what
//! its answer means are the client's, the connection is not a part of the simulation and has no faults.

use kafka_broker::advertised;
use kafka_client_core::offsets::{NEWEST, Partitions, ask, read};
use kafka_proto::frame::{decode_response_header, encode_request};
use kafka_proto::messages::{OffsetFetchRequest, OffsetFetchResponse};
use kafka_proto::{ApiKey, Message};

use crate::world::World;

impl World<'_> {
    /// The offset that a group goes on with: 0 where it has committed none, `None` while nobody can say.
    pub fn committed(&mut self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let asked = [Partitions { topic, partitions: &[partition] }];
        let newest = advertised(self.cluster.config().release).find(|(key, _)| *key == ApiKey::OFFSET_FETCH);
        let version = newest.map_or(NEWEST, |(_, range)| range.max.min(NEWEST));
        // Who coordinates does not matter here: the others refuse.
        (0..self.cluster.nodes().len() as i32).find_map(|node| {
            let answer = ask(group, Some(&asked), |request| self.exchange(node, version, request))?;
            let (_, body) = decode_response_header(ApiKey::OFFSET_FETCH, version, answer.get(4..)?).ok()?;
            let response = OffsetFetchResponse::decode(version, body).ok()?;
            let mut offset = 0;
            read(&response, |committed| offset = committed.offset.unwrap_or(0)).ok()?;
            Some(offset)
        })
    }

    fn exchange(&mut self, node: i32, version: i16, request: &OffsetFetchRequest<'_>) -> Option<Vec<u8>> {
        let mut frame = vec![0; request.encoded_len(version) + 64];
        let len = encode_request(&mut frame, (version, 0, Some("operator")), request, &mut []).ok()?.head_len;
        let conn = self.cluster.handle_connect(self.now, node).ok()?;
        self.operator = Some((conn, Vec::new()));
        self.cluster.handle_request(self.now, conn, frame.get(4..len)?);
        self.drain_cluster();
        self.cluster.handle_disconnect(self.now, conn);
        self.operator.take().map(|(_, answer)| answer)
    }
}
