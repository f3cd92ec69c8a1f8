//! Whom to tell of the end of a batch, and how they are told.

use std::sync::Arc;

use kafka_client_core::producer::{self as core, Outcome};

use super::delivery::{BatchState, DeliveryResult, result};
use super::interceptor::Chain;
use super::returned::Returned;
use super::shared::Owner;
use crate::sync::isolated;

/// The one handler of results of records sent with a token.
pub(super) type Handler = Arc<dyn Fn(u64, &DeliveryResult) + Send + Sync>;

/// A closure for the result of one record.
pub(super) type Callback = Box<dyn FnOnce(DeliveryResult) + Send>;

/// A record whose result goes to the handler.
pub(super) struct Tokened {
    pub(super) token: u64,
    pub(super) timestamp: i64,
    pub(super) index: u32,
}

/// Who is told of every record.
#[derive(Default)]
pub(super) struct Hooks {
    pub(super) handler: Option<Handler>,
    pub(super) interceptors: Option<Chain>,
}

/// Whom to tell of the end of a batch.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) state: Option<Owner<BatchState>>,
    pub(super) tokens: Vec<Tokened>,
    /// Boxed, as there are listeners for each slot, and they move with each batch.
    rare: Option<Box<Rare>>,
}

/// What most batches have none of.
#[derive(Default)]
pub(super) struct Rare {
    pub(super) callbacks: Vec<(u32, i64, Callback)>,
    /// Index and timestamp of every record, for the interceptors.
    pub(super) observed: Vec<(u32, i64)>,
    /// What became of parts of the batch, where it was sent in parts.
    parts: Vec<(u32, Outcome)>,
    /// The records of those that are not in the log.
    returned: Vec<Returned>,
}

impl Listeners {
    /// Whether anybody could ask for the records again.
    pub(super) fn anybody(&self) -> bool {
        let rare = self.rare.as_ref().is_some_and(|r| !(r.callbacks.is_empty() && r.observed.is_empty()));
        self.state.as_ref().is_some_and(Owner::is_shared) || !self.tokens.is_empty() || rare
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn hand_back(&mut self, returned: Returned) {
        self.rare().returned.push(returned);
    }

    /// Whether there is something to be used again.
    pub(super) fn has_memory(&self) -> bool {
        self.tokens.capacity() > 0 || self.rare.is_some()
    }
}

/// The listeners of a batch when all of it has ended.
pub(super) fn ended(listeners: &mut Listeners, delivery: &core::Delivery) -> Option<Listeners> {
    if delivery.parts_left > 0 || listeners.rare.as_ref().is_some_and(|rare| !rare.parts.is_empty()) {
        listeners.rare().parts.push((delivery.first, delivery.outcome));
    }
    (delivery.parts_left == 0).then(|| std::mem::take(listeners))
}

/// Tells the listeners of a batch its outcome; returns the number of a thread that slept for it. A callback that panics
/// has had its turn; the thread goes on.
pub(super) fn tell(outcome: Outcome, listeners: &mut Listeners, hooks: &Hooks) -> Option<u64> {
    let mut state = listeners.state.take()?;
    let mut rare = listeners.rare.as_deref_mut();
    let mut in_parts = false;
    if let Some(rare) = &mut rare {
        in_parts = !rare.parts.is_empty();
        if in_parts {
            state.set_parts(std::mem::take(&mut rare.parts));
        }
        if !rare.returned.is_empty() {
            state.set_returned(std::mem::take(&mut rare.returned));
        }
    }
    let waited = state.complete(outcome);
    for (index, timestamp) in rare.iter_mut().flat_map(|rare| rare.observed.drain(..)) {
        if let Some(chain) = &hooks.interceptors {
            chain.on_acknowledgement(&result(state.handle(), index, timestamp));
        }
    }
    if let Some(handler) = hooks.handler.as_ref().filter(|_| !listeners.tokens.is_empty()) {
        let mut all = result(state.handle(), 0, 0);
        for Tokened { token, timestamp, index } in &listeners.tokens {
            match &mut all {
                _ if in_parts => all = result(state.handle(), *index, *timestamp),
                Ok(record) => (record.index, record.timestamp) = (*index, *timestamp),
                Err(error) => error.set_place(*index, *timestamp),
            }
            isolated(|| handler(*token, &all));
        }
    }
    listeners.tokens.clear();
    for (index, timestamp, callback) in rare.iter_mut().flat_map(|rare| rare.callbacks.drain(..)) {
        let one = result(state.handle(), index, timestamp);
        isolated(|| callback(one));
    }
    waited
}
