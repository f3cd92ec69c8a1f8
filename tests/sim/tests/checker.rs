//! The checker is checked: a good history passes, and each hand-made bad one is caught by the rule that is meant to.

use kafka_sim::checker::check;
use kafka_sim::history::History;

/// Two producers and two consumers; nothing is wrong with it. The cases below change a line or two.
const GOOD: &str = "
0.0 p0 is exactly-once=true durable=true timeout=1000000
0.1 p0 send t/0 id=1 digest=a1 op=1
0.1 p0 send t/0 id=2 digest=a2 op=1
0.2 p1 send t/0 id=3 digest=a3 op=2
0.3 p0 send t/0 id=4 digest=a4 op=3
0.4 p0 acked id=1 offset=0
0.4 p0 acked id=2 offset=1
0.5 p1 acked id=3 offset=2
0.6 p0 acked id=4 offset=3
0.6 p0 txn op=1 committed
1.0 c0 event t/0 offset=0
1.1 c0 poll t/0 offset=0 id=1 digest=a1 op=10
1.1 c0 poll t/0 offset=1 id=2 digest=a2 op=10
1.2 c0 poll t/0 offset=2 id=3 digest=a3 op=11
1.2 c0 poll t/0 offset=3 id=4 digest=a4 op=11
1.3 c0 commit t/0 offset=4
1.3 c0 reads-all
1.4 c1 poll t/0 offset=2 id=3 digest=a3 op=12
9.0 -- log t/0 offset=0 id=1 digest=a1 committed
9.0 -- log t/0 offset=1 id=2 digest=a2 committed
9.0 -- log t/0 offset=2 id=3 digest=a3 committed
9.0 -- log t/0 offset=3 id=4 digest=a4 committed
";

/// Replaces lines (by a part of them) in the good history; an empty replacement removes the line.
fn changed(changes: &[(&str, &str)]) -> History {
    changed_from(GOOD, changes)
}

fn changed_from(good: &str, changes: &[(&str, &str)]) -> History {
    let mut text = good.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "no such line: {from}");
        text = text.lines().map(|l| if l.contains(from) { *to } else { l }).collect::<Vec<_>>().join("\n");
    }
    History::parse(&text).expect("a history")
}

