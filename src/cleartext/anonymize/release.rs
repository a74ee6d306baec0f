//! The release of a client: `product/version`, as apps send it in a field of their own or in `User-Agent`.
//!
//! Only names and versions of a checked shape pass: a version is digits and dots. The text is shown only once enough
//! principals have sent it.

use smallvec::SmallVec;

use super::agent::{is_product, is_version};

/// A buffer for `product/version`.
pub(super) type Text = SmallVec<[u8; 64]>;

/// The release that a version field gives: `4.2.1`, or `shop-android/4.2.1` with the product inside. Without any product
/// it is `app/4.2.1`.
pub(super) fn from_field(field: &[u8], product: &[u8]) -> Option<Text> {
    let field = field.trim_ascii();
    match field
        .iter()
        .rposition(|b| matches!(b, b'/' | b' ' | b'@'))
        .and_then(|at| Some((field.get(..at)?, field.get(at.checked_add(1)?..)?)))
    {
        Some((name, version)) => joined(name, version),
        None if is_product(product) => joined(product, field),
        None => joined(b"app", field),
    }
}

/// `product/version`, if both have the shape.
pub(super) fn joined(product: &[u8], version: &[u8]) -> Option<Text> {
    let version = version.strip_prefix(b"v").unwrap_or(version).trim_ascii();
    (is_product(product) && is_version(version)).then(|| {
        let mut text = Text::from_slice(product);
        text.push(b'/');
        text.extend_from_slice(version);
        text
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

    fn read(field: &str, product: &str) -> Option<String> {
        from_field(field.as_bytes(), product.as_bytes())
            .map(|text| String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn releases_are_product_and_version() {
        for (field, product, release) in [
            ("4.2.1", "shop-android", Some("shop-android/4.2.1")),
            ("shop-android/4.2.1", "okhttp", Some("shop-android/4.2.1")),
            ("shop-ios v4.2", "", Some("shop-ios/4.2")),
            ("4.2.1", "", Some("app/4.2.1")),
            ("4.2.1-alice", "shop", None),
            ("alice", "shop", None),
            ("", "shop", None),
            ("b1946ac92492d234/4.2", "", None),
        ] {
            assert_eq!(read(field, product).as_deref(), release, "{field}");
        }
    }
}
