//! What the ledger holds: a checkpoint of everything committed so far, then one record per released window.

use super::codec::{Reader, Writer};
use crate::analysis::window::Window;
use crate::observation::PublicTriple;
use crate::release::budget::Line;
use crate::release::plan::{ConfigHash, Retired, cell_names};

/// The version of the format and of the meaning of cells.
pub(crate) const SCHEMA: u8 = 1;
/// How many past periods' charges are kept: a bit over a year of days.
const HISTORY: usize = 400;
/// How many counters of cells that went away are kept, the first by name.
const MAX_RETIRED: usize = 100_000;

const CHECKPOINT: u8 = 1;
const WINDOW: u8 = 2;

/// Names the sensor whose ledger this is; random, made once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SensorId(pub(crate) [u8; 8]);

/// The counters: a function of the released integers alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counters {
    /// Sum of all released integers, by cell; may fall.
    pub(crate) cum: Vec<i64>,
    /// What is published, by cell: the running maximum of `cum` and 0, so it never falls.
    pub(crate) published: Vec<i64>,
    /// The released integers of the last window, by cell.
    pub(crate) window: Vec<i64>,
}

impl Counters {
    pub(crate) fn zero(cells: usize) -> Self {
        Self {
            cum: vec![0; cells],
            published: vec![0; cells],
            window: vec![0; cells],
        }
    }

    /// Adds the released integers of a window.
    fn apply(&mut self, released: &[i64]) {
        for ((cum, published), y) in self.cum.iter_mut().zip(&mut self.published).zip(released) {
            *cum = cum.saturating_add(*y);
            *published = (*published).max(*cum);
        }
        released.clone_into(&mut self.window);
    }

    /// A checksum of what is published, so that a restart proves it restored what was served.
    fn digest(&self) -> u32 {
        self.published.iter().fold(0, |crc, value| {
            crc32c::crc32c_append(crc, &value.to_le_bytes())
        })
    }
}

/// The record of one released window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WindowRecord {
    pub(crate) window: Window,
    pub(crate) config: ConfigHash,
    /// Micro-rho this record charges, by line: the whole period's at its first release, then nothing.
    pub(crate) charges: [u64; Line::COUNT],
    /// Windows that were never released, in all.
    pub(crate) skipped: u64,
    /// The released integers, by cell.
    pub(crate) released: Vec<i64>,
}

/// Everything that was ever committed, as far as the future depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Committed {
    pub(crate) sensor: SensorId,
    pub(crate) config: ConfigHash,
    /// The last window that was published.
    pub(crate) released: Option<Window>,
    /// The last window that may have been published: nothing up to it is ever released again.
    pub(crate) high_water: Option<Window>,
    /// Micro-rho committed in the period of `released`, by line.
    pub(crate) spent: [u64; Line::COUNT],
    /// Micro-rho committed in earlier periods.
    pub(crate) history: Vec<(u64, u64)>,
    pub(crate) skipped: u64,
    pub(crate) triples: Vec<PublicTriple>,
    pub(crate) counters: Counters,
    pub(crate) retired: Retired,
}

impl Committed {
    /// Nothing yet.
    pub(crate) fn empty(sensor: SensorId, config: ConfigHash, triples: &[PublicTriple]) -> Self {
        Self {
            sensor,
            config,
            released: None,
            high_water: None,
            spent: [0; Line::COUNT],
            history: Vec::new(),
            skipped: 0,
            triples: triples.to_vec(),
            counters: Counters::zero(cell_names(triples).len()),
            retired: Retired::new(),
        }
    }

    /// Micro-rho committed so far in `period`.
    pub(crate) fn spent_in(&self, period: u64) -> [u64; Line::COUNT] {
        match self.released {
            Some(last) if last.period == period => self.spent,
            _ => [0; Line::COUNT],
        }
    }

