//! How messages become bytes: one version byte, then bincode with a size limit.
//!
//! bincode 2.0.1 is complete and no longer developed; it stands behind this one module so that another format can
//! take its place with a new [`VERSION`].

use ractor::BytesConvertable;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ids::WorkerId;
use crate::limits::{MESSAGE_BYTES, RESULT_BYTES};

/// The first byte of every frame. Raised with every change of [`crate::protocol`] that an older process cannot read.
pub const VERSION: u8 = 2;

/// An encoded message on its way through the cluster link.
///
/// Decoding happens in the receiving handler and can fail there; ractor's own conversion, which cannot, only moves
/// the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}

impl BytesConvertable for Frame {
    fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Why a message could not be encoded or read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The sender's own message is above the limit; sending it would cost the whole link.
    #[error("a message of {bytes} bytes is above the limit of {MESSAGE_BYTES}")]
    TooLarge {
        /// Its encoded size.
        bytes: usize,
    },
    /// The peer speaks another version of the protocol.
    #[error("the peer speaks protocol version {found}, this process {VERSION}: run the same release on both")]
    Version {
        /// The version byte that was found.
        found: u8,
    },
    /// Nothing at all was received.
    #[error("an empty frame")]
    Empty,
    /// The bytes are no message of ours.
    #[error("a frame that is no message: {0}")]
    Malformed(#[from] bincode::error::DecodeError),
    /// The message cannot be expressed.
    #[error("a message that cannot be encoded: {0}")]
    Unencodable(#[from] bincode::error::EncodeError),
    /// Bytes follow the message.
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<{ 2 * MESSAGE_BYTES }>()
}

/// Encodes `message` behind the version byte.
///
/// # Errors
/// [`WireError::TooLarge`] above [`MESSAGE_BYTES`].
pub fn encode<T: Serialize>(message: &T) -> Result<Frame, WireError> {
    let mut bytes = vec![VERSION];
    bincode::serde::encode_into_std_write(message, &mut bytes, config())?;
    if bytes.len() > MESSAGE_BYTES {
        return Err(WireError::TooLarge { bytes: bytes.len() });
    }
    Ok(Frame(bytes))
}

/// Encodes `message` for a peer that speaks another version. Only what every version understands may be said so: the
/// refusal that names both versions.
///
/// # Errors
/// As [`encode`].
pub fn encode_for<T: Serialize>(version: u8, message: &T) -> Result<Frame, WireError> {
    let mut frame = encode(message)?;
    frame.0[0] = version;
    Ok(frame)
}

/// Who sent a frame to the leader, whatever its version: worker and incarnation open every [`crate::protocol::FromWorker`].
#[must_use]
pub fn sender(frame: &Frame) -> Option<(WorkerId, u32)> {
    let body = frame.0.get(1..)?;
    bincode::serde::decode_from_slice(body, config()).ok().map(|(sender, _)| sender)
}

/// Reads a message written by [`encode`].
///
/// # Errors
/// Any but [`WireError::TooLarge`] and [`WireError::Unencodable`]; hostile lengths are refused before allocation.
pub fn decode<T: DeserializeOwned>(frame: &Frame) -> Result<T, WireError> {
    let (&found, body) = frame.0.split_first().ok_or(WireError::Empty)?;
    if found != VERSION {
        return Err(WireError::Version { found });
    }
    let (message, read) = bincode::serde::decode_from_slice(body, config())?;
    if read != body.len() {
        return Err(WireError::Trailing(body.len() - read));
    }
    Ok(message)
}

/// The largest packed document: one result of the largest size and what names it.
const DOCUMENT_BYTES: usize = RESULT_BYTES + (1 << 20);

fn document_config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<{ 2 * DOCUMENT_BYTES }>()
}

/// Encodes a document that travels in pieces ([`crate::protocol::PartialsPage`], an announced
/// [`crate::run::Outcome`]): one version byte, then bincode. It may be larger than a message.
///
/// # Errors
/// [`WireError::Unencodable`].
pub fn pack<T: Serialize>(document: &T) -> Result<Vec<u8>, WireError> {
    let mut bytes = vec![VERSION];
    bincode::serde::encode_into_std_write(document, &mut bytes, document_config())?;
    Ok(bytes)
}

/// Reads a document written by [`pack`].
///
/// # Errors
/// As [`decode`].
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let (&found, body) = bytes.split_first().ok_or(WireError::Empty)?;
    if found != VERSION {
        return Err(WireError::Version { found });
    }
    let (document, read) = bincode::serde::decode_from_slice(body, document_config())?;
    if read != body.len() {
        return Err(WireError::Trailing(body.len() - read));
    }
    Ok(document)
}

