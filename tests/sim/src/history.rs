//! The history of a run: what the applications asked for and were told, and what is in the logs afterwards. The one
//! thing the checker reads; the simulation writes it, and so can a test against a real cluster, as lines of text.
//!
//! ```text
//! 0.000000 p0 is exactly-once=true durable=true timeout=30000000
//! 0.000000 c1 reads-all
//! 0.000000 c2 member group-a
//! 1.204511 p0 send t/3 id=17 digest=9f3c1a00e2b4d811 op=4
//! 1.310002 p0 acked id=17 offset=12
//! 1.310002 p0 not-written id=18 TimedOut
//! 1.310002 p0 indeterminate id=19 TimedOut
//! 1.400000 c1 poll t/3 offset=12 id=17 digest=9f3c1a00e2b4d811 op=9
//! 1.400000 c1 event t/3 offset=20
//! 1.500000 c1 commit t/3 offset=13
//! 1.600000 p2 takes tx-0 timeout=10000000
//! 1.610000 p2 owns tx-0 timeout=10000000
//! 1.620000 p2 txn op=1 begun
//! 1.630000 p2 copies t/0 group-b op=1 from=4 to=9
//! 1.640000 p2 txn op=1 committing
//! 1.650000 p2 txn op=1 committed
//! 2.000000 -- group-offset t/0 group-b offset=9
//! 2.000000 -- hanging t/2 offset=7
//! 2.000000 -- log t/3 offset=12 id=17 digest=9f3c1a00e2b4d811 committed
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A topic and a partition of it.
pub type Place = (u16, i32);

/// Something in a history. The fields are those of its line of text.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// What a producer promises: no duplicates and no reordering; that what it acknowledges stays; how soon it
    /// resolves a record. Without this line all of it, and no limit of time.
    Is { exactly_once: bool, durable: bool, timeout_us: u64 },
    /// A consumer belongs to a group.
    Member { group: u16 },
    /// What a transactional producer asked for to begin may still arrive, and fence whoever has its id by then.
    InitUnheard,
    /// A request of a transactional producer arrived after its connection was closed, and began a transaction.
    BegunLate,
    /// A consumer had the time to read everything from where it began.
    ReadsAll,
    /// A record was accepted by a producer. Ids are unique within the history.
    Send { place: Place, id: u64, digest: u64, op: u64 },
    /// It was acknowledged; the offset is unknown with acks=0 and for some duplicates.
    Acked { id: u64, offset: Option<i64> },
    /// It is not in the log and never will be.
    NotWritten { id: u64, why: String },
    /// Nobody knows.
    Indeterminate { id: u64, why: String },
    /// A consumer was given a record. `op` is the call that gave it.
    Poll { place: Place, offset: i64, id: u64, digest: u64, op: u64 },
    /// A consumer's position moves for a reason it was told (assignment, seek, reset, truncation): it goes on here.
    Event { place: Place, offset: i64 },
    /// A consumer committed: it has processed everything before this offset.
    Commit { place: Place, offset: i64 },
    /// A consumer is given records of open and aborted transactions too.
    ReadsUncommitted,
    /// A producer takes a transactional id: from its first `owned: false` on older ones with the same id may be
    /// refused, from `owned: true` on they are. The limit of a transaction's time in microseconds.
    Takes { id: u16, owned: bool, timeout_us: u64 },
    /// A producer began transaction `op`.
    TxnBegin { op: u64 },
    /// It asked for transaction `op` to be committed, or aborted.
    TxnAsk { op: u64, commit: bool },
    /// A producer's transaction `op` ended, as it was told; `None`: it was not told.
    TxnEnd { op: u64, committed: Option<bool> },
    /// A producer was told that it can do nothing more.
    Fatal { why: String },
    /// In transaction `op` the input of a group was copied: offsets `from..to`.
    Copies { op: u64, group: u16, place: Place, from: i64, to: i64 },
    /// What the group has committed at the end.
    GroupOffset { group: u16, place: Place, offset: i64 },
    /// A transaction is still open at the end, from this offset on.
    Hanging { place: Place, offset: i64 },
    /// Records before `offset` were removed, or records were lost by an unclean election: nothing is expected there.
    Gone { place: Place, from: i64, to: i64 },
    /// What the log holds at the end.
    Log { place: Place, offset: i64, id: u64, digest: u64, committed: bool },
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Microseconds.
    pub at: u64,
    /// `p0`, `c1`, or `--` for the observer.
    pub who: u16,
    /// What happened.
    pub what: What,
}

