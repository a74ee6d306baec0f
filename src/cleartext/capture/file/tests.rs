//! Files as they come: formats, byte orders, compression, damage, and what is no capture.

use super::*;
use std::fs;
use std::io::Write;
use tempfile::TempDir;

/// Writes fields in a chosen byte order.
struct Bytes {
    big: bool,
    out: Vec<u8>,
}

impl Bytes {
    fn u16(&mut self, n: u16) -> &mut Self {
        let bytes = if self.big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        };
        self.out.extend(bytes);
        self
    }

    fn u32(&mut self, n: u32) -> &mut Self {
        let bytes = if self.big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        };
        self.out.extend(bytes);
        self
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend(bytes);
        self
    }

    /// A pcapng block around a body.
    fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let padding = body.len().next_multiple_of(4) - body.len();
        let len = u32::try_from(body.len() + padding + 12).unwrap();
        self.u32(kind).u32(len).raw(body);
        self.out.extend(vec![0; padding]);
        self.u32(len)
    }
}

fn bytes(big: bool) -> Bytes {
    Bytes {
        big,
        out: Vec::new(),
    }
}

/// A pcap file with one record for each (seconds, fraction, data).
fn pcap(magic: u32, big: bool, link: u32, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut b = bytes(big);
    b.u32(magic)
        .u16(2)
        .u16(4)
        .u32(0)
        .u32(0)
        .u32(65_535)
        .u32(link);
    for (secs, fraction, data) in records {
        let len = u32::try_from(data.len()).unwrap();
        b.u32(*secs).u32(*fraction).u32(len).u32(len + 4);
        if magic == 0xa1b2_cd34 {
            b.raw(&[0; 8]);
        }
        b.raw(data);
    }
    b.out
}

fn section(b: &mut Bytes) {
    let mut body = bytes(b.big);
    body.u32(0x1a2b_3c4d)
        .u16(1)
        .u16(0)
        .u32(u32::MAX)
        .u32(u32::MAX);
    b.block(0x0a0d_0d0a, &body.out);
}

fn interface(b: &mut Bytes, link: u16, options: &[(u16, &[u8])]) {
    let mut body = bytes(b.big);
    body.u16(link).u16(0).u32(0);
    for (code, value) in options {
        body.u16(*code)
            .u16(u16::try_from(value.len()).unwrap())
            .raw(value);
        let padding = value.len().next_multiple_of(4) - value.len();
        body.out.extend(vec![0; padding]);
    }
    body.u32(0);
    b.block(1, &body.out);
}

fn enhanced(b: &mut Bytes, interface: u32, stamp: u64, data: &[u8]) {
    let mut body = bytes(b.big);
    let len = u32::try_from(data.len()).unwrap();
    body.u32(interface)
        .u32(u32::try_from(stamp >> 32).unwrap())
        .u32(u32::try_from(stamp & 0xffff_ffff).unwrap())
        .u32(len)
        .u32(len)
        .raw(data);
    b.block(6, &body.out);
}

/// What a source gave: (nanoseconds, link type, data), and how it ended.
type Read = (Vec<(u64, u16, Vec<u8>)>, Vec<SourceError>);

fn drain(source: &mut FileSource) -> Read {
    let (mut packets, mut errors) = (Vec::new(), Vec::new());
    loop {
        match source.poll() {
            Ok(Polled::Packet(p)) => {
                packets.push((p.time.nanos(), p.link.0, p.data.expose().to_vec()));
            }
            Ok(Polled::Idle | Polled::End) => break,
            Err(error) => errors.push(error),
        }
    }
    (packets, errors)
}

struct Files {
    dir: TempDir,
    paths: Vec<PathBuf>,
    tally: Arc<TallySheet>,
}

impl Files {
    fn new(contents: &[&[u8]]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut paths = Vec::new();
        for (i, content) in contents.iter().enumerate() {
            paths.push(dir.path().join(format!("{i:03}.pcap")));
            fs::write(&paths[i], content).unwrap();
        }
        Self {
            dir,
            paths,
            tally: Arc::default(),
        }
    }

