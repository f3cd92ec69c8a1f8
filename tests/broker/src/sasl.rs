//! Authentication: PLAIN and SCRAM (RFC 5802) with SHA-256 and SHA-512, as a broker sees them.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

use crate::rng::Rng;

/// What clients have to show, and who may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sasl {
    /// Names and passwords. Without any, nobody has to authenticate.
    pub users: Vec<(String, String)>,
    /// Mechanisms that are offered; all of [`MECHANISMS`] when empty.
    pub mechanisms: Vec<String>,
    /// `connections.max.reauth.ms`: after it a connection has to authenticate again; 0: never (KIP-368).
    pub reauthenticate_ms: u64,
}

/// What this broker can do.
pub const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Iterations of SCRAM: Kafka's minimum.
const ITERATIONS: u32 = 4096;

impl Sasl {
    /// Whether connections have to authenticate.
    pub fn is_required(&self) -> bool {
        !self.users.is_empty()
    }

    /// The mechanisms that are offered.
    pub fn offered(&self) -> Vec<&str> {
        let all = MECHANISMS.into_iter();
        all.filter(|m| self.mechanisms.is_empty() || self.mechanisms.iter().any(|o| o == m)).collect()
    }

    fn password(&self, user: &str) -> Option<&str> {
        self.users.iter().find(|(name, _)| name == user).map(|(_, password)| password.as_str())
    }
}

/// How far a connection is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Login {
    /// Nothing was said.
    #[default]
    Start,
    /// A mechanism was chosen; `framed`: its messages come in SaslAuthenticate.
    Chosen { mechanism: String, framed: bool },
    /// SCRAM's first message was answered.
    Challenged { mechanism: String, framed: bool, challenge: Box<Challenge> },
    /// Done; good until then (monotonic microseconds).
    Done { until: Option<u64> },
}

impl Login {
    pub fn is_done(&self, now: u64) -> bool {
        matches!(self, Self::Done { until } if until.is_none_or(|at| now < at))
    }

    /// Whether the next frame is a message of the mechanism without Kafka's header (SaslHandshake 0).
    pub fn is_bare(&self) -> bool {
        matches!(self, Self::Chosen { framed: false, .. } | Self::Challenged { framed: false, .. })
    }
}

/// What the broker remembers between SCRAM's two messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    first_bare: String,
    server_first: String,
    nonce: String,
    password: String,
    salt: [u8; 16],
}

/// What comes of a message: the answer and how far the connection is then, or why it is refused.
pub(crate) type Step = Result<(Vec<u8>, Login), &'static str>;

/// Takes the login one message further.
pub(crate) fn step(sasl: &Sasl, login: Login, message: &[u8], rng: &mut Rng, now: u64) -> Step {
    let until = (sasl.reauthenticate_ms > 0).then(|| now.saturating_add(sasl.reauthenticate_ms * 1000));
    match login {
        Login::Chosen { mechanism, .. } if mechanism == "PLAIN" => {
            plain(sasl, message).map(|()| (Vec::new(), Login::Done { until }))
        }
        Login::Chosen { mechanism, framed } => {
            let challenge = Box::new(challenge(sasl, message, rng)?);
            let answer = challenge.server_first.clone().into_bytes();
            Ok((answer, Login::Challenged { mechanism, framed, challenge }))
        }
        Login::Challenged { mechanism, challenge, .. } => {
            let answer = match mechanism.as_str() {
                "SCRAM-SHA-512" => prove::<Sha512Mac>(&challenge, message),
                _ => prove::<Sha256Mac>(&challenge, message),
            };
            answer.map(|answer| (answer, Login::Done { until }))
        }
        Login::Start | Login::Done { .. } => Err("no mechanism was chosen"),
    }
}

/// RFC 4616: authorization id, name, password, separated by NUL.
fn plain(sasl: &Sasl, message: &[u8]) -> Result<(), &'static str> {
    let mut parts = message.split(|b| *b == 0).map(std::str::from_utf8);
    let (Some(Ok(_)), Some(Ok(user)), Some(Ok(password)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("the message is not of the mechanism PLAIN");
    };
    match sasl.password(user) == Some(password) {
        true => Ok(()),
        false => Err("Authentication failed: Invalid username or password"),
    }
}

