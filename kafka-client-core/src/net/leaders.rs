//! Who leads a partition, as answers tell, and who waits for that broker.

use kafka_proto::{ApiKey, ErrorCode};

use super::refresh::position_of;
use super::{Broker, ConnId, Net};
use crate::list::{Linked, List, delist, enlist};
use crate::metadata::speaks;
use crate::recall::recalled;
use crate::storage::{NIL, Table};

/// Whether answers name leaders for this build.
const HAS_HINTS: bool = speaks(ApiKey::PRODUCE, 10) || speaks(ApiKey::FETCH, 12);

/// What is kept per partition, and waits in lists of the broker that leads it.
pub(crate) trait Follower: Linked {
    /// The kinds of list that a broker has.
    const WAITS: [Self::Wait; 2];

    /// A broker's list of this kind.
    fn list<'b>(broker: &'b mut Broker<'_>, wait: Self::Wait) -> &'b mut List;
}

/// Whether a broker answers so that does not lead the partition, or not since the epoch it was asked with (KIP-320).
pub(crate) fn is_led_by_another(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH)
}

/// A walk over the partitions that have another leader.
pub(crate) struct Moves {
    next: u32,
    /// The broker whose lists were looked through last.
    swept: u32,
}

impl Net<'_> {
    /// What the answer of `conn` about a partition says of its leader: who it is and since when (KIP-951), or only that
    /// it is not the one that was asked. Older than what is known, it says nothing.
    ///
    /// Unless another leader is known by then, there is none: to ask the same broker again before metadata has come only
    /// spends attempts.
    pub(crate) fn hint_leader(&mut self, conn: ConnId, partition: u32, code: ErrorCode, hint: (i32, i32)) {
        let (leader_id, epoch) = hint;
        let leader = if HAS_HINTS { position_of(&self.brokers, leader_id) } else { NIL };
        let known = &mut self.topics.partitions[partition];
        if leader != NIL && epoch > known.epoch {
            (known.leader_id, known.epoch) = (leader_id, epoch);
            self.topics.lead(partition, leader);
        }
        if is_led_by_another(code) {
            let asked = self.conn(conn).map_or(NIL, |entry| entry.broker);
            if self.topics.partitions[partition].leader == asked {
                self.topics.lead(partition, NIL);
            }
        }
    }

    /// A walk over the partitions whose leader changed: over none unless something may have.
    pub(crate) fn moves(&mut self) -> Moves {
        let moved = core::mem::take(&mut self.topics.moved);
        Moves { next: if moved { 0 } else { NIL }, swept: NIL }
    }

    /// The next partition that is led by another broker than at the walk before, or by none. Who waits there was taken
    /// off the lists of the old leader, which perhaps never comes back.
    pub(crate) fn next_moved<T: Follower>(
        &mut self,
        walk: &mut Moves,
        entries: &mut Table<'_, T>,
    ) -> Option<u32> {
        while walk.next < self.topics.partitions.len() {
            let index = walk.next;
            walk.next += 1;
            let meta = &mut self.topics.partitions[index];
            let (leader, old) = (meta.leader, core::mem::replace(&mut meta.followed, meta.leader));
            if leader != old && old != NIL && old != walk.swept {
                let entry = &mut entries[index];
                let listed = T::WAITS.into_iter().any(|wait| entry.link(wait).is_listed());
                if listed && !recalled!(F6WaitForOldLeader) {
                    self.sweep(old, entries);
                    walk.swept = old;
                }
            }
            if leader != old || leader == NIL {
                return Some(index);
            }
        }
        None
    }

    /// Takes those off a broker's lists that it no longer leads.
    fn sweep<T: Follower>(&mut self, broker: u32, entries: &mut Table<'_, T>) {
        for wait in T::WAITS {
            let mut list = core::mem::take(T::list(&mut self.brokers[broker], wait));
            while let Some(index) = delist(entries, &mut list, wait) {
                if self.topics.partitions[index].leader == broker {
                    enlist(entries, T::list(&mut self.brokers[broker], wait), wait, index);
                }
            }
        }
    }
}