    fn open(&self, options: FileOptions) -> Result<FileSource, OpenError> {
        FileSource::open(&self.paths, options, Arc::clone(&self.tally))
    }

    fn read(&self) -> Read {
        drain(&mut self.open(FileOptions::default()).unwrap())
    }

    fn fault(&self) -> OpenFault {
        match self.open(FileOptions::default()) {
            Ok(_) => panic!("opened"),
            Err(error) => error.fault,
        }
    }
}

fn read_one(content: &[u8]) -> Read {
    Files::new(&[content]).read()
}

const FRAME: &[u8] = b"some frame";

#[test]
fn pcap_in_all_its_forms() {
    for (magic, big, nanos) in [
        (0xa1b2_c3d4, false, 5_000_000_007_000),
        (0xa1b2_c3d4, true, 5_000_000_007_000),
        (0xa1b2_3c4d, false, 5_000_000_000_007),
        (0xa1b2_3c4d, true, 5_000_000_000_007),
        (0xa1b2_cd34, false, 5_000_000_007_000),
    ] {
        let file = pcap(magic, big, 1, &[(5_000, 7, FRAME), (5_001, 0, b"")]);
        let (packets, errors) = read_one(&file);
        assert_eq!(packets[0], (nanos, 1, FRAME.to_vec()), "{magic:x} {big}");
        assert_eq!((packets.len(), errors.len()), (2, 0));
    }
}

#[test]
fn the_upper_half_of_the_link_field_is_no_link_type() {
    let (packets, _) = read_one(&pcap(0xa1b2_c3d4, false, 0x1400_0001, &[(1, 0, FRAME)]));
    assert_eq!(packets[0].1, 1);
}

#[test]
fn pcapng_with_interfaces_of_different_kinds() {
    for big in [false, true] {
        let mut b = bytes(big);
        section(&mut b);
        interface(&mut b, 1, &[]);
        let offset = if big {
            100_i64.to_be_bytes()
        } else {
            100_i64.to_le_bytes()
        };
        interface(&mut b, 101, &[(9, &[9]), (14, &offset)]);
        interface(&mut b, 1, &[(9, &[0x8a])]);
        b.block(0x0000_0bad, b"unknown blocks are passed over");
        enhanced(&mut b, 0, 3_000_001, FRAME);
        enhanced(&mut b, 1, 4_000_000_001, FRAME);
        enhanced(&mut b, 2, 5 * 1024 + 512, FRAME);
        // A simple packet and the obsolete packet block.
        let mut simple = bytes(big);
        simple.u32(10).raw(FRAME);
        b.block(3, &simple.out);
        let mut old = bytes(big);
        old.u16(0)
            .u16(0)
            .u32(0)
            .u32(9_000_000)
            .u32(10)
            .u32(10)
            .raw(FRAME);
        b.block(2, &old.out);
        // A second section describes its own interfaces.
        section(&mut b);
        interface(&mut b, 113, &[]);
        enhanced(&mut b, 0, 10_000_000, FRAME);
        let (packets, errors) = read_one(&b.out);
        let stamps: Vec<_> = packets
            .iter()
            .map(|(time, link, _)| (*time, *link))
            .collect();
        assert_eq!(
            stamps,
            [
                (3_000_001_000, 1),
                (104_000_000_001, 101),
                (5_500_000_000, 1),
                (5_500_000_000, 1),
                (9_000_000_000, 1),
                (10_000_000_000, 113),
            ],
            "big endian: {big}"
        );
        assert!(packets.iter().all(|(.., data)| data == FRAME));
        assert_eq!(errors, []);
    }
}