    /// Takes a record that is, or is about to be, on disk; none if it does not follow from what is here.
    pub(crate) fn apply(&mut self, record: &WindowRecord) -> Option<()> {
        if self.high_water.is_some_and(|mark| record.window <= mark)
            || record.config != self.config
            || record.released.len() != self.counters.cum.len()
            || record.skipped < self.skipped
        {
            return None;
        }
        let mut spent = self.spent_in(record.window.period);
        for (sum, charge) in spent.iter_mut().zip(record.charges) {
            *sum = sum.checked_add(charge)?;
        }
        self.archive(record.window.period);
        self.spent = spent;
        self.released = Some(record.window);
        self.high_water = Some(record.window);
        self.skipped = record.skipped;
        self.counters.apply(&record.released);
        Some(())
    }

    /// Moves every counter to its place in another list of triples. Cells that go away keep their counters aside.
    pub(crate) fn adopt(&mut self, config: ConfigHash, triples: &[PublicTriple]) {
        self.config = config;
        if self.triples == triples {
            return;
        }
        let counters = std::mem::take(&mut self.counters);
        let mut known = std::mem::take(&mut self.retired);
        let values = counters.cum.into_iter().zip(counters.published);
        known.extend(cell_names(&self.triples).into_iter().zip(values));
        let names = cell_names(triples);
        self.counters = Counters::zero(names.len());
        let places = self
            .counters
            .cum
            .iter_mut()
            .zip(&mut self.counters.published);
        for (name, (cum, published)) in names.iter().zip(places) {
            if let Some(values) = known.remove(name) {
                (*cum, *published) = values;
            }
        }
        known.retain(|_, values| *values != (0, 0));
        self.retired = known.into_iter().take(MAX_RETIRED).collect();
        self.triples = triples.to_vec();
    }

    fn archive(&mut self, next: u64) {
        if let Some(last) = self.released.filter(|last| last.period != next) {
            self.history.push((last.period, self.spent.iter().sum()));
            let excess = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..excess);
        }
    }
}

impl WindowRecord {
    /// The payload of a frame. Kind and window come first at fixed places, so that they can be read from a torn frame.
    pub(super) fn encode(&self, sensor: SensorId, after: &Counters) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(WINDOW);
        writer.bytes(&self.window.period.to_le_bytes());
        writer.bytes(&self.window.index.to_le_bytes());
        writer.byte(SCHEMA);
        writer.bytes(&sensor.0);
        writer.bytes(&self.config.0);
        for charge in self.charges {
            writer.varint(charge);
        }
        writer.varint(self.skipped);
        writer.numbers(&self.released);
        writer.bytes(&after.digest().to_le_bytes());
        writer.into_bytes()
    }

    /// The record, its sensor, and the checksum of the counters after it.
    pub(super) fn decode(payload: &[u8]) -> Option<(Self, SensorId, u32)> {
        let window = Self::peek(payload)?;
        let mut reader = Reader(payload);
        reader.bytes(13)?;
        if reader.byte()? != SCHEMA {
            return None;
        }
        let sensor = SensorId(reader.array()?);
        let config = ConfigHash(reader.array()?);
        let mut charges = [0; Line::COUNT];
        for charge in &mut charges {
            *charge = reader.varint()?;
        }
        let skipped = reader.varint()?;
        let released = reader.numbers()?;
        let digest = u32::from_le_bytes(reader.array()?);
        reader.end()?;
        let record = Self {
            window,
            config,
            charges,
            skipped,
            released,
        };
        Some((record, sensor, digest))
    }

    /// The window that a payload is about, however much of the rest is missing.
    pub(super) fn peek(payload: &[u8]) -> Option<Window> {
        let mut reader = Reader(payload);
        (reader.byte()? == WINDOW).then_some(())?;
        Some(Window {
            period: u64::from_le_bytes(reader.array()?),
            index: u32::from_le_bytes(reader.array()?),
        })
    }

    /// Whether the counters after this record are those that were published.
    pub(super) fn matches(committed: &Committed, digest: u32) -> bool {
        committed.counters.digest() == digest
    }
}

