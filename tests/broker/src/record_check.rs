//! What a topic asks of each record, and which ones fall short of it (KIP-467).
//!
//! One such record refuses its whole batch; the answer names them all. What the answers say is what Kafka says.

use std::ops::RangeInclusive;

use kafka_proto::ErrorCode;
use kafka_proto::record::{Batch, Record};

use crate::batch_check::unpack;
use crate::topics::Topic;

/// What is asked of each record of a topic beside being well-formed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demands {
    /// `cleanup.policy` contains `compact`: every record needs a key.
    pub keys: bool,
    /// `message.timestamp.before.max.ms`, where it is set. Without, nothing is too old.
    pub before_ms_max: Option<i64>,
    /// `message.timestamp.after.max.ms`, where it is set. Without, nothing is too far in the future: this broker's clock
    /// is whatever its host says.
    pub after_ms_max: Option<i64>,
}

/// A batch with records that the topic does not take.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub code: ErrorCode,
    pub message: String,
    /// Each of them: its index in the batch, and what is wrong with it.
    pub records: Vec<(i32, String)>,
}

/// The records of a batch that the topic does not take, if any.
pub(crate) fn rejected(topic: &Topic, partition: i32, batch: &Batch<'_>, wall_ms: i64) -> Option<Rejected> {
    if topic.demands == Demands::default() {
        return None;
    }
    let plain;
    let records = match batch.records() {
        Ok(records) => records,
        Err(_) => {
            plain = unpack(batch)?;
            batch.records_from(&plain)
        }
    };
    let checks = Checks::new(topic, partition, wall_ms);
    let mut code = ErrorCode::INVALID_RECORD;
    let mut wrong = Vec::new();
    for (index, record) in (0..).zip(records) {
        if let Some((why, message)) = checks.fault_of(&record.ok()?) {
            // As in Kafka, one timestamp out of range names the whole.
            code = if why == ErrorCode::INVALID_TIMESTAMP { why } else { code };
            wrong.push((index, message));
        }
    }
    let message = match code {
        ErrorCode::INVALID_TIMESTAMP => {
            "One or more records have been rejected due to invalid timestamp".to_owned()
        }
        _ => format!("One or more records have been rejected due to {} record errors in total", wrong.len()),
    };
    (!wrong.is_empty()).then_some(Rejected { code, message, records: wrong })
}

struct Checks<'a> {
    name: &'a str,
    partition: i32,
    keys: bool,
    timestamps: Option<RangeInclusive<i64>>,
}

impl<'a> Checks<'a> {
    fn new(topic: &'a Topic, partition: i32, wall_ms: i64) -> Self {
        let Demands { keys, before_ms_max, after_ms_max } = topic.demands;
        let oldest = before_ms_max.map_or(i64::MIN, |ms| wall_ms.saturating_sub(ms));
        let newest = after_ms_max.map_or(i64::MAX, |ms| wall_ms.saturating_add(ms));
        // Where the broker sets the time, nobody else's matters.
        let timestamps = (!topic.log_append_time).then_some(oldest..=newest);
        Checks { name: &topic.name, partition, keys, timestamps }
    }

    fn fault_of(&self, record: &Record<'_>) -> Option<(ErrorCode, String)> {
        if self.keys && record.key.is_none() {
            let place = format!("{}-{}", self.name, self.partition);
            let message =
                format!("Compacted topic cannot accept message without key in topic partition {place}");
            return Some((ErrorCode::INVALID_RECORD, message));
        }
        let range = self.timestamps.as_ref()?;
        if record.timestamp == -1 || range.contains(&record.timestamp) {
            return None;
        }
        let message = format!(
            "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{}, {}]",
            record.timestamp,
            record.offset,
            range.start(),
            range.end()
        );
        Some((ErrorCode::INVALID_TIMESTAMP, message))
    }
}
