//! Settings by their dotted names, as in the properties of Java's clients and of librdkafka.
//!
//! One table per kind of client has a row per setting: its name, other names for the same thing, and how its value is
//! read. A name that stands in no table is an error that says which one is meant; a setting that this client does not
//! have yet is an error too, because ignoring it would change what the program does.

mod parse;
mod table;

pub use parse::properties;
use table::COMMON;
pub(crate) use table::{CONSUMER, PRODUCER};

use kafka_client_core::config::ClientConfig;
use kafka_client_core::storage::Text;

use crate::clock::seed;
use crate::error::ConfigError;
use crate::io::SocketOptions;
use crate::producer::host_port;

/// What all kinds of clients have in common.
pub(crate) struct Common {
    /// `host` and port of each; what `build` says of a list that cannot be read.
    pub(crate) bootstrap: Result<Vec<(String, u16)>, ConfigError>,
    pub(crate) client: ClientConfig<'static>,
    pub(crate) client_id: String,
    pub(crate) sockets: SocketOptions,
}

impl Default for Common {
    fn default() -> Self {
        Common {
            bootstrap: Ok(Vec::new()),
            client: ClientConfig { seed: seed(), ..ClientConfig::DEFAULT },
            client_id: String::new(),
            sockets: SocketOptions::default(),
        }
    }
}

/// What a client is started with.
pub(crate) struct Checked {
    /// Each bootstrap server as `host:port`.
    pub(crate) bootstrap: Vec<String>,
    /// The same, for the core.
    pub(crate) hosts: Vec<(Text<'static>, u16)>,
    pub(crate) client: ClientConfig<'static>,
    pub(crate) sockets: SocketOptions,
}

impl Common {
    /// Sets one setting by its name: one that all clients have, or one of `table`.
    pub(crate) fn set<S>(
        &mut self,
        table: &'static [Row<S>],
        settings: &mut S,
        key: &str,
        value: &str,
    ) -> Result<(), ConfigError> {
        apply(COMMON, self, key, value)
            .or_else(|| apply(table, settings, key, value))
            .unwrap_or_else(|| Err(unknown(key, names(COMMON).chain(names(table)))))
    }

    /// What a client is started with, unless it was wrong.
    pub(crate) fn check(self) -> Result<Checked, ConfigError> {
        let Common { bootstrap, mut client, client_id, sockets } = self;
        let hosts = bootstrap?;
        client.client_id = crate::intern(&client_id);
        Ok(Checked {
            bootstrap: hosts.iter().map(|(host, port)| host_port(host, *port)).collect(),
            hosts: hosts.into_iter().map(|(host, port)| (Text::Owned(host.into()), port)).collect(),
            client,
            sockets,
        })
    }
}

/// `host:port` of some brokers, separated by commas.
pub(crate) fn bootstrap_servers(text: &str) -> Result<Vec<(String, u16)>, ConfigError> {
    parse::bootstrap(text).map_err(|allowed| ConfigError::bad_value("bootstrap.servers", text, allowed))
}

/// How the value of a setting is used.
pub(crate) enum Use<S> {
    /// It is read into the settings; the error says what is allowed.
    Set(fn(&mut S, &str) -> Result<(), String>),
    /// It is known and cannot be had. The value given here changes nothing, and is accepted.
    Refuse(&'static str, &'static str),
}

/// A setting: its name, other names for it, and what its value does.
pub(crate) type Row<S> = (&'static str, &'static [&'static str], Use<S>);

/// Looks a setting up in a table and applies it; `None` when the table does not have it.
fn apply<S>(
    table: &'static [Row<S>],
    settings: &mut S,
    key: &str,
    value: &str,
) -> Option<Result<(), ConfigError>> {
    let (name, _, used) = table.iter().find(|(name, also, _)| *name == key || also.contains(&key))?;
    Some(match used {
        Use::Set(set) => {
            set(settings, value.trim()).map_err(|allowed| ConfigError::bad_value(key, value, allowed))
        }
        Use::Refuse(default, _) if value.trim().eq_ignore_ascii_case(default) => Ok(()),
        Use::Refuse(_, why) => Err(ConfigError::NotSupported { key: name, why }),
    })
}

/// The names in a table.
fn names<S>(table: &'static [Row<S>]) -> impl Iterator<Item = &'static str> {
    table.iter().flat_map(|(name, also, _)| std::iter::once(*name).chain(also.iter().copied()))
}

/// The error for a name that no table has.
fn unknown(key: &str, known: impl Iterator<Item = &'static str>) -> ConfigError {
    let wanted = key.trim().to_ascii_lowercase().replace(['_', '-', ' '], ".");
    let distances = known.map(|name| (distance(&wanted, name), name));
    // Farther away than a third of its letters, a name is another name.
    let nearest = distances.min().filter(|(distance, _)| *distance <= wanted.len().max(6) / 3);
    ConfigError::UnknownKey { key: key.to_owned(), nearest: nearest.map(|(_, name)| name) }
}

/// How many letters have to be inserted, removed or replaced to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, d) in
            [("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("acks", "ack", 1)]
        {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }

    #[test]
    fn an_unknown_name_names_the_one_that_is_meant() {
        for (wrong, meant) in [
            ("linger.msec", Some("linger.ms")),
            ("bootstrap.server", Some("bootstrap.servers")),
            ("batch_size", Some("batch.size")),
            ("enable.idempotency", Some("enable.idempotence")),
            ("wholly.different.thing", None),
        ] {
            let known = names(COMMON).chain(names(PRODUCER));
            let ConfigError::UnknownKey { nearest, .. } = unknown(wrong, known) else { panic!() };
            assert_eq!(nearest, meant, "{wrong}");
        }
    }

    #[test]
    fn every_setting_of_a_producer_has_a_test_that_shows_its_effect() {
        fn set<S>(table: &[Row<S>]) -> Vec<&'static str> {
            table.iter().filter(|row| matches!(row.2, Use::Set(_))).map(|row| row.0).collect()
        }
        let listed = include_str!("../tests/options.rs");
        let missing: Vec<_> = [set(COMMON), set(PRODUCER)]
            .concat()
            .into_iter()
            .filter(|name| {
                !listed.contains(&format!("(\"{name}\", \""))
                    && !listed.contains(&format!("\n        \"{name}\",\n"))
            })
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn no_name_stands_twice() {
        let twice = |mut all: Vec<&str>| {
            let before = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), before);
        };
        twice(names(COMMON).chain(names(PRODUCER)).collect());
        twice(names(COMMON).chain(names(CONSUMER)).collect());
    }
}