impl Committed {
    /// The payload of a checkpoint frame.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.byte(CHECKPOINT);
        writer.byte(SCHEMA);
        writer.bytes(&self.sensor.0);
        writer.bytes(&self.config.0);
        for mark in [self.released, self.high_water] {
            write_mark(&mut writer, mark);
        }
        for spent in self.spent {
            writer.varint(spent);
        }
        writer.varint(self.history.len() as u64);
        for (period, spent) in &self.history {
            writer.varint(*period);
            writer.varint(*spent);
        }
        writer.varint(self.skipped);
        writer.varint(self.triples.len() as u64);
        for triple in &self.triples {
            writer.text(&triple.service);
            writer.text(&triple.endpoint);
            writer.text(&triple.method);
        }
        writer.numbers(&self.counters.cum);
        writer.numbers(&self.counters.published);
        writer.numbers(&self.counters.window);
        writer.varint(self.retired.len() as u64);
        for (name, (cum, published)) in &self.retired {
            writer.text(name);
            writer.signed(*cum);
            writer.signed(*published);
        }
        writer.into_bytes()
    }

    pub(super) fn decode(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        if reader.byte()? != CHECKPOINT || reader.byte()? != SCHEMA {
            return None;
        }
        let sensor = SensorId(reader.array()?);
        let config = ConfigHash(reader.array()?);
        let (mut released, mut high_water) = (None, None);
        read_mark(&mut reader, &mut released)?;
        read_mark(&mut reader, &mut high_water)?;
        let mut spent = [0; Line::COUNT];
        for sum in &mut spent {
            *sum = reader.varint()?;
        }
        let history = (0..reader.count()?)
            .map(|_| Some((reader.varint()?, reader.varint()?)))
            .collect::<Option<_>>()?;
        let skipped = reader.varint()?;
        let triples = (0..reader.count()?)
            .map(|_| {
                Some(PublicTriple {
                    service: reader.text()?,
                    endpoint: reader.text()?,
                    method: reader.text()?,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let counters = Counters {
            cum: reader.numbers()?,
            published: reader.numbers()?,
            window: reader.numbers()?,
        };
        let cells = cell_names(&triples).len();
        if [&counters.cum, &counters.published, &counters.window]
            .iter()
            .any(|values| values.len() != cells)
        {
            return None;
        }
        let retired = (0..reader.count()?)
            .map(|_| Some((reader.text()?, (reader.signed()?, reader.signed()?))))
            .collect::<Option<_>>()?;
        reader.end()?;
        Some(Self {
            sensor,
            config,
            released,
            high_water,
            spent,
            history,
            skipped,
            triples,
            counters,
            retired,
        })
    }
}

fn write_mark(writer: &mut Writer, mark: Option<Window>) {
    writer.byte(u8::from(mark.is_some()));
    let mark = mark.unwrap_or(Window {
        period: 0,
        index: 0,
    });
    writer.bytes(&mark.period.to_le_bytes());
    writer.bytes(&mark.index.to_le_bytes());
}

/// Reads what [`write_mark`] wrote into `mark`.
fn read_mark(reader: &mut Reader<'_>, mark: &mut Option<Window>) -> Option<()> {
    let present = reader.byte()?;
    let window = Window {
        period: u64::from_le_bytes(reader.array()?),
        index: u32::from_le_bytes(reader.array()?),
    };
    *mark = (present == 1).then_some(window);
    (present <= 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::in_order;

    fn triple(template: &str) -> PublicTriple {
        PublicTriple {
            service: "s".to_owned(),
            endpoint: template.to_owned(),
            method: "GET".to_owned(),
        }
    }

    fn committed(templates: &[&str]) -> Committed {
        let triples = in_order(templates.iter().map(|t| triple(t)).collect());
        Committed::empty(SensorId([7; 8]), ConfigHash([1; 8]), &triples)
    }

    fn record(index: u32, released: Vec<i64>) -> WindowRecord {
        WindowRecord {
            window: Window { period: 3, index },
            config: ConfigHash([1; 8]),
            charges: [1; Line::COUNT],
            skipped: 0,
            released,
        }
    }

    #[test]
    fn both_kinds_come_back() {
        let mut state = committed(&["/a", "/b"]);
        let cells = i64::try_from(state.counters.cum.len()).unwrap();
        let record = record(5, (0..cells).map(|n| n - 100).collect());
        state.apply(&record).unwrap();
        state.adopt(ConfigHash([2; 8]), &in_order(vec![triple("/b")]));
        assert!(!state.retired.is_empty());
        assert_eq!(Committed::decode(&state.encode()), Some(state.clone()));
        let payload = record.encode(state.sensor, &state.counters);
        let (back, sensor, digest) = WindowRecord::decode(&payload).unwrap();
        assert_eq!((back, sensor), (record.clone(), state.sensor));
        assert!(WindowRecord::matches(&state, digest));
        for len in 13..payload.len() {
            assert_eq!(WindowRecord::peek(&payload[..len]), Some(record.window));
            assert!(WindowRecord::decode(&payload[..len]).is_none());
        }
    }

    #[test]
    fn published_counters_are_the_running_maximum() {
        let mut state = committed(&[]);
        let cells = state.counters.cum.len();
        let mut seen = vec![0; cells];
        for (index, value) in [5, -9, 2, 7, -1].into_iter().enumerate() {
            state
                .apply(&record(
                    u32::try_from(index).unwrap() + 1,
                    vec![value; cells],
                ))
                .unwrap();
            seen.push(state.counters.published[0]);
        }
        assert_eq!(seen[cells..], [5, 5, 5, 5, 5]);
        assert_eq!(state.counters.cum[0], 4);
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let mut state = committed(&[]);
        let cells = state.counters.cum.len();
        state.apply(&record(5, vec![0; cells])).unwrap();
        let before = state.clone();
        assert!(state.apply(&record(5, vec![0; cells])).is_none());
        assert!(state.apply(&record(4, vec![0; cells])).is_none());
        assert!(state.apply(&record(6, vec![0; cells - 1])).is_none());
        let mut foreign = record(6, vec![0; cells]);
        foreign.config = ConfigHash([9; 8]);
        assert!(state.apply(&foreign).is_none());
        let mut overflow = record(6, vec![0; cells]);
        overflow.charges = [u64::MAX; Line::COUNT];
        assert!(state.apply(&overflow).is_none());
        assert_eq!(state, before);
    }

    #[test]
    fn counters_move_with_their_cells_and_come_back() {
        let mut state = committed(&["/a", "/b"]);
        let cells = state.counters.cum.len();
        let values: Vec<_> = (1..).take(cells).collect();
        state.apply(&record(1, values)).unwrap();
        let by_name = |state: &Committed| -> Retired {
            let values = state.counters.cum.iter().copied();
            let values = values.zip(state.counters.published.iter().copied());
            cell_names(&state.triples).into_iter().zip(values).collect()
        };
        let first = by_name(&state);
        let original = state.triples.clone();
        state.adopt(
            ConfigHash([2; 8]),
            &in_order(vec![triple("/b"), triple("/c")]),
        );
        for (name, values) in by_name(&state) {
            assert_eq!(values, first.get(&name).copied().unwrap_or_default());
        }
        state.adopt(ConfigHash([1; 8]), &original);
        assert_eq!(by_name(&state), first);
    }

    #[test]
    fn a_new_period_starts_with_its_own_spending() {
        let mut state = committed(&[]);
        let cells = state.counters.cum.len();
        state.apply(&record(1, vec![0; cells])).unwrap();
        let mut next = record(1, vec![0; cells]);
        next.window.period = 4;
        state.apply(&next).unwrap();
        assert_eq!(state.spent, [1; Line::COUNT]);
        assert_eq!(state.history, [(3, Line::COUNT as u64)]);
    }
}
