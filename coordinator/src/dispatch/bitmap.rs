//! A set of shard numbers as a bitmap with a summary level: ten million shards take 1.3 MiB, and the next member is
//! found without walking over what is done.

/// A set of numbers below a fixed bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    len: u32,
    count: u32,
    words: Vec<u64>,
    /// Bit `w` is set where `words[w]` is not zero.
    summary: Vec<u64>,
}

impl Bitmap {
    /// The empty set of numbers below `len`.
    #[must_use]
    pub fn empty(len: u32) -> Self {
        let words = (len as usize).div_ceil(64);
        Self { len, count: 0, words: vec![0; words], summary: vec![0; words.div_ceil(64)] }
    }

    /// All numbers below `len`.
    #[must_use]
    pub fn full(len: u32) -> Self {
        let mut all = Self::empty(len);
        fill(&mut all.words, len as usize);
        let words = all.words.len();
        fill(&mut all.summary, words);
        all.count = len;
        all
    }

    /// The numbers below the bound that are not in this set.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut other = Self::full(self.len);
        for (word, taken) in other.words.iter_mut().zip(&self.words) {
            *word &= !taken;
        }
        for (index, word) in other.words.iter().enumerate() {
            if *word == 0 {
                other.summary[index / 64] &= !(1 << (index % 64));
            }
        }
        other.count = self.len - self.count;
        other
    }

    /// The bound.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many numbers are in the set.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether `number` is in the set; false at and above the bound.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        number < self.len && self.words[number as usize / 64] >> (number % 64) & 1 == 1
    }

    /// Adds `number`; says whether it was new. At and above the bound nothing is added.
    pub fn insert(&mut self, number: u32) -> bool {
        if number >= self.len || self.contains(number) {
            return false;
        }
        let word = number as usize / 64;
        self.words[word] |= 1 << (number % 64);
        self.summary[word / 64] |= 1 << (word % 64);
        self.count += 1;
        true
    }

    /// Removes `number`; says whether it was there.
    pub fn remove(&mut self, number: u32) -> bool {
        if !self.contains(number) {
            return false;
        }
        let word = number as usize / 64;
        self.words[word] &= !(1 << (number % 64));
        if self.words[word] == 0 {
            self.summary[word / 64] &= !(1 << (word % 64));
        }
        self.count -= 1;
        true
    }

    /// The smallest member. At most `len / 4096` steps.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // positions are below `len`
    pub fn first(&self) -> Option<u32> {
        let (index, summary) = self.summary.iter().enumerate().find(|(_, word)| **word != 0)?;
        let word = index * 64 + summary.trailing_zeros() as usize;
        Some(word as u32 * 64 + self.words[word].trailing_zeros())
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0_u32..).zip(&self.words).flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    index * 64 + bit
                })
            })
        })
    }
}

/// Sets the first `bits` bits.
fn fill(words: &mut [u64], bits: usize) {
    for (index, word) in words.iter_mut().enumerate() {
        let rest = bits - index * 64;
        *word = if rest >= 64 { u64::MAX } else { (1 << rest) - 1 };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(len in 1_u32..10_000, steps in prop::collection::vec((any::<bool>(), 0_u32..12_000), 0..200), full: bool) {
            let mut bitmap = if full { Bitmap::full(len) } else { Bitmap::empty(len) };
            let mut set: BTreeSet<u32> = if full { (0..len).collect() } else { BTreeSet::new() };
            for (add, number) in steps {
                if add {
                    prop_assert_eq!(bitmap.insert(number), number < len && set.insert(number));
                } else {
                    prop_assert_eq!(bitmap.remove(number), set.remove(&number));
                }
                prop_assert_eq!(bitmap.first(), set.first().copied());
                prop_assert_eq!(bitmap.count() as usize, set.len());
            }
            prop_assert!(bitmap.iter().eq(set.iter().copied()));
            let rest = bitmap.complement();
            prop_assert_eq!(rest.count(), len - bitmap.count());
            prop_assert!(rest.iter().eq((0..len).filter(|number| !set.contains(number))));
            prop_assert_eq!(rest.first(), rest.iter().next());
        }
    }

    #[test]
    fn ten_million_shards_take_little_and_are_walked_fast() {
        let mut open = Bitmap::full(10_000_000);
        for shard in 0..9_999_999 {
            open.remove(shard);
        }
        assert_eq!(open.first(), Some(9_999_999));
        assert!(open.words.len() * 8 < 1_300_000);
    }
}
