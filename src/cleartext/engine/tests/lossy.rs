//! Lost segments: which response was put to which request, counted over random connections of three kinds of client.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::connection::Connection;
use crate::cleartext::http::transaction::{Message, Transaction};
use crate::observation::TxState;

/// How a client sends its requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pace {
    /// One, then waits for its response: what nearly all clients do.
    Single,
    /// Up to three at once, then waits for all responses.
    Burst,
    /// Always as many in flight as at the start.
    Window(usize),
}

/// Which directions lose segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loses {
    Requests,
    Responses,
    Both,
}

/// What was seen of one side of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Half {
    Absent,
    /// Its number was cut off.
    Cut,
    Number(u32),
}

#[derive(Debug)]
struct Told {
    request: Half,
    response: Half,
    state: TxState,
    doubtful: bool,
}

fn number(tx: &Transaction, message: Option<&Message>, before: &str) -> Half {
    let Some(message) = message else {
        return Half::Absent;
    };
    let head = String::from_utf8_lossy(tx.slice(message.head)).into_owned();
    let number = head
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(';'))
        .and_then(|(number, _)| number.parse().ok());
    number.map_or(Half::Cut, Half::Number)
}

fn tell(tx: &Transaction) -> Told {
    Told {
        request: number(tx, tx.request.as_ref(), " /n="),
        response: number(tx, tx.response.as_ref(), "X-N: "),
        state: tx.state,
        doubtful: tx.notes.contains(crate::observation::Notes::PAIR_DOUBTFUL),
    }
}

fn request(n: u32, random: &mut ChaCha8Rng) -> Vec<u8> {
    let noise = "n".repeat(random.random_range(0..300));
    let body = "b".repeat([0, 0, 30, 700, 3_000][random.random_range(0..5)]);
    if body.is_empty() {
        return format!("GET /n={n}; HTTP/1.1\r\nX-Noise: {noise}\r\n\r\n").into_bytes();
    }
    let length = body.len();
    format!("POST /n={n}; HTTP/1.1\r\nContent-Length: {length}\r\nX-Noise: {noise}\r\n\r\n{body}")
        .into_bytes()
}