#[test]
fn compressed_files_also_of_several_parts() {
    let plain = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, FRAME), (2, 0, &[7; 5_000])]);
    let (first, second) = plain.split_at(100);
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |data: &[u8]| {
        ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
    };
    let expected = read_one(&plain);
    assert_eq!(expected.0.len(), 2);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    for packed in [
        gzip(&plain),
        [gzip(first), gzip(second)].concat(),
        zstd(&plain),
        [zstd(first), zstd(second)].concat(),
        [skippable.to_vec(), zstd(&plain)].concat(),
    ] {
        assert_eq!(read_one(&packed), expected);
        // Cut: what came before is there, and the damage is told.
        let cut = Files::new(&[&packed[..packed.len() - 9]]);
        match cut.open(FileOptions::default()) {
            Ok(mut source) => {
                let (packets, errors) = drain(&mut source);
                assert!(packets.len() <= 2);
                assert!(matches!(errors[..], [SourceError::Damaged { .. }]));
            }
            // Zstandard decodes whole blocks: with the only one cut there is not even a header.
            Err(error) => assert_eq!(error.fault, OpenFault::BadCompression),
        }
    }
}

#[test]
fn damage_is_told_with_its_place_and_costs_nothing_before_it() {
    let whole = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, FRAME), (2, 0, FRAME)]);
    let damaged = |file: &[u8]| match read_one(file) {
        (packets, errors) if errors.len() == 1 => match errors[0] {
            SourceError::Damaged { offset, .. } => (packets.len(), offset),
            SourceError::Interface { .. } => panic!("no interface here"),
        },
        (_, errors) => panic!("{} errors", errors.len()),
    };
    assert_eq!(damaged(&whole[..whole.len() - 3]), (1, 50));
    assert_eq!(damaged(&whole[..55]), (1, 50));
    let mut long = whole.clone();
    long[58..62].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(damaged(&long), (1, 50));

    let mut b = bytes(false);
    section(&mut b);
    interface(&mut b, 1, &[]);
    enhanced(&mut b, 0, 1, FRAME);
    let start = b.out.len();
    enhanced(&mut b, 0, 2, FRAME);
    let offset = u64::try_from(start).unwrap();
    assert_eq!(damaged(&b.out[..b.out.len() - 1]), (1, offset));
    for (at, value) in [
        (4, 0_u32),
        (4, 5),
        (4, u32::MAX),
        (8, 9),
        (20, 4_000_000),
        (20, u32::MAX),
    ] {
        let mut broken = b.out.clone();
        broken[start + at..start + at + 4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(damaged(&broken), (1, offset), "{value} at {at}");
    }
}

#[test]
fn what_is_no_capture_is_refused_with_the_reason() {
    let refused = |file: &[u8]| Files::new(&[file]).fault();
    assert_eq!(refused(b""), OpenFault::Empty);
    assert_eq!(refused(b"PK"), OpenFault::NotCapture);
    assert_eq!(
        refused(b"this is a text, and a long one"),
        OpenFault::NotCapture
    );
    let whole = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, FRAME)]);
    assert_eq!(refused(&whole[..20]), OpenFault::HeaderCut);
    assert_eq!(refused(&[0x1f, 0x8b, 9, 9, 9]), OpenFault::BadCompression);
    assert_eq!(
        refused(&[0x0a, 0x0d, 0x0d, 0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        OpenFault::NotCapture
    );
    let usb = pcap(0xa1b2_c3d4, false, 189, &[(1, 0, FRAME)]);
    assert_eq!(refused(&usb), OpenFault::UnsupportedLink(LinkType(189)));
    let missing = [PathBuf::from("/nowhere/at/all.pcap")];
    let error = FileSource::open(&missing, FileOptions::default(), Arc::default()).err();
    assert_eq!(error.map(|e| e.fault), Some(OpenFault::NotFound));
}

#[test]
fn a_header_alone_is_a_capture_without_packets() {
    assert_eq!(read_one(&pcap(0xa1b2_c3d4, true, 1, &[])), (vec![], vec![]));
}

#[test]
fn files_are_merged_by_time_and_ties_go_by_name() {
    for extra in [0, 40] {
        let one = pcap(
            0xa1b2_c3d4,
            false,
            1,
            &[(1, 0, b"1a"), (3, 0, b"3a"), (5, 0, b"5a")],
        );
        let two = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, b"1b"), (4, 0, b"4b")]);
        let late: Vec<_> = (0..extra)
            .map(|i| pcap(0xa1b2_c3d4, false, 1, &[(10 + i, 0, b"x")]))
            .collect();
        let mut contents = vec![one.as_slice(), two.as_slice()];
        contents.extend(late.iter().map(Vec::as_slice));
        let files = Files::new(&contents);
        let paths = expand(&[files.dir.path().to_owned()]).unwrap();
        assert_eq!(paths, files.paths);
        let (packets, errors) = files.read();
        let names: Vec<_> = packets.iter().map(|(.., data)| data.as_slice()).collect();
        assert_eq!(&names[..5], [b"1a", b"1b", b"3a", b"4b", b"5a"]);
        assert_eq!(names.len(), 5 + usize::try_from(extra).unwrap());
        assert_eq!(errors, []);
    }
}

