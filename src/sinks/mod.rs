//! Records and alerts files.