fn response(n: u32, random: &mut ChaCha8Rng) -> Vec<u8> {
    let noise = "n".repeat(random.random_range(0..100));
    let body = "b".repeat([0, 20, 200, 1_500, 6_000][random.random_range(0..5)]);
    let head = format!("HTTP/1.1 200 OK\r\nX-N: {n};\r\nX-Noise: {noise}\r\n");
    if random.random_range(0..3) == 0 && !body.is_empty() {
        return format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
        .into_bytes();
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends messages of one side, each in segments of its own or all of them joined, some of which the tap does not see. Says
/// of each message whether it was seen whole.
fn send<F: FnMut(&Transaction) -> Told>(
    connection: &mut Connection<Told, F>,
    from_client: bool,
    sent: &mut [usize; 2],
    messages: &[Vec<u8>],
    mut loses: impl FnMut() -> bool,
) -> Vec<bool> {
    let (own, other) = if from_client { (0, 1) } else { (1, 0) };
    let start = sent[own];
    let mut lost = Vec::new();
    for segment in messages.concat().chunks(1_460) {
        if loses() {
            lost.push(sent[own]..sent[own] + segment.len());
        } else {
            connection.send(from_client, sent[own], sent[other], segment);
        }
        sent[own] += segment.len();
    }
    let mut end = start;
    let whole = messages.iter().map(|message| {
        let begin = end;
        end += message.len();
        lost.iter()
            .all(|hole| hole.end <= begin || end <= hole.start)
    });
    whole.collect()
}

/// Counts over many connections.
#[derive(Default, Debug)]
struct Count {
    /// Pairs whose numbers could be read.
    pairs: u32,
    /// Of these: those not so in truth, and not said to be doubtful.
    wrong: u32,
    /// Those not so in truth, and said to be doubtful.
    wrong_doubtful: u32,
    /// Those that are so, and said to be doubtful.
    right_doubtful: u32,
    /// Requests and responses that were seen whole, both, ...
    both_whole: u32,
    /// ... and put together.
    paired: u32,
    /// Transactions called complete of which something was lost.
    false_complete: u32,
}

impl Count {
    fn add(&mut self, told: &[Told], whole: &[[bool; 2]]) {
        let seen = |n: u32| whole[usize::try_from(n).unwrap()];
        for told in told {
            let (Half::Number(asked), Half::Number(answered)) = (told.request, told.response)
            else {
                continue;
            };
            self.pairs += 1;
            match (asked == answered, told.doubtful) {
                (true, false) => {}
                (true, true) => self.right_doubtful += 1,
                (false, true) => self.wrong_doubtful += 1,
                (false, false) => self.wrong += 1,
            }
            let lost = seen(asked) != [true; 2];
            self.paired += u32::from(asked == answered && !lost);
            self.false_complete +=
                u32::from(asked == answered && lost && told.state == TxState::Complete);
        }
        let both = whole.iter().filter(|seen| **seen == [true; 2]).count();
        self.both_whole += u32::try_from(both).unwrap();
    }
}

/// One connection of thirty requests. What is sent at once is joined into the same segments in every second one.
fn connection(seed: u64, pace: Pace, loses: Loses, count: &mut Count) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut connection = Connection::open(tell);
    let requests: Vec<_> = (0..30).map(|n| request(n, &mut random)).collect();
    let responses: Vec<_> = (0..30).map(|n| response(n, &mut random)).collect();
    let mut whole = vec![[true; 2]; 30];
    let mut sent = [0_usize; 2];
    let (mut asked, mut answered) = (0, 0);
    let (acks, joined) = (random.random::<bool>(), seed % 2 == 1);
    while answered < 30 {
        let depth = match pace {
            Pace::Single => 1,
            Pace::Burst => random.random_range(1..=3),
            Pace::Window(depth) => depth,
        };
        let ask = asked..(answered + depth).min(30);
        asked = ask.end;
        let ended = if pace == Pace::Burst {
            asked
        } else {
            answered + 1
        };
        for (side, messages, range) in [(0, &requests, ask), (1, &responses, answered..ended)] {
            let loss = loses != [Loses::Responses, Loses::Requests][side];
            let step = if joined { range.len().max(1) } else { 1 };
            for first in range.clone().step_by(step) {
                let last = (first + step).min(range.end);
                let lost = || loss && random.random_range(0..12) == 0;
                let messages = &messages[first..last];
                let seen = send(&mut connection, side == 0, &mut sent, messages, lost);
                for (whole, seen) in whole[first..last].iter_mut().zip(seen) {
                    whole[side] = seen;
                }
            }
        }
        answered = ended;
        if acks {
            connection.send(true, sent[0], sent[1], b"");
        }
    }
    count.add(&connection.close(sent), &whole);
}

#[test]
fn lost_segments_make_no_wrong_pairs_but_where_nobody_could_know() {
    for pace in [Pace::Single, Pace::Burst, Pace::Window(2), Pace::Window(3)] {
        for loses in [Loses::Requests, Loses::Responses, Loses::Both] {
            let mut count = Count::default();
            for seed in 0..300 {
                connection(seed, pace, loses, &mut count);
            }
            let told = format!("{pace:?} {loses:?}: {count:?}");
            eprintln!("{told}");
            assert_eq!(count.false_complete, 0, "{told}");
            assert!(count.pairs > 7_000, "{told}");
            // Shares of pairs in thousandths. A window is not recognised if its first flight was lost.
            let (wrong, in_doubt, found) = match pace {
                Pace::Single => (0, 1, 999),
                Pace::Burst => (1, 40, 950),
                Pace::Window(_) => (60, 260, 720),
            };
            let share = |of: u32| of * 1_000 / count.pairs;
            assert!(share(count.wrong) <= wrong, "{told}");
            assert!(share(count.wrong_doubtful) <= in_doubt, "{told}");
            assert!(count.paired * 1_000 >= count.both_whole * found, "{told}");
            if loses == Loses::Responses || pace == Pace::Single {
                assert_eq!(count.wrong, 0, "{told}");
            }
        }
    }
}