#[track_caller]
fn caught(rule: &str, changes: &[(&str, &str)]) {
    let found = check(&changed(changes));
    assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught; found {found:#?}");
}

#[test]
fn a_good_history_passes_and_text_reads_back() {
    let history = changed(&[]);
    assert_eq!(check(&history), []);
    assert_eq!(History::parse(&history.to_text()).expect("a history"), history);
    assert!(History::parse("1.0 p0 sends t/0").is_err());
}

/// The classes of anomalies of Jepsen's Kafka workload, by its names.
#[test]
fn the_thirteen_anomalies_of_jepsen_are_caught() {
    // duplicate
    caught(
        "P1 duplicate",
        &[(
            "log t/0 offset=3",
            "9.0 -- log t/0 offset=3 id=4 digest=a4 committed
        9.0 -- log t/0 offset=4 id=4 digest=a4 committed",
        )],
    );
    // lost-write
    caught("P1 lost-write", &[("log t/0 offset=3", ""), ("c0 poll t/0 offset=3", "")]);
    // inconsistent-offsets
    caught("C2 inconsistent-offsets", &[("c1 poll", "1.4 c1 poll t/0 offset=2 id=4 digest=a4 op=12")]);
    // G1a: an aborted read
    caught("C3 aborted-read", &[("txn op=1", "0.6 p0 txn op=1 aborted")]);
    // precommitted-read
    caught("C3 precommitted-read", &[("txn op=1", "2.0 p0 txn op=1 committed")]);
    // int-nonmonotonic-poll
    let back = "1.1 c0 poll t/0 offset=0 id=1 digest=a1 op=10";
    caught(
        "C1 int-nonmonotonic-poll",
        &[("c0 poll t/0 offset=1", &format!("1.1 c0 poll t/0 offset=1 id=2 digest=a2 op=10\n{back}"))],
    );
    // nonmonotonic-poll
    caught(
        "C1 nonmonotonic-poll",
        &[("c0 poll t/0 offset=2", "1.2 c0 poll t/0 offset=0 id=1 digest=a1 op=11")],
    );
    // int-poll-skip
    caught("C1 int-poll-skip", &[("c0 poll t/0 offset=1", "1.1 c0 poll t/0 offset=2 id=3 digest=a3 op=10")]);
    // poll-skip
    caught("C1 poll-skip", &[("c0 poll t/0 offset=2", "")]);
    // int-nonmonotonic-send: two records of one call change places
    caught(
        "P3 nonmonotonic-send",
        &[
            ("log t/0 offset=0", "9.0 -- log t/0 offset=0 id=2 digest=a2 committed"),
            ("log t/0 offset=1", "9.0 -- log t/0 offset=1 id=1 digest=a1 committed"),
        ],
    );
    // nonmonotonic-send: of two calls
    caught(
        "P3 nonmonotonic-send",
        &[
            ("log t/0 offset=1", "9.0 -- log t/0 offset=1 id=4 digest=a4 committed"),
            ("log t/0 offset=3", "9.0 -- log t/0 offset=3 id=2 digest=a2 committed"),
        ],
    );
    // int-send-skip: a record of a later call stands between those of one call
    caught(
        "P3 nonmonotonic-send",
        &[
            ("log t/0 offset=1", "9.0 -- log t/0 offset=1 id=4 digest=a4 committed"),
            ("log t/0 offset=2", "9.0 -- log t/0 offset=2 id=2 digest=a2 committed"),
            ("log t/0 offset=3", "9.0 -- log t/0 offset=3 id=3 digest=a3 committed"),
        ],
    );
    // unseen
    caught("C1 unseen", &[("c0 poll t/0 offset=3", "")]);
}

/// What Kafka's own VerifiableConsumer does not see.
#[test]
fn the_five_blind_spots_are_seen() {
    // Order: see nonmonotonic-send; here across producers it must not be reported.
    let other_producer = changed(&[
        ("p1 send", "0.05 p1 send t/0 id=3 digest=a3 op=2"),
        ("p1 acked", "0.5 p1 acked id=3 offset=2"),
    ]);
    assert_eq!(check(&other_producer), []);
    // Time travel.
    caught(
        "C2 time-travel",
        &[("p1 send", "3.0 p1 send t/0 id=3 digest=a3 op=2"), ("p1 acked", "3.1 p1 acked id=3 offset=2")],
    );
    // Reads that were never written.
    caught("C2 never-written", &[("c1 poll", "1.4 c1 poll t/0 offset=9 id=99 digest=1 op=12")]);
    // Indecisive errors: "not written" and there all the same; twice after "nobody knows".
    caught("P2 written", &[("p0 acked id=4", "0.6 p0 not-written id=4 TimedOut")]);
    caught(
        "P1 duplicate",
        &[
            ("p0 acked id=4", "0.6 p0 indeterminate id=4 TimedOut"),
            (
                "log t/0 offset=3",
                "9.0 -- log t/0 offset=3 id=4 digest=a4 committed\n9.0 -- log t/0 offset=4 id=4 digest=a4 committed",
            ),
        ],
    );
    // Duplicates across a rebalance: what one member has committed another is given again.
    caught(
        "C4 duplicate-across-rebalance",
        &[("c0 event", "1.0 c0 member g\n1.0 c1 member g\n1.0 c0 event t/0 offset=0")],
    );
}

#[test]
fn the_other_rules_are_kept_too() {
    caught("P1 wrong-offset", &[("p0 acked id=4", "0.6 p0 acked id=4 offset=7")]);
    caught("P1 altered", &[("log t/0 offset=3", "9.0 -- log t/0 offset=3 id=4 digest=ff committed")]);
    caught("P1 never-sent", &[("log t/0 offset=3", "9.0 -- log t/0 offset=3 id=77 digest=ff committed")]);
    caught(
        "P4 resolved-twice",
        &[("p0 acked id=4", "0.6 p0 acked id=4 offset=3\n0.7 p0 indeterminate id=4 TimedOut")],
    );
    caught("P4 late", &[("p0 acked id=4", "1.5 p0 acked id=4 offset=3")]);
    caught("P4 unresolved", &[("p0 acked id=4", "")]);
    caught("P6 misplaced", &[("p0 send t/0 id=4", "0.3 p0 send u/0 id=4 digest=a4 op=3")]);
    caught("C2 altered", &[("c1 poll", "1.4 c1 poll t/0 offset=2 id=3 digest=ff op=12")]);
    caught("C4 committed-ahead", &[("c0 commit", "1.3 c0 commit t/0 offset=5")]);
    // Told where to go on, a jump is no violation; nor is what was lost where loss was announced.
    assert_eq!(
        check(&changed(&[("c0 poll t/0 offset=1", "1.1 c0 event t/0 offset=2"), ("c0 reads-all", ""),])),
        []
    );
    assert_eq!(check(&changed(&[("log t/0 offset=3", "9.0 -- gone t/0 from=3 to=4"),])), []);
    // At least once, in any order, may be lost: what acks=0 without idempotence promises.
    assert_eq!(
        check(&changed(&[
            ("p0 is", "0.0 p0 is exactly-once=false durable=false timeout=1000000"),
            ("log t/0 offset=3", ""),
            ("c0 poll t/0 offset=3", ""),
            ("c0 commit", ""),
        ])),
        []
    );
}

/// Two transactional producers with the same id, the second one the successor of the first; one copies.
const TRANSACTIONS: &str = "
0.0 p0 takes tx timeout=1000000
0.1 p0 owns tx timeout=1000000
0.2 p0 txn op=1 begun
0.2 p0 copies t/0 g op=1 from=0 to=2
0.2 p0 send t/0 id=1 digest=a1 op=1
0.2 p0 send t/1 id=2 digest=a2 op=1
0.3 p0 txn op=1 committing
0.4 p0 acked id=1 offset=0
0.4 p0 acked id=2 offset=0
0.5 p0 txn op=1 committed
0.6 p0 txn op=2 begun
0.6 p0 send t/0 id=3 digest=a3 op=2
0.7 p0 acked id=3 offset=2
0.7 p0 txn op=2 aborting
0.8 p0 txn op=2 aborted
0.9 p0 txn op=3 begun
0.9 p0 copies t/0 g op=3 from=2 to=3
0.9 p0 send t/0 id=4 digest=a4 op=3
0.9 p0 send t/1 id=5 digest=a5 op=3
1.0 p0 acked id=4 offset=4
1.0 p0 acked id=5 offset=2
1.0 p0 txn op=3 committing
1.1 p1 takes tx timeout=1000000
1.2 p0 txn op=3 unknown
1.2 p0 fatal PRODUCER_FENCED
1.3 p1 owns tx timeout=1000000
1.4 p1 txn op=1 begun
1.4 p1 copies t/0 g op=1 from=2 to=4
1.4 p1 send t/0 id=6 digest=a6 op=1
1.5 p1 acked id=6 offset=6
1.5 p1 txn op=1 committing
1.6 p1 txn op=1 committed
2.0 c0 event t/0 offset=0
2.0 c0 event t/1 offset=0
2.1 c0 poll t/0 offset=0 id=1 digest=a1 op=1
2.1 c0 poll t/1 offset=0 id=2 digest=a2 op=1
2.2 c0 poll t/0 offset=6 id=6 digest=a6 op=2
2.3 c0 reads-all
2.4 c1 reads-uncommitted
2.4 c1 poll t/0 offset=2 id=3 digest=a3 op=1
9.0 -- log t/0 offset=0 id=1 digest=a1 committed
9.0 -- log t/0 offset=2 id=3 digest=a3 aborted
9.0 -- log t/0 offset=4 id=4 digest=a4 aborted
9.0 -- log t/0 offset=6 id=6 digest=a6 committed
9.0 -- log t/1 offset=0 id=2 digest=a2 committed
9.0 -- log t/1 offset=2 id=5 digest=a5 aborted
9.0 -- group-offset t/0 g offset=4
";

#[track_caller]
fn caught_in_transactions(rule: &str, changes: &[(&str, &str)]) {
    let history = changed_from(TRANSACTIONS, changes);
    assert_eq!(History::parse(&history.to_text()).expect("a history"), history);
    let found = check(&history);
    assert!(found.iter().any(|v| v.rule == rule), "{rule} is not caught; found {found:#?}");
}

#[test]
fn a_good_history_of_transactions_passes() {
    assert_eq!(check(&changed_from(TRANSACTIONS, &[])), []);
    // Nobody was told how the third ended: it may be there as well, as a whole.
    let committed = changed_from(
        TRANSACTIONS,
        &[
            ("log t/0 offset=4", "9.0 -- log t/0 offset=4 id=4 digest=a4 committed"),
            ("log t/1 offset=2", "9.0 -- log t/1 offset=2 id=5 digest=a5 committed"),
            ("p1 copies", "1.4 p1 copies t/0 g op=1 from=3 to=4"),
            ("c0 reads-all", ""),
            ("c0 poll t/0 offset=6", ""),
        ],
    );
    assert_eq!(check(&committed), []);
}

#[test]
fn what_can_be_wrong_with_transactions_is_caught() {
    // A part of a transaction is there: of one that was committed, and of one of which nobody knows.
    let aborted = "9.0 -- log t/1 offset=0 id=2 digest=a2 aborted";
    caught_in_transactions("C3 torn", &[("log t/1 offset=0", aborted)]);
    caught_in_transactions("C3 torn", &[("log t/1 offset=0", ""), ("c0 poll t/1", "")]);
    let committed = "9.0 -- log t/0 offset=4 id=4 digest=a4 committed";
    caught_in_transactions("C3 torn", &[("log t/0 offset=4", committed)]);
    // One that was aborted is there; and one that nobody asked to commit.
    let visible = "9.0 -- log t/0 offset=2 id=3 digest=a3 committed";
    caught_in_transactions("C3 aborted-visible", &[("log t/0 offset=2", visible)]);
    caught_in_transactions("C3 never-asked", &[("log t/0 offset=2", visible), ("op=2 aborted", "")]);
    // Readers of committed records are given others: aborted, not committed yet, never to be committed.
    let strict = ("c1 reads-uncommitted", "");
    caught_in_transactions("C3 aborted-read", &[strict]);
    caught_in_transactions("C3 aborted-read", &[strict, ("op=2 aborted", "0.8 p0 txn op=2 unknown")]);
    let early = "1.45 c0 poll t/0 offset=6 id=6 digest=a6 op=2";
    caught_in_transactions("C3 precommitted-read", &[("p1 acked", early)]);
    caught_in_transactions("C3 uncommitted-read", &[strict, ("op=2 aborted", ""), ("log t/0 offset=2", "")]);
    // An older producer goes on: it writes, and it commits.
    let late = "1.35 p0 send t/1 id=7 digest=a7 op=4\n1.36 p0 txn op=4 begun\n1.37 p0 txn op=4 committing";
    let found = "9.0 -- log t/1 offset=4 id=7 digest=a7 committed";
    let here = ("group-offset", "9.0 -- group-offset t/0 g offset=4");
    let with_late = |end: &str| format!("1.3 p1 owns tx timeout=1000000\n{late}\n{end}");
    let logged = format!("{}\n{found}", here.1);
    caught_in_transactions("C3 zombie-write", &[("p1 owns", &with_late("")), (here.0, &logged)]);
    let commits = with_late("1.38 p0 acked id=7 offset=4\n1.39 p0 txn op=4 committed");
    caught_in_transactions("C3 zombie-commit", &[("p1 owns", &commits), (here.0, &logged)]);
    // It gives up, and nobody took its place, nor did it take too long.
    caught_in_transactions(
        "P8 false-fatal",
        &[
            ("p0 fatal", ""),
            ("p1 txn op=1 committed", "1.6 p1 txn op=1 unknown\n1.6 p1 fatal PRODUCER_FENCED"),
        ],
    );
    // A late request that began a transaction excuses only before the next one.
    let gives_up = "1.6 p1 txn op=1 unknown\n1.6 p1 fatal PRODUCER_FENCED";
    let (alone, late) = (("p0 fatal", ""), ("p1 owns", "1.3 p1 owns tx timeout=1000000\n1.35 p1 begun-late"));
    caught_in_transactions("P8 false-fatal", &[alone, late, ("p1 txn op=1 committed", gives_up)]);
    let after = ("p1 txn op=1 committing", "1.5 p1 txn op=1 committing\n1.55 p1 begun-late");
    let excused = changed_from(TRANSACTIONS, &[alone, after, ("p1 txn op=1 committed", gives_up)]);
    assert!(check(&excused).iter().all(|v| v.rule != "P8 false-fatal"));
    // What is left open.
    caught_in_transactions("C3 hanging", &[("group-offset", "9.0 -- hanging t/1 offset=2")]);
    // A copy that is there twice, has a hole, or does not end where the group does.
    caught_in_transactions("C7 copied-twice", &[("p1 copies", "1.4 p1 copies t/0 g op=1 from=1 to=4")]);
    caught_in_transactions("C7 not-copied", &[("p1 copies", "1.4 p1 copies t/0 g op=1 from=3 to=4")]);
    caught_in_transactions("C7 group-offset", &[("group-offset", "9.0 -- group-offset t/0 g offset=3")]);
}
