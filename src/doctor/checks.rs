//! The checks. Each is a question with a threshold; None where the evidence cannot answer it.

use super::{Check, Evidence, Level};
use crate::report::{grouped, size};
use crate::tally::Tally;

/// Shares are in hundredths of a percent.
type Share = u64;
/// 1 %.
const PERCENT: Share = 100;
/// Flows below which a share of flows says nothing.
const FEW_FLOWS: u64 = 5;

type Checker = fn(&Evidence) -> Option<Check>;

pub(super) const ALL: &[Checker] = &[
    traffic, dropped, damaged, decoded, sides, loss, copies, cut, vlans, clock, offload, http,
];

fn check(name: &'static str, level: Level, seen: String) -> Check {
    Check {
        name,
        level,
        seen,
        effect: "",
        remedy: "",
    }
}

/// Is there any traffic, and is it other people's?
#[allow(clippy::unnecessary_wraps, reason = "one type for all checks")]
fn traffic(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.packets == 0 {
        let seen = if evidence.live {
            format!("no packet in {} s", evidence.watched_seconds)
        } else {
            "no packet".to_owned()
        };
        return Some(Check {
            effect: "there is nothing to see",
            remedy: "check that the mirror session is on and ends at this port; `tcpdump -c 5 -i IFACE` must show packets; \
                     `ip -s link show IFACE` counts what the card receives",
            ..check("traffic", Level::Fault, seen)
        });
    }
    let frames = facts.group_frames.saturating_add(facts.station_frames);
    if frames > 0 && share(facts.group_frames, frames) > 95 * PERCENT && facts.flows == 0 {
        return Some(Check {
            effect: "a port that is not mirrored shows broadcasts only",
            remedy: "turn the mirror session on, or allow promiscuous mode: on a virtual switch it must be allowed for the \
                     port group, and forged transmits too",
            ..check(
                "traffic",
                Level::Fault,
                format!(
                    "{} of frames are broadcast or multicast",
                    percent(facts.group_frames, frames)
                ),
            )
        });
    }
    let seen = format!(
        "{} packets, {}, {} s",
        grouped(facts.packets),
        size(facts.bytes),
        grouped(evidence.seconds())
    );
    Some(check("traffic", Level::Fine, seen))
}

/// Did kernel or card drop packets?
fn dropped(evidence: &Evidence) -> Option<Check> {
    if !evidence.live {
        return None;
    }
    let drops = evidence.drops;
    let lost = drops.kernel.saturating_add(drops.interface);
    if lost == 0 {
        return Some(check(
            "dropped",
            Level::Fine,
            "nothing dropped by kernel or card".to_owned(),
        ));
    }
    Some(Check {
        effect: "transactions in the holes are lost or reported as truncated",
        remedy: "raise capture.buffer, filter what is not wanted with a BPF expression (such as: tcp port 80), give hushtap \
                 a core of its own; drops of the card: raise its ring with `ethtool -G IFACE rx 4096`",
        ..check(
            "dropped",
            Level::Fault,
            format!(
                "{} dropped by the kernel, {} by the card, of {} packets",
                grouped(drops.kernel),
                grouped(drops.interface),
                grouped(evidence.facts.packets.saturating_add(lost))
            ),
        )
    })
}

/// Is the file whole?
fn damaged(evidence: &Evidence) -> Option<Check> {
    if evidence.live {
        return None;
    }
    let Some(damage) = evidence.damage else {
        return Some(check("file", Level::Fine, "read to its end".to_owned()));
    };
    Some(Check {
        effect: "what stands behind the damage was not seen",
        remedy: "copy the capture again; a capture that was cut while it was written ends inside a packet, and nothing else of \
                 it is lost",
        ..check(
            "file",
            Level::Fault,
            format!(
                "damaged at byte offset {}: {}",
                grouped(damage.offset),
                damage.what
            ),
        )
    })
}

