//! What to do about a cluster that cannot be used.

use std::error::Error;

use kafka_std::{Trouble, Unavailable};

/// What somebody who reads the error can do about it, if there is more to say than the error does.
pub fn advice(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match error.downcast_ref::<Unavailable>() {
        None => advice(error.source()?),
        // The first that is known: most often all brokers have the same.
        Some(error) => error.brokers.iter().find_map(|(_, trouble)| Some(about((*trouble)?))),
    }
}

fn about(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Unresolved => "Check the name, and that this machine can resolve it.",
        Trouble::Refused => "Check that the broker is running, and the port it listens on.",
        Trouble::Unreachable | Trouble::TimedOut => {
            "Check the address, and whether a firewall is in between."
        }
        Trouble::NotKafka([0x15 | 0x16, 3, ..]) => {
            "That is TLS, which this client does not speak yet: use a listener of the broker for PLAINTEXT."
        }
        Trouble::NotKafka(_) => "Check the port: something else listens there.",
        Trouble::Lost => {
            "Check the port: a listener for TLS or SASL closes connections like this one, which is PLAINTEXT."
        }
        _ => "Check that it is a Kafka broker, from release 2.1 on.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_std::SendError;

    #[test]
    fn it_is_about_the_first_broker_of_which_something_is_known() {
        let brokers = vec![("a:1".into(), None), ("b:2".into(), Some(Trouble::Refused))];
        let error = Unavailable { what: "x".into(), waited: Default::default(), brokers, answer: None };
        assert!(advice(&error).is_some_and(|text| text.contains("running")));
        let error = kafka_std::Error::from(SendError::Unavailable(error));
        assert!(advice(&error).is_some_and(|text| text.contains("running")), "however deep it lies");
        assert_eq!(advice(&SendError::Closed), None);
        assert!(about(Trouble::NotKafka([0x15, 3, 3, 0])).contains("TLS"));
    }
}
