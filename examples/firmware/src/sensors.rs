//! What the board knows about itself, as telemetry: key and JSON value, written without `core::fmt`.

use core::net::Ipv4Addr;

use cortex_m::peripheral::SYST;
use embassy_time::Instant;

use crate::board;

/// What is measured, in turn.
#[derive(Clone, Copy)]
pub enum Sensor {
    /// Time since reset in milliseconds.
    Uptime,
    /// Core cycles since the last tick of the clock: how deep into its millisecond the board is.
    Phase,
    /// Bytes between the stack pointer and the statics.
    StackFree,
}

impl Sensor {
    /// The sensor whose turn it is for the record of this number.
    pub fn of(sequence: u16) -> Self {
        match sequence % 3 {
            0 => Sensor::Uptime,
            1 => Sensor::Phase,
            _ => Sensor::StackFree,
        }
    }

    /// The record's key.
    pub fn key(self) -> &'static str {
        match self {
            Sensor::Uptime => "uptime",
            Sensor::Phase => "phase",
            Sensor::StackFree => "stack_free",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Sensor::Uptime => "ms",
            Sensor::Phase => "cycles",
            Sensor::StackFree => "B",
        }
    }

    fn read(self) -> u32 {
        match self {
            // Wraps after 49 days, as the reading of a sensor may; the client's own time does not.
            Sensor::Uptime => Instant::now().as_millis() as u32,
            Sensor::Phase => SYST::get_reload() - SYST::get_current(),
            Sensor::StackFree => board::stack_free(),
        }
    }

    /// Reads the sensor and writes `{"seq":7,"sensor":"uptime","value":1234,"unit":"ms"}`.
    pub fn sample(self, sequence: u16, line: &mut Line) -> &[u8] {
        line.clear();
        line.text("{\"seq\":").number(u32::from(sequence));
        line.text(",\"sensor\":\"").text(self.key());
        line.text("\",\"value\":").number(self.read());
        line.text(",\"unit\":\"").text(self.unit()).text("\"}");
        line.bytes()
    }
}

/// A checksum over all that was sent, for whoever reads it back. A quiet build has no use for it.
pub struct Digest(#[cfg(feature = "defmt")] kafka_proto::crc::Crc32c);

impl Digest {
    /// Of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(
            #[cfg(feature = "defmt")]
            kafka_proto::crc::Crc32c::new(),
        )
    }

    /// A record: key, tab, value, newline.
    pub fn add(&mut self, key: &str, value: &[u8]) {
        #[cfg(feature = "defmt")]
        for part in [key.as_bytes(), b"\t", value, b"\n"] {
            self.0.update(part);
        }
        let _ = (key, value);
    }

    /// The CRC-32C of it all.
    pub fn value(&self) -> u32 {
        #[cfg(feature = "defmt")]
        return self.0.value();
        #[cfg(not(feature = "defmt"))]
        0
    }
}

/// A line of text of at most 80 bytes; what is longer is cut.
pub struct Line(heapless::Vec<u8, 80>);

impl Line {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            let _ = self.0.push(byte);
        }
        self
    }

    /// Appends a number in decimal.
    pub fn number(&mut self, mut value: u32) -> &mut Self {
        let begin = self.0.len();
        loop {
            let _ = self.0.push(b'0' + (value % 10) as u8);
            value /= 10;
            if value == 0 {
                break;
            }
        }
        if let Some(digits) = self.0.get_mut(begin..) {
            digits.reverse();
        }
        self
    }
}

impl Line {
    /// Appends an IPv4 address.
    pub fn address(&mut self, address: Ipv4Addr) {
        let [a, b, c, d] = address.octets();
        self.number(a.into())
            .text(".")
            .number(b.into())
            .text(".")
            .number(c.into())
            .text(".")
            .number(d.into());
    }

    /// What was written. Only text is.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}
