//! SaslHandshake and SaslAuthenticate, and what a connection may say before it is through.

use kafka_proto::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_proto::{ApiKey, Array, ErrorCode};

use crate::cluster::Cluster;
use crate::conn::{ConnId, Output, encode};
use crate::request::{Hangup, Rq};
use crate::sasl::{Login, step};

impl Cluster {
    /// Whether the request may be served as far as authentication goes.
    pub(crate) fn check_login(&self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let early = [ApiKey::API_VERSIONS, ApiKey::SASL_HANDSHAKE, ApiKey::SASL_AUTHENTICATE];
        if !self.config.sasl.is_required() || early.contains(&rq.ticket.key) {
            return Ok(());
        }
        match self.conns.get(rq.ticket.conn) {
            Some(conn) if conn.login.is_done(self.now) => Ok(()),
            _ => Err(Hangup(format!("{} without authentication", rq.ticket.key))),
        }
    }

    pub(crate) fn sasl_handshake(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: SaslHandshakeRequest<'_> = rq.decode()?;
        let offered = if self.config.sasl.is_required() { self.config.sasl.offered() } else { Vec::new() };
        let known = offered.contains(&request.mechanism);
        let error_code = match rq.forced {
            Some(code) => code,
            None if !self.config.sasl.is_required() => ErrorCode::ILLEGAL_SASL_STATE,
            None if !known => ErrorCode::UNSUPPORTED_SASL_MECHANISM,
            None => ErrorCode::NONE,
        };
        let answer = SaslHandshakeResponse { error_code, mechanisms: Array::slice(&offered) };
        let frame = encode(&rq.ticket, &answer, Vec::new());
        self.conns.send(&rq.ticket, frame);
        if error_code.is_err() {
            return Err(Hangup(format!("SASL mechanism {:?}: {error_code:?}", request.mechanism)));
        }
        if let Some(conn) = self.conns.get_mut(rq.ticket.conn) {
            conn.login = Login::Chosen { mechanism: request.mechanism.to_owned(), framed: rq.version >= 1 };
        }
        Ok(())
    }

    pub(crate) fn sasl_authenticate(&mut self, rq: &Rq<'_>) -> Result<(), Hangup> {
        let request: SaslAuthenticateRequest<'_> = rq.decode()?;
        let Self { config, conns, rng, now, .. } = self;
        let login = conns.get_mut(rq.ticket.conn).map(|c| std::mem::take(&mut c.login)).unwrap_or_default();
        let outcome = match (rq.forced, login) {
            (Some(code), _) => Err((code, "")),
            (None, Login::Start | Login::Done { .. }) => Err((ErrorCode::ILLEGAL_SASL_STATE, "")),
            (None, login) => step(&config.sasl, login, request.auth_bytes, rng, *now)
                .map_err(|why| (ErrorCode::SASL_AUTHENTICATION_FAILED, why)),
        };
        let mut answer =
            SaslAuthenticateResponse { error_message: None, ..SaslAuthenticateResponse::default() };
        match outcome {
            Ok((bytes, login)) => {
                if matches!(login, Login::Done { .. }) {
                    answer.session_lifetime_ms =
                        i64::try_from(config.sasl.reauthenticate_ms).unwrap_or(i64::MAX);
                }
                answer.auth_bytes = &bytes;
                if let Some(conn) = conns.get_mut(rq.ticket.conn) {
                    conn.login = login;
                }
                conns.reply(&rq.ticket, &answer);
                Ok(())
            }
            Err((code, why)) => {
                answer.error_code = code;
                answer.error_message = Some(why);
                conns.reply(&rq.ticket, &answer);
                Err(Hangup(format!("authentication failed: {code:?} {why}")))
            }
        }
    }

    /// A message of the mechanism without a header, as after SaslHandshake 0.
    pub(crate) fn bare_sasl(&mut self, conn: ConnId, message: &[u8]) -> Result<(), Hangup> {
        let Self { config, conns, rng, now, .. } = self;
        let Some(state) = conns.get_mut(conn) else { return Ok(()) };
        let (bytes, login) = step(&config.sasl, std::mem::take(&mut state.login), message, rng, *now)
            .map_err(|why| Hangup(format!("authentication failed: {why}")))?;
        state.login = login;
        let mut frame = u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes().to_vec();
        frame.extend(bytes);
        conns.push(Output::Response { conn, bytes: frame });
        Ok(())
    }
}
