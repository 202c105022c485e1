//! Numbers that look random and are the same on every run.

/// The splitmix64 generator (Steele, Lea, Flood 2014): small, quick, and good enough for grain and
/// identifiers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator whose numbers follow from `seed` alone.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// A number in `low..high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// One of `items`, unless there is none.
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let len = u64::try_from(items.len()).ok().filter(|len| *len > 0)?;
        items.get(usize::try_from(self.next() % len).ok()?)
    }

    /// `len` bytes that do not compress.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

/// The FNV-1a hash of `bytes`: the same on every run, unlike the standard library's.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        assert_eq!(Random::new(7).bytes(33), Random::new(7).bytes(33));
        assert_ne!(Random::new(7).bytes(33), Random::new(8).bytes(33));
        assert_eq!(Random::new(1).bytes(5).len(), 5);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::new(3);
        assert!((0..1000).all(|_| (2.0..3.0).contains(&random.between(2.0, 3.0))));
        assert_eq!(random.choice::<u8>(&[]), None);
    }
}
