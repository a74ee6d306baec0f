//! Operational counters by enum: what was seen, what was lost and why. Usable from every room, since no text fits in.
//!
//! A thread counts in its own [`TallySheet`] with plain loads and stores (one writer), and readers add the sheets up,
//! so counting costs no contention on the hot path.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

macro_rules! tallies {
    ($($(#[$doc:meta])* $name:ident = $text:literal in $group:ident),+ $(,)?) => {
        /// Everything hushtap counts about itself.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Tally { $($(#[$doc])* $name),+ }

        impl Tally {
            /// Every counter, in the order in which reports show them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in reports and in the `reason` label: lower case, words joined by `_`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// What the counter counts, and with which others it must add up.
            pub const fn group(self) -> Group {
                match self { $(Self::$name => Group::$group),+ }
            }
        }
    };
}

/// Counters that belong together. Within [`Group::Packet`], `packets_in` equals `packets_analysed` plus all the others;
/// likewise [`Group::StreamByte`] for bytes of reassembled streams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// Packets: in = analysed + each reason.
    Packet,
    /// Bytes of TCP payload: in = analysed + each reason.
    StreamByte,
    /// Facts about flows and streams that are no loss by themselves.
    Flow,
    /// Facts about HTTP messages.
    Http,
    /// Results of TLS flows.
    Tls,
    /// Limits that were hit.
    Limit,
}

tallies! {
    /// Packets handed over by the capture source.
    PacketsIn = "packets_in" in Packet,
    /// Packets whose TCP segment reached a flow (also pure ACKs, SYN, FIN, RST).
    PacketsAnalysed = "analysed" in Packet,
    /// Packets that are no IP (ARP, LLDP, spanning tree...).
    PacketNotIp = "not_ip" in Packet,
    /// IP packets that are no TCP (UDP, ICMP...).
    PacketNotTcp = "not_tcp" in Packet,
    /// IP fragments that did not complete their datagram (the packet that completes it counts as what the datagram is).
    PacketFragment = "fragment" in Packet,
    /// Packets encrypted below TCP (ESP, MACsec, protected 802.11).
    PacketEncrypted = "encrypted" in Packet,
    /// Packets with more headers than `decode.max_depth`.
    PacketTooDeep = "too_deep" in Packet,
    /// Headers cut off or contradicting themselves.
    PacketMalformed = "malformed" in Packet,
    /// Link or tunnel types that are not decoded.
    PacketUnsupportedLink = "unsupported_link" in Packet,
    /// Packets of flows that could not be tracked because the flow table was full.
    PacketNoFlowRoom = "flow_table_full" in Packet,
    /// TCP segments dropped because their checksum does not verify (`decode.checksums = "drop"`).
    PacketBadChecksum = "bad_checksum" in Packet,
    /// Packets outside `--from`/`--to` or the file filter.
    PacketFiltered = "filtered" in Packet,

    /// TCP payload bytes that arrived on analysed packets.
    StreamBytesIn = "bytes_in" in StreamByte,
    /// Payload bytes that were handed on in order.
    StreamBytesAnalysed = "analysed" in StreamByte,
    /// Payload bytes that repeat bytes already seen.
    StreamBytesDuplicate = "duplicate" in StreamByte,
    /// Payload bytes outside any plausible window.
    StreamBytesOutOfWindow = "out_of_window" in StreamByte,
    /// Out-of-order bytes dropped because the reassembly buffer was full.
    StreamBytesNoRoom = "buffer_full" in StreamByte,
    /// Payload bytes of flows that are no HTTP, passed over unread.
    StreamBytesNotHttp = "not_http" in StreamByte,
    /// Urgent bytes that were taken out of their stream (`flow.urgent = "remove"`).
    StreamBytesUrgent = "urgent" in StreamByte,
    /// Bytes still waiting for a hole to be filled when the flow ended.
    StreamBytesUnordered = "behind_a_gap" in StreamByte,

    /// Flows opened.
    FlowsOpened = "flows_opened" in Flow,
    /// Flows first seen without their handshake.
    FlowsMidstream = "flows_midstream" in Flow,
    /// Flows of which only one direction was ever seen.
    FlowsOneSided = "flows_one_sided" in Flow,
    /// Flows evicted to stay inside the byte budget.
    FlowsEvicted = "flows_evicted" in Flow,
    /// Flows that ended by timeout.
    FlowsTimedOut = "flows_timed_out" in Flow,
    /// Overlapping segments whose bytes differ (`flow.overlap` says which counts).
    OverlapConflicts = "overlap_conflicts" in Flow,
    /// Holes that had to be skipped.
    StreamGaps = "stream_gaps" in Flow,
    /// Bytes inside holes that were skipped.
    StreamGapBytes = "stream_gap_bytes" in Flow,
    /// IPv4 headers whose checksum does not verify (analysed all the same).
    IpChecksums = "ip_checksums" in Flow,
    /// TCP segments whose checksum does not verify; offload leaves it unfinished on the sending host.
    TcpChecksums = "tcp_checksums" in Flow,
    /// Datagrams given up because fragments were missing for too long.
    FragmentsTimedOut = "fragments_timed_out" in Flow,
    /// Fragments that overlap others with other content (the first copy wins).
    FragmentsOverlap = "fragments_overlap" in Flow,
    /// Fragments that are empty, cut by the snaplen, or reach beyond 64 KiB.
    FragmentsUnusable = "fragments_unusable" in Flow,
    /// WebSocket messages, of both directions.
    WebSocketMessages = "websocket_messages" in Flow,
    /// Bytes of WebSocket messages, compression undone.
    WebSocketBytes = "websocket_bytes" in Flow,
    /// WebSocket messages of which something is missing, or that did not decompress.
    WebSocketBroken = "websocket_broken" in Flow,
    /// Directions of WebSockets given up: a hole over a frame boundary, or frames that make no sense.
    WebSocketLost = "websocket_lost" in Flow,
    /// Packets cut by the snaplen of the capture.
    PacketsTruncated = "packets_truncated" in Flow,
    /// Far jumps of the packet clock.
    ClockJumps = "clock_jumps" in Flow,
    /// Packets the kernel dropped before hushtap could read them.
    KernelDropped = "kernel_dropped" in Flow,
    /// Packets the interface dropped.
    InterfaceDropped = "interface_dropped" in Flow,

    /// Transactions with request and response whole.
    TransactionsComplete = "complete" in Http,
    /// Requests whose response was never seen.
    TransactionsNoResponse = "no_response" in Http,
    /// Responses whose request was never seen.
    TransactionsNoRequest = "no_request" in Http,
    /// Transactions with a hole.
    TransactionsTruncated = "truncated" in Http,
    /// Streams that looked like HTTP and turned out not to be.
    HttpGaveUp = "http_gave_up" in Http,
    /// HTTP/2 streams that were reset (`RST_STREAM`).
    H2StreamsReset = "h2_streams_reset" in Http,
    /// HTTP/2 header blocks that no peer would accept.
    H2BrokenBlocks = "h2_broken_blocks" in Http,
    /// HTTP/2 header fields left out because they refer to table entries that were sent before the capture or in a hole.
    H2UnknownFields = "h2_unknown_fields" in Http,
    /// Responses put to a request that may be another's, after a loss on a pipelined connection.
    PairsDoubtful = "pairs_doubtful" in Http,
    /// Bodies whose content coding could not be undone.
    BodyUndecodable = "body_undecodable" in Http,

    /// TLS flows that were opened.
    TlsDecrypted = "decrypted" in Tls,
    /// TLS flows, and there is no key log.
    TlsNoKeyLog = "no_keylog" in Tls,
    /// TLS flows whose secrets no key log has.
    TlsNoKeys = "no_keys" in Tls,
    /// TLS flows whose beginning was not seen.
    TlsJoined = "joined_midstream" in Tls,
    /// TLS flows whose handshake did not come to an end, or that carried no data.
    TlsIncomplete = "handshake_incomplete" in Tls,
    /// TLS flows of a cipher suite that cannot be opened.
    TlsSuite = "unsupported_suite" in Tls,
    /// TLS flows of a version that cannot be opened.
    TlsVersion = "unsupported_version" in Tls,
    /// TLS flows that bytes are missing of.
    TlsHole = "hole" in Tls,
    /// TLS flows whose records did not open although keys were known.
    TlsFailed = "decrypt_failed" in Tls,

    /// QUIC flows whose hello was read; QUIC itself is not decrypted.
    TlsQuic = "quic" in Tls,
    /// QUIC flows of a version that is not known.
    TlsQuicVersion = "quic_version" in Tls,
    /// QUIC flows whose hello did not come whole.
    TlsQuicIncomplete = "quic_incomplete" in Tls,

    /// Heads longer than `http.max_head`.
    LimitHead = "limit_head" in Limit,
    /// Bodies longer than `http.body_limit`: sizes stay exact, the rest is not looked into.
    LimitBody = "limit_body" in Limit,
    /// WebSocket messages that were not, or not wholly, looked into: beyond `http.websocket_limit`, or long after the upgrade.
    LimitWebSocket = "limit_websocket" in Limit,
    /// Decoded bodies cut by size or ratio caps.
    LimitDecoded = "limit_decoded" in Limit,
    /// Requests in flight on one connection beyond `http.max_pipelined`.
    LimitPipelined = "limit_pipelined" in Limit,
    /// Datagrams given up to stay within the limits of fragments.
    LimitFragments = "limit_fragments" in Limit,
    /// Transactions shed because the workers were behind (live only).
    TransactionsShed = "transactions_shed" in Limit,
    /// Texts not remembered because the lexicon was full.
    LimitLexicon = "limit_lexicon" in Limit,
    /// Endpoints beyond `baseline.max_endpoints`.
    LimitEndpoints = "limit_endpoints" in Limit,
    /// Tokens evicted to stay under `baseline.max_tokens`.
    LimitTokens = "limit_tokens" in Limit,
    /// Texts no longer waiting for admission, to stay under `max_texts_per_shard`.
    LimitTexts = "limit_texts" in Limit,
    /// Paths that were not learned from, or counted by their classes only, because there were too many.
    LimitRoutes = "limit_routes" in Limit,
    /// Places not added to the sensitive-data map because it was full.
    LimitSensitiveMap = "limit_sensitive_map" in Limit,
    /// Fields not added to the inventory because it was full, or added without their names because one endpoint had too many.
    LimitInventory = "limit_inventory" in Limit,
    /// Answers not read for fields that no document has, because a sample of their endpoint was (live only).
    LimitAnswers = "limit_answers" in Limit,
    /// Observations of unproven tokens left out of their client's habits because too many came at once.
    LimitDeferred = "limit_deferred" in Limit,
    /// Cells and segments of the history that found no room or went before their time.
    LimitHistory = "limit_history" in Limit,
    /// Values masked whole because nesting, size or time ran out.
    LimitMasking = "limit_masking" in Limit,
}

/// The counters of one thread. One writer, any number of readers.
#[derive(Debug)]
pub struct TallySheet {
    counts: Box<[AtomicU64]>,
}

impl Default for TallySheet {
    fn default() -> Self {
        Self {
            counts: Tally::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl TallySheet {
    /// Adds one.
    pub fn one(&self, tally: Tally) {
        self.add(tally, 1);
    }

    /// Adds `n`. Only the owning thread may call this: it is a load and a store, not an atomic addition.
    pub fn add(&self, tally: Tally, n: u64) {
        if let Some(count) = self.counts.get(tally as usize) {
            count.store(
                count.load(Ordering::Relaxed).wrapping_add(n),
                Ordering::Relaxed,
            );
        }
    }

    /// Sets an absolute value (for counters that a source reports as totals, such as kernel drops).
    pub fn set(&self, tally: Tally, n: u64) {
        if let Some(count) = self.counts.get(tally as usize) {
            count.store(n, Ordering::Relaxed);
        }
    }

    /// The count so far.
    pub fn get(&self, tally: Tally) -> u64 {
        self.counts
            .get(tally as usize)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// All sheets of the process.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    sheets: Arc<Mutex<Vec<Arc<TallySheet>>>>,
}

impl Tallies {
    /// A new sheet for the calling thread.
    pub fn sheet(&self) -> Arc<TallySheet> {
        let sheet = Arc::new(TallySheet::default());
        self.sheets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&sheet));
        sheet
    }

    /// The sum over all sheets.
    pub fn total(&self, tally: Tally) -> u64 {
        let sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        sheets.iter().map(|sheet| sheet.get(tally)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_add_up() {
        let tallies = Tallies::default();
        let (a, b) = (tallies.sheet(), tallies.sheet());
        a.one(Tally::PacketsIn);
        b.add(Tally::PacketsIn, 4);
        assert_eq!(tallies.total(Tally::PacketsIn), 5);
    }

    #[test]
    fn names_are_unique_within_a_group() {
        let mut names: Vec<_> = Tally::ALL.iter().map(|t| (t.group(), t.name())).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Tally::ALL.len());
    }
}
