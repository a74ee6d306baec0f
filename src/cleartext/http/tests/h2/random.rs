//! Random connections: however they are cut into segments they give the same, and whatever is lost, what is said is true.

use proptest::prelude::*;

use super::super::segmentation::whole;
use super::*;
use crate::cleartext::http::transaction::Transaction;

/// What happens on one stream. Its path and the fields of its heads tell it from all others.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "what may happen on a stream, each by itself"
)]
struct Plan {
    method: &'static str,
    request: Vec<u16>,
    response: Vec<u16>,
    status: u16,
    interim: bool,
    trailer: bool,
    padding: u8,
    continued: bool,
    reset: bool,
    pushed: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let pieces = || proptest::collection::vec(0_u16..700, 0..4);
    let flags = (
        any::<bool>(),
        any::<bool>(),
        0_u8..5,
        any::<bool>(),
        0_u8..8,
    );
    let method = proptest::sample::select(vec!["GET", "POST", "PUT", "DELETE"]);
    let status = proptest::sample::select(vec![200_u16, 204, 302, 404, 503]);
    (method, pieces(), pieces(), status, flags).prop_map(
        |(method, request, response, status, (interim, trailer, padding, continued, rare))| Plan {
            method,
            request,
            response,
            status,
            interim,
            trailer,
            padding,
            continued,
            reset: rare == 0,
            pushed: rare == 1,
        },
    )
}

/// Frames of one stream in one direction.
type Frames = Vec<Vec<u8>>;

/// Writes a connection with the dynamic tables that real peers use.
struct Writer {
    client: loona_hpack::Encoder<'static>,
    server: loona_hpack::Encoder<'static>,
}

impl Writer {
    fn new() -> Self {
        Self {
            client: loona_hpack::Encoder::new(),
            server: loona_hpack::Encoder::new(),
        }
    }

    fn encode(&mut self, client: bool, fields: &[(String, String)]) -> Vec<u8> {
        let encoder = if client {
            &mut self.client
        } else {
            &mut self.server
        };
        encoder.encode(fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())))
    }

    /// The frames of a header block.
    fn headers(
        &mut self,
        client: bool,
        (id, end): (u32, bool),
        plan: &Plan,
        fields: &[(&str, String)],
    ) -> Vec<u8> {
        let fields: Vec<_> = fields
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect();
        let block = self.encode(client, &fields);
        let end = if end { END_STREAM } else { 0 };
        if !plan.continued {
            return frame(HEADERS, end | END_HEADERS, id, block);
        }
        let (front, back) = block.split_at(block.len() / 2);
        [
            frame(HEADERS, end, id, front),
            frame(CONTINUATION, END_HEADERS, id, back),
        ]
        .concat()
    }

    fn body(id: u32, end: bool, padding: u8, pieces: &[u16]) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, len) in pieces.iter().enumerate() {
            let flags = if end && at + 1 == pieces.len() {
                END_STREAM
            } else {
                0
            };
            let content = vec![b'a' + (id % 26) as u8; usize::from(*len)];
            if padding == 0 {
                out.extend(frame(DATA, flags, id, content));
            } else {
                let padded = [&[padding][..], &content, &vec![0; padding.into()]].concat();
                out.extend(frame(DATA, flags | PADDED, id, padded));
            }
        }
        out
    }

    fn request(&mut self, id: u32, plan: &Plan) -> Vec<u8> {
        let fields = [
            (":method", plan.method.to_owned()),
            (":scheme", "http".to_owned()),
            (":authority", "shop.test".to_owned()),
            (":path", format!("/{id}")),
            ("x-id", format!("{id}")),
            ("accept", "*/*".to_owned()),
            ("x-group", format!("{}", id / 2 % 3)),
        ];
        let mut out = self.headers(true, (id, plan.request.is_empty()), plan, &fields);
        out.extend(Self::body(id, true, plan.padding, &plan.request));
        out
    }

    fn response(&mut self, id: u32, plan: &Plan) -> Vec<u8> {
        let mut out = Vec::new();
        if plan.pushed {
            let fields = [(":method", "GET"), (":path", &format!("/{}", id + 1))];
            let fields = fields.map(|(n, v)| (n.to_owned(), v.to_owned()));
            let block = self.encode(false, &fields);
            let promise = [&(id + 1).to_be_bytes()[..], &block].concat();
            out.extend(frame(PROMISE, END_HEADERS, id, promise));
        }
        if plan.interim {
            out.extend(self.headers(false, (id, false), plan, &[(":status", "103".to_owned())]));
        }
        let fields = [
            (":status", plan.status.to_string()),
            ("server", "test".to_owned()),
            ("x-group", format!("{}", id / 2 % 3)),
            ("x-id", format!("{id}")),
        ];
        let end = plan.response.is_empty() && !plan.trailer;
        out.extend(self.headers(false, (id, end), plan, &fields));
        out.extend(Self::body(
            id,
            !plan.trailer && !plan.reset,
            plan.padding,
            &plan.response,
        ));
        if plan.reset && !end {
            out.extend(frame(RESET, 0, id, [0, 0, 0, 2]));
        } else if plan.trailer {
            out.extend(self.headers(false, (id, true), plan, &[("x-end", format!("{id}"))]));
        }
        if plan.pushed {
            out.extend(self.headers(
                false,
                (id + 1, true),
                plan,
                &[(":status", "200".to_owned())],
            ));
        }
        out
    }
}

