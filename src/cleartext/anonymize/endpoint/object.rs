//! The object a path names: a keyed hash of the service and of the path up to its last parameter.

use smallvec::SmallVec;

use super::path::{MAX_DEPTH, PathBuf};
use crate::cleartext::anonymize::keys::Keys;
use crate::observation::{CollectionKey, ObjectKey, ObjectRef, ServiceId};

/// Where in a template its last parameter stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LastParameter {
    place: usize,
    /// How many segments of a path name the object: all, where the parameter takes the rest of the path.
    end: usize,
}

impl LastParameter {
    /// None where no segment of the template is a parameter.
    pub(super) fn of(template: &str) -> Option<Self> {
        let segments = template.split('/').filter(|segment| !segment.is_empty());
        let (place, segment) = segments
            .enumerate()
            .filter(|(_, segment)| segment.contains('{'))
            .last()?;
        let rest = segment.contains("+}") || segment == "{rest}";
        let end = if rest {
            MAX_DEPTH
        } else {
            place.saturating_add(1)
        };
        Some(Self { place, end })
    }

    /// The object of a path that fits the template. None where the parameter took nothing.
    ///
    /// `/users/7` and `/users/7/orders` name the same object, `/orders/7` another.
    pub(super) fn object(
        self,
        keys: &Keys,
        service: ServiceId,
        collection: CollectionKey,
        path: &PathBuf,
    ) -> Option<ObjectRef> {
        let named = || path.segments().take(self.end);
        if path.segments().count() <= self.place {
            return None;
        }
        let service = u64::from(service.0);
        Some(ObjectRef {
            key: ObjectKey(keys.object.hash_list(service, named())),
            collection,
            next: self.next(keys, service, path),
        })
    }

    /// The object one higher, where the last parameter is a number and nothing follows it.
    fn next(self, keys: &Keys, service: u64, path: &PathBuf) -> Option<ObjectKey> {
        let named = path.segments().take(self.end);
        let mut named: SmallVec<[&[u8]; MAX_DEPTH]> = named.collect();
        let number = number(named.pop().filter(|_| named.len() == self.place)?)?;
        let before = named.iter().map(|segment| -> &[u8] { segment });
        let mut digits = itoa::Buffer::new();
        let next = digits.format(number.saturating_add(1)).as_bytes();
        let next = keys.object.hash_list(service, before.chain([next]));
        Some(ObjectKey(next))
    }
}

/// Digits of the longest number that has neighbours.
const MAX_DIGITS: usize = 18;

/// A decimal number as programs write it: without leading zeros.
fn number(segment: &[u8]) -> Option<u64> {
    if segment.len() > MAX_DIGITS || matches!(segment, [b'0', _, ..] | []) {
        return None;
    }
    segment.iter().try_fold(0_u64, |sum, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
#[allow(
    clippy::disallowed_macros,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests hold no traffic"
)]
mod tests {
    use super::*;
    use crate::cleartext::anonymize::keys::StateKey;

    #[test]
    fn objects_are_named_by_the_path_up_to_the_last_parameter() {
        let keys = Keys::new(&StateKey::from_content(b"objects"), None);
        let object = |service, template: &str, target: &str| {
            let mut path = PathBuf::default();
            path.read(target.as_bytes());
            let collection = CollectionKey(1);
            let last = LastParameter::of(template)?;
            let object = last.object(&keys, ServiceId(service), collection, &path);
            object.map(|object| object.key)
        };
        let seven = object(0, "/users/{id}", "/users/7");
        assert!(seven.is_some());
        assert_eq!(object(0, "/users/{id}/orders", "/users/7/orders"), seven);
        assert_eq!(object(0, "/users/{id}", "//users/%37/?a=b"), seven);
        for other in [
            object(0, "/users/{id}", "/users/8"),
            object(0, "/orders/{id}", "/orders/7"),
            object(1, "/users/{id}", "/users/7"),
            object(0, "/users/{id}/{order}", "/users/7/1"),
            object(0, "/users/{id}.json", "/users/7.json"),
        ] {
            assert!(other.is_some() && other != seven);
        }
        assert_ne!(
            object(0, "/files/{path+}", "/files/a/b"),
            object(0, "/files/{path+}", "/files/a/c")
        );
        assert_eq!(object(0, "/files/{path+}", "/files"), None);
        assert_eq!(object(0, "/users", "/users"), None);
        assert_eq!(object(0, "{authority}", "db.test:5432"), None);
    }
}
