//! Transactions, blocking and awaited.

use std::future::Future;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use kafka_client_core::producer::{GroupMetadata, TransactionState};
use kafka_client_core::storage::Text;
use kafka_proto::ErrorCode;

use super::state::State;
use super::{Producer, host_port};
use crate::clock::tick;
use crate::error::{TransactionError, Unavailable};
use crate::io::Waiter;
use crate::sync::wait_until;

/// The group whose offsets become part of a transaction, and the member that read them (KIP-447).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// `group.id`.
    pub group_id: String,
    /// The member's generation; `None` for a consumer that assigns its partitions itself.
    pub member: Option<Member>,
}

/// A member of a group, as its coordinator knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The generation, or the epoch of KIP-848.
    pub generation: i32,
    /// The id that the coordinator gave it.
    pub id: String,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
}

impl ConsumerGroup {
    /// A group by its id, for a consumer that assigns its partitions itself.
    pub fn new(group_id: &str) -> ConsumerGroup {
        ConsumerGroup { group_id: group_id.to_owned(), member: None }
    }

    fn to_core(&self) -> GroupMetadata<'static> {
        let group_id = Text::from(self.group_id.clone());
        match &self.member {
            None => GroupMetadata { group_id, generation: -1, ..GroupMetadata::default() },
            Some(member) => GroupMetadata {
                group_id,
                generation: member.generation,
                member_id: member.id.clone().into(),
                instance_id: member.instance_id.clone().map(Text::from),
            },
        }
    }
}

/// A state in which a call that waits may end. Where the next transaction is open already, what was waited for has
/// happened.
fn is_settled(state: TransactionState) -> bool {
    use TransactionState::{AbortOnly, Failed, Open, Ready};
    matches!(state, Ready | Open | AbortOnly(_) | Failed(_))
}

impl Producer {
    /// Makes this the only producer with its `transactional.id`: older ones are fenced, and what they left open is
    /// aborted. To be called once, before the first transaction. Waits up to `max.block.ms`.
    ///
    /// # Errors
    /// [`TransactionError::Unavailable`] when no coordinator answered in time: call it again.
    /// [`TransactionError::Failed`] when it will not have this producer; [`TransactionError::WrongState`] the second time,
    /// and without a `transactional.id`; [`TransactionError::Closed`].
    pub fn init_transactions(&self) -> Result<(), TransactionError> {
        self.start_init()?;
        self.wait_settled("the transaction coordinator")
    }

