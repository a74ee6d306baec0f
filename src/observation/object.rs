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

/// An object asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectRef {
    /// Its name.
    pub key: ObjectKey,
    /// What it is one of.
    pub collection: CollectionKey,
    /// Where its name is a number: the object whose number is one higher.
    pub next: Option<ObjectKey>,
}

/// How the number of an object lies to that of another: all that is left of the order of numbers once they are hashed.
///
/// It is computed from hashes made of the number and of the next before anything is hashed away, so it holds across connections
/// and whichever worker saw which request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IdStep {
    /// The same object.
    Same,
    /// One higher.
    Up,
    /// One lower.
    Down,
    /// Anything else, also where names are no numbers.
    Other,
}

/// As much of an object as is kept to tell what comes next to it: 4 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct ObjectMark {
    key: u16,
    next: u16,
}

impl ObjectRef {
    /// What is kept of it.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a quarter of a hash: one step in 30,000 is one by chance, and an API where fewer than one in a hundred is \
                  counts as one"
    )]
    pub const fn mark(&self) -> ObjectMark {
        ObjectMark {
            key: self.key.0 as u16,
            next: match self.next {
                Some(next) => next.0 as u16,
                None => 0,
            },
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
            next: Some(key(number + 1)),
        };
        object.mark()
    }

    #[test]
    fn neighbours_are_told_from_strangers() {
        let seven = object(7);
        assert_eq!(object(7).step_from(seven), IdStep::Same);
        assert_eq!(object(8).step_from(seven), IdStep::Up);
        assert_eq!(object(6).step_from(seven), IdStep::Down);
        assert_eq!(object(7_000).step_from(seven), IdStep::Other);
    }
}
