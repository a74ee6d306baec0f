//! Packet scripts: a TCP exchange per test, and what must come out of it.

use super::*;
use crate::cleartext::decode::{Flags, FlowKey, Peer};
use crate::cleartext::raw::Raw;
use crate::cleartext::reassembly::{MIDSTREAM_ORIGIN, Overlap, Urgent};
use crate::tally::{Group, Tally};
use proptest::prelude::*;

/// What came out, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Out {
    Data(bool, String),
    Gap(bool, u64),
    Conflict(bool),
    End(bool, EndReason),
}

struct Script {
    pair: Pair,
    settings: Settings,
    tally: TallySheet,
    now: u64,
    one_sided: bool,
    urgent: u16,
    out: Vec<Out>,
    /// Position and acknowledged position of each piece of data.
    places: Vec<(u64, Option<u64>)>,
}

const ACK: Flags = Flags {
    syn: false,
    ack: true,
    fin: false,
    rst: false,
};
const LOW: bool = true;
const HIGH: bool = false;

impl Script {
    /// After a handshake with these initial sequence numbers.
    fn connected(low: u32, high: u32) -> Self {
        Self::with(Pair::new(Some(low), Some(high)))
    }

    fn midstream() -> Self {
        Self::with(Pair::default())
    }

    fn with(pair: Pair) -> Self {
        Self {
            pair,
            settings: Settings::default(),
            tally: TallySheet::default(),
            now: 1_000_000_000,
            one_sided: false,
            urgent: 0,
            out: Vec::new(),
            places: Vec::new(),
        }
    }

    fn send(&mut self, low: bool, seq: u32, ack: u32, text: &str) -> bool {
        self.full(low, (seq, ack), ACK, (text, 0))
    }

    fn fin(&mut self, low: bool, seq: u32, ack: u32, text: &str) -> bool {
        self.full(low, (seq, ack), Flags { fin: true, ..ACK }, (text, 0))
    }

    fn full(
        &mut self,
        from_low: bool,
        (seq, ack): (u32, u32),
        flags: Flags,
        (text, missing): (&str, u32),
    ) -> bool {
        self.now += 1_000;
        let time = EventTime::from_nanos(self.now);
        let peer = |last| Peer {
            addr: [last; 16],
            port: 80,
        };
        let segment = Segment {
            time,
            key: FlowKey {
                low: peer(1),
                high: peer(2),
            },
            from_low,
            seq,
            ack,
            flags,
            payload: Raw::new(text.as_bytes()),
            missing,
            urgent: self.urgent,
        };
        self.tally.add(Tally::StreamBytesIn, text.len() as u64);
        let bench = Bench {
            settings: &self.settings,
            tally: &self.tally,
            room: self.settings.max_held_total,
            one_sided: self.one_sided,
        };
        let (out, places) = (&mut self.out, &mut self.places);
        self.pair
            .segment(&segment, time, &bench, &mut |low, chunk| {
                note(out, places, low, &chunk);
            })
    }

    fn finish(&mut self) {
        let bench = Bench {
            settings: &self.settings,
            tally: &self.tally,
            room: self.settings.max_held_total,
            one_sided: false,
        };
        let end = (EndReason::CaptureEnd, EventTime::from_nanos(self.now));
        let (out, places) = (&mut self.out, &mut self.places);
        self.pair.finish(true, end, &bench, &mut |low, chunk| {
            note(out, places, low, &chunk);
        });
        let parts: u64 = Tally::ALL
            .iter()
            .filter(|t| t.group() == Group::StreamByte && **t != Tally::StreamBytesIn)
            .map(|t| self.tally.get(*t))
            .sum();
        assert_eq!(self.tally.get(Tally::StreamBytesIn), parts);
        assert_eq!(self.pair.held(), 0);
    }

    /// All bytes of one direction, holes as dots.
    fn text(&self, low: bool) -> String {
        self.out
            .iter()
            .filter_map(|out| match out {
                Out::Data(l, text) if *l == low => Some(text.clone()),
                Out::Gap(l, n) if *l == low => Some(".".repeat(usize::try_from(*n).unwrap())),
                Out::Data(..) | Out::Gap(..) | Out::Conflict(_) | Out::End(..) => None,
            })
            .collect()
    }

    fn count(&self, tally: Tally) -> u64 {
        self.tally.get(tally)
    }
}

