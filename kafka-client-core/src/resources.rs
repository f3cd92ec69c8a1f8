//! The memory of a client: where each table and buffer comes from.
//!
//! On a server [`ProducerMemory::owned`] starts empty and grows with use. On a microcontroller a [`Resources`] lies
//! in a `static` and lends everything; its const parameters are the only place where capacities are types.

use core::mem::ManuallyDrop;

use kafka_proto::record::BATCH_HEADER_LEN;

use heapless::Vec;

use crate::consumer::{Cursor, Fetched};
use crate::metadata::{PartitionMeta, Topic, Topics};
use crate::net::broker::Broker;
use crate::net::connection::Connection;
use crate::net::{NetMemory, Part, RxBuf, TxFrame};
use crate::producer::{Batch, Partition, Rejection, Scratch, StickyEntry, StickyMemory};
use crate::storage::{Mem, Storage};

/// The memory of a producer.
pub struct ProducerMemory<'m> {
    pub(crate) net: NetMemory<'m>,
    pub(crate) batches: Storage<'m, Batch<'m>>,
    pub(crate) partitions: Storage<'m, Partition>,
    pub(crate) sticky: StickyMemory<'m>,
    pub(crate) rejections: Storage<'m, Rejection>,
    pub(crate) scratch: Option<Scratch<'m>>,
    pub(crate) slot_size: usize,
}

#[cfg(feature = "alloc")]
impl ProducerMemory<'_> {
    /// Memory on the heap: tables grow as needed, batches up to `buffer.memory`. `batch_size` is the slots' size,
    /// `compressed` whether a buffer for compression is needed.
    pub fn owned(batch_size: u32, compressed: bool) -> Self {
        // Records may take up to four times `batch.size` where compression makes less of them.
        let slot_size = batch_size as usize * if compressed { 4 } else { 1 };
        ProducerMemory {
            net: NetMemory::owned(),
            batches: Storage::owned(),
            partitions: Storage::owned(),
            sticky: Storage::owned(),
            rejections: Storage::owned(),
            scratch: compressed.then(|| Scratch { mem: Mem::owned(slot_size), work: Default::default() }),
            slot_size,
        }
    }
}

/// The memory of a consumer.
pub struct ConsumerMemory<'m> {
    pub(crate) net: NetMemory<'m>,
    pub(crate) cursors: Storage<'m, Cursor>,
    pub(crate) fetched: Storage<'m, Option<Fetched<'m>>>,
}

#[cfg(feature = "alloc")]
impl ConsumerMemory<'_> {
    /// Memory on the heap: tables and buffers grow as needed.
    pub fn owned() -> Self {
        ConsumerMemory { net: NetMemory::owned(), cursors: Storage::owned(), fetched: Storage::owned() }
    }
}

#[cfg(feature = "alloc")]
impl NetMemory<'_> {
    /// Memory on the heap that grows as needed.
    pub fn owned() -> Self {
        NetMemory {
            brokers: Storage::owned(),
            conns: Storage::owned(),
            rx: Storage::owned(),
            tx: Storage::owned(),
            topics: Topics::new(Storage::owned(), Storage::owned()),
        }
    }
}

/// Everything a producer needs, for a `static`.
///
/// | parameter | what it counts | costs |
/// | --- | --- | --- |
/// | `CONNS` | connections open at a time | `RX` + `HEAD` bytes each |
/// | `BROKERS` | bootstrap addresses and brokers known | an entry each |
/// | `TOPICS` | topics written to | an entry each |
/// | `PARTITIONS` | partitions of these topics together | an entry each |
/// | `SLOTS` | batches that wait or are under way | `BATCH` bytes each |
/// | `BATCH` | bytes of a batch, its 61-byte header included | |
/// | `RX` | the largest response, metadata of the topics included | |
/// | `HEAD` | the largest request without its batches: about 80 bytes and the topics' names | |
pub struct Resources<
    'm,
    const CONNS: usize,
    const BROKERS: usize,
    const TOPICS: usize,
    const PARTITIONS: usize,
    const SLOTS: usize,
    const BATCH: usize,
    const RX: usize,
    const HEAD: usize,
