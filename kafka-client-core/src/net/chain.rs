//! What a request is about: entries that are chained to it, and how its answer names them.

use kafka_proto::Uuid;

use crate::metadata::{HAS_IDS, Topics};
use crate::storage::{NIL, Table};

/// What a request can be about: a partition's cursor, or a batch.
pub(crate) trait Chained {
    /// The next one in the same request.
    fn chain(&mut self) -> &mut u32;

    /// The partition it is about, and the life of its topic when it was asked about; `index` is its own.
    fn asked(&self, index: u32) -> (u32, u8);
}

/// A partition as an answer names it.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    /// Counts where there is no id.
    pub(crate) name: &'a str,
    /// What its topic was asked about by, if not zero.
    pub(crate) id: Uuid,
    pub(crate) number: i32,
}

/// An entry that an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) index: u32,
    /// Its topic was made anew since: what is said of it concerns the one before.
    pub(crate) is_past: bool,
}

/// Takes the entry that `named` means out of a request; `None` when the request is not about it.
pub(crate) fn unchain<T: Chained>(
    entries: &mut Table<'_, T>,
    topics: &Topics<'_>,
    token: &mut u32,
    named: Named<'_>,
) -> Option<Asked> {
    let (mut before, mut index) = (NIL, *token);
    while index != NIL {
        let (partition, life) = entries[index].asked(index);
        let meta = &topics.partitions[partition];
        let topic = &topics.topics[meta.topic];
        let next = *entries[index].chain();
        let same =
            if named.id == Uuid::ZERO { *topic.name == *named.name } else { topic.id_in(life) == named.id };
        if same && meta.number == named.number {
            match before {
                NIL => *token = next,
                _ => *entries[before].chain() = next,
            }
            *entries[index].chain() = NIL;
            return Some(Asked { index, is_past: HAS_IDS && topic.life != life });
        }
        (before, index) = (index, next);
    }
    None
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::metadata::tests::topics;
    use crate::storage::Storage;

    struct Entry {
        partition: u32,
        life: u8,
        chain: u32,
    }

    impl Default for Entry {
        fn default() -> Self {
            Entry { partition: NIL, life: 0, chain: NIL }
        }
    }

    impl Chained for Entry {
        fn chain(&mut self) -> &mut u32 {
            &mut self.chain
        }

        fn asked(&self, _index: u32) -> (u32, u8) {
            (self.partition, self.life)
        }
    }

    const IDS: [Uuid; 3] = [Uuid([1; 16]), Uuid([2; 16]), Uuid([3; 16])];

    fn named(id: Uuid, number: i32) -> Named<'static> {
        Named { name: "", id, number }
    }

    /// A request about two partitions of a topic, which is then made anew so often.
    fn answered(times: usize, name: Named<'_>) -> Option<Asked> {
        let mut topics = topics(IDS[0], 2);
        let mut entries: Table<'_, Entry> = Table::new(Storage::owned());
        for partition in 0..2 {
            let chain = if partition == 0 { 1 } else { NIL };
            assert!(entries.push(Entry { partition, life: topics.topics[0].life, chain }).is_ok());
        }
        for id in IDS.into_iter().skip(1).take(times) {
            topics.renew(0, id);
        }
        unchain(&mut entries, &topics, &mut 0, name)
    }

    #[test]
    fn an_answer_names_a_topic_by_the_id_it_was_asked_about() {
        assert_eq!(answered(0, named(IDS[0], 1)), Some(Asked { index: 1, is_past: false }));
        assert_eq!(answered(1, named(IDS[0], 1)), Some(Asked { index: 1, is_past: true }));
        // The id it has now was not asked about, nor a partition that there is not, nor what is none of ours.
        assert_eq!(answered(1, named(IDS[1], 1)), None);
        assert_eq!(answered(0, named(IDS[0], 2)), None);
        assert_eq!(answered(0, named(IDS[2], 0)), None);
        // Only the id before the last one is remembered.
        assert_eq!(answered(2, named(IDS[0], 1)), None);
        assert_eq!(answered(2, named(IDS[1], 1)), None);
    }

    #[test]
    fn an_answer_without_ids_names_it_by_its_name() {
        assert_eq!(answered(2, Named { name: "t", id: Uuid::ZERO, number: 0 }).map(|a| a.index), Some(0));
        assert_eq!(answered(0, Named { name: "u", id: Uuid::ZERO, number: 0 }), None);
    }
}
