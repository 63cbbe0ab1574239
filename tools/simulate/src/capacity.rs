//! Indexes without capacity. A query of such an index is refused, and so is a write that would change its entry there:
//! `DynamoDB` holds the table back when an index cannot follow.

use store::Item;

use crate::choices::Lane;
use crate::fault::Fault;
use crate::indexes::key_of;
use crate::template::TEMPLATE;
use crate::world::{MINUTE, SECOND, World};

/// Until when each index of the template has no capacity.
pub(crate) struct Capacity(Vec<i64>);

impl Default for Capacity {
    fn default() -> Self {
        Self(vec![0; TEMPLATE.indexes.len()])
    }
}

impl World {
    /// Takes the capacity of some indexes away for a while.
    pub(crate) fn throttle_indexes(&mut self) {
        let lane = Lane::WORLD;
        for index in 0..TEMPLATE.indexes.len() {
            if self.inject(lane, Fault::IndexThrottled) {
                let most = [5 * SECOND, MINUTE, 20 * MINUTE];
                let most = self.choices.one_of(lane, &most);
                let until = self.now() + self.choices.span(lane, SECOND, most);
                self.capacity.0[index] = until;
                self.log(lane, "DynamoDB", || {
                    format!("{} has no capacity", TEMPLATE.indexes[index].name)
                });
            }
        }
    }

    /// Whether the index of this name has no capacity now.
    pub(crate) fn is_throttled(&self, name: &str) -> bool {
        let mut indexes = TEMPLATE.indexes.iter().zip(&self.capacity.0);
        let until = indexes.find(|(index, _)| index.name == name);
        self.faults.on() && until.is_some_and(|(_, until)| self.now() < *until)
    }

    /// The index that refuses this write, if one does.
    pub(crate) fn refusing_index(
        &self,
        before: Option<&Item>,
        after: &Item,
    ) -> Option<&'static str> {
        let name = |index: usize| TEMPLATE.indexes[index].name.as_str();
        let throttled = |index: &usize| self.is_throttled(name(*index));
        let throttled: Vec<usize> = (0..TEMPLATE.indexes.len()).filter(throttled).collect();
        if throttled.is_empty() {
            return None;
        }
        let id = key_of(after);
        let indexes = &self.rows.indexes;
        let after = indexes.entries(id, after);
        let before = before.map(|before| indexes.entries(id, before));
        let changes = |index: &usize| match &before {
            Some(before) => before[*index] != after[*index],
            None => after[*index].is_some(),
        };
        throttled.into_iter().find(changes).map(name)
    }
}
