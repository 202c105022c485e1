//! Which calls the loopback listener carries.
//!
//! A call that goes through it has a number, its link, by which the filter there finds the call. A
//! call that is made anew, at another upstream, gets a new number. What still comes under the old
//! one is dropped.

/// The calls with a link.
#[derive(Debug, Default)]
pub(crate) struct Links {
    next: u32,
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    number: u32,
    /// The call's place in the list of calls.
    place: usize,
    /// The filter on the loopback listener has found the call.
    is_taken: bool,
}

impl Links {
    /// A new link for the call at `place`, in the place of an earlier one.
    pub(crate) fn add(&mut self, place: usize) -> u32 {
        self.links.retain(|link| link.place != place);
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.links.push(Link { number, place, is_taken: false });
        number
    }

    /// The place of the call that has this link.
    pub(crate) fn place(&self, number: u32) -> Option<usize> {
        self.links.iter().find(|link| link.number == number).map(|link| link.place)
    }

    /// Notes that the filter on the loopback listener has found the call.
    pub(crate) fn take(&mut self, number: u32) {
        let link = self.links.iter_mut().find(|link| link.number == number);
        link.into_iter().for_each(|link| link.is_taken = true);
    }

    /// Whether the call at `place` has a link.
    pub(crate) fn is_linked(&self, place: usize) -> bool {
        self.links.iter().any(|link| link.place == place)
    }

    /// Whether the filter on the loopback listener has found the call at `place`.
    pub(crate) fn is_taken(&self, place: usize) -> bool {
        self.links.iter().any(|link| link.place == place && link.is_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::Links;

    #[test]
    fn a_call_that_is_made_anew_is_no_longer_found_by_its_old_link() {
        let mut links = Links::default();
        let (first, other) = (links.add(0), links.add(1));
        links.take(first);
        assert_eq!((links.place(first), links.is_taken(0)), (Some(0), true));
        let second = links.add(0);
        assert_eq!((links.place(first), links.place(second)), (None, Some(0)));
        assert_eq!((links.is_taken(0), links.is_linked(0)), (false, true));
        assert_eq!(
            (links.place(other), links.is_taken(1), links.is_linked(2)),
            (Some(1), false, false)
        );
    }
}
