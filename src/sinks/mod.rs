//! Records and alerts as JSON lines, for files and for standard output.
//!
//! Lines are made where rows are (any thread, [`RecordEncoder`] and [`AlertEncoder`]) and travel in batches ([`Lines`]).
//! A replay sorts them over the whole output ([`Sorter`]), because a timeout may finish an old transaction late; live they
//! are written tick by tick ([`LiveFile`]). Texts from the wire stand in a line as references, resolved when the line is
//! written: only then is it known which of them enough principals used.

mod alert;
mod json;
mod line;
mod live;
mod outputs;
mod record;
mod sorter;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

pub use alert::AlertEncoder;
pub(crate) use alert::named;
pub use line::{Key, Lines, Resolver};
pub use live::{LiveFile, Rotation};
pub use outputs::Outputs;
pub use record::RecordEncoder;
pub use sorter::Sorter;

/// Creates a file that only its owner may read, or opens it as it is.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    open_private(path, &options)
}

/// Opens a file with `options`, readable by its owner only even if it was there before with other rights.
fn open_private(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let file = options.open(path)?;
    let meta = file.metadata()?;
    // Devices and pipes keep the rights they have: /dev/null and the like.
    if meta.is_file() && meta.permissions().mode() & 0o177 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
pub(crate) mod tests;