#[test]
fn one_damaged_file_does_not_stop_the_others() {
    let whole = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, b"1a"), (9, 0, b"9a")]);
    let other = pcap(0xa1b2_c3d4, false, 1, &[(5, 0, b"5b")]);
    let files = Files::new(&[&whole[..whole.len() - 1], &other]);
    let (packets, errors) = files.read();
    assert_eq!(packets.len(), 2);
    assert!(matches!(errors[..], [SourceError::Damaged { file: 0, .. }]));
}

#[test]
fn progress_ends_at_the_size_of_all_files() {
    let file = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, FRAME)]);
    let files = Files::new(&vec![file.as_slice(); 30]);
    let mut source = files.open(FileOptions::default()).unwrap();
    let progress = source.progress();
    drain(&mut source);
    assert_eq!(progress.total, Some(30 * file.len() as u64));
    assert_eq!(progress.read(), 30 * file.len() as u64);
    assert!(
        source
            .summaries()
            .all(|s| s.packets == 1 && s.first == s.last)
    );
}

#[test]
fn filtered_packets_are_counted() {
    let files = Files::new(&[&pcap(
        0xa1b2_c3d4,
        false,
        1,
        &[(1, 0, FRAME), (2, 0, FRAME), (3, 0, FRAME)],
    )]);
    let options = FileOptions {
        from: Some(EventTime::from_secs(2)),
        to: Some(EventTime::from_secs(3)),
        ..FileOptions::default()
    };
    assert_eq!(drain(&mut files.open(options).unwrap()).0.len(), 1);
    assert_eq!(files.tally.get(Tally::PacketsIn), 2);
    assert_eq!(files.tally.get(Tally::PacketFiltered), 2);
}

#[cfg(feature = "live")]
#[test]
fn a_bpf_filter_works_on_files() {
    let frame = |kind: u16| [&[0; 12], &kind.to_be_bytes()[..], &[0; 46]].concat();
    let (arp, ip) = (frame(0x0806), frame(0x0800));
    let files = Files::new(&[&pcap(0xa1b2_c3d4, false, 1, &[(1, 0, &arp), (2, 0, &ip)])]);
    let with = |filter: &str| {
        files.open(FileOptions {
            filter: Some(filter.to_owned()),
            ..FileOptions::default()
        })
    };
    assert_eq!(drain(&mut with("arp").unwrap()).0.len(), 1);
    assert_eq!(
        with("tcp prot 80").err().map(|e| e.fault),
        Some(OpenFault::BadFilter)
    );
}

#[test]
fn a_growing_file_is_followed() {
    let whole = pcap(0xa1b2_c3d4, false, 1, &[(1, 0, b"1a"), (2, 0, b"2a")]);
    let files = Files::new(&[&whole[..45]]);
    let follow = FileOptions {
        follow: true,
        ..FileOptions::default()
    };
    let mut source = files.open(follow).unwrap();
    assert_eq!(drain(&mut source).0.len(), 1);
    fs::write(&files.paths[0], &whole).unwrap();
    assert_eq!(drain(&mut source).0, [(2_000_000_000, 1, b"2a".to_vec())]);
}