/// A history. Names are interned: `who` and topics are indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Names of participants.
    pub who: Vec<String>,
    /// Names of topics.
    pub topics: Vec<String>,
    /// In order of time.
    pub entries: Vec<Entry>,
}

fn intern(names: &mut Vec<String>, name: &str) -> u16 {
    let found = names.iter().position(|n| n == name);
    found.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    }) as u16
}

impl History {
    /// The number of a participant.
    pub fn participant(&mut self, name: &str) -> u16 {
        intern(&mut self.who, name)
    }

    /// The number of a topic.
    pub fn topic(&mut self, name: &str) -> u16 {
        intern(&mut self.topics, name)
    }

    /// Adds an entry.
    pub fn push(&mut self, at: u64, who: u16, what: What) {
        self.entries.push(Entry { at, who, what });
    }

    /// As lines of text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let who = &self.who[usize::from(entry.who)];
            let _ = write!(text, "{}.{:06} {who} ", entry.at / 1_000_000, entry.at % 1_000_000);
            self.write(&mut text, &entry.what);
            text.push('\n');
        }
        text
    }

    fn write(&self, text: &mut String, what: &What) {
        let name = |place: &Place| format!("{}/{}", self.topics[usize::from(place.0)], place.1);
        let _ = match what {
            What::Is { exactly_once, durable, timeout_us } => {
                write!(text, "is exactly-once={exactly_once} durable={durable} timeout={timeout_us}")
            }
            What::Member { group } => write!(text, "member {}", self.who[usize::from(*group)]),
            What::ReadsAll => write!(text, "reads-all"),
            What::InitUnheard => write!(text, "init-unheard"),
            What::BegunLate => write!(text, "begun-late"),
            What::Send { place, id, digest, op } => {
                write!(text, "send {} id={id} digest={digest:x} op={op}", name(place))
            }
            What::Acked { id, offset: Some(offset) } => write!(text, "acked id={id} offset={offset}"),
            What::Acked { id, offset: None } => write!(text, "acked id={id}"),
            What::NotWritten { id, why } => write!(text, "not-written id={id} {why}"),
            What::Indeterminate { id, why } => write!(text, "indeterminate id={id} {why}"),
            What::Poll { place, offset, id, digest, op } => {
                write!(text, "poll {} offset={offset} id={id} digest={digest:x} op={op}", name(place))
            }
            What::Event { place, offset } => write!(text, "event {} offset={offset}", name(place)),
            What::Commit { place, offset } => write!(text, "commit {} offset={offset}", name(place)),
            What::ReadsUncommitted => write!(text, "reads-uncommitted"),
            What::Takes { id, owned, timeout_us } => {
                let id = &self.who[usize::from(*id)];
                write!(text, "{} {id} timeout={timeout_us}", if *owned { "owns" } else { "takes" })
            }
            What::TxnBegin { op } => write!(text, "txn op={op} begun"),
            What::TxnAsk { op, commit } => {
                write!(text, "txn op={op} {}", if *commit { "committing" } else { "aborting" })
            }
            What::Fatal { why } => write!(text, "fatal {why}"),
            What::Copies { op, group, place, from, to } => {
                let group = &self.who[usize::from(*group)];
                write!(text, "copies {} {group} op={op} from={from} to={to}", name(place))
            }
            What::GroupOffset { group, place, offset } => {
                write!(text, "group-offset {} {} offset={offset}", name(place), self.who[usize::from(*group)])
            }
            What::Hanging { place, offset } => write!(text, "hanging {} offset={offset}", name(place)),
            What::TxnEnd { op, committed } => {
                let outcome = committed.map_or("unknown", |c| if c { "committed" } else { "aborted" });
                write!(text, "txn op={op} {outcome}")
            }
            What::Gone { place, from, to } => write!(text, "gone {} from={from} to={to}", name(place)),
            What::Log { place, offset, id, digest, committed } => {
                let state = if *committed { "committed" } else { "aborted" };
                write!(text, "log {} offset={offset} id={id} digest={digest:x} {state}", name(place))
            }
        };
    }

    /// From lines of text; a line that makes no sense is the error. Empty lines and those that begin with `#` are
    /// passed over.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut history = History::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            history.parse_line(line).ok_or_else(|| format!("not a line of a history: {line}"))?;
        }
        Ok(history)
    }

    fn parse_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_whitespace();
        let (seconds, micros) = words.next()?.split_once('.')?;
        let at = seconds.parse::<u64>().ok()? * 1_000_000 + format!("{micros:0<6}").parse::<u64>().ok()?;
        let who = self.participant(words.next()?);
        let verb = words.next()?;
        let rest: Vec<&str> = words.collect();
        let fields: BTreeMap<&str, &str> = rest.iter().filter_map(|w| w.split_once('=')).collect();
        let plain: Vec<&str> = rest.iter().copied().filter(|w| !w.contains('=')).collect();
        let number = |name: &str| fields.get(name)?.parse::<u64>().ok();
        let offset = |name: &str| fields.get(name)?.parse::<i64>().ok();
        let digest = || u64::from_str_radix(fields.get("digest")?, 16).ok();
        let place = plain.first().and_then(|word| {
            let (topic, partition) = word.rsplit_once('/')?;
            Some((self.topic(topic), partition.parse::<i32>().ok()?))
        });
        let why = || plain.join(" ");
        let op = number("op").unwrap_or(0);
        let flag = |name: &str| fields.get(name)?.parse::<bool>().ok();
        let what = match verb {
            "is" => What::Is {
                exactly_once: flag("exactly-once")?,
                durable: flag("durable")?,
                timeout_us: number("timeout")?,
            },
            "member" => What::Member { group: self.participant(plain.first()?) },
            "reads-all" => What::ReadsAll,
            "init-unheard" => What::InitUnheard,
            "begun-late" => What::BegunLate,
            "send" => What::Send { place: place?, id: number("id")?, digest: digest()?, op },
            "acked" => What::Acked { id: number("id")?, offset: offset("offset") },
            "not-written" => What::NotWritten { id: number("id")?, why: why() },
            "indeterminate" => What::Indeterminate { id: number("id")?, why: why() },
            "poll" => What::Poll {
                place: place?,
                offset: offset("offset")?,
                id: number("id")?,
                digest: digest()?,
                op,
            },
            "event" => What::Event { place: place?, offset: offset("offset")? },
            "commit" => What::Commit { place: place?, offset: offset("offset")? },
            "gone" => What::Gone { place: place?, from: offset("from")?, to: offset("to")? },
            "log" => {
                let committed = *plain.get(1)? == "committed";
                let (offset, id) = (offset("offset")?, number("id")?);
                What::Log { place: place?, offset, id, digest: digest()?, committed }
            }
            _ => self.parse_transaction(verb, place, &plain, &fields)?,
        };
        self.push(at, who, what);
        Some(())
    }

    /// What is about transactions.
    fn parse_transaction(
        &mut self,
        verb: &str,
        place: Option<Place>,
        plain: &[&str],
        fields: &BTreeMap<&str, &str>,
    ) -> Option<What> {
        let number = |name: &str| fields.get(name)?.parse::<u64>().ok();
        let offset = |name: &str| fields.get(name)?.parse::<i64>().ok();
        let op = number("op").unwrap_or(0);
        Some(match verb {
            "txn" => match *plain.first()? {
                "begun" => What::TxnBegin { op },
                "committing" => What::TxnAsk { op, commit: true },
                "aborting" => What::TxnAsk { op, commit: false },
                "committed" => What::TxnEnd { op, committed: Some(true) },
                "aborted" => What::TxnEnd { op, committed: Some(false) },
                "unknown" => What::TxnEnd { op, committed: None },
                _ => return None,
            },
            "reads-uncommitted" => What::ReadsUncommitted,
            "takes" | "owns" => What::Takes {
                id: self.participant(plain.first()?),
                owned: verb == "owns",
                timeout_us: number("timeout")?,
            },
            "fatal" => What::Fatal { why: plain.join(" ") },
            "copies" => What::Copies {
                op,
                group: self.participant(plain.get(1)?),
                place: place?,
                from: offset("from")?,
                to: offset("to")?,
            },
            "group-offset" => What::GroupOffset {
                group: self.participant(plain.get(1)?),
                place: place?,
                offset: offset("offset")?,
            },
            "hanging" => What::Hanging { place: place?, offset: offset("offset")? },
            _ => return None,
        })
    }
}
