//! Arrays longer than serde knows (32): written as lists, read back at exactly their length.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(in crate::analysis) fn serialize<S: Serializer, T: Serialize, const N: usize>(
    array: &[T; N],
    to: S,
) -> Result<S::Ok, S::Error> {
    array.as_slice().serialize(to)
}

pub(in crate::analysis) fn deserialize<
    'de,
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    const N: usize,
>(
    from: D,
) -> Result<[T; N], D::Error> {
    let list = Vec::<T>::deserialize(from)?;
    let len = list.len();
    list.try_into()
        .map_err(|_| D::Error::invalid_length(len, &"another number of entries"))
}