/// Encodes byte vectors as one run of bytes instead of one element after the other: the same bytes on the wire, at the
/// speed of a copy. For `#[serde(with = "…")]`.
pub mod octets {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    /// Writes the bytes.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_byte_buf(Octets)
    }

    struct Octets;

    impl Visitor<'_> for Octets {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

/// As [`octets`], for the numbered documents of a page.
pub mod numbered_octets {
    use serde::de::Deserializer;
    use serde::ser::Serializer;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize)]
    struct Borrowed<'a>(u32, #[serde(serialize_with = "super::octets::serialize")] &'a [u8]);

    #[derive(Deserialize)]
    struct Owned(u32, #[serde(deserialize_with = "super::octets::deserialize")] Vec<u8>);

    /// Writes the documents.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(documents: &[(u32, Vec<u8>)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(documents.iter().map(|(number, bytes)| Borrowed(*number, bytes)))
    }

    /// Reads the documents.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u32, Vec<u8>)>, D::Error> {
        let documents = Vec::<Owned>::deserialize(deserializer)?;
        Ok(documents.into_iter().map(|Owned(number, bytes)| (number, bytes)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_frame() {
        let frame = encode(&("lease", 7_u64)).unwrap();
        assert_eq!(decode::<(String, u64)>(&frame).unwrap(), ("lease".to_owned(), 7));
    }

    #[test]
    fn a_message_above_the_limit_is_refused_by_its_sender() {
        assert!(matches!(encode(&vec![0_u8; MESSAGE_BYTES]), Err(WireError::TooLarge { .. })));
    }

    #[test]
    fn foreign_bytes_are_an_error_and_never_a_panic_or_an_allocation() {
        assert!(matches!(decode::<u64>(&Frame(Vec::new())), Err(WireError::Empty)));
        assert!(matches!(decode::<u64>(&Frame(vec![VERSION + 1, 0])), Err(WireError::Version { .. })));
        assert!(matches!(decode::<u64>(&Frame(vec![VERSION, 1, 2])), Err(WireError::Trailing(1))));
        let hostile = Frame(vec![VERSION, 253, 255, 255, 255, 255, 255, 255, 255, 127]);
        assert!(matches!(decode::<Vec<u8>>(&hostile), Err(WireError::Malformed(_))));
    }

    #[test]
    fn the_sender_of_another_version_is_known_and_understands_its_refusal() {
        use crate::ids::Epoch;
        use crate::protocol::{FromWorker, ToWorker, WorkerCommand, WorkerFact};

        let worker = WorkerId(uuid::Uuid::from_u128(7));
        let mut frame = encode(&FromWorker { worker, incarnation: 300, fact: WorkerFact::Leaving }).unwrap();
        frame.0[0] = VERSION + 1;
        assert!(matches!(decode::<FromWorker>(&frame), Err(WireError::Version { .. })));
        assert_eq!(sender(&frame), Some((worker, 300)));
        assert_eq!(sender(&Frame(vec![9, 1])), None);

        let refuse =
            ToWorker { epoch: Epoch(1), command: WorkerCommand::Refuse { reason: "old".to_owned() } };
        let mut frame = encode_for(VERSION + 1, &refuse).unwrap();
        assert_eq!(frame.0[0], VERSION + 1);
        frame.0[0] = VERSION;
        assert_eq!(decode::<ToWorker>(&frame).unwrap(), refuse);
    }

    #[test]
    fn bytes_travel_as_they_would_one_by_one() {
        use crate::protocol::PartialsPage;

        let partials = vec![(3, vec![1; 300]), (4, Vec::new())];
        let page = PartialsPage { partials, next: Some(9), normalised: true };
        let packed = pack(&page).unwrap();
        assert_eq!(packed, pack(&(&page.partials, page.next, page.normalised)).unwrap());
        assert_eq!(unpack::<PartialsPage>(&packed).unwrap(), page);
    }

    #[test]
    fn a_document_may_be_larger_than_a_message() {
        let document = vec![7_u8; 3 * MESSAGE_BYTES];
        assert_eq!(unpack::<Vec<u8>>(&pack(&document).unwrap()).unwrap(), document);
        assert!(matches!(unpack::<Vec<u8>>(&[]), Err(WireError::Empty)));
    }
}