/// Could the packets be decoded down to TCP?
fn decoded(evidence: &Evidence) -> Option<Check> {
    let packets = evidence.tally(Tally::PacketsIn);
    if packets == 0 {
        return None;
    }
    let unsupported = evidence.tally(Tally::PacketUnsupportedLink);
    let malformed = evidence.tally(Tally::PacketMalformed);
    if share(unsupported.saturating_add(malformed), packets) >= PERCENT {
        return Some(Check {
            effect: "what is inside them was not seen",
            remedy: "mirror before the tunnel or tag is put on, or tell its port in [decode]; malformed packets most often \
                     come from a mirror that cuts them: see `cut`",
            ..check(
                "decoding",
                Level::Fault,
                format!(
                    "{} of packets are of a link or tunnel type that is not decoded, {} malformed",
                    percent(unsupported, packets),
                    percent(malformed, packets)
                ),
            )
        });
    }
    let analysed = evidence.tally(Tally::PacketsAnalysed);
    Some(check(
        "decoding",
        Level::Fine,
        format!(
            "{} of packets carry TCP, all layers understood",
            percent(analysed, packets)
        ),
    ))
}

/// Are both directions there?
fn sides(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.flows == 0 {
        return None;
    }
    let seen = format!(
        "{} of {} flows show one direction only",
        grouped(facts.flows_one_sided),
        grouped(facts.flows)
    );
    if facts.flows_one_sided < FEW_FLOWS.min(facts.flows)
        || share(facts.flows_one_sided, facts.flows) < 5 * PERCENT
    {
        return Some(check("directions", Level::Fine, seen));
    }
    let effect = if facts.flows_requests_only.saturating_mul(2) > facts.flows_one_sided {
        "requests without responses: no status, no latency"
    } else {
        "responses without requests: no method, no path, no token"
    };
    Some(Check {
        effect,
        remedy: "mirror both directions (`both`, or rx and tx) of the port; if two taps or two ports carry one direction each, \
                 give all of them: `hushtap run -i A -i B`; with asymmetric routing mirror behind the point where both ways \
                 meet",
        ..check("directions", Level::Fault, seen)
    })
}

/// Did the mirror lose packets?
fn loss(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.payload_bytes == 0 {
        return None;
    }
    let sent = facts.payload_bytes.saturating_add(facts.unseen_bytes);
    let holes = evidence.tally(Tally::StreamGapBytes);
    let seen = format!(
        "{} acknowledged by their receivers and never seen ({})",
        size(facts.unseen_bytes),
        percent(facts.unseen_bytes, sent)
    );
    if facts.unseen_bytes == 0 && holes == 0 {
        return Some(check(
            "loss",
            Level::Fine,
            "every acknowledged byte was seen".to_owned(),
        ));
    }
    if share(facts.unseen_bytes, sent) < PERCENT / 10 {
        return Some(check("loss", Level::Note, seen));
    }
    Some(Check {
        effect: "transactions in the holes are lost or reported as truncated",
        remedy: "the mirror port is most often too slow for both directions of what it mirrors: mirror fewer ports, or send it \
                 to a faster one; a capture made with too small a buffer loses the same way (`tcpdump -B`)",
        ..check("loss", Level::Fault, seen)
    })
}

/// Is every packet there once?
fn copies(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.packets == 0 {
        return None;
    }
    let all = facts.copies.saturating_add(facts.routed_copies);
    let seen = format!(
        "{} of packets come twice ({} as they were, {} as behind a router)",
        percent(all, facts.packets),
        grouped(facts.copies),
        grouped(facts.routed_copies)
    );
    if all == 0 {
        return Some(check(
            "copies",
            Level::Fine,
            "no packet comes twice".to_owned(),
        ));
    }
    if share(all, facts.packets) < PERCENT {
        return Some(check("copies", Level::Note, seen));
    }
    Some(Check {
        effect: "results are right (copies are recognised), but half of the mirror's and the sensor's capacity is spent on them",
        remedy: "mirror one direction of each port, or one port of the path instead of two",
        ..check("copies", Level::Fault, seen)
    })
}

/// Are packets whole?
fn cut(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.packets == 0 {
        return None;
    }
    if facts.cut == 0 {
        return Some(check("cut", Level::Fine, "no packet is cut".to_owned()));
    }
    Some(Check {
        effect: "bodies are truncated, and heads longer than that are lost",
        remedy: "capture with `tcpdump -s 0`; raise capture.snaplen; a cloud mirror cuts to the MTU of its target: raise the \
                 MTU there (jumbo frames) or shorten the MTU of the source by the length of the tunnel header",
        ..check(
            "cut",
            Level::Fault,
            format!(
                "{} of packets are cut, to {} bytes at most",
                percent(facts.cut, facts.packets),
                grouped(u64::from(facts.cut_to))
            ),
        )
    })
}