/// What each side sends, in turns: requests in small groups, then their responses.
fn connection(plans: &[Plan], group: usize) -> Vec<(bool, Vec<u8>)> {
    let mut writer = Writer::new();
    let mut turns = vec![
        (true, [PREFACE, &settings()].concat()),
        (false, [settings(), settings_ack()].concat()),
    ];
    for (at, plans) in plans.chunks(group).enumerate() {
        let id = |index: usize| ((at * group + index) * 2 + 1) as u32;
        let requests: Frames = (0..)
            .zip(plans)
            .map(|(n, plan)| writer.request(id(n), plan))
            .collect();
        turns.push((true, requests.concat()));
        let responses: Frames = (0..)
            .zip(plans)
            .map(|(n, plan)| writer.response(id(n), plan))
            .collect();
        turns.push((false, responses.concat()));
    }
    turns
}

fn send(script: &mut Script, from_client: bool, bytes: &[u8]) {
    if from_client {
        script.c(bytes);
    } else {
        script.s(bytes);
    }
}

fn sorted(script: &mut Script) -> Vec<String> {
    script.expire();
    let mut seen: Vec<_> = script.seen.iter().map(|tx| (tx.index, whole(tx))).collect();
    seen.sort();
    seen.into_iter().map(|(_, text)| text).collect()
}

/// Checks what is said of a transaction against what was sent.
fn is_true(tx: &Transaction, plans: &[Plan]) -> Result<(), TestCaseError> {
    let field = |message: Option<&crate::cleartext::http::transaction::Message>| {
        let value = tx.field(message?, "x-id")?;
        Some(text(value).parse::<u32>().unwrap())
    };
    let target = tx
        .request
        .as_ref()
        .map(|request| text(tx.slice(request.target)));
    let by_path = target.and_then(|path| path.strip_prefix('/')?.parse::<u32>().ok());
    let asked = field(tx.request.as_ref());
    let answered = field(tx.response.as_ref());
    let ids: Vec<u32> = [by_path, asked, answered].into_iter().flatten().collect();
    prop_assert!(
        ids.windows(2).all(|pair| pair[0] == pair[1]),
        "{ids:?} in {}",
        whole(tx)
    );
    let Some(id) = ids.first() else { return Ok(()) };
    if id.is_multiple_of(2) {
        return Ok(());
    }
    let plan = &plans[(*id as usize - 1) / 2];
    // Values that come again stand in the tables: a wrong table gives wrong ones.
    let group = format!("{}", id / 2 % 3);
    let number = format!("{id}");
    for message in [&tx.request, &tx.response].into_iter().flatten() {
        let mut names = Vec::new();
        for (name, value) in tx.fields(message) {
            let (name, value) = (text(name), text(value));
            let want = match name.as_str() {
                "host" => "shop.test",
                "accept" => "*/*",
                "server" => "test",
                "x-group" => &group,
                "x-id" | "x-end" => &number,
                _ => "no such field",
            };
            prop_assert_eq!(&value, want, "{}", name);
            prop_assert!(!names.contains(&name), "{} twice", name);
            names.push(name);
        }
    }
    let total = |pieces: &[u16]| pieces.iter().map(|len| u64::from(*len)).sum::<u64>();
    if let Some(request) = &tx.request {
        let method = text(tx.slice(request.first));
        prop_assert!(method.is_empty() || method == plan.method);
        prop_assert!(request.body_bytes <= total(&plan.request));
    }
    if let Some(response) = &tx.response {
        prop_assert!([0, plan.status].contains(&response.status));
        prop_assert!(response.body_bytes <= total(&plan.response));
        let letter = b'a' + (id % 26) as u8;
        prop_assert!(tx.slice(response.body).iter().all(|byte| *byte == letter));
    }
    Ok(())
}

