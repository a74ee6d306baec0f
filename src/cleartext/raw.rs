//! Bytes from the wire that must not get out.

use zeroize::Zeroize;

/// A value that holds traffic. It has no `Debug`, `Display`, `Serialize`, `Clone`, `Deref`, `AsRef` or `PartialEq`, so a
/// struct that holds one cannot derive them either, and it opens only inside the cleartext room.
pub struct Raw<T>(T);

impl<T> Raw<T> {
    /// Wraps a value from the wire.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens it for reading. Only the cleartext room can.
    pub(in crate::cleartext) const fn expose(&self) -> &T {
        &self.0
    }

    /// Opens it for writing. Only the cleartext room can.
    pub(in crate::cleartext) const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Takes it out. Only the cleartext room can.
    pub(in crate::cleartext) fn into_inner(self) -> T {
        self.0
    }
}

impl<T: Zeroize> Zeroize for Raw<T> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Raw;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Raw<Vec<u8>>: Debug, Display, Clone, PartialEq, AsRef<[u8]>, serde::Serialize, std::ops::Deref);

    #[test]
    fn opens_inside_the_room() {
        assert_eq!(*Raw::new(7_u8).expose(), 7);
    }
}