    /// As [`init_transactions`](Self::init_transactions), for tasks. It begins with the call, not with the first poll, and goes
    /// on when the future is dropped.
    ///
    /// # Errors
    /// As [`init_transactions`](Self::init_transactions).
    pub fn init_transactions_async(&self) -> impl Future<Output = Result<(), TransactionError>> + '_ {
        self.settled(self.start_init(), "the transaction coordinator")
    }

    /// Begins a transaction: what is sent from here on is part of it.
    ///
    /// # Errors
    /// [`TransactionError::WrongState`] when one is open, or before `init_transactions`; [`TransactionError::MustAbort`] when
    /// the one before has to be aborted first; [`TransactionError::Failed`]; [`TransactionError::Closed`].
    pub fn begin_transaction(&self) -> Result<(), TransactionError> {
        self.with_core(|state, _| state.core.begin_transaction())
    }

    /// Makes the offsets of a group part of the transaction: where the group goes on, per topic and partition, once it
    /// is committed. All offsets of a transaction belong to one group.
    ///
    /// # Errors
    /// [`TransactionError::WrongState`] when no transaction is open; [`TransactionError::MustAbort`];
    /// [`TransactionError::NoGroup`], [`TransactionError::Topic`], [`TransactionError::BadOffset`]. None of the offsets was
    /// taken then.
    pub fn send_offsets(
        &self,
        group: &ConsumerGroup,
        offsets: &[(&str, i32, i64)],
    ) -> Result<(), TransactionError> {
        if group.group_id.is_empty() {
            return Err(TransactionError::NoGroup);
        }
        let wrong = |(_, partition, offset): &&(&str, i32, i64)| *partition < 0 || *offset < 0;
        if let Some((topic, partition, offset)) = offsets.iter().find(wrong) {
            let (topic, partition, offset) = ((*topic).to_owned(), *partition, *offset);
            return Err(TransactionError::BadOffset { topic, partition, offset });
        }
        let group = group.to_core();
        let topics: Vec<_> = offsets
            .iter()
            .map(|(topic, ..)| self.topic(topic).map_err(TransactionError::Topic))
            .collect::<Result<_, _>>()?;
        self.with_core(|state, _| {
            topics.iter().zip(offsets).try_for_each(|(topic, (_, partition, offset))| {
                state.core.send_offset(&group, topic.id, *partition, *offset)
            })
        })
    }

    /// Commits the transaction: all its records and offsets become visible, together. Waits until the coordinator says
    /// so, up to `max.block.ms`.
    ///
    /// # Errors
    /// [`TransactionError::MustAbort`] when a record or an offset could not be written: nothing was committed, and
    /// [`abort_transaction`](Self::abort_transaction) is to be called. [`TransactionError::Unavailable`] when the
    /// coordinator did not answer in time: whether it is committed is not known; call it again to go on waiting.
    /// [`TransactionError::Failed`] when another producer has this one's `transactional.id`. In a callback of this producer
    /// it does not wait, which is `Unavailable` too.
    pub fn commit_transaction(&self) -> Result<(), TransactionError> {
        self.start_commit()?;
        self.wait_settled("the end of the transaction")
    }

    /// As [`commit_transaction`](Self::commit_transaction), for tasks. It begins with the call, not with the first poll, and
    /// goes on when the future is dropped.
    ///
    /// # Errors
    /// As [`commit_transaction`](Self::commit_transaction).
    pub fn commit_transaction_async(&self) -> impl Future<Output = Result<(), TransactionError>> + '_ {
        self.settled(self.start_commit(), "the end of the transaction")
    }

    /// Aborts the transaction: no `read_committed` consumer will see anything of it. Waits as
    /// [`commit_transaction`](Self::commit_transaction).
    ///
    /// # Errors
    /// As [`commit_transaction`](Self::commit_transaction), except that there is nothing left to abort.
    pub fn abort_transaction(&self) -> Result<(), TransactionError> {
        self.start_abort()?;
        self.wait_settled("the end of the transaction")
    }

    /// As [`abort_transaction`](Self::abort_transaction), for tasks. It begins with the call, not with the first poll, and
    /// goes on when the future is dropped.
    ///
    /// # Errors
    /// As [`abort_transaction`](Self::abort_transaction).
    pub fn abort_transaction_async(&self) -> impl Future<Output = Result<(), TransactionError>> + '_ {
        self.settled(self.start_abort(), "the end of the transaction")
    }

    fn start_init(&self) -> Result<(), TransactionError> {
        self.with_core(|state, _| match state.core.transaction() {
            // Waited for in vain before: it goes on.
            TransactionState::Initializing => Ok(()),
            _ => state.core.init_transactions(),
        })
    }

    fn start_commit(&self) -> Result<(), TransactionError> {
        self.with_core(|state, now| match state.core.transaction() {
            TransactionState::Committing => Ok(()),
            _ => state.core.commit_transaction(now),
        })
    }

    fn start_abort(&self) -> Result<(), TransactionError> {
        self.with_core(|state, now| match state.core.transaction() {
            TransactionState::Aborting => Ok(()),
            _ => state.core.abort_transaction(now),
        })
    }

    /// Calls the core, and wakes the thread: there is something to ask the coordinator.
    fn with_core(
        &self,
        call: impl FnOnce(
            &mut State,
            kafka_client_core::time::Instant,
        ) -> Result<(), kafka_client_core::producer::TransactionError>,
    ) -> Result<(), TransactionError> {
        let shared = &*self.handle.shared;
        let mut state = shared.lock();
        if state.dead {
            return Err(TransactionError::Closed);
        }
        let now = shared.clock.now();
        call(&mut state, now).map_err(|error| match error {
            kafka_client_core::producer::TransactionError::WrongState(TransactionState::AbortOnly(code)) => {
                TransactionError::MustAbort(code)
            }
            kafka_client_core::producer::TransactionError::WrongState(TransactionState::Failed(code)) => {
                TransactionError::Failed(code)
            }
            error => TransactionError::WrongState(error.to_string()),
        })?;
        if state.wake() {
            drop(state);
            shared.wake();
        }
        Ok(())
    }

    fn wait_settled(&self, what: &str) -> Result<(), TransactionError> {
        let begin = StdInstant::now();
        let deadline = begin.checked_add(self.handle.max_block);
        let mut state = self.handle.shared.lock();
        loop {
            if let Some(result) = self.settlement(&state, what, begin) {
                return result;
            }
            if self.handle.shared.is_calling() {
                return Err(self.unsettled(&state, what, begin.elapsed()));
            }
            state.blocked += 1;
            state = wait_until(&self.handle.room, state, deadline);
            state.blocked -= 1;
        }
    }

    async fn settled(&self, begun: Result<(), TransactionError>, what: &str) -> Result<(), TransactionError> {
        begun?;
        let begin = StdInstant::now();
        let mut waiter = Waiter::new(&self.handle.shared);
        std::future::poll_fn(|cx: &mut Context<'_>| {
            let shared = &*self.handle.shared;
            let mut state = shared.lock();
            if let Some(result) = self.settlement(&state, what, begin) {
                return Poll::Ready(result);
            }
            let (now, _) = state.ticks.at(tick(), &shared.clock);
            let left = self.handle.max_block.saturating_sub(begin.elapsed());
            let left = u64::try_from(left.as_micros()).unwrap_or(u64::MAX);
            let deadline = now + kafka_client_core::time::Duration(left);
            let replaced = state.await_room(&mut waiter.seat, cx.waker(), deadline);
            // Its deadline may be earlier than what the thread sleeps for.
            let wake = state.wake();
            drop(state);
            drop(replaced);
            if wake {
                shared.wake();
            }
            Poll::Pending
        })
        .await
    }

    /// How the call ends, if it does.
    fn settlement(
        &self,
        state: &State,
        what: &str,
        begin: StdInstant,
    ) -> Option<Result<(), TransactionError>> {
        let waited = begin.elapsed();
        match state.core.transaction() {
            TransactionState::AbortOnly(code) => Some(Err(TransactionError::MustAbort(code))),
            TransactionState::Failed(code) => Some(Err(TransactionError::Failed(code))),
            settled if is_settled(settled) => Some(Ok(())),
            _ if state.dead => Some(Err(TransactionError::Closed)),
            _ if waited >= self.handle.max_block => Some(Err(self.unsettled(state, what, waited))),
            _ => None,
        }
    }

    fn unsettled(&self, state: &State, what: &str, waited: Duration) -> TransactionError {
        let at = |host: kafka_client_core::net::Host<'_>| host_port(host.name, host.port);
        let brokers = state.core.troubles().map(|(host, why)| (at(host), Some(why))).collect();
        let answer = Some(state.core.transaction_trouble()).filter(|code| *code != ErrorCode::NONE);
        TransactionError::Unavailable(Unavailable { what: what.to_owned(), waited, brokers, answer })
    }
}
