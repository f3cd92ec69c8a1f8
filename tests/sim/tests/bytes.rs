//! One byte at a time: a session of everything a client says and hears is cut at each byte, in both directions, in
//! each way a connection can end. It always recovers, loses nothing, and writes nothing twice.

use kafka_client_core::config::{ClientConfig, ConsumerConfig};
use kafka_client_core::resources::ConsumerMemory;
use kafka_client_core::time::Duration;
use kafka_sim::checker::check;
use kafka_sim::pipe::{Cut, Cuts};
use kafka_sim::scenario::*;
use kafka_sim::world::World;

const CUTS: [Cut; 4] = [Cut::Reset, Cut::Fin, Cut::Silence, Cut::Pause(1_500_000)];

fn client() -> ClientConfig<'static> {
    ClientConfig { request_timeout: Duration::from_millis(400), ..quick_client() }
}

/// Versions, metadata, producer id, three batches and a second topic's metadata on one connection.
fn produce(kind: Memory, cut: Cuts) -> (World<'static>, usize) {
    let mut world = World::new(cluster(1, 2), 3, false);
    world.next_cut = cut;
    let config = quick_producer();
    let p = world.add_producer(client(), config, memory(kind, &config), &["t"]);
    let mut ids = world.send(p, Some(0), 2);
    world.run_ms(20);
    ids.extend(world.send(p, Some(1), 1));
    world.run_ms(20);
    ids.extend(world.send(p, Some(0), 1));
    world.settle(p, 5_900);
    assert!(world.all_acked(p, &ids), "{kind:?} {cut:?}");
    (world, p)
}

/// Versions, metadata, offsets and three fetches: two connections, of which one is cut.
fn consume(which: u32, cut: Cuts) -> World<'static> {
    let mut world = World::new(cluster(1, 1), 3, false);
    let config = quick_producer();
    let p = world.add_producer(client(), config, memory(Memory::Owned, &config), &["t"]);
    world.send(p, Some(0), 3);
    world.settle(p, 1_000);
    if which == 0 {
        world.next_cut = cut;
    } else {
        world.cut_after_next = cut;
    }
    let fetch = ConsumerConfig { fetch_max_wait: Duration::from_millis(50), ..ConsumerConfig::DEFAULT };
    let c = world.add_consumer(client(), fetch, ConsumerMemory::owned(), &[("t", 1)]);
    world.run_ms(30);
    world.send(p, Some(0), 2);
    let all = world.run_while(20_000, |w| w.history_polls() < 5);
    assert!(all, "{which} {cut:?}: {} records", world.consumer(c).records);
    world
}

fn sound(mut world: World<'_>, what: &str) {
    world.assert_sound();
    world.read_logs();
    assert_eq!(check(&world.history), [], "{what}");
}

/// Every byte where `SIM_EVERY_BYTE` is set, as `cargo xtask sim` does; else one in eleven, of each kind another.
fn step() -> usize {
    if std::env::var_os("SIM_EVERY_BYTE").is_some() { 1 } else { 11 }
}

fn each_cut(up: u64, down: u64, mut run: impl FnMut(Cuts)) -> u64 {
    let mut runs = 0;
    for (first, cut) in CUTS.into_iter().enumerate() {
        for at in (first as u64 % step() as u64..up).step_by(step()) {
            run((Some((at, cut)), None));
        }
        for at in (first as u64 % step() as u64..down).step_by(step()) {
            run((None, Some((at, cut))));
        }
        runs += up + down;
    }
    runs
}

#[test]
fn a_producers_session_is_cut_at_each_byte() {
    for kind in BOTH {
        let (world, _) = produce(kind, (None, None));
        let (up, down) = world.bytes_of_first_link();
        assert!(up > 400 && down > 400, "the session is too short: {up} and {down} bytes");
        each_cut(up, down, |cut| {
            let (mut world, p) = produce(kind, cut);
            world.close(p);
            let lost = matches!(cut, (Some((_, Cut::Reset)), _) | (_, Some((_, Cut::Reset | Cut::Fin))));
            assert!(!lost || world.connections_begun() > 1, "{cut:?} was not noticed");
            sound(world, &format!("{kind:?} {cut:?}"));
        });
    }
}

#[test]
fn a_consumers_session_is_cut_at_each_byte() {
    for which in [0, 1] {
        let world = consume(which, (None, None));
        let (up, down) = world.bytes_of_link(1 + which);
        assert!(up > 100 && down > 100, "the session is too short: {up} and {down} bytes");
        each_cut(up, down, |cut| sound(consume(which, cut), &format!("connection {which} {cut:?}")));
    }
}