> {
    brokers: List<Broker<'m>, BROKERS>,
    conns: List<Connection<'m>, CONNS>,
    rx_memory: [[u8; RX]; CONNS],
    rx: List<RxBuf<'m>, CONNS>,
    head_memory: [[u8; HEAD]; CONNS],
    parts: [List<Part<'m>, PARTS>; CONNS],
    tx: List<TxFrame<'m>, CONNS>,
    topics: List<Topic<'m>, TOPICS>,
    metadata: List<PartitionMeta, PARTITIONS>,
    partitions: List<Partition, PARTITIONS>,
    sticky: List<StickyEntry, TOPICS>,
    rejections: List<Rejection, REJECTIONS>,
    slots: [[u8; BATCH]; SLOTS],
    batches: List<Batch<'m>, SLOTS>,
}

/// A table to be lent. What it holds is borrowed from the same [`Resources`], which therefore must not have a
/// destructor: it could not live on a stack.
type List<T, const N: usize> = ManuallyDrop<Vec<T, N>>;

/// No entries yet: zeros, for a `static` that takes no room in flash.
const fn empty<T, const N: usize>() -> List<T, N> {
    ManuallyDrop::new(Vec::new())
}

/// Batches in a request of a producer in lent memory.
const PARTS: usize = 4;

/// Records named by brokers as the reason why a batch was refused, of a producer in lent memory: more would mean that
/// something is wrong with all of them, and not with these.
const REJECTIONS: usize = if cfg!(feature = "record-errors") { 4 } else { 0 };

impl<
    'm,
    const CONNS: usize,
    const BROKERS: usize,
    const TOPICS: usize,
    const PARTITIONS: usize,
    const SLOTS: usize,
    const BATCH: usize,
    const RX: usize,
    const HEAD: usize,
> Resources<'m, CONNS, BROKERS, TOPICS, PARTITIONS, SLOTS, BATCH, RX, HEAD>
{
    /// Memory that is not in use yet.
    pub const fn new() -> Self {
        const { assert!(BATCH > BATCH_HEADER_LEN + 8, "a batch must hold its header and a record") };
        const { assert!(CONNS > 0 && BROKERS > 0 && TOPICS > 0 && PARTITIONS > 0 && SLOTS > 0) };
        Resources {
            brokers: empty(),
            conns: empty(),
            rx_memory: [[0; RX]; CONNS],
            rx: empty(),
            head_memory: [[0; HEAD]; CONNS],
            parts: [const { empty() }; CONNS],
            tx: empty(),
            topics: empty(),
            metadata: empty(),
            partitions: empty(),
            sticky: empty(),
            rejections: empty(),
            slots: [[0; BATCH]; SLOTS],
            batches: empty(),
        }
    }

    /// Lends all of it to one producer.
    pub fn lend(&'m mut self) -> ProducerMemory<'m> {
        let mut rx = Storage::lent(&mut *self.rx);
        for memory in &mut self.rx_memory {
            let _ = rx.push(RxBuf::new(Mem::Lent(memory)));
        }
        let mut tx = Storage::lent(&mut *self.tx);
        for (head, parts) in self.head_memory.iter_mut().zip(&mut self.parts) {
            let _ = tx.push(TxFrame::lent(head, &mut **parts));
        }
        let mut batches = Storage::lent(&mut *self.batches);
        for slot in &mut self.slots {
            let _ = batches.push(Batch { mem: Some(Mem::Lent(slot)), ..Batch::default() });
        }
        ProducerMemory {
            net: NetMemory {
                brokers: Storage::lent(&mut *self.brokers),
                conns: Storage::lent(&mut *self.conns),
                rx,
                tx,
                topics: Topics::new(Storage::lent(&mut *self.topics), Storage::lent(&mut *self.metadata)),
            },
            batches,
            partitions: Storage::lent(&mut *self.partitions),
            sticky: Storage::lent(&mut *self.sticky),
            rejections: Storage::lent(&mut *self.rejections),
            scratch: None,
            slot_size: BATCH,
        }
    }
}

impl<
    const CONNS: usize,
    const BROKERS: usize,
    const TOPICS: usize,
    const PARTITIONS: usize,
    const SLOTS: usize,
    const BATCH: usize,
    const RX: usize,
    const HEAD: usize,
> Default for Resources<'_, CONNS, BROKERS, TOPICS, PARTITIONS, SLOTS, BATCH, RX, HEAD>
{
    fn default() -> Self {
        Self::new()
    }
}