/// The answer to SCRAM's first message: `n,,n=user,r=nonce`.
fn challenge(sasl: &Sasl, message: &[u8], rng: &mut Rng) -> Result<Challenge, &'static str> {
    let malformed = "the message is not of the mechanism SCRAM";
    let text = std::str::from_utf8(message).map_err(|_| malformed)?;
    let first_bare = text.strip_prefix("n,").and_then(|rest| rest.split_once(',')).ok_or(malformed)?.1;
    let user = field(first_bare, 'n').ok_or(malformed)?.replace("=2C", ",").replace("=3D", "=");
    let theirs = field(first_bare, 'r').filter(|r| !r.is_empty()).ok_or(malformed)?;
    let password = sasl
        .password(&user)
        .ok_or("Authentication failed during authentication due to invalid credentials")?;
    let nonce = format!("{theirs}{}", rng.uuid_text().replace('-', ""));
    let salt = rng.bytes();
    let server_first = format!("r={nonce},s={},i={ITERATIONS}", base64(&salt));
    let (first_bare, password) = (first_bare.to_owned(), password.to_owned());
    Ok(Challenge { first_bare, server_first, nonce, password, salt })
}

/// Checks SCRAM's proof, `c=biws,r=nonce,p=proof`, and proves in turn that we know the password too.
fn prove<H: Hash>(challenge: &Challenge, message: &[u8]) -> Result<Vec<u8>, &'static str> {
    let malformed = "the message is not of the mechanism SCRAM";
    let text = std::str::from_utf8(message).map_err(|_| malformed)?;
    let (without_proof, proof) = text.rsplit_once(",p=").ok_or(malformed)?;
    // Older librdkafka puts its own nonce in front once more, and Kafka only looks at the end.
    if !field(without_proof, 'r').is_some_and(|nonce| nonce.ends_with(&challenge.nonce)) {
        return Err("the nonce is not the one that was given");
    }
    let salted = salted::<H>(challenge.password.as_bytes(), &challenge.salt);
    let client_key = H::mac(&salted, b"Client Key");
    let stored = H::hash(&client_key);
    let auth = format!("{},{},{without_proof}", challenge.first_bare, challenge.server_first);
    let signature = H::mac(&stored, auth.as_bytes());
    let expected: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    if base64(&expected) != proof {
        return Err("Authentication failed during authentication due to invalid credentials");
    }
    let server_key = H::mac(&salted, b"Server Key");
    Ok(format!("v={}", base64(&H::mac(&server_key, auth.as_bytes()))).into_bytes())
}

fn field(text: &str, name: char) -> Option<&str> {
    text.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// A hash and its keyed form.
trait Hash {
    fn hash(bytes: &[u8]) -> Vec<u8>;
    fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8>;
}

struct Sha256Mac;
struct Sha512Mac;

/// HMAC takes a key of any length.
fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = <M as Mac>::new_from_slice(key) else { return Vec::new() };
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}

impl Hash for Sha256Mac {
    fn hash(bytes: &[u8]) -> Vec<u8> {
        Sha256::digest(bytes).to_vec()
    }

    fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
        mac::<Hmac<Sha256>>(key, bytes)
    }
}

impl Hash for Sha512Mac {
    fn hash(bytes: &[u8]) -> Vec<u8> {
        Sha512::digest(bytes).to_vec()
    }

    fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
        mac::<Hmac<Sha512>>(key, bytes)
    }
}

/// `Hi` of RFC 5802: PBKDF2 with one block.
fn salted<H: Hash>(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let mut last = H::mac(password, &[salt, &[0, 0, 0, 1]].concat());
    let mut all = last.clone();
    for _ in 1..ITERATIONS {
        last = H::mac(password, &last);
        all.iter_mut().zip(&last).for_each(|(a, b)| *a ^= b);
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_rfc_4648s() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn scram_is_rfc_7677s() {
        let salt =
            [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let challenge = Challenge {
            first_bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(),
            server_first: format!("r={nonce},s={},i=4096", base64(&salt)),
            nonce: nonce.into(),
            password: "pencil".into(),
            salt,
        };
        assert!(challenge.server_first.contains("s=W22ZaJ0SNY7soEsUEjb6gQ==,"));
        let proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let answer = prove::<Sha256Mac>(&challenge, format!("c=biws,r={nonce},{proof}").as_bytes()).unwrap();
        assert_eq!(answer, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let wrong = format!("c=biws,r={nonce},{}", proof.replace("dH", "dI"));
        assert!(prove::<Sha256Mac>(&challenge, wrong.as_bytes()).is_err());
    }
}
