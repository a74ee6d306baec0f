//! What the ledger holds of all released windows together, and the checkpoint it is stored as.

use std::collections::BTreeMap;

use super::codec::{Reader, Writer};
use super::counters::{Counters, Series};
use super::record::{SCHEMA, Tag, TagKey, WindowRecord};
use crate::analysis::clip::OnceBits;
use crate::analysis::window::Window;
use crate::observation::PublicTriple;
use crate::release::budget::Line;
use crate::release::layout::{Layout, Partner};
use crate::release::plan::ConfigHash;

/// How many past periods' charges are kept: a bit over a year of days.
const HISTORY: usize = 400;
/// How many counters of cells that went away are kept, the first by name.
const MAX_RETIRED: usize = 100_000;
/// Days a learned triple stays without being selected again.
const STICKY_DAYS: u64 = 30;

const CHECKPOINT: u8 = 1;

/// Names the sensor whose ledger this is; random, made once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SensorId(pub(crate) [u8; 8]);

/// Counters of cells that are no longer counted, by name: the running sum (its bits, of integrations) and what was published.
/// They come back with their value if the cell does.
type Retired = BTreeMap<String, (i64, i64)>;

/// Everything that was ever committed, as far as the future depends on it.
#[derive(Clone, PartialEq, Debug)]
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
    pub(crate) layout: Layout,
    pub(crate) counters: Counters,
    pub(crate) retired: Retired,
    /// The period in which the triple in each place was last selected.
    pub(crate) learned_in: Vec<u64>,
    /// The period of the last selection.
    pub(crate) selected_in: Option<u64>,
    /// The key of the tags of the period of `released`.
    pub(crate) key: TagKey,
    /// Once-a-day cells in which a principal counts already in the period of `released`.
    pub(crate) seen: BTreeMap<Tag, OnceBits>,
}

impl Committed {
    /// Nothing yet.
    pub(crate) fn empty(sensor: SensorId, config: ConfigHash, layout: &Layout) -> Self {
        Self {
            sensor,
            config,
            released: None,
            high_water: None,
            spent: [0; Line::COUNT],
            history: Vec::new(),
            skipped: 0,
            counters: Counters::zero(layout),
            learned_in: vec![0; layout.slots],
            layout: layout.clone(),
            retired: Retired::new(),
            selected_in: None,
            key: TagKey([0; 16]),
            seen: BTreeMap::new(),
        }
    }

    /// Micro-rho committed so far in `period`.
    pub(crate) fn spent_in(&self, period: u64) -> [u64; Line::COUNT] {
        match self.released {
            Some(last) if last.period == period => self.spent,
            _ => [0; Line::COUNT],
        }
    }

    /// Once-a-day cells in which a principal counts already in `period`.
    pub(crate) fn seen_in(&self, period: u64, tag: Tag) -> OnceBits {
        match self.released {
            Some(last) if last.period == period => self.seen.get(&tag).copied().unwrap_or_default(),
            _ => OnceBits::default(),
        }
    }

    /// Takes a record that is, or is about to be, on disk; none if it does not follow from what is here.
    pub(crate) fn apply(&mut self, record: &WindowRecord) -> Option<()> {
        let numbers = &record.released;
        if self.high_water.is_some_and(|mark| record.window <= mark)
            || record.config != self.config
            || numbers.volume.len() != self.counters.cum.len()
            || numbers.once.len() != self.counters.once.len()
            || numbers.partners.len() != self.counters.partners.len()
            || record.skipped < self.skipped
        {
            return None;
        }
        let period = record.window.period;
        let is_first = self.released.is_none_or(|last| last.period != period);
        if !is_first && record.key != self.key {
            return None;
        }
        let mut spent = self.spent_in(period);
        for (sum, charge) in spent.iter_mut().zip(record.charges) {
            *sum = sum.checked_add(charge)?;
        }
        if is_first {
            self.counters.start_period();
            self.seen.clear();
            self.key = record.key;
        }
        if is_first || record.segment {
            self.counters.start_segment();
        }
        for (tag, bits) in &record.tags {
            let seen = self.seen.entry(*tag).or_default();
            *seen = seen.or(*bits);
        }
        self.archive(period);
        self.spent = spent;
        self.released = Some(record.window);
        self.high_water = Some(record.window);
        self.skipped = record.skipped;
        self.counters.apply(&self.layout, numbers);
        if let Some(selection) = &record.selection {
            self.learn(period, selection);
        }
        Some(())
    }

