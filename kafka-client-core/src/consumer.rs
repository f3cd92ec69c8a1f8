//! The consumer: records out of assigned partitions.
//!
//! Each assigned partition has a cursor. Cursors that know their offset are fetched, one request per broker at a
//! time; the others have it looked up first. What was fetched is handed out as a guard that owns its receive buffer
//! ([`Fetched`]); while the application reads it, the next fetch is under way.

mod aborted;
mod cursor;
mod drive;
mod fetch;
mod fetched;
mod lookup;
mod request;

use kafka_proto::ErrorCode;

pub use aborted::Aborted;
pub use cursor::{Notice, Start};
pub use fetched::{Chunk, Decompressor, Fetched, FetchedBatch, Records, Unreadable, Why};

use crate::config::{ClientConfig, ConfigError, ConsumerConfig};
use crate::list::List;
use crate::metadata::{TopicId, is_legal_topic_name};
use crate::net::{Host, Net, Trouble};
use crate::producer::TopicError;
use crate::recall::recalled;
use crate::resources::ConsumerMemory;
use crate::storage::{NIL, Table, Text};
use crate::time::Instant;
pub(crate) use cursor::Cursor;
use cursor::Phase;

/// A Kafka consumer of assigned partitions, without I/O. Drive it as the [crate's documentation](crate) shows.
///
/// * **Getters**: [`position`](Self::position), [`high_watermark`](Self::high_watermark), [`troubles`](Self::troubles),
///   [`partitions`](Self::partitions).
/// * **What happened**: [`Machine`](crate::machine::Machine)'s `handle_*`.
/// * **Commands**: [`topic`](Self::topic), [`assign`](Self::assign), [`unassign`](Self::unassign),
///   [`pause`](Self::pause), [`resume`](Self::resume), [`release`](Self::release), [`close`](Self::close).
/// * **What to do next**: [`Machine`](crate::machine::Machine)'s `poll_*`, [`poll_fetched`](Self::poll_fetched) and
///   [`poll_notice`](Self::poll_notice).
pub struct Consumer<'m> {
    pub(crate) config: ConsumerConfig<'m>,
    pub(crate) net: Net<'m>,
    /// By the partition's index.
    pub(crate) cursors: Table<'m, Cursor>,
    /// By the connection's index: what it fetched and the application has not taken.
    fetched: Table<'m, Option<Fetched<'m>>>,
    /// Cursors that wait for their backoff to pass.
    delayed: List,
    /// The connection whose fetched records are handed out next.
    turn: u32,
    /// Some cursor may have a notice.
    noticed: bool,
}

