//! Bugs that other clients had, or this one, made again on purpose: to see that the simulation finds them.
//!
//! The one list of them. Each site in the code asks `recalled!(Name)`, which is `false` without the feature `recall`,
//! so that no other build holds any of this.

/// Whether a bug is to be made at this place.
macro_rules! recalled {
    ($bug:ident) => {{
        #[cfg(feature = "recall")]
        let on = $crate::recall::is_on($crate::recall::Bug::$bug);
        #[cfg(not(feature = "recall"))]
        let on = false;
        on
    }};
}

pub(crate) use recalled;

#[cfg(feature = "recall")]
mod bugs {
    use core::sync::atomic::{AtomicU64, Ordering};

    /// A bug, or a condition under which one shows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[repr(u8)]
    pub enum Bug {
        /// Metadata briefly says that the topic is unknown, and its partitions' sequences begin again (librdkafka).
        B1ForgetOnUnknownTopic,
        /// After "out of order" within a transaction the producer is initialized anew, and the transaction goes on.
        B2InitWithinTransaction,
        /// The sequence of a batch that was given up is used again for another (franz-go #1217).
        B3ReuseSequence,
        /// Metadata without an error and without a partition is taken for a topic without partitions.
        B4NoPartitionIsOk,
        /// The slot of a batch in flight is used again when its time is over (KAFKA-19012).
        B5FreeInFlight,
        /// After a lost connection the batch gets a new sequence.
        B6NewSequenceAfterLoss,
        /// A partition that was idle goes on with its sequence under a new epoch (KAFKA-12152).
        B7KeepSequenceUnderNewEpoch,
        /// Batches of two epochs are under way at a time (KAFKA-13794).
        B8MixEpochs,
        /// Sequences become negative after 2147483647.
        B9SequenceOverflows,
        /// The epoch stays at 32767.
        B10EpochStays,
        /// Two batches are under way before the broker knows the producer, and the first fails.
        B11OvertakeUnknown,
        /// "Out of order" for a batch that may be in the log: sent again as if it were not.
        B12ResendMaybeWritten,
        /// A batch has other bytes when it is sent again.
        B13OtherBytes,
        /// The rest of a frame is left out when the socket took a part of it.
        B14HalfAFrame,
        /// The id of a topic that was made anew is not taken over.
        B15OldTopicId,
        /// After an end that was not answered the next transaction has the same epoch.
        B16SameEpochAfterUnknownEnd,
        /// Offsets that were committed in a transaction that has not ended are not waited for (KIP-447).
        B17UnstableOffsets,
        /// The epoch that comes with the end of a transaction is not taken over (KIP-890).
        B18EpochOfTheLastTransaction,
        /// An abort marker hides what follows, also where nothing was aborted.
        B19MarkerHides,
        /// The list of aborted transactions is taken to be sorted by their first offsets.
        B20ListIsSorted,
        /// An abort marker ends all aborted transactions of its producer, also those that follow.
        B21OneMarkerEndsAll,
        /// What was fetched of a partition that is not paused is dropped when it is resumed.
        B23ResumeDrops,
        /// A disconnect while offsets are looked up makes the position the beginning.
        B24ResetOnDisconnect,
        /// An offset that was looked up before a seek replaces it.
        B28LookupWins,
        /// Records before the position are handed out: the broker sends whole batches.
        B31WholeBatch,
        /// Records of two brokers are handed out in any order.
        F1OrderAcrossBrokers,
        /// "Not the leader" is taken for "not in the log".
        F2NotLeaderIsDefinite,
        /// A write that makes no progress is waited for, for ever.
        F3EndlessWrite,
        /// Connections are opened after close.
        F4OpenAfterClose,
        /// A poll time in the past while a connection was muted.
        F5MutedForEver,
        /// A partition waits for the broker that led it, also when that never comes back.
        F6WaitForOldLeader,
        /// Who coordinates is not asked again when the coordinator is gone.
        F7CoordinatorStays,
        /// What was to begin a transaction is taken to have begun it.
        F8BegunWhenAsked,
        /// Offsets of an aborted transaction are committed with the next one.
        F9OffsetsAfterAbort,
        /// A producer that cannot say who it is takes the place of its successor.
        F10ZombieRenews,
        /// A wake-up in the past while the coordinator's connection is being opened.
        F11HotWait,
        /// Not a bug: the first sequence is close to the last one.
        NearLastSequence,
        /// Not a bug: the first epoch is close to the last one.
        NearLastEpoch,
    }

    static ON: AtomicU64 = AtomicU64::new(0);

    /// Makes these bugs, and no others, for the whole process.
    pub fn set(bugs: &[Bug]) {
        ON.store(bugs.iter().fold(0, |set, bug| set | 1 << (*bug as u8)), Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn is_on(bug: Bug) -> bool {
        ON.load(Ordering::Relaxed) & (1u64 << bug as u8) != 0
    }
}

#[cfg(feature = "recall")]
pub(crate) use bugs::is_on;
#[cfg(feature = "recall")]
pub use bugs::{Bug, set};
