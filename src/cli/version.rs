//! What `--version` says: enough to reproduce a build from a bug report.

/// Version, revision, compiler target, features and libraries, each on a line.
pub fn version() -> String {
    format!(
        "{}\nrevision: {}\nfeatures: {}\nlibpcap: {}\ntls: rustls with ring",
        env!("CARGO_PKG_VERSION"),
        option_env!("HUSHTAP_REVISION").unwrap_or("unknown"),
        if cfg!(feature = "live") {
            "live"
        } else {
            "none"
        },
        libpcap().unwrap_or_else(|| "none".to_owned()),
    )
}

/// The version of the libpcap in use, from the name of the file that is mapped into this process: the `pcap` crate does
/// not bind `pcap_lib_version`, and one call is not worth unsafe code of our own.
fn libpcap() -> Option<String> {
    if !cfg!(feature = "live") {
        return None;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let version = maps
        .lines()
        .filter_map(|line| line.rsplit_once("/libpcap.so."))
        .map(|(_, version)| version.trim().to_owned())
        .next();
    Some(version.unwrap_or_else(|| "linked statically".to_owned()))
}