    /// Moves every counter to its place in another layout. Cells that go away keep their counters aside. Learned triples
    /// stay, as far as there is room and they were not configured meanwhile.
    pub(crate) fn adopt(&mut self, config: ConfigHash, layout: &Layout) {
        self.config = config;
        let mut next = layout.clone();
        let configured = layout.configured().len();
        let known = self.layout.learned().iter().cloned().zip(&self.learned_in);
        let kept: Vec<_> = known
            .filter(|(triple, _)| !triple.is_blank() && !layout.configured().contains(triple))
            .take(layout.slots)
            .collect();
        let mut learned_in = vec![0; layout.slots];
        let places = next.triples.iter_mut().skip(configured);
        for ((place, since), (triple, period)) in places.zip(&mut learned_in).zip(kept) {
            *place = triple;
            *since = *period;
        }
        self.learned_in = learned_in;
        self.move_to(next);
    }

    /// Puts selected triples into free places: first those that are there stay, then what was not selected for a month makes
    /// room.
    fn learn(&mut self, period: u64, selection: &[PublicTriple]) {
        self.selected_in = Some(period);
        let configured = self.layout.configured().len();
        let mut next = self.layout.clone();
        // A place that becomes free now is taken by nobody yet: windows on their way still count in it.
        let free: Vec<_> = next.triples.iter().map(PublicTriple::is_blank).collect();
        for (place, since) in next
            .triples
            .iter_mut()
            .skip(configured)
            .zip(&mut self.learned_in)
        {
            if selection.contains(place) {
                *since = period;
            } else if period.saturating_sub(*since) > STICKY_DAYS {
                *place = PublicTriple::blank();
            }
        }
        for triple in selection {
            if next.triples.contains(triple) {
                continue;
            }
            let places = next.triples.iter_mut().zip(&free).skip(configured);
            let mut places = places.zip(&mut self.learned_in);
            if let Some(((place, _), since)) =
                places.find(|((place, was_free), _)| **was_free && place.is_blank())
            {
                *place = triple.clone();
                *since = period;
            }
        }
        self.move_to(next);
    }

    fn move_to(&mut self, layout: Layout) {
        if self.layout == layout {
            return;
        }
        let was = std::mem::take(&mut self.counters);
        let mut known = std::mem::take(&mut self.retired);
        let values = was.cum.into_iter().zip(was.published);
        let names = self.layout.cell_names().into_iter();
        known.extend(names.zip(values).filter_map(|(name, v)| Some((name?, v))));
        let totals = was.partners.iter().map(|s| s.total.to_bits().cast_signed());
        let values = totals.zip(was.partners_published);
        known.extend(self.layout.partner_names().into_iter().zip(values));
        let mut counters = Counters::zero(&layout);
        if layout.windows == self.layout.windows {
            counters.once = was.once;
        }
        let places = counters.cum.iter_mut().zip(&mut counters.published);
        for (name, (cum, published)) in layout.cell_names().iter().zip(places) {
            if let Some(values) = name.as_ref().and_then(|name| known.remove(name)) {
                (*cum, *published) = values;
            }
        }
        let same = layout.partner_names() == self.layout.partner_names()
            && layout.windows == self.layout.windows
            && layout.body_units == self.layout.body_units;
        let places = counters
            .partners
            .iter_mut()
            .zip(&mut counters.partners_published);
        for (at, (name, (series, published))) in
            layout.partner_names().iter().zip(places).enumerate()
        {
            if let Some((total, value)) = known.remove(name) {
                *series = was
                    .partners
                    .get(at)
                    .filter(|_| same)
                    .copied()
                    .unwrap_or(Series::at(f64::from_bits(total.cast_unsigned())));
                *published = value;
            }
        }
        known.retain(|_, values| *values != (0, 0));
        self.retired = known.into_iter().take(MAX_RETIRED).collect();
        self.counters = counters;
        self.layout = layout;
    }