fn note(
    out: &mut Vec<Out>,
    places: &mut Vec<(u64, Option<u64>)>,
    low: bool,
    chunk: &StreamChunk<'_>,
) {
    out.push(match chunk {
        StreamChunk::Data(data) => {
            places.push((data.offset, data.acked));
            Out::Data(low, String::from_utf8_lossy(data.bytes.expose()).into())
        }
        StreamChunk::Gap(gap) => Out::Gap(low, gap.len),
        StreamChunk::Conflict => Out::Conflict(low),
        StreamChunk::End(reason, _) => Out::End(low, *reason),
    });
}

fn data(low: bool, text: &str) -> Out {
    Out::Data(low, text.to_owned())
}

#[test]
fn in_order_both_ways() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1000, 5000, "GET");
    s.send(HIGH, 5000, 1003, "200");
    s.fin(LOW, 1003, 5003, "");
    s.fin(HIGH, 5003, 1004, "bye");
    let finished = |low| Out::End(low, EndReason::Finished);
    assert_eq!(
        s.out,
        [
            data(LOW, "GET"),
            data(HIGH, "200"),
            finished(LOW),
            data(HIGH, "bye"),
            finished(HIGH)
        ]
    );
    assert_eq!(s.places, [(0, Some(0)), (0, Some(3)), (3, Some(4))]);
    assert!(s.pair.has_ended());
}

#[test]
fn out_of_order_is_put_right() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1006, 5000, "ghi");
    s.send(LOW, 1003, 5000, "def");
    assert_eq!(s.out, []);
    s.send(LOW, 1000, 5000, "abc");
    assert_eq!(
        s.out,
        [data(LOW, "abc"), data(LOW, "def"), data(LOW, "ghi")]
    );
    s.finish();
    assert_eq!(s.count(Tally::StreamGaps), 0);
}

#[test]
fn retransmissions_are_duplicates() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1000, 5000, "abcdef");
    s.send(LOW, 1000, 5000, "abcdef");
    s.send(LOW, 1003, 5000, "defghi");
    s.finish();
    assert_eq!(s.text(LOW), "abcdefghi");
    assert_eq!(s.count(Tally::StreamBytesDuplicate), 9);
}

#[test]
fn the_first_copy_wins_and_a_conflict_is_told() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1003, 5000, "DEF");
    s.send(LOW, 1000, 5000, "abcdefghi");
    s.finish();
    assert_eq!(s.text(LOW), "abcDEFghi");
    assert_eq!(s.count(Tally::OverlapConflicts), 1);
    assert_eq!(s.count(Tally::StreamBytesDuplicate), 3);
}

#[test]
fn policies_differ_on_who_wins() {
    let text = |overlap| {
        let mut s = Script::connected(999, 4999);
        s.settings.overlap = overlap;
        s.send(LOW, 1003, 5000, "DEF");
        s.send(LOW, 1005, 5000, "123");
        s.send(LOW, 1001, 5000, "bcde");
        s.send(LOW, 1000, 5000, "a");
        s.finish();
        s.text(LOW)
    };
    assert_eq!(text(Overlap::First), "abcDEF23");
    assert_eq!(text(Overlap::Last), "abcde123");
    assert_eq!(text(Overlap::Bsd), "abcdeF23");
    assert_eq!(text(Overlap::Linux), "abcdeF23");
    assert_eq!(text(Overlap::Windows), "abcDEF23");
}

#[test]
fn the_policy_says_which_copy_counts_behind_a_hole() {
    // At 10..20 waits `A`; then come `B` from before into it, `C` from within to behind it; then the hole at 0..5 is filled.
    for (overlap, want) in [
        (Overlap::First, "xxxxxBBBBBAAAAAAAAAACCCCC"),
        (Overlap::Last, "xxxxxBBBBBBBBBBAACCCCCCCC"),
        (Overlap::Bsd, "xxxxxBBBBBBBBBBAAAAACCCCC"),
        (Overlap::Linux, "xxxxxBBBBBBBBBBAAAAACCCCC"),
        (Overlap::Windows, "xxxxxBBBBBAAAAAAAAAACCCCC"),
        (Overlap::Solaris, "xxxxxBBBBBBBBBBAACCCCCCCC"),
    ] {
        let mut s = Script::connected(999, 4999);
        s.settings.overlap = overlap;
        s.send(LOW, 1010, 5000, &"A".repeat(10));
        s.send(LOW, 1005, 5000, &"B".repeat(10));
        s.send(LOW, 1017, 5000, &"C".repeat(8));
        s.send(LOW, 1000, 5000, "xxxxx");
        s.finish();
        assert_eq!(s.text(LOW), want, "{overlap:?}");
        assert_eq!(s.count(Tally::OverlapConflicts), 2);
        assert_eq!(s.count(Tally::StreamBytesDuplicate), 8);
    }
}

