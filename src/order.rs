//! Short lists in order.
//!
//! The sorts of the standard library have some ten thousand bytes of code for each type that they
//! sort, and Envoy compiles all of it whenever it starts. These have some hundred.

use std::collections::BinaryHeap;

/// `items` in the order of their keys. Those of one key keep their order.
pub(crate) fn by_key<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let keys: BinaryHeap<(K, usize)> = items.iter().map(key).zip(0..).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let sorted = keys.into_sorted_vec().into_iter();
    sorted.filter_map(|(_, place)| items.get_mut(place)?.take()).collect()
}

/// The different ones of `items` in their order. For a few of them: each is inserted in its place.
pub(crate) fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut sorted = Vec::new();
    for item in items {
        if let Err(place) = sorted.binary_search(&item) {
            sorted.insert(place, item);
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{by_key, distinct};

    proptest! {
        #[test]
        fn the_order_is_that_of_a_stable_sort(items: Vec<(u8, u16)>) {
            let mut sorted = items.clone();
            sorted.sort_by_key(|it| it.0);
            prop_assert_eq!(by_key(items, |it| it.0), sorted);
        }

        #[test]
        fn none_is_there_twice(items: Vec<u8>) {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            sorted.dedup();
            prop_assert_eq!(distinct(items.into_iter()), sorted);
        }
    }
}
