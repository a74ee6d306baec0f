//! Files of state: whole or refused.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

use proptest::prelude::*;

use super::*;
use crate::analysis::save::SaveSettings;
use crate::analysis::tests::observation;
use crate::analysis::{Output, Settings, start};
use crate::tally::Tallies;

const SEAL: Seal = Seal {
    key: [7; 16],
    numbering: [9; 16],
};

fn saved() -> Saved {
    let settings = Settings {
        save: Some(SaveSettings {
            every_seconds: 600,
            retain_seconds: 86_400,
            overlap_seconds: 0,
        }),
        ..Settings::default()
    };
    let (mut sinks, outputs) = start(settings, 1, &Tallies::default());
    let mut sink = sinks.pop().unwrap();
    let call = observation(1_000_000_000_000, 1, 5);
    sink.push(call, &[], None);
    sink.finish(call.end.tick()).unwrap();
    let mut states = outputs.into_iter().filter_map(|output| match output {
        Output::State(state) => Some(*state),
        Output::Rows { .. }
        | Output::Alerts(_)
        | Output::Window { .. }
        | Output::Summary { .. } => None,
    });
    states.next().unwrap()
}

fn meaning() -> Meaning {
    let name = EndpointName {
        service: "default".to_owned(),
        method: "GET",
        template: "/v1/users/{id}".to_owned(),
    };
    Meaning {
        endpoints: vec![(EndpointId(7), name)],
        numbering: Numbering {
            integrations: vec!["partner".to_owned()],
            ..Numbering::default()
        },
    }
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let dir = StateDir::lock(folder.path()).unwrap();
    assert!(dir.read("live.state", SEAL.key).unwrap().is_none());
    let saved = saved();
    dir.write("live.state", SEAL, &saved, &meaning()).unwrap();
    let state = dir.read("live.state", SEAL.key).unwrap().unwrap();
    assert_eq!(state.seal, SEAL);
    assert_eq!(state.meaning.endpoints, meaning().endpoints);
    assert_eq!(state.meaning.numbering, meaning().numbering);
    assert_eq!(state.kept.encode(), saved);
    assert_eq!(state.kept.principals(), (1, 0));
    assert!(matches!(
        StateDir::lock(folder.path()),
        Err(StateError::Locked(_))
    ));
}

#[test]
fn another_key_and_another_version_are_refused_and_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let dir = StateDir::lock(folder.path()).unwrap();
    dir.write("live.state", SEAL, &saved(), &Meaning::default())
        .unwrap();
    let refused = dir.read("live.state", [8; 16]);
    assert!(matches!(refused, Err(StateError::OtherKey(_))));
    let mut first = 99_u32.to_le_bytes().to_vec();
    first.extend_from_slice(b"whatever another version writes");
    let len = u32::try_from(first.len()).unwrap().to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&len), &first);
    let bytes = [&MAGIC[..], &len, &crc.to_le_bytes(), &first].concat();
    std::fs::write(folder.path().join("live.state"), bytes).unwrap();
    let refused = dir.read("live.state", SEAL.key);
    assert!(matches!(refused, Err(StateError::OtherVersion(_))));
    let aside = dir.move_aside("live.state").unwrap();
    assert!(aside.ends_with("live.refused") && aside.exists());
    assert!(dir.read("live.state", SEAL.key).unwrap().is_none());
}

fn composed(saved: &Saved) -> Vec<u8> {
    let mut bytes = Vec::new();
    let len = compose(&mut bytes, SEAL, saved, &meaning()).unwrap();
    assert_eq!(len, bytes.len() as u64);
    bytes
}

#[test]
fn a_long_section_takes_several_frames() {
    for len in [0, 1, MAX_FRAME, MAX_FRAME + 1, 3 * MAX_FRAME] {
        let section = vec![7; len];
        let mut bytes = Vec::new();
        let written = write_section(&mut bytes, &section).unwrap();
        assert_eq!(written, bytes.len() as u64);
        let (read, rest) = read_section(&bytes).unwrap();
        assert!(read == section && rest.is_empty());
        assert!(read_section(&bytes[..bytes.len() - 1]).is_none());
    }
}

proptest! {
    #[test]
    fn any_damage_is_found(at in any::<prop::sample::Index>(), bit in 0_u8..8, cut in any::<bool>()) {
        static FILE: std::sync::LazyLock<Vec<u8>> =
            std::sync::LazyLock::new(|| composed(&saved()));
        let mut bytes = FILE.clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        prop_assert_eq!(parse(&bytes, SEAL.key).err(), Some(Fault::Damaged));
    }

    #[test]
    fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [&MAGIC[..], &noise].concat();
        prop_assert!(parse(&bytes, SEAL.key).is_err());
    }
}
