//! `kafka-broker`: a Kafka cluster in one process, for trying things out and for tests.

use std::process::ExitCode;

use kafka_broker::{Config, Listen, Release, Server};

const USAGE: &str = "\
kafka-broker: a Kafka cluster in one process; what it holds is gone when it stops

  --listen HOST:PORT      address of node 0, the others on the next ports (default 127.0.0.1:9092; port 0: free ones)
  --nodes N               brokers (default 1)
  --topic NAME:PARTITIONS a topic that exists from the start; may be repeated
  --emulate RELEASE       2.1, 2.8, 3.9 or 4.3 (default)
  --advertise HOST        the host that clients are told
  --no-auto-create        topics are not created because somebody asks for them
  --sasl USER:PASSWORD    who may come in, with PLAIN or SCRAM; may be repeated (default: anybody)
  --sasl-mechanism NAME   PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; may be repeated (default: all)
  --racks A,B,...         racks of the nodes, in order
  --partitions N          partitions of a topic that is created without a number (default 1)
  --max-connections N     (default 1000)
  --max-topics N          (default 2000)
  --retention-bytes N     kept per partition, the oldest go first (default 268435456)
  --max-log-bytes N       kept over all partitions (default 8589934592)
  --seed N                decides everything random (default 1)
  --help";

fn main() -> ExitCode {
    let (config, listen) = match parse(std::env::args().skip(1)) {
        Ok(Some(parsed)) => parsed,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("kafka-broker: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Server::start_on(config, &listen) {
        Ok(server) => {
            println!("listening on {}", server.bootstrap());
            // The server's own thread does the work, until the process is stopped.
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("kafka-broker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<(Config, Listen)>, String> {
    let mut config = Config::default();
    let log = |line: &str| eprintln!("{line}");
    let mut listen = Listen { address: "127.0.0.1:9092".into(), log, ..Listen::default() };
    while let Some(arg) = args.next() {
        let (name, mut inline) = match arg.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (arg, None),
        };
        let mut value = || inline.take().or_else(|| args.next()).ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--listen" => listen.address = value()?,
            "--advertise" => listen.advertise = Some(value()?),
            "--sasl" => {
                let text = value()?;
                let (user, password) =
                    text.split_once(':').ok_or(format!("--sasl: {text:?} is not USER:PASSWORD"))?;
                config.sasl.users.push((user.to_owned(), password.to_owned()));
            }
            "--sasl-mechanism" => config.sasl.mechanisms.push(value()?),
            "--seed" => listen.seed = number(&name, &value()?)?,
            "--nodes" => config.nodes = number(&name, &value()?)?,
            "--topic" => config.topics.push(topic(&value()?)?),
            "--emulate" => {
                let text = value()?;
                config.release = Release::parse(&text).ok_or(format!("{text}: not 2.1, 2.8, 3.9 or 4.3"))?;
            }
            "--no-auto-create" => config.auto_create = false,
            "--racks" => config.racks = value()?.split(',').map(str::to_owned).collect(),
            "--partitions" => config.default_partitions = number(&name, &value()?)?,
            "--max-connections" => config.max_connections = number(&name, &value()?)?,
            "--max-topics" => config.max_topics = number(&name, &value()?)?,
            "--retention-bytes" => config.retention_bytes = number(&name, &value()?)?,
            "--max-log-bytes" => config.max_log_bytes = number(&name, &value()?)?,
            _ => return Err(format!("{name}: no such option")),
        }
    }
    Ok(Some((config, listen)))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name}: {text:?} is not a number it can take"))
}

fn topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.split_once(':').unwrap_or((text, "1"));
    Ok((name.to_owned(), number("--topic", partitions)?))
}
