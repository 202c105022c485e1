//! The layout of the buckets and of the head in the shared data.
//!
//! A bucket is the generation that wrote it, and its entries: a kind, 32 bytes of a hash, a length
//! and as many bytes. Integers are little-endian.

use sha2::{Digest, Sha256};

/// How many buckets a set has: a few entries for each of 100,000 keys.
pub(super) const BUCKETS: u16 = 32_768;
/// The layout's version.
const VERSION: u8 = 1;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The consumer of a key.
    Key,
    /// The consumer with a name of the mesh.
    Identity,
    /// A user.
    User,
}

/// What an entry is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id {
    kind: Kind,
    hash: [u8; 32],
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Key => 0,
            Self::Identity => 1,
            Self::User => 2,
        }
    }
}

impl Id {
    /// The key with this SHA-256.
    pub(super) const fn key(digest: [u8; 32]) -> Self {
        Self { kind: Kind::Key, hash: digest }
    }

    /// A name of the mesh, or the id of a user.
    pub(super) fn named(kind: Kind, name: &str) -> Self {
        Self { kind, hash: Sha256::digest(name).into() }
    }

    /// The bucket of the entry.
    pub(super) fn bucket(&self) -> u16 {
        let [first, second, ..] = self.hash;
        u16::from_le_bytes([first, second]).checked_rem(BUCKETS).unwrap_or(0)
    }
}

/// The first bytes of a bucket that this generation writes.
pub(super) fn begin(generation: u64) -> Vec<u8> {
    generation.to_le_bytes().to_vec()
}

/// Adds an entry to a bucket.
pub(super) fn add(bucket: &mut Vec<u8>, id: &Id, payload: &[u8]) {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    bucket.push(id.kind.byte());
    bucket.extend_from_slice(&id.hash);
    bucket.extend_from_slice(&len.to_le_bytes());
    bucket.extend_from_slice(payload);
}

/// What a bucket has of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<'b> {
    /// Another generation wrote the bucket, or none.
    Foreign,
    /// There is no such entry.
    Absent,
    /// The entry.
    Entry(&'b [u8]),
}

/// Looks for an entry of `generation`.
pub(super) fn find<'b>(bucket: &'b [u8], generation: u64, id: &Id) -> Read<'b> {
    let Some((tag, mut rest)) = bucket.split_first_chunk::<8>() else { return Read::Foreign };
    if *tag != generation.to_le_bytes() {
        return Read::Foreign;
    }
    while let Some((entry, payload, after)) = split(rest) {
        if entry == (id.kind.byte(), id.hash) {
            return Read::Entry(payload);
        }
        rest = after;
    }
    Read::Absent
}

/// The kind and the hash of an entry.
type Named = (u8, [u8; 32]);

/// The first entry: what it is about, its payload, and what follows it.
fn split(bytes: &[u8]) -> Option<(Named, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (hash, rest) = rest.split_first_chunk::<32>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let (payload, rest) = rest.split_at_checked(len)?;
    Some(((*kind, *hash), payload, rest))
}

/// Which list is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Whose list it is.
    pub(super) fingerprint: [u8; 16],
    /// What its buckets carry.
    pub(super) generation: u64,
    /// Which of the two sets of buckets it is in.
    pub(super) second: bool,
    /// Its consumers.
    pub(super) consumers: u32,
}

impl Head {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION, u8::from(self.second)];
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.consumers.to_le_bytes());
        out.extend_from_slice(&self.fingerprint);
        out
    }

    /// `None` if the bytes have another layout.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let ([version, second], rest) = bytes.split_first_chunk::<2>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (consumers, rest) = rest.split_first_chunk::<4>()?;
        let (fingerprint, rest) = rest.split_first_chunk::<16>()?;
        (*version == VERSION && *second <= 1 && rest.is_empty()).then_some(Self {
            fingerprint: *fingerprint,
            generation: u64::from_le_bytes(*generation),
            second: *second == 1,
            consumers: u32::from_le_bytes(*consumers),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_its_kind_and_hash_in_its_generation_only() {
        let (key, user) = (Id::key([7; 32]), Id::named(Kind::User, "acme"));
        let same_hash = Id { kind: Kind::Identity, ..user };
        let mut bucket = begin(5);
        add(&mut bucket, &key, b"one");
        add(&mut bucket, &user, b"");
        assert_eq!(find(&bucket, 5, &key), Read::Entry(b"one"));
        assert_eq!(find(&bucket, 5, &user), Read::Entry(b""));
        assert_eq!(find(&bucket, 5, &same_hash), Read::Absent);
        assert_eq!(find(&bucket, 6, &key), Read::Foreign);
        assert_eq!(find(b"", 0, &key), Read::Foreign);
        // A bucket that is cut off has the entries that are whole.
        bucket.pop();
        assert_eq!(find(&bucket, 5, &key), Read::Entry(b"one"));
        assert_eq!(find(&bucket, 5, &user), Read::Absent);
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = Head { fingerprint: [3; 16], generation: 9, second: true, consumers: 4 };
        let bytes = head.write();
        assert_eq!(Head::read(&bytes), Some(head));
        assert_eq!(Head::read(&bytes[1..]), None);
        assert_eq!(Head::read(b""), None);
    }
}