/// Are VLAN tags there on both sides?
fn vlans(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.tagged == 0 {
        return None;
    }
    let frames = facts.group_frames.saturating_add(facts.station_frames);
    if share(facts.flows_half_tagged, facts.flows.max(1)) < 5 * PERCENT {
        let seen = format!("{} of frames are tagged", percent(facts.tagged, frames));
        return Some(check("vlan", Level::Fine, seen));
    }
    Some(Check {
        effect: "none on hushtap, which puts both sides together by address; filters such as `vlan 10` see one side only",
        remedy: "on the switch: mirror with tags kept in both directions (`encapsulation replicate`, or a trunk as \
                 destination); on the sensor: `ethtool -K IFACE rxvlan off`",
        ..check(
            "vlan",
            Level::Note,
            format!(
                "{} of {} flows are tagged in one direction only",
                grouped(facts.flows_half_tagged),
                grouped(facts.flows)
            ),
        )
    })
}

/// Can the stamps be trusted?
fn clock(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.packets < 2 {
        return None;
    }
    let jumps = evidence.tally(Tally::ClockJumps);
    if jumps > 0 || share(facts.backwards, facts.packets) >= PERCENT {
        return Some(Check {
            effect: "durations are wrong where the clock jumped, and windows may close late",
            remedy: "keep the sensor's clock with chrony or PTP and do not step it; merge files of several sensors only if \
                     their clocks agree",
            ..check(
                "clock",
                Level::Fault,
                format!(
                    "{} jumps of hours; {} of stamps go back, by up to {} ms",
                    grouped(jumps),
                    percent(facts.backwards, facts.packets),
                    grouped(facts.backwards_nanos / 1_000_000)
                ),
            )
        });
    }
    if facts.fine_stamps == 0 && facts.packets > 100 {
        return Some(Check {
            effect: "latencies are no better than that",
            remedy: "capture with microseconds at least",
            ..check(
                "clock",
                Level::Note,
                "all stamps are whole milliseconds".to_owned(),
            )
        });
    }
    let pauses = match facts.pauses {
        0 => String::new(),
        n => format!(", {} pauses of more than a minute", grouped(n)),
    };
    Some(check(
        "clock",
        Level::Fine,
        format!("stamps go forward{pauses}"),
    ))
}

/// Did the card put packets together?
fn offload(evidence: &Evidence) -> Option<Check> {
    let facts = &evidence.facts;
    if facts.packets == 0 {
        return None;
    }
    let seen = format!("longest packet {} bytes", grouped(u64::from(facts.longest)));
    if facts.super_packets == 0 {
        return Some(check("offload", Level::Fine, seen));
    }
    Some(Check {
        effect: "none on hushtap; times within a burst are those of its end, and other tools may refuse such packets",
        remedy: "`ethtool -K IFACE gro off lro off` on the sensor; on the machine that captures its own traffic also \
                 `tso off gso off`",
        ..check(
            "offload",
            Level::Note,
            format!(
                "{} of packets were put together by the card, {seen}",
                percent(facts.super_packets, facts.packets)
            ),
        )
    })
}

/// Is there anything to analyse in it?
fn http(evidence: &Evidence) -> Option<Check> {
    if evidence.facts.packets == 0 {
        return None;
    }
    let found: u64 = [
        Tally::TransactionsComplete,
        Tally::TransactionsNoResponse,
        Tally::TransactionsNoRequest,
        Tally::TransactionsTruncated,
    ]
    .into_iter()
    .map(|tally| evidence.tally(tally))
    .sum();
    let complete = evidence.tally(Tally::TransactionsComplete);
    if found == 0 {
        return Some(Check {
            effect: "nothing to report on",
            remedy: "mirror the side of the load balancer where TLS has ended, or give the servers' key log with --keylog",
            ..check("http", Level::Fault, "no HTTP in clear".to_owned())
        });
    }
    let seen = format!(
        "{} transactions, {} of them complete",
        grouped(found),
        percent(complete, found)
    );
    Some(check("http", Level::Fine, seen))
}

/// `part` of `whole`, in hundredths of a percent.
fn share(part: u64, whole: u64) -> Share {
    let scaled = u128::from(part) * 10_000;
    let whole = u128::from(whole.max(1));
    u64::try_from(scaled / whole).unwrap_or(u64::MAX)
}

fn percent(part: u64, whole: u64) -> String {
    let share = share(part, whole);
    if part > 0 && share == 0 {
        return "under 0.01 %".to_owned();
    }
    format!("{}.{:02} %", share / 100, share % 100)
}
