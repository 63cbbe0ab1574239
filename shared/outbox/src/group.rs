//! The groups of shards. Each schedule sweeps one group, so several sweeps run at once and none meets another.

use store::SHARDS;

/// One of `of` equal groups of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    number: u8,
    of: u8,
}

/// There is no such group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no group {number} of {of}: 1 to {SHARDS} groups are possible, and the first has the number 0"
)]
pub struct NoSuchGroup {
    number: u8,
    of: u8,
}

impl Group {
    /// All shards in one group: a sweep that a person starts.
    pub const ALL: Self = Self { number: 0, of: 1 };

    /// The group with this number, counted from 0.
    pub fn new(number: u8, of: u8) -> Result<Self, NoSuchGroup> {
        // With more groups than shards some groups would be empty, and a sweep would find nothing for ever.
        if number < of && of <= SHARDS {
            Ok(Self { number, of })
        } else {
            Err(NoSuchGroup { number, of })
        }
    }

    /// The shards of this group.
    pub(crate) fn shards(self) -> impl Iterator<Item = u8> {
        (self.number..SHARDS).step_by(usize::from(self.of))
    }

    /// Whether the sweep of this group also measures. One does it, about all shards: so the gauges also show that
    /// the sweep of another group does not run; and if this one does not run, they are missing, which is an alarm.
    pub(crate) fn measures(self) -> bool {
        self.number == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_is_in_one_group_and_one_group_measures() {
        for of in 1..=SHARDS {
            let groups: Vec<Group> = (0..of).map(|n| Group::new(n, of).unwrap()).collect();
            let mut shards: Vec<u8> = groups.iter().flat_map(|group| group.shards()).collect();
            shards.sort_unstable();
            assert_eq!(shards, (0..SHARDS).collect::<Vec<_>>(), "{of} groups");
            assert_eq!(groups.iter().filter(|group| group.measures()).count(), 1);
            assert!(Group::new(of, of).is_err());
        }
        assert_eq!(Group::new(0, 1), Ok(Group::ALL));
        assert!(Group::new(0, 0).is_err());
        assert!(Group::new(0, SHARDS + 1).is_err());
        let error = Group::new(4, 4).unwrap_err().to_string();
        assert!(error.starts_with("there is no group 4 of 4"), "{error}");
    }
}