#[test]
fn a_forged_copy_of_what_was_handed_on_is_told() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1000, 5000, "GET /evil");
    s.send(LOW, 1000, 5000, "GET /good");
    s.send(LOW, 1000, 5000, "GET /evil and on");
    s.finish();
    assert_eq!(s.text(LOW), "GET /evil and on");
    assert_eq!(s.count(Tally::OverlapConflicts), 1);
    assert_eq!(s.out[1], Out::Conflict(LOW));
}

#[test]
fn urgent_data_is_kept_or_taken_out() {
    for (urgent, want) in [(Urgent::Keep, "GE!T /x"), (Urgent::Remove, "GET /x")] {
        let mut s = Script::connected(999, 4999);
        s.settings.urgent = urgent;
        // The pointer points behind the urgent byte.
        s.urgent = 3;
        s.send(LOW, 1000, 5000, "GE!T");
        s.send(LOW, 1000, 5000, "GE!T");
        s.urgent = 100;
        s.send(LOW, 1004, 5000, " /");
        s.urgent = 0;
        s.fin(LOW, 1006, 5000, "x");
        s.finish();
        assert_eq!(s.text(LOW), want);
        assert!(s.out.contains(&Out::End(LOW, EndReason::Finished)));
        let removed = u64::from(urgent == Urgent::Remove);
        assert_eq!(s.count(Tally::StreamBytesUrgent), removed);
        assert_eq!(s.count(Tally::StreamGaps), 0);
    }
}

#[test]
fn an_urgent_byte_behind_a_hole_is_taken_out_too() {
    let mut s = Script::connected(999, 4999);
    s.settings.urgent = Urgent::Remove;
    s.urgent = 1;
    s.send(LOW, 1003, 5000, "!def");
    s.urgent = 0;
    s.send(LOW, 1000, 5000, "abc");
    s.finish();
    assert_eq!(s.text(LOW), "abcdef");
}

#[test]
fn data_on_syn_counts_from_behind_it() {
    let mut s = Script::midstream();
    s.pair.learn_syn(LOW, 999);
    let syn = Flags {
        syn: true,
        ack: false,
        ..ACK
    };
    s.full(LOW, (999, 0), syn, ("GET ", 0));
    s.pair.learn_syn(HIGH, 4999);
    s.full(HIGH, (4999, 1004), Flags { syn: true, ..ACK }, ("", 0));
    s.send(LOW, 1004, 5000, "/");
    s.send(HIGH, 5000, 1005, "200");
    s.finish();
    assert_eq!((s.text(LOW), s.text(HIGH)), ("GET /".into(), "200".into()));
    assert_eq!(s.places, [(0, None), (4, Some(0)), (0, Some(5))]);
}

#[test]
fn a_fin_before_its_turn_waits() {
    let mut s = Script::connected(999, 4999);
    s.fin(LOW, 1003, 5000, "def");
    assert_eq!(s.out, []);
    s.send(LOW, 1000, 5000, "abc");
    assert_eq!(s.out.last(), Some(&Out::End(LOW, EndReason::Finished)));
    s.send(LOW, 1006, 5000, "beyond");
    s.finish();
    assert_eq!(s.text(LOW), "abcdef");
    assert_eq!(s.count(Tally::StreamBytesOutOfWindow), 6);
}

#[test]
fn sequence_numbers_wrap() {
    let mut s = Script::connected(u32::MAX - 3, 4999);
    s.send(LOW, u32::MAX - 2, 5000, "abcdef");
    s.send(LOW, 6, 5000, "jkl");
    s.send(LOW, 3, 5000, "ghi");
    s.finish();
    assert_eq!(s.text(LOW), "abcdefghijkl");
}

