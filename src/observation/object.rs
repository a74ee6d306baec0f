//! What a path names, as keyed hashes that keep one thing of the order of numbers: which of them are next to each other.

/// A keyed hash of what a path names: the service and the path up to its last parameter, so that `/users/7` and
/// `/users/7/orders` name one object. Made with a key of its own and never shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectKey(pub u64);

/// Objects of one kind: a keyed hash of the service and of the template up to its first parameter, so that
/// `GET /orders/{id}` and `GET /orders/{id}/items` read from one collection.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct CollectionKey(pub u32);

/// What would be next to an object whose name is a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbours {
    /// The object whose number is one higher.
    pub next: ObjectKey,
    /// The block of [`BLOCK`] numbers that it lies in.
    pub block: ObjectKey,
}

/// Numbers in a block: objects in one block are near each other.
pub const BLOCK: u64 = 64;

/// An object asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectRef {
    /// Its name.
    pub key: ObjectKey,
    /// What it is one of.
    pub collection: CollectionKey,
    /// Where its name is a number.
    pub neighbours: Option<Neighbours>,
}

/// How the number of an object lies to that of another: all that is left of the order of numbers once they are hashed.
///
/// It is computed from hashes made of the number and of its neighbours before anything is hashed away, so it holds across
/// connections and whichever worker saw which request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IdStep {
    /// The same object.
    Same,
    /// One higher.
    Up,
    /// One lower.
    Down,
    /// In the same block.
    Near,
    /// Anything else, also where names are no numbers.
    Other,
}

/// As much of an object as is kept to tell what comes next to it: 12 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct ObjectMark {
    key: u32,
    next: u32,
    block: u32,
}

impl ObjectRef {
    /// What is kept of it.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "half of a hash: neighbours by chance are one in four billion"
    )]
    pub const fn mark(&self) -> ObjectMark {
        let (next, block) = match self.neighbours {
            Some(Neighbours { next, block }) => (next.0 as u32, block.0 as u32),
            None => (0, 0),
        };
        ObjectMark {
            key: self.key.0 as u32,
            next,
            block,
        }
    }
}

impl ObjectMark {
    /// The step from `earlier` to this one.
    pub const fn step_from(self, earlier: Self) -> IdStep {
        if self.key == earlier.key {
            IdStep::Same
        } else if earlier.next != 0 && earlier.next == self.key {
            IdStep::Up
        } else if self.next != 0 && self.next == earlier.key {
            IdStep::Down
        } else if self.block != 0 && self.block == earlier.block {
            IdStep::Near
        } else {
            IdStep::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(number: u64) -> ObjectMark {
        let key = |n: u64| {
            let n = (n ^ (n >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ObjectKey(n ^ (n >> 32))
        };
        let object = ObjectRef {
            key: key(number),
            collection: CollectionKey(1),
            neighbours: Some(Neighbours {
                next: key(number + 1),
                block: key((1 << 40) | (number / BLOCK)),
            }),
        };
        object.mark()
    }

    #[test]
    fn neighbours_are_told_from_strangers() {
        let seven = object(7);
        assert_eq!(object(7).step_from(seven), IdStep::Same);
        assert_eq!(object(8).step_from(seven), IdStep::Up);
        assert_eq!(object(6).step_from(seven), IdStep::Down);
        assert_eq!(object(60).step_from(seven), IdStep::Near);
        assert_eq!(object(7_000).step_from(seven), IdStep::Other);
    }
}
