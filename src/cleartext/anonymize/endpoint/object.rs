//! The object a path names: a keyed hash of the service and of the path up to its last parameter.

use smallvec::SmallVec;

use super::path::{MAX_DEPTH, PathBuf};
use crate::cleartext::anonymize::keys::Keys;
use crate::observation::{ObjectKey, ServiceId};

/// The object of a path, given the template it fits; none where no segment of the template is a parameter.
///
/// `/users/7` and `/users/7/orders` name the same object, `/orders/7` another.
pub(super) fn of(
    keys: &Keys,
    service: ServiceId,
    template: &str,
    path: &PathBuf,
) -> Option<ObjectKey> {
    if !template.contains('{') {
        return None;
    }
    let wanted = template.split('/').filter(|segment| !segment.is_empty());
    let last = wanted
        .enumerate()
        .filter(|(_, segment)| segment.contains('{'))
        .last();
    let (place, segment) = last?;
    // A parameter that takes the rest of the path.
    let rest = segment.contains("+}") || segment == "{rest}";
    let end = if rest {
        MAX_DEPTH
    } else {
        place.saturating_add(1)
    };
    let service = service.0.to_le_bytes();
    let mut parts: SmallVec<[&[u8]; MAX_DEPTH]> = SmallVec::new();
    parts.push(&service);
    parts.extend(path.segments().take(end));
    // The parameter may have taken nothing: then there is no object.
    (parts.len() > place.saturating_add(1)).then(|| ObjectKey(keys.object.hash64(b'o', &parts)))
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
            of(&keys, ServiceId(service), template, &path)
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