    fn archive(&mut self, next: u64) {
        if let Some(last) = self.released.filter(|last| last.period != next) {
            self.history.push((last.period, self.spent.iter().sum()));
            let excess = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..excess);
        }
    }

    /// Whether the counters are those that were published.
    pub(super) fn matches(&self, digest: u32) -> bool {
        self.counters.digest() == digest
    }

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
        write_layout(&mut writer, &self.layout);
        self.counters.encode(&mut writer);
        writer.varint(self.retired.len() as u64);
        for (name, (cum, published)) in &self.retired {
            writer.text(name);
            writer.signed(*cum);
            writer.signed(*published);
        }
        writer.varint(self.learned_in.len() as u64);
        for period in &self.learned_in {
            writer.varint(*period);
        }
        writer.byte(u8::from(self.selected_in.is_some()));
        writer.varint(self.selected_in.unwrap_or(0));
        writer.bytes(&self.key.0);
        writer.varint(self.seen.len() as u64);
        for (tag, bits) in &self.seen {
            writer.bytes(&tag.0);
            writer.varint(bits.0.into());
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
        let layout = read_layout(&mut reader)?;
        let counters = Counters::decode(&mut reader)?;
        let retired = (0..reader.count()?)
            .map(|_| Some((reader.text()?, (reader.signed()?, reader.signed()?))))
            .collect::<Option<_>>()?;
        let learned_in = (0..reader.count()?)
            .map(|_| reader.varint())
            .collect::<Option<Vec<_>>>()?;
        let selected = (reader.byte()?, reader.varint()?);
        let key = TagKey(reader.array()?);
        let seen = (0..reader.count()?)
            .map(|_| {
                let tag = Tag(reader.array()?);
                Some((tag, OnceBits(u32::try_from(reader.varint()?).ok()?)))
            })
            .collect::<Option<_>>()?;
        reader.end()?;
        let fits = counters.fits(&layout) && learned_in.len() == layout.slots && selected.0 <= 1;
        fits.then_some(Self {
            sensor,
            config,
            released,
            high_water,
            spent,
            history,
            skipped,
            layout,
            counters,
            retired,
            learned_in,
            selected_in: (selected.0 == 1).then_some(selected.1),
            key,
            seen,
        })
    }

    /// Whether a payload is the checkpoint of another version.
    pub(super) fn is_of_other_version(payload: &[u8]) -> bool {
        payload.first() == Some(&CHECKPOINT) && payload.get(1).is_some_and(|v| *v != SCHEMA)
    }
}

fn write_layout(writer: &mut Writer, layout: &Layout) {
    writer.triples(&layout.triples);
    writer.varint(layout.slots as u64);
    writer.varint(layout.partners.len() as u64);
    for partner in &layout.partners {
        writer.text(&partner.name);
        writer.byte(u8::from(partner.exact));
    }
    writer.varint(layout.windows.into());
    writer.varint(layout.body_units);
}

