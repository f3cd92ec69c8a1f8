//! What all messages can do.

use crate::api::ApiKey;
use crate::wire::{DecodeError, EncodeError, Reader, VersionRange, Wire, Writer};

/// A request, a response, or a message that travels inside records.
pub trait Message<'a>: Wire<'a> {
    /// The versions that exist.
    const VERSIONS: VersionRange;

    /// The first version with compact lengths and tagged fields (KIP-482); `i16::MAX` where none has them.
    const FLEXIBLE_FROM: i16;

    /// Reads the body of a message, all of it. Afterwards every array in it can be iterated without a fault.
    fn decode(version: i16, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::of_message(body, version, Self::VERSIONS, Self::FLEXIBLE_FROM);
        let mut message = Ok(Self::read(&mut r));
        if let Err(error) = r.finish() {
            message = Err(error);
        }
        message
    }

    /// Writes the body of a message to the start of `out` and returns its length.
    ///
    /// A field that the version lacks is left out, whatever it holds.
    fn encode(&self, version: i16, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::of_message(out, version, Self::VERSIONS, Self::FLEXIBLE_FROM);
        self.write(&mut w);
        w.finish()
    }

    /// Bytes of the body in this version, records that live elsewhere included.
    fn encoded_len(&self, version: i16) -> usize {
        let mut w = Writer::counter(version, version >= Self::FLEXIBLE_FROM);
        self.write(&mut w);
        w.needed().saturating_add(w.elsewhere())
    }
}

/// A message that a client sends and that has a response.
pub trait Request<'a>: Message<'a> {
    /// The API.
    const KEY: ApiKey;

    /// What answers it.
    type Response<'r>: Message<'r>;
}