impl<'m> Consumer<'m> {
    /// A consumer that will connect to `bootstrap`, over the memory it is given.
    ///
    /// # Errors
    /// No bootstrap address.
    pub fn new(
        client: ClientConfig<'m>,
        config: ConsumerConfig<'m>,
        bootstrap: impl IntoIterator<Item = (Text<'m>, u16)>,
        memory: ConsumerMemory<'m>,
    ) -> Result<Self, ConfigError> {
        let mut memory = memory;
        if !memory.net.add_bootstrap(bootstrap) {
            return Err(ConfigError { setting: "bootstrap.servers", rule: "at least one host:port" });
        }
        Ok(Consumer {
            config,
            net: Net::new(client, memory.net),
            cursors: Table::new(memory.cursors),
            fetched: Table::new(memory.fetched),
            delayed: List::default(),
            turn: 0,
            noticed: false,
        })
    }

    // ---- Getters ----

    /// Brokers that could not be used lately, and why.
    pub fn troubles(&self) -> impl Iterator<Item = (Host<'_>, Trouble)> {
        self.net.troubles()
    }

    /// How many partitions the topic has; 0 while that is not known.
    pub fn partitions(&self, topic: TopicId) -> u32 {
        self.net.topics.topics[topic.index].partitions
    }

    /// What the cluster answered about the topic last.
    pub fn topic_error(&self, topic: TopicId) -> ErrorCode {
        self.net.topics.topics[topic.index].error
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: TopicId) -> &str {
        &self.net.topics.topics[topic.index].name
    }

    /// The offset to be fetched next; `None` while it is being looked up.
    pub fn position(&self, topic: TopicId, partition: u32) -> Option<i64> {
        let position = self.cursors[self.net.topics.reserved(topic.index, partition)].position;
        (position >= 0).then_some(position)
    }

    /// The offset after the last record that readers may see, as of the last fetch.
    pub fn high_watermark(&self, topic: TopicId, partition: u32) -> Option<i64> {
        let mark = self.cursors[self.net.topics.reserved(topic.index, partition)].high_watermark;
        (mark >= 0).then_some(mark)
    }

    /// Whether [`poll_fetched`](Self::poll_fetched) has something to give, as far as can be told without looking at it.
    pub fn has_fetched(&self) -> bool {
        self.fetched.iter().any(Option::is_some)
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.net.closing
    }

    /// Whether [`close`](Self::close) is complete.
    pub fn is_closed(&self) -> bool {
        self.net.is_shut_down()
    }

    // ---- Commands ----

    /// The handle of a topic; its metadata is asked for when it is new.
    ///
    /// # Errors
    /// See [`TopicError`].
    pub fn topic(&mut self, name: Text<'m>) -> Result<TopicId, TopicError> {
        if !is_legal_topic_name(&name) {
            return Err(TopicError::IllegalName);
        }
        if let Some(known) = self.net.topics.find(&name) {
            return Ok(known);
        }
        self.net.want_metadata_now();
        self.net.topics.register(name).map_err(|_| TopicError::NoRoom)
    }

    /// Reads a partition from `start`; also moves one that is being read (a seek).
    ///
    /// # Errors
    /// [`TopicError::NoRoom`] when the lent tables have no room for the partition.
    pub fn assign(
        &mut self,
        now: Instant,
        topic: TopicId,
        partition: u32,
        start: Start,
    ) -> Result<(), TopicError> {
        let index = self.net.topics.reserve(topic.index, partition);
        while index != NIL && self.cursors.len() <= index {
            if self.cursors.push(Cursor::default()).is_err() {
                return Err(TopicError::NoRoom);
            }
        }
        if index == NIL {
            return Err(TopicError::NoRoom);
        }
        self.cursors[index].begin(start);
        self.touch(now, index);
        Ok(())
    }

    /// Stops reading a partition; what was fetched of it is not handed out. A pause ends with it.
    pub fn unassign(&mut self, topic: TopicId, partition: u32) {
        let cursor = &mut self.cursors[self.net.topics.reserved(topic.index, partition)];
        cursor.begin(Start::Latest);
        (cursor.phase, cursor.paused) = (Phase::Off, false);
    }

    /// Hands out nothing more of a partition until [`resume`](Self::resume): what was fetched of it already is fetched
    /// again then. What the application holds is its own.
    pub fn pause(&mut self, topic: TopicId, partition: u32) {
        self.cursors[self.net.topics.reserved(topic.index, partition)].paused = true;
    }

    /// Ends a [`pause`](Self::pause); does nothing where there is none.
    pub fn resume(&mut self, now: Instant, topic: TopicId, partition: u32) {
        let index = self.net.topics.reserved(topic.index, partition);
        if recalled!(B23ResumeDrops) && !self.cursors[index].paused {
            self.cursors[index].outdate();
        }
        self.cursors[index].paused = false;
        self.touch(now, index);
    }

    /// Closes all connections.
    pub fn close(&mut self) {
        self.net.shut_down();
    }

    /// Takes back what was fetched. Records that were not handed out will be fetched again, and a partition with a
    /// batch or record that could not be read waits for a seek.
    pub fn release(&mut self, now: Instant, mut fetched: Fetched<'m>) {
        while let Some(chunk) = fetched.rx.chunks.pop() {
            let cursor = &mut self.cursors[chunk.partition];
            if cursor.version != chunk.version {
                continue;
            }
            if let Some(base) = chunk.corrupt {
                // Whoever read it has seen why.
                cursor.outdate();
                cursor.position = base;
                cursor.phase = Phase::Parked;
            } else if chunk.start < chunk.end {
                cursor.outdate();
                // What came of the fetches after it concerns a position that is no longer its own.
                (cursor.phase, cursor.position, cursor.notice) = (Phase::Reading, chunk.next, None);
                self.touch(now, chunk.partition);
            }
        }
        self.net.feed(fetched.rx);
    }

    // ---- What to do next ----

    /// Records that were fetched, one broker after the other in turn.
    pub fn poll_fetched(&mut self, now: Instant) -> Option<Fetched<'m>> {
        let count = self.fetched.len();
        for step in 0..count {
            let conn = (self.turn + step).checked_rem(count).unwrap_or(0);
            let Some(mut fetched) = self.fetched[conn].take() else { continue };
            self.turn = conn + 1;
            // What was asked for before a seek is not what the application wants now.
            let mut any = false;
            for chunk in fetched.rx.chunks.iter_mut() {
                let cursor = &mut self.cursors[chunk.partition];
                if cursor.version == chunk.version && cursor.paused {
                    // Not while it is paused. Kept, it would keep its connection's other partitions from being fetched.
                    cursor.outdate();
                    (cursor.phase, cursor.position) = (Phase::Reading, chunk.next);
                }
                if cursor.version == chunk.version {
                    cursor.buffered = false;
                    self.touch(now, chunk.partition);
                } else {
                    chunk.start = chunk.end;
                }
                any |= chunk.start < chunk.end;
            }
            if any {
                return Some(fetched);
            }
            self.release(now, fetched);
        }
        None
    }

    /// Whether [`poll_fetched`](Self::poll_fetched) or [`poll_notice`](Self::poll_notice) may have something.
    pub fn has_news(&self) -> bool {
        self.noticed || self.fetched.iter().any(Option::is_some)
    }

    /// Something the application should know about a partition.
    pub fn poll_notice(&mut self) -> Option<(TopicId, i32, Notice)> {
        if !self.noticed {
            return None;
        }
        for index in self.cursors.indices() {
            if let Some(notice) = self.cursors[index].notice.take() {
                let meta = &self.net.topics.partitions[index];
                return Some((self.net.topics.id(meta.topic), meta.number, notice));
            }
        }
        self.noticed = false;
        None
    }

    /// Something about a partition that the application should know.
    fn notice(&mut self, index: u32, notice: Notice) {
        self.cursors[index].notice = Some(notice);
        self.noticed = true;
    }

    /// As [`notice`](Self::notice), for a partition that waits for a seek from now on.
    fn park(&mut self, index: u32, notice: Notice) {
        self.cursors[index].phase = Phase::Parked;
        self.notice(index, notice);
    }

    /// Marks batches stale that belong to partitions which were moved while the application held the guard.
    pub fn revalidate(&self, fetched: &mut Fetched<'m>) {
        for chunk in fetched.rx.chunks.iter_mut() {
            if self.cursors[chunk.partition].version != chunk.version {
                chunk.start = chunk.end;
            }
        }
    }

    fn is_fetched(&self, conn: u32) -> bool {
        self.fetched[conn].is_some()
    }

    fn fetched_conn(&mut self, conn: u32, fetched: Fetched<'m>) {
        while self.fetched.len() <= conn {
            if self.fetched.push(None).is_err() {
                break;
            }
        }
        self.fetched[conn] = Some(fetched);
    }
}
