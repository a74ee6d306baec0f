//! Where a head names hosts: they are mapped like the names in DNS and TLS, or they would tell what the map hides.

use std::ops::Range;

/// Fields whose value is a host, perhaps with a port.
const AUTHORITY: [&[u8]; 3] = [b"host", b"x-forwarded-host", b"x-forwarded-server"];
/// Fields whose value is, or holds, an URL.
const URL: [&[u8]; 7] = [
    b"origin",
    b"referer",
    b"location",
    b"content-location",
    b"link",
    b"access-control-allow-origin",
    b"alt-svc",
];

/// The places of host names in the start line and the fields of a head.
pub(super) fn places(head: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    for (number, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if number == 0 {
            target(line, &mut found);
        } else if let Some(colon) = memchr::memchr(b':', line) {
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default();
            let start = at.saturating_add(colon).saturating_add(1);
            let is = |names: &[&[u8]]| {
                let name = name.trim_ascii();
                names.iter().any(|one| name.eq_ignore_ascii_case(one))
            };
            if is(&AUTHORITY) {
                let blank = value.len().saturating_sub(value.trim_ascii_start().len());
                let start = start.saturating_add(blank);
                found.push(authority(value.trim_ascii(), start));
            } else if is(&URL) {
                urls(value, start, &mut found);
            }
        }
        at = at.saturating_add(line.len());
    }
    found
}

/// The target of a request in absolute form, or the authority of CONNECT (RFC 9112 section 3.2).
fn target(line: &[u8], found: &mut Vec<Range<usize>>) {
    let start = memchr::memchr(b' ', line).map_or(line.len(), |space| space.saturating_add(1));
    let target = line.get(start..).unwrap_or_default();
    let end = memchr::memchr(b' ', target).unwrap_or(target.len());
    let target = target.get(..end).unwrap_or_default();
    if line.starts_with(b"CONNECT ") {
        found.push(authority(target, start));
    } else if !target.starts_with(b"/") {
        urls(target, start, found);
    }
}

/// Every authority behind `://`.
fn urls(text: &[u8], start: usize, found: &mut Vec<Range<usize>>) {
    for slashes in memchr::memmem::find_iter(text, b"://") {
        let begin = slashes.saturating_add(3);
        let rest = text.get(begin..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|byte| b"/?#,;<>\"' \t\r\n".contains(byte))
            .unwrap_or(rest.len());
        let whole = rest.get(..end).unwrap_or_default();
        found.push(authority(whole, start.saturating_add(begin)));
    }
}

/// The host in an authority: without user, port and brackets (RFC 3986 section 3.2).
fn authority(text: &[u8], start: usize) -> Range<usize> {
    let user = memchr::memrchr(b'@', text).map_or(0, |at| at.saturating_add(1));
    let host = text.get(user..).unwrap_or_default();
    let (begin, len) = if host.starts_with(b"[") {
        let end = memchr::memchr(b']', host).unwrap_or(host.len());
        (1, end.saturating_sub(1))
    } else {
        (0, memchr::memrchr(b':', host).unwrap_or(host.len()))
    };
    let begin = start.saturating_add(user).saturating_add(begin);
    begin..begin.saturating_add(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_wherever_a_head_names_them() {
        let head = b"GET http://u:p@one.test:80/x HTTP/1.1\r\nHost:  two.test:8080\r\n\
            Referer: https://[fe80::3]:1/?u=https://four.test\r\nAccept: */*\r\n\r\n";
        let names: Vec<_> = places(head)
            .into_iter()
            .map(|place| String::from_utf8_lossy(&head[place]).into_owned())
            .collect();
        assert_eq!(names, ["one.test", "two.test", "fe80::3", "four.test"]);
        let connect = b"CONNECT one.test:443 HTTP/1.1\r\nHost: two.test\r\n\r\n";
        let names: Vec<_> = places(connect)
            .into_iter()
            .map(|place| &connect[place])
            .collect();
        assert_eq!(names, [&b"one.test"[..], b"two.test"]);
        assert!(places(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n").is_empty());
    }
}