fn read_layout(reader: &mut Reader<'_>) -> Option<Layout> {
    let triples = reader.triples()?;
    let slots = usize::try_from(reader.varint()?).ok()?;
    let partners = (0..reader.count()?)
        .map(|_| {
            let name = reader.text()?;
            let exact = reader.byte()?;
            (exact <= 1).then_some(Partner {
                name,
                exact: exact == 1,
            })
        })
        .collect::<Option<_>>()?;
    let windows = u32::try_from(reader.varint()?).ok()?;
    let body_units = reader.varint()?;
    (slots < triples.len() && windows > 0).then_some(Layout {
        triples,
        slots,
        partners,
        windows,
        body_units,
    })
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
    use super::super::record::Numbers;
    use super::*;
    use crate::analysis::clip::{OnceFamily, Signal, VolumeFamily};
    use crate::release::plan::in_order;

    fn triple(template: &str) -> PublicTriple {
        PublicTriple {
            service: "s".to_owned(),
            endpoint: template.to_owned(),
            method: "GET".to_owned(),
        }
    }

    /// With two places for learned triples and one integration.
    fn layout(templates: &[&str]) -> Layout {
        let mut triples = in_order(templates.iter().map(|t| triple(t)).collect());
        triples.extend([PublicTriple::blank(), PublicTriple::blank()]);
        Layout {
            triples,
            slots: 2,
            partners: vec![Partner {
                name: "acme".to_owned(),
                exact: false,
            }],
            windows: 1_440,
            body_units: 64,
        }
    }

    fn committed(templates: &[&str]) -> Committed {
        Committed::empty(SensorId([7; 8]), ConfigHash([1; 8]), &layout(templates))
    }

    fn record(state: &Committed, index: u32, volume: Vec<i64>) -> WindowRecord {
        let partners = i64::try_from(state.counters.partners.len()).unwrap();
        let once = i64::try_from(OnceFamily::CELLS).unwrap();
        WindowRecord {
            window: Window { period: 3, index },
            config: ConfigHash([1; 8]),
            charges: [1; Line::COUNT],
            skipped: 0,
            segment: index == 1,
            key: TagKey([5; 16]),
            tags: vec![(
                Tag([u8::try_from(index).unwrap(); 16]),
                OnceBits::SEEN.with_signal(Signal::Volume),
            )],
            released: Numbers {
                volume,
                once: (0..once).map(|n| (n + 1) << 22).collect(),
                partners: (0..partners).map(|n| (n + 1) << 22).collect(),
            },
            selection: None,
        }
    }

    #[test]
    fn both_kinds_come_back() {
        let mut state = committed(&["/a", "/b"]);
        let cells = i64::try_from(state.counters.cum.len()).unwrap();
        let mut record = record(&state, 5, (0..cells).map(|n| n - 100).collect());
        record.selection = Some(vec![triple("/learned")]);
        state.apply(&record).unwrap();
        state.adopt(ConfigHash([2; 8]), &layout(&["/b"]));
        assert!(!state.retired.is_empty());
        assert!(state.layout.triples.contains(&triple("/learned")));
        assert_eq!(Committed::decode(&state.encode()), Some(state.clone()));
        let payload = record.encode(state.sensor, &state.counters);
        let (back, sensor, digest) = WindowRecord::decode(&payload).unwrap();
        assert_eq!((back, sensor), (record.clone(), state.sensor));
        assert!(state.matches(digest));
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
                    &state.clone(),
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
        state
            .apply(&record(&state.clone(), 5, vec![0; cells]))
            .unwrap();
        let before = state.clone();
        assert!(
            state
                .apply(&record(&state.clone(), 5, vec![0; cells]))
                .is_none()
        );
        assert!(
            state
                .apply(&record(&state.clone(), 4, vec![0; cells]))
                .is_none()
        );
        assert!(
            state
                .apply(&record(&state.clone(), 6, vec![0; cells - 1]))
                .is_none()
        );
        let mut foreign = record(&state, 6, vec![0; cells]);
        foreign.config = ConfigHash([9; 8]);
        assert!(state.apply(&foreign).is_none());
        let mut overflow = record(&state, 6, vec![0; cells]);
        overflow.charges = [u64::MAX; Line::COUNT];
        assert!(state.apply(&overflow).is_none());
        assert_eq!(state, before);
    }

    #[test]
    fn counters_move_with_their_cells_and_come_back() {
        let mut state = committed(&["/a", "/b"]);
        let cells = state.counters.cum.len();
        let values: Vec<_> = (1..).take(cells).collect();
        state.apply(&record(&state.clone(), 1, values)).unwrap();
        let by_name = |state: &Committed| -> Retired {
            let values = state.counters.cum.iter().copied();
            let values = values.zip(state.counters.published.iter().copied());
            let names = state.layout.cell_names().into_iter();
            let volume = names.zip(values).filter_map(|(name, v)| Some((name?, v)));
            let totals = state.counters.partners.iter();
            let totals = totals.map(|series| series.total.to_bits().cast_signed());
            let values = totals.zip(state.counters.partners_published.iter().copied());
            volume
                .chain(state.layout.partner_names().into_iter().zip(values))
                .collect()
        };
        let first = by_name(&state);
        let original = state.layout.clone();
        state.adopt(ConfigHash([2; 8]), &layout(&["/b", "/c"]));
        for (name, values) in by_name(&state) {
            assert_eq!(values, first.get(&name).copied().unwrap_or_default());
        }
        state.adopt(ConfigHash([1; 8]), &original);
        assert_eq!(by_name(&state), first);
    }

    #[test]
    fn learned_triples_take_free_places_and_leave_after_a_month() {
        let mut state = committed(&["/a"]);
        let zeros = |state: &Committed| vec![1; state.counters.cum.len()];
        let select = |state: &mut Committed, period: u64, names: &[&str]| {
            let mut record = record(state, 1, zeros(state));
            record.window.period = period;
            record.selection = Some(names.iter().map(|name| triple(name)).collect());
            state.apply(&record).unwrap();
            let learned = state.layout.learned().iter();
            learned.map(|t| t.endpoint.clone()).collect::<Vec<_>>()
        };
        assert_eq!(select(&mut state, 10, &["/x", "/a"]), ["/x", ""]);
        assert_eq!(select(&mut state, 11, &["/y", "/z"]), ["/x", "/y"]);
        assert_eq!(select(&mut state, 12, &["/x", "/z"]), ["/x", "/y"]);
        // Windows on their way still count in a place that becomes free.
        assert_eq!(select(&mut state, 42, &["/x", "/z"]), ["/x", ""]);
        assert_eq!(select(&mut state, 43, &["/y"]), ["/x", "/y"]);
        let place = state.layout.triples.len() - 1;
        let cell = state.layout.range(VolumeFamily::Requests).start + place * 6;
        assert_eq!(state.counters.cum[cell], 2, "its counter came back");
    }

    #[test]
    fn principals_are_known_within_their_period_only() {
        let mut state = committed(&[]);
        let cells = state.counters.cum.len();
        let first = record(&state, 1, vec![0; cells]);
        let (tag, bits) = first.tags[0];
        state.apply(&first).unwrap();
        assert_eq!(state.seen_in(3, tag), bits);
        assert_eq!(state.seen_in(4, tag), OnceBits::default());
        let total = state.counters.once[0].total;
        assert!((total - 1.0).abs() < 1e-9);
        let mut foreign = record(&state, 2, vec![0; cells]);
        foreign.key = TagKey([6; 16]);
        assert!(state.clone().apply(&foreign).is_none(), "one key a period");
        foreign.window = Window {
            period: 4,
            index: 1,
        };
        state.apply(&foreign).unwrap();
        assert_eq!(state.seen.len(), 1);
        assert!((state.counters.once[0].total - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_new_period_starts_with_its_own_spending() {
        let mut state = committed(&[]);
        let cells = state.counters.cum.len();
        state
            .apply(&record(&state.clone(), 1, vec![0; cells]))
            .unwrap();
        let mut next = record(&state, 1, vec![0; cells]);
        next.window.period = 4;
        state.apply(&next).unwrap();
        assert_eq!(state.spent, [1; Line::COUNT]);
        assert_eq!(state.history, [(3, Line::COUNT as u64)]);
    }
}