#[test]
fn midstream_starts_where_it_is() {
    let mut s = Script::midstream();
    s.send(LOW, 1000, 5000, "GET");
    s.send(HIGH, 5000, 1003, "200");
    s.finish();
    assert_eq!((s.text(LOW), s.text(HIGH)), ("GET".into(), "200".into()));
    let origin = MIDSTREAM_ORIGIN;
    assert_eq!(
        s.places,
        [(origin, Some(origin)), (origin, Some(origin + 3))]
    );
}

#[test]
fn an_answer_captured_before_its_question_keeps_their_order_in_positions() {
    let mut s = Script::midstream();
    s.send(HIGH, 5000, 1003, "200");
    s.send(LOW, 1000, 5000, "GET");
    s.finish();
    let origin = MIDSTREAM_ORIGIN;
    assert_eq!(s.text(LOW), "GET");
    assert_eq!(
        s.places,
        [(origin, Some(origin)), (origin - 3, Some(origin))]
    );
}

#[test]
fn one_direction_alone_is_delivered_and_holes_do_not_last() {
    let mut s = Script::midstream();
    s.one_sided = true;
    s.send(LOW, 1000, 5000, "abc");
    s.send(LOW, 1006, 5000, "ghi");
    assert_eq!(s.text(LOW), "abc");
    s.now += 3_000_000_000;
    s.send(LOW, 1009, 5000, "jkl");
    assert_eq!(s.text(LOW), "abc...ghijkl");
}

#[test]
fn a_lost_segment_is_given_up_before_the_answer_to_what_follows() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1003, 5000, "def");
    s.send(HIGH, 5000, 1006, "200");
    assert_eq!(
        s.out,
        [Out::Gap(LOW, 3), data(LOW, "def"), data(HIGH, "200")]
    );
    s.finish();
    assert_eq!(s.count(Tally::StreamGapBytes), 3);
}

#[test]
fn an_acknowledgement_captured_early_is_no_loss() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1003, 5000, "def");
    s.send(HIGH, 5000, 1006, "");
    s.send(LOW, 1000, 5000, "abc");
    s.finish();
    assert_eq!(s.text(LOW), "abcdef");
    assert_eq!(s.count(Tally::StreamGaps), 0);
}

#[test]
fn an_acknowledged_hole_is_given_up_after_some_packets() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1003, 5000, "def");
    for _ in 0..=s.settings.reorder_packets {
        s.send(HIGH, 5000, 1006, "");
    }
    assert_eq!(s.text(LOW), "...def");
}

#[test]
fn an_unacknowledged_hole_waits_for_the_retransmission() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 1003, 5000, "def");
    for _ in 0..100 {
        s.send(HIGH, 5000, 1000, "");
    }
    assert_eq!(s.out, []);
    s.send(LOW, 1000, 5000, "abc");
    assert_eq!(s.text(LOW), "abcdef");
}

#[test]
fn a_full_buffer_gives_up_the_hole_and_loses_nothing_else() {
    let mut s = Script::connected(999, 4999);
    s.settings.max_held = 400;
    let mut expected = "...".to_owned();
    for i in 0..20_u32 {
        s.send(LOW, 1003 + i * 10, 5000, "0123456789");
        expected.push_str("0123456789");
    }
    s.finish();
    assert_eq!(s.text(LOW), expected);
    assert!(s.count(Tally::StreamGaps) == 1);
}

#[test]
fn no_room_at_all_means_no_waiting() {
    let mut s = Script::connected(999, 4999);
    s.settings.max_held_total = 0;
    s.send(LOW, 1003, 5000, "def");
    s.send(LOW, 1000, 5000, "abc");
    s.finish();
    assert_eq!(s.text(LOW), "...def");
    assert_eq!(s.count(Tally::StreamBytesDuplicate), 3);
}

#[test]
fn a_cut_packet_is_a_gap_of_known_length() {
    let mut s = Script::connected(999, 4999);
    s.full(LOW, (1000, 5000), ACK, ("abc", 7));
    s.send(LOW, 1010, 5000, "klm");
    assert_eq!(
        s.out,
        [data(LOW, "abc"), Out::Gap(LOW, 7), data(LOW, "klm")]
    );
}

