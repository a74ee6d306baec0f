//! Live capture on the loopback interface. Skipped, loudly, where this user may not capture.
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use super::*;
use crate::cleartext::engine::{Engine, Settings};
use crate::tally::{Tally, TallySheet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Opens `lo`; none if this user may not.
fn loopback(filter: &str) -> Option<(LiveSource, Arc<AtomicBool>)> {
    let stop = Arc::new(AtomicBool::new(false));
    let options = LiveOptions {
        filter: Some(filter.to_owned()),
        ring_mb: 4,
        ..LiveOptions::default()
    };
    match LiveSource::open(0, "lo", &options, Arc::clone(&stop)) {
        Ok(source) => Some((source, stop)),
        Err(OpenFault::NoPermission) => {
            eprintln!("SKIPPED: no permission to capture on lo");
            None
        }
        Err(fault) => panic!("{fault:?}"),
    }
}

#[test]
fn what_is_served_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some((mut source, stop)) = loopback(&format!("tcp port {port}")) else {
        return;
    };
    let requests = 200;
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buf = [0; 1024];
        for _ in 0..requests {
            let n = stream.read(&mut buf).unwrap();
            assert!(n > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
        }
    });
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut buf = [0; 1024];
        for _ in 0..requests {
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            assert!(stream.read(&mut buf).unwrap() > 0);
        }
        // Longer than the kernel keeps a ring block open.
        std::thread::sleep(std::time::Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
    });
    let tally = Arc::new(TallySheet::default());
    let mut engine = Engine::new(Settings::default(), Arc::clone(&tally));
    let mut seen = 0;
    loop {
        match source.poll() {
            Ok(Polled::Packet(packet)) => engine.packet(&packet, &mut |_| seen += 1),
            Ok(Polled::Idle) => engine.idle(crate::clock::wall_now(), &mut |_| seen += 1),
            Ok(Polled::End) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    client.join().unwrap();
    server.join().unwrap();
    assert_eq!(seen, requests);
    assert_eq!(source.drops().kernel, 0);
    assert_eq!(
        tally.get(Tally::PacketsIn),
        tally.get(Tally::PacketsAnalysed)
    );
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "what is tested is how long a stop takes"
)]
fn a_silent_interface_can_be_stopped() {
    // Nothing matches, so the link is silent.
    let Some((mut source, stop)) = loopback("ether proto 0x1234") else {
        return;
    };
    let begin = std::time::Instant::now();
    for _ in 0..3 {
        assert!(matches!(source.poll(), Ok(Polled::Idle)));
    }
    stop.store(true, Ordering::Relaxed);
    assert!(matches!(source.poll(), Ok(Polled::End)));
    assert!(begin.elapsed() < std::time::Duration::from_secs(1));
}

#[test]
fn what_cannot_be_opened_has_its_reason() {
    let open = |name: &str, filter: Option<&str>| {
        let options = LiveOptions {
            filter: filter.map(str::to_owned),
            ..LiveOptions::default()
        };
        LiveSource::open(0, name, &options, Arc::default()).err()
    };
    let fault = open("no-such-nic0", None);
    if fault == Some(OpenFault::NoPermission) {
        eprintln!("SKIPPED: no permission to capture");
        return;
    }
    assert_eq!(fault, Some(OpenFault::NoSuchInterface));
    assert_eq!(open("lo", Some("tcp prot 80")), Some(OpenFault::BadFilter));
    assert!(
        interfaces()
            .unwrap()
            .iter()
            .any(|i| i.name == "lo" && i.loopback)
    );
}