proptest! {
    #[test]
    fn segmentation_does_not_matter(
        plans in proptest::collection::vec(plan(), 1..8),
        group in 1_usize..4,
        cuts in proptest::collection::vec(1_usize..60, 1..20),
    ) {
        let mut plain = Script::new();
        let mut cut = Script::new();
        let mut sizes = cuts.iter().cycle();
        for (from_client, bytes) in connection(&plans, group) {
            send(&mut plain, from_client, &bytes);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, more) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                send(&mut cut, from_client, piece);
                rest = more;
            }
        }
        let pushed = plans.iter().filter(|plan| plan.pushed).count();
        let (plain, cut) = (sorted(&mut plain), sorted(&mut cut));
        prop_assert_eq!(plain.len(), plans.len() + pushed);
        prop_assert_eq!(plain, cut);
    }

    #[test]
    fn without_loss_everything_is_recovered(
        plans in proptest::collection::vec(plan(), 1..12),
        group in 1_usize..5,
    ) {
        let mut script = Script::new();
        for (from_client, bytes) in connection(&plans, group) {
            send(&mut script, from_client, &bytes);
        }
        script.expire();
        for tx in &script.seen {
            is_true(tx, &plans)?;
            let (Some(request), Some(response)) = (&tx.request, &tx.response) else {
                return Err(TestCaseError::fail("half a transaction"));
            };
            let id: usize = text(tx.slice(request.target))[1..].parse().unwrap();
            if id.is_multiple_of(2) {
                continue;
            }
            let plan = &plans[(id - 1) / 2];
            let total = |pieces: &[u16]| pieces.iter().map(|len| u64::from(*len)).sum::<u64>();
            prop_assert_eq!(request.body_bytes, total(&plan.request));
            prop_assert_eq!(response.body_bytes, total(&plan.response));
            prop_assert!(request.body_whole && response.status == plan.status);
        }
    }

    #[test]
    fn whatever_is_lost_what_is_said_is_true(
        plans in proptest::collection::vec(plan(), 1..12),
        group in 1_usize..4,
        losses in proptest::collection::vec((20_usize..400, 1_usize..300), 1..6),
        joined in any::<bool>(),
    ) {
        let mut script = if joined { Script::midstream() } else { Script::new() };
        let mut losses = losses.into_iter();
        let mut next = losses.next();
        let mut passed = 0;
        for (from_client, bytes) in connection(&plans, group).into_iter().skip(usize::from(joined) * 3) {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let Some((after, len)) = next else {
                    send(&mut script, from_client, rest);
                    break;
                };
                let until = (after.saturating_sub(passed)).min(rest.len());
                let (seen, more) = rest.split_at(until);
                send(&mut script, from_client, seen);
                passed += seen.len();
                rest = more;
                if !rest.is_empty() {
                    let (hole, more) = rest.split_at(len.min(rest.len()));
                    if from_client { script.lose_c(hole); } else { script.lose_s(hole); }
                    rest = more;
                    (passed, next) = (0, losses.next());
                }
            }
        }
        script.expire();
        for tx in &script.seen {
            is_true(tx, &plans)?;
        }
        prop_assert_eq!(script.flow.memory(), 0);
    }

    #[test]
    fn joined_anywhere_what_is_said_is_true(
        plans in proptest::collection::vec(plan(), 1..12),
        group in 1_usize..4,
        skip in 0_usize..2_000,
        segment in 20_usize..1_500,
    ) {
        let mut script = Script::midstream();
        let mut left = skip;
        for (from_client, bytes) in connection(&plans, group) {
            let from = left.min(bytes.len());
            left -= from;
            for piece in bytes[from..].chunks(segment) {
                send(&mut script, from_client, piece);
            }
        }
        script.expire();
        for tx in &script.seen {
            is_true(tx, &plans)?;
        }
    }
}