#[test]
fn keepalive_and_window_probes_do_no_harm() {
    let mut s = Script::connected(999, 4999);
    s.send(LOW, 999, 5000, "?");
    s.send(LOW, 1000, 5000, "abc");
    s.send(LOW, 1002, 5000, "\0");
    s.send(LOW, 1003, 5000, "d");
    s.send(LOW, 1003, 5000, "def");
    s.finish();
    assert_eq!(s.text(LOW), "abcdef");
}

#[test]
fn acknowledged_bytes_that_never_came_are_a_gap_at_the_end() {
    let mut s = Script::connected(999, 4999);
    s.send(HIGH, 5000, 1000, "200");
    s.send(LOW, 1000, 5103, "");
    s.finish();
    assert_eq!(
        s.out,
        [
            data(HIGH, "200"),
            Out::End(LOW, EndReason::CaptureEnd),
            Out::Gap(HIGH, 100),
            Out::End(HIGH, EndReason::CaptureEnd)
        ]
    );
}

#[test]
fn what_fits_no_window_is_refused() {
    let mut s = Script::connected(999, 4999);
    assert!(s.send(LOW, 1000, 5000, "abc"));
    assert!(!s.send(LOW, 2_000_000_000, 5000, "wild"));
    s.finish();
    assert_eq!(s.text(LOW), "abc");
    assert_eq!(s.count(Tally::StreamBytesOutOfWindow), 4);
}

const POLICIES: [Overlap; 6] = [
    Overlap::First,
    Overlap::Last,
    Overlap::Bsd,
    Overlap::Linux,
    Overlap::Windows,
    Overlap::Solaris,
];

proptest! {
    /// However a stream is cut, moved within a window, and repeated: the same bytes come out.
    #[test]
    fn any_segmentation_order_and_duplication_gives_the_same_bytes(
        isn in any::<u32>(),
        cuts in prop::collection::vec(1_usize..40, 1..60),
        moves in prop::collection::vec((0_usize..8, any::<bool>()), 60),
        policy in 0_usize..6,
    ) {
        let total: usize = cuts.iter().sum();
        let text: String = (0..total).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
        let mut segments = Vec::new();
        let mut at = 0;
        for (cut, (shift, twice)) in cuts.iter().zip(&moves) {
            let place = segments.len().saturating_sub(*shift);
            segments.insert(place, (at, *cut));
            if *twice {
                // A copy that begins earlier and so overlaps.
                let back = at.min(5);
                segments.insert(place, (at - back, cut + back));
            }
            at += cut;
        }
        let mut s = Script::connected(isn, 4999);
        s.settings.overlap = POLICIES[policy];
        for (at, len) in segments {
            let seq = isn.wrapping_add(1).wrapping_add(at as u32);
            s.send(LOW, seq, 5000, &text[at..at + len]);
        }
        s.finish();
        prop_assert_eq!(s.text(LOW), text);
        prop_assert_eq!(s.count(Tally::OverlapConflicts), 0);
        prop_assert_eq!(s.count(Tally::StreamGaps), 0);
    }

    /// Whatever comes: no panic, the account closes, positions never go back, and limits hold.
    #[test]
    fn the_account_closes_on_any_segments(
        handshake in any::<bool>(),
        limit in 0_usize..2_000,
        policy in 0_usize..6,
        urgent in any::<bool>(),
        segments in prop::collection::vec(
            (any::<bool>(), 0_u32..300, 0_u32..300, 0_usize..40, 0_u32..3, any::<bool>(), any::<bool>()),
            1..80,
        ),
    ) {
        let mut s = if handshake { Script::connected(999, 999) } else { Script::midstream() };
        s.settings.max_held = limit;
        s.settings.overlap = POLICIES[policy];
        s.settings.urgent = if urgent { Urgent::Remove } else { Urgent::Keep };
        for (low, seq, ack, len, missing, fin, wild) in segments {
            let seq = if wild && seq == 7 { seq ^ 0x8000_0000 } else { seq };
            let flags = Flags { fin: fin && seq % 16 == 0, ..ACK };
            let text: String = (0..len).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
            s.urgent = (seq % 64) as u16;
            s.full(low, (900_u32.wrapping_add(seq), 900 + ack), flags, (&text, missing));
            prop_assert!(s.pair.held() <= 2 * (limit + 400));
        }
        s.finish();
        for low in [LOW, HIGH] {
            let ends = s.out.iter().filter(|o| matches!(o, Out::End(l, _) if *l == low)).count();
            prop_assert_eq!(ends, 1);
        }
    }
}
