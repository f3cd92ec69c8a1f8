//! What is measured: a row each.

/// Whom a workload talks to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Takes records and forgets them, so that the client is the limit.
    Sink,
    /// A real one, of one node.
    Kafka,
}

/// What is read from a result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// CPU time of the client per record, in ns; less is better.
    Cpu,
    /// Thousands of records per second; more is better.
    Rate,
    /// Median and 99 % of the latency, in µs; less is better.
    Latency,
    /// Resident memory at rest, in MiB; less is better.
    Idle,
}

/// What a row is compared with, which is the table it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Other clients.
    Clients,
    /// Other ways of sending with this client.
    Ways,
    /// The other rows: the same work for topics of more and more partitions.
    Partitions,
}

/// The tables, in the order in which they are printed, with their titles.
pub const TABLES: [(Table, &str); 3] = [
    (Table::Clients, "Beside other clients"),
    (Table::Ways, "Ways of sending"),
    (Table::Partitions, "Partitions of the topic"),
];

/// One row of a table.
pub struct Workload {
    pub name: &'static str,
    pub what: &'static str,
    pub server: Server,
    pub mode: &'static str,
    pub n: usize,
    pub size: usize,
    pub batch: usize,
    pub compression: &'static str,
    pub measure: Measure,
    pub partitions: u32,
    pub table: Table,
}

const M: usize = 1_000_000;

macro_rules! workloads {
    ($($table:ident: $partitions:literal { $($name:literal $what:literal: $server:ident $mode:literal $n:expr, $size:literal B, $batch:literal KiB, $compression:literal, $measure:ident;)* })*) => {
        pub const WORKLOADS: &[Workload] = &[$($(Workload {
            name: $name,
            what: $what,
            server: Server::$server,
            mode: $mode,
            n: $n,
            size: $size,
            batch: $batch * 1024,
            compression: $compression,
            measure: Measure::$measure,
            partitions: $partitions,
            table: Table::$table,
        }),*),*];
    };
}

workloads! {
    Clients: 3 {
        "sink-100-16" "produce 100 B, batches of 16 KiB, to the sink": Sink "produce" 5 * M, 100 B, 16 KiB, "none", Cpu;
        "sink-100-128" "produce 100 B, 128 KiB, to the sink": Sink "produce" 5 * M, 100 B, 128 KiB, "none", Cpu;
        "sink-100-128-lz4" "produce 100 B, 128 KiB, lz4, to the sink": Sink "produce" 3 * M, 100 B, 128 KiB, "lz4", Cpu;
        "sink-1k-16" "produce 1 KiB, 16 KiB, to the sink": Sink "produce" M / 2, 1024 B, 16 KiB, "none", Cpu;
        "sink-1k-128" "produce 1 KiB, 128 KiB, to the sink": Sink "produce" M / 2, 1024 B, 128 KiB, "none", Cpu;
        "produce-100" "produce 100 B, 16 KiB, to Kafka": Kafka "produce" 2 * M, 100 B, 16 KiB, "none", Rate;
        "consume-100" "consume 100 B, from Kafka": Kafka "consume" 3 * M, 100 B, 16 KiB, "none", Cpu;
        "consume-100-lz4" "consume 100 B, lz4, from Kafka": Kafka "consume" 3 * M, 100 B, 16 KiB, "lz4", Cpu;
        "consume-1k" "consume 1 KiB, from Kafka": Kafka "consume" M / 2, 1024 B, 16 KiB, "none", Cpu;
        "latency" "one record at a time, acknowledged by Kafka": Kafka "latency" 5000, 100 B, 16 KiB, "none", Latency;
        "e2e" "producer to consumer through Kafka, 1,000 records/s": Kafka "e2e" 5000, 100 B, 16 KiB, "none", Latency;
        "idle" "a producer at rest": Kafka "idle" 10, 100 B, 16 KiB, "none", Idle;
    }
    Ways: 3 {
        "ways-16" "100 B, batches of 16 KiB": Sink "produce" 5 * M, 100 B, 16 KiB, "none", Cpu;
        "ways-128" "100 B, 128 KiB": Sink "produce" 5 * M, 100 B, 128 KiB, "none", Cpu;
    }
    Partitions: 1 { "partitions-1" "1": Sink "produce" 2 * M, 100 B, 16 KiB, "none", Cpu; }
    Partitions: 10 { "partitions-10" "10": Sink "produce" 2 * M, 100 B, 16 KiB, "none", Cpu; }
    Partitions: 100 { "partitions-100" "100": Sink "produce" 2 * M, 100 B, 16 KiB, "none", Cpu; }
    Partitions: 1000 { "partitions-1000" "1,000": Sink "produce" 2 * M, 100 B, 16 KiB, "none", Cpu; }
}
