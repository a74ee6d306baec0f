use super::*;
use crate::analysis::clip::OnceFamily;
use crate::release::budget::Line;
use crate::release::plan::Settings;

const LIVE: Opening = Opening {
    namespace: Namespace::Live,
    init: true,
};

fn plan() -> Plan {
    Plan::new(&Settings::default()).unwrap()
}

fn window(index: u32) -> Window {
    Window { period: 9, index }
}

fn record(plan: &Plan, window: Window, value: i64) -> WindowRecord {
    WindowRecord {
        window,
        config: plan.config(),
        charges: [0; Line::COUNT],
        skipped: 0,
        segment: window.index == 1,
        key: TagKey([3; 16]),
        tags: Vec::new(),
        released: Numbers {
            volume: vec![value; plan.clip().cells()],
            once: vec![value << 22; OnceFamily::CELLS],
            partners: Vec::new(),
        },
        selection: None,
    }
}

/// A ledger directory with the given windows released, the file's bytes and where its frames end.
fn written(windows: u32) -> (tempfile::TempDir, Vec<u8>, Vec<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan();
    let mut ledger = Ledger::open(dir.path(), LIVE, &plan).unwrap();
    let mut ends = Vec::new();
    for index in 1..=windows {
        let record = record(&plan, window(index), i64::from(index));
        ledger.commit(&record, &plan).unwrap();
        ends.push(usize::try_from(ledger.good).unwrap());
    }
    let bytes = std::fs::read(dir.path().join("live.ledger")).unwrap();
    assert_eq!(bytes.len(), *ends.last().unwrap());
    (dir, bytes, ends)
}

fn reopened(dir: &Path, bytes: &[u8]) -> Result<Ledger, LedgerError> {
    std::fs::write(dir.join("live.ledger"), bytes).unwrap();
    Ledger::open(
        dir,
        Opening {
            init: false,
            ..LIVE
        },
        &plan(),
    )
}

#[test]
fn a_crash_at_any_byte_of_an_append_spends_the_window_and_refunds_nothing() {
    let (dir, bytes, ends) = written(4);
    for cut in ends[2]..bytes.len() {
        let mut ledger = reopened(dir.path(), &bytes[..cut]).unwrap();
        let expected = if cut == ends[2] { 3 } else { 4 };
        assert_eq!(ledger.high_water(), Some(window(expected)), "cut at {cut}");
        assert_eq!(ledger.committed().counters.cum[0], 1 + 2 + 3);
        assert_eq!(ledger.committed().released, Some(window(3)));
        // What comes next takes the place of the torn frame, and is read back.
        let plan = plan();
        let spent = ledger.commit(&record(&plan, window(expected), 50), &plan);
        assert!(spent.is_err(), "cut at {cut}");
        let next = record(&plan, window(5), 100);
        ledger.commit(&next, &plan).unwrap();
        drop(ledger);
        let again = Ledger::open(dir.path(), LIVE, &plan).unwrap();
        assert_eq!(again.high_water(), Some(window(5)));
        assert_eq!(again.committed().counters.cum[0], 106);
    }
}

#[test]
fn damage_before_the_last_frame_is_corruption() {
    let (dir, bytes, ends) = written(3);
    let mut last_good = 0;
    for at in 0..ends[1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let found = reopened(dir.path(), &damaged);
        assert!(
            matches!(found, Err(LedgerError::Corrupt { .. })),
            "damage at {at}: {found:?}"
        );
        last_good = at;
    }
    assert_eq!(last_good + 1, ends[1]);
}

#[test]
fn damage_in_the_last_frame_spends_its_window() {
    let (dir, bytes, ends) = written(3);
    for at in ends[1]..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x01;
        let ledger = reopened(dir.path(), &damaged).unwrap();
        assert!(ledger.high_water() >= Some(window(3)), "damage at {at}");
        assert_eq!(ledger.committed().released, Some(window(2)));
    }
}

#[test]
fn a_swapped_or_repeated_frame_is_corruption() {
    let (dir, bytes, ends) = written(4);
    let [one, two, three] = [0, 1, 2].map(|frame| &bytes[ends[frame]..ends[frame + 1]]);
    let head = &bytes[..ends[0]];
    assert!(reopened(dir.path(), &[head, one, two, three].concat()).is_ok());
    for order in [
        [head, two, one, three],
        [head, one, one, two],
        // A frame is missing: the counters after the next do not add up.
        [head, one, three, &[]],
    ] {
        let found = reopened(dir.path(), &order.concat());
        assert!(matches!(found, Err(LedgerError::Corrupt { .. })));
    }
}

#[test]
fn a_rollover_keeps_counters_and_drops_windows() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan();
    let mut ledger = Ledger::open(dir.path(), LIVE, &plan).unwrap();
    for index in 1..=50 {
        ledger
            .commit(&record(&plan, window(index), 1_000), &plan)
            .unwrap();
    }
    let before = ledger.good;
    let next = Window {
        period: 10,
        index: 1,
    };
    ledger.commit(&record(&plan, next, 1_000), &plan).unwrap();
    assert!(ledger.good < before / 5, "{} of {before}", ledger.good);
    drop(ledger);
    let again = Ledger::open(dir.path(), LIVE, &plan).unwrap();
    assert_eq!(again.committed().counters.cum[0], 51_000);
    assert_eq!(again.high_water(), Some(next));
}

#[test]
fn a_crash_while_replacing_leaves_the_old_file() {
    let (dir, bytes, _) = written(3);
    std::fs::write(dir.path().join("live.new"), &bytes[..70]).unwrap();
    let ledger = reopened(dir.path(), &bytes).unwrap();
    assert_eq!(ledger.high_water(), Some(window(3)));
}

#[test]
fn a_missing_ledger_must_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("state");
    let closed = Opening {
        init: false,
        ..LIVE
    };
    let open = |opening| Ledger::open(&none, opening, &plan()).map(drop);
    assert!(matches!(open(closed), Err(LedgerError::Missing(_))));
    assert!(!none.exists());
    assert!(open(LIVE).is_ok());
    assert!(open(closed).is_ok());
    std::fs::remove_file(none.join("live.ledger")).unwrap();
    assert!(matches!(open(closed), Err(LedgerError::Missing(_))));
    let mode = std::fs::metadata(&none).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(open(LIVE).is_ok());
    let file = std::fs::metadata(none.join("live.ledger")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn asking_for_a_new_ledger_never_replaces_one() {
    let (dir, bytes, ends) = written(3);
    let mut damaged = bytes.clone();
    damaged[ends[0]] ^= 1;
    std::fs::write(dir.path().join("live.ledger"), &damaged).unwrap();
    let found = Ledger::open(dir.path(), LIVE, &plan());
    assert!(matches!(found, Err(LedgerError::Corrupt { .. })));
    let kept = std::fs::read(dir.path().join("live.ledger")).unwrap();
    assert_eq!(kept, damaged);
}

#[test]
fn an_empty_or_foreign_file_is_corruption() {
    let (dir, bytes, _) = written(1);
    for bad in [&[][..], b"HTLEDGR1", b"{}", &bytes[1..]] {
        let found = reopened(dir.path(), bad);
        assert!(matches!(found, Err(LedgerError::Corrupt { .. })));
    }
}
