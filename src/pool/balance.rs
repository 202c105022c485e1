//! The order in which the upstreams of a model are called.

use std::cmp::Reverse;

use crate::order;

/// An upstream that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its place in the configuration's list.
    pub place: usize,
    /// Its share of the load, relative to the others; at least 1.
    pub weight: u32,
    /// What is left of its usage limit, 0 to 100 percent.
    pub headroom: u8,
}

/// Members whose weighted headroom is within this many percent of the best are alike. The figure is
/// minutes old, and a burst of requests must not go to one of them alone.
const ALIKE: u64 = 95;

/// Smooth weighted round robin, as in Nginx: in each turn every member earns its weight. The
/// richest is called first and pays the sum of all weights.
#[derive(Debug, Default)]
pub struct RoundRobin {
    credits: Vec<i64>,
}

impl RoundRobin {
    /// The places of `members` in the order in which they are called now.
    pub fn order(&mut self, members: &[Member]) -> Vec<usize> {
        let mut ranked: Vec<(i64, usize)> = Vec::with_capacity(members.len());
        let mut total = 0_i64;
        for member in members {
            if self.credits.len() <= member.place {
                self.credits.resize(member.place.saturating_add(1), 0);
            }
            let Some(credit) = self.credits.get_mut(member.place) else { continue };
            *credit = credit.saturating_add(i64::from(member.weight));
            total = total.saturating_add(i64::from(member.weight));
            ranked.push((*credit, member.place));
        }
        // Stable: of two that are as rich, the first in the list comes first.
        let ranked = order::by_key(ranked, |(credit, _)| Reverse(*credit));
        let first = ranked.first().and_then(|(_, place)| self.credits.get_mut(*place));
        if let Some(credit) = first {
            *credit = credit.saturating_sub(total);
        }
        ranked.into_iter().map(|(_, place)| place).collect()
    }

    /// Like [`order`](Self::order), but those with the most headroom come first. An upstream of
    /// twice the weight counts as having twice the headroom. Those that are alike take turns.
    pub fn least_used(&mut self, members: &[Member]) -> Vec<usize> {
        let score = |it: &Member| u64::from(it.headroom).saturating_mul(u64::from(it.weight));
        let best = members.iter().map(score).max().unwrap_or_default();
        let is_alike = |it: &Member| score(it).saturating_mul(100) >= best.saturating_mul(ALIKE);
        let (alike, others): (Vec<Member>, Vec<Member>) =
            members.iter().partition(|it| is_alike(it));
        let turns: Vec<_> = alike.iter().map(|it| Member { weight: 1, ..*it }).collect();
        let others = order::by_key(others, |it| Reverse(score(it)));
        let mut order = self.order(&turns);
        order.extend(others.iter().map(|it| it.place));
        order
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test may panic"
    )]

    use proptest::prelude::*;

    use super::{Member, RoundRobin};

    fn members(weights: &[u32]) -> Vec<Member> {
        let member =
            |(place, weight): (usize, &u32)| Member { place, weight: *weight, headroom: 100 };
        weights.iter().enumerate().map(member).collect()
    }

    #[test]
    fn turns_are_smooth() {
        let mut turns = RoundRobin::default();
        let firsts: Vec<_> = (0..7).map(|_| turns.order(&members(&[5, 1, 1]))[0]).collect();
        assert_eq!(firsts, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn a_resting_upstream_loses_only_its_turn() {
        let mut turns = RoundRobin::default();
        let all = members(&[1, 1, 1]);
        let firsts: Vec<_> = (0..4).map(|_| turns.order(&all[1..])[0]).collect();
        assert_eq!(firsts, [1, 2, 1, 2]);
        let mut came: Vec<_> = (0..3).map(|_| turns.order(&all)[0]).collect();
        came.sort_unstable();
        assert_eq!(came, [0, 1, 2]);
    }

    #[test]
    fn the_least_used_is_first_and_those_alike_take_turns() {
        let member = |place, weight, headroom| Member { place, weight, headroom };
        let list = [member(0, 1, 20), member(1, 1, 97), member(2, 1, 100), member(3, 1, 50)];
        let mut turns = RoundRobin::default();
        let orders: Vec<_> = (0..2).map(|_| turns.least_used(&list)).collect();
        assert_eq!(orders, [vec![1, 2, 3, 0], vec![2, 1, 3, 0]]);
        // A plan that is four times as large has more left at 70 % used.
        assert_eq!(turns.least_used(&[member(0, 1, 80), member(1, 4, 30)]), [1, 0]);
        // All have reached their limit, and may serve for credits.
        assert_eq!(turns.least_used(&[member(5, 1, 0), member(6, 1, 0)]).len(), 2);
    }

    proptest! {
        #[test]
        fn each_member_gets_its_share(weights in prop::collection::vec(1_u32..=100, 1..16)) {
            let mut turns = RoundRobin::default();
            let list = members(&weights);
            let total: u32 = weights.iter().sum();
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..total {
                let order = turns.order(&list);
                prop_assert_eq!(order.len(), list.len());
                counts[order[0]] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
