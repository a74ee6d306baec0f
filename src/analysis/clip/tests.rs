use std::collections::BTreeMap;

use proptest::prelude::*;

use super::principal::latency_bucket;
use super::*;
use crate::analysis::window::Schedule;
use crate::observation::{
    Category, Country, IntegrationId, Part, PublicCell, RuleId, Status, TextId, TypeId,
};

const T: u32 = 6;
const TRIPLES: usize = 3;
const U2: [u64; VolumeFamily::COUNT] = [50, 20, 10, 30, 5];

/// A plain answered request.
fn observation(cell: u32) -> Observation {
    Observation {
        status: Status(200),
        client: PrincipalKey(1),
        country: Country::from_code("DE"),
        cell: PublicCell(cell),
        duration_us: Some(7_000),
        ..Observation::blank()
    }
}

/// The same from another client without a token.
fn by(client: PrincipalKey, seen: &Observation) -> Observation {
    Observation { client, ..*seen }
}

fn finding(category: Category, part: Part, count: u32) -> Finding {
    Finding {
        part,
        path: TextId::NONE,
        kind: TypeId(0),
        category,
        rule: RuleId(0),
        count,
        exposure: None,
        dry_run: false,
    }
}

fn plan(max_principals: usize, u2: [u64; VolumeFamily::COUNT]) -> Arc<ClipPlan> {
    let schedule = Schedule::shrunken(60, T).unwrap();
    Arc::new(ClipPlan::new(schedule, TRIPLES, u2, max_principals, 2).unwrap())
}

fn window(index: u32) -> Window {
    Window { period: 9, index }
}

fn key(id: u64) -> PrincipalKey {
    PrincipalKey(u128::from(id) << 64)
}

/// The squared norm of a family's part of sums that one principal made.
fn norm(plan: &ClipPlan, sums: &WindowSums, family: VolumeFamily) -> u128 {
    let start = plan.offset(family);
    (start..start + family.cells(plan.triples()))
        .map(|cell| u128::from(sums.cell(cell)).pow(2))
        .sum()
}

fn cell(plan: &ClipPlan, family: VolumeFamily, at: usize) -> usize {
    plan.offset(family) + at
}

#[test]
fn every_family_counts_in_its_cells() {
    let plan = plan(8, [1 << 40; VolumeFamily::COUNT]);
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    let mut seen = observation(1);
    seen.status = Status(404);
    seen.duration_us = Some(10_000);
    seen.request_bytes = 511;
    seen.response_bytes = 1_536;
    let findings = [
        finding(Category::Pci, Part::ResponseBody, 3),
        finding(Category::Hipaa, Part::RequestHeader, 2),
    ];
    table.observe(&by(key(1), &seen), &findings);
    let mut half = observation(7);
    half.status = Status::NONE;
    half.duration_us = None;
    half.country = Country::UNKNOWN;
    table.observe(&by(key(1), &half), &[]);
    let sums = table.close_window(window(1));
    let mut expected = BTreeMap::new();
    for (family, at, count) in [
        (VolumeFamily::Requests, 6 + 3, 1),
        (VolumeFamily::Requests, 12 + 5, 1),
        (VolumeFamily::Latency, 12 + 1, 1),
        (VolumeFamily::Bytes, 2 + 1, 2),
        (
            VolumeFamily::Countries,
            country::cell(Country::from_code("DE")),
            1,
        ),
        (VolumeFamily::Countries, country::CELLS - 1, 1),
        (VolumeFamily::Sensitive, 8 + 3, 3),
        (VolumeFamily::Sensitive, 8 + 6, 2),
    ] {
        expected.insert(cell(&plan, family, at), count);
    }
    let found: BTreeMap<_, _> = (0..plan.cells())
        .map(|cell| (cell, sums.cell(cell)))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn bytes_are_rounded_once_a_window() {
    let plan = plan(8, [1 << 40; VolumeFamily::COUNT]);
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    let mut small = observation(0);
    small.response_bytes = 300;
    for _ in 0..10 {
        table.observe(&by(key(1), &small), &[]);
    }
    // 3000 bytes are 2.93 KiB; rounded one by one they would be 0 or 10.
    let sums = table.close_window(window(1));
    assert_eq!(sums.cell(cell(&plan, VolumeFamily::Bytes, 1)), 3);
}

#[test]
fn latency_bounds_belong_to_their_bucket() {
    let buckets = [0, 5_000, 5_001, 10_000_000, 10_000_001, u64::MAX].map(latency_bucket);
    assert_eq!(buckets, [0, 0, 1, 10, 11, 11]);
}

#[test]
fn idle_time_is_banked_and_a_restart_forfeits_it() {
    let plan = plan(8, U2);
    let request = cell(&plan, VolumeFamily::Requests, 1);
    let burst = |table: &mut ClipTable| {
        for _ in 0..1_000 {
            table.observe(&by(key(1), &observation(0)), &[]);
        }
    };
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    for index in 1..T {
        table.close_window(window(index));
    }
    burst(&mut table);
    // floor(sqrt(50 * 6)) = 17
    assert_eq!(table.close_window(window(T)).cell(request), 17);

    let mut restarted = ClipTable::new(Arc::clone(&plan), Some(window(4)));
    burst(&mut restarted);
    // s0 = max(window at start, high water + 1) = 6: floor(sqrt(50)) = 7.
    assert_eq!(restarted.close_window(window(T)).cell(request), 7);
}

#[test]
fn nothing_counts_up_to_the_high_water_mark() {
    let plan = plan(8, U2);
    let mut table = ClipTable::new(Arc::clone(&plan), Some(window(4)));
    for index in 2..=4 {
        table.observe(&by(key(1), &observation(0)), &[]);
        let sums = table.close_window(window(index));
        assert_eq!(norm(&plan, &sums, VolumeFamily::Requests), 0);
    }
    table.observe(&by(key(1), &observation(0)), &[]);
    let sums = table.close_window(window(5));
    assert_eq!(norm(&plan, &sums, VolumeFamily::Requests), 1);
    let mut behind = ClipTable::new(
        plan.clone(),
        Some(Window {
            period: 10,
            index: 1,
        }),
    );
    behind.observe(&by(key(1), &observation(0)), &[]);
    assert_eq!(
        norm(
            &plan,
            &behind.close_window(window(5)),
            VolumeFamily::Requests
        ),
        0
    );
}

#[test]
fn a_full_table_keeps_newcomers_out_until_rollover() {
    let plan = plan(2, U2);
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    let request = cell(&plan, VolumeFamily::Requests, 1);
    for id in 1..=3 {
        table.observe(&by(key(id), &observation(0)), &[]);
    }
    assert_eq!(table.close_window(window(1)).cell(request), 2);
    for index in 2..=T {
        table.observe(&by(key(3), &observation(0)), &[]);
        assert_eq!(table.close_window(window(index)).cell(request), 0);
    }
    table.observe(&by(key(3), &observation(0)), &[]);
    let next = Window {
        period: 10,
        index: 1,
    };
    assert_eq!(table.close_window(next).cell(request), 1);
}

#[test]
fn what_was_spent_is_cleared_at_rollover_even_if_its_window_is_missed() {
    let plan = plan(2, U2);
    let request = cell(&plan, VolumeFamily::Requests, 1);
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    let mut burst = |window| {
        for _ in 0..100 {
            table.observe(&by(key(1), &observation(0)), &[]);
        }
        table.close_window(window).cell(request)
    };
    assert_eq!(burst(window(1)), 7);
    // spent 49 of 100, then 100 of 150.
    assert_eq!(burst(window(2)), 7);
    // A new period: s0 = 1 although the session began in an earlier one.
    assert_eq!(
        burst(Window {
            period: 10,
            index: 2
        }),
        10
    );
    assert_eq!(
        burst(Window {
            period: 10,
            index: 3
        }),
        7
    );
}

#[test]
fn integrations_are_outside_the_crowd() {
    let plan = plan(2, U2);
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    let mut partner = observation(0);
    partner.integration = Some(IntegrationId(0));
    table.observe(&by(key(1), &partner), &[]);
    assert_eq!(table.close_window(window(1)), WindowSums::default());
}

#[test]
fn a_principal_touches_so_many_triples_and_no_more() {
    let plan = plan(2, U2);
    let mut table = ClipTable::new(Arc::clone(&plan), None);
    for triple in [0, 1, 2, 0, 1, 2] {
        table.observe(&by(key(1), &observation(triple)), &[]);
    }
    table.observe(&by(key(2), &observation(2)), &[]);
    let sums = table.close_window(window(1));
    let by_triple: Vec<_> = (0..TRIPLES)
        .map(|triple| sums.cell(cell(&plan, VolumeFamily::Requests, triple * 6 + 1)))
        .collect();
    assert_eq!(by_triple, [2, 2, 1]);
}

#[test]
fn merging_shards_gives_the_same_in_any_order() {
    let plan = plan(100, U2);
    let mut shards = Vec::new();
    for shard in 0..4_u64 {
        let mut table = ClipTable::new(Arc::clone(&plan), None);
        for id in 0..shard {
            table.observe(
                &by(key(id), &observation(u32::try_from(id % 3).unwrap())),
                &[],
            );
        }
        shards.push(table.close_window(window(1)));
    }
    let merge = |order: &mut dyn Iterator<Item = &WindowSums>| {
        let mut total = WindowSums::default();
        order.for_each(|sums| total.merge(sums));
        total
    };
    assert_eq!(merge(&mut shards.iter()), merge(&mut shards.iter().rev()));
}

#[test]
fn exact_sums_do_not_print() {
    assert_eq!(
        format!(
            "{:?}",
            WindowSums {
                cells: vec![5],
                ..WindowSums::default()
            }
        ),
        "WindowSums { .. }"
    );
}

#[test]
fn impossible_plans_are_refused() {
    let schedule = Schedule::shrunken(60, T).unwrap();
    let new = |triples, u2, principals, max_triples| {
        ClipPlan::new(
            schedule,
            triples,
            [u2; VolumeFamily::COUNT],
            principals,
            max_triples,
        )
    };
    assert_eq!(new(0, 1, 1, 1), Err(ClipPlanError::Triples));
    assert_eq!(new(65_537, 1, 1, 1), Err(ClipPlanError::Triples));
    assert_eq!(new(1, 0, 1, 1), Err(ClipPlanError::Bound));
    assert_eq!(new(1, 1 << 60, 1, 1), Err(ClipPlanError::Bound));
    assert_eq!(new(1, 1, 0, 1), Err(ClipPlanError::Room));
    assert_eq!(new(1, 1, 1, 0), Err(ClipPlanError::Room));
    assert!(new(65_536, (1 << 60) / u64::from(T), 1, 1).is_ok());
}

/// What one principal does in one window: how many requests of which kind.
fn activity() -> impl Strategy<Value = Vec<(u32, u16, u64, u32, u32)>> {
    let one = (
        0..4_u32,
        prop_oneof![Just(0_u16), 100..600_u16],
        0..40_000_u64,
        0..9_u32,
        1..60_u32,
    );
    prop::collection::vec(one, 0..6)
}

fn perform(table: &mut ClipTable, principal: PrincipalKey, done: &[(u32, u16, u64, u32, u32)]) {
    for (triple, status, size, found, times) in done {
        let mut seen = observation(*triple);
        seen.status = Status(*status);
        seen.response_bytes = *size;
        seen.duration_us = Some(size * 700);
        seen.country = Country::from_code(if size % 3 == 0 { "FR" } else { "DE" });
        let findings = [finding(Category::Pii, Part::ResponseBody, *found)];
        for _ in 0..*times {
            table.observe(&by(principal, &seen), &findings);
        }
    }
}

/// The clip as the definition has it, for one family of one principal.
fn reference(u2: u64, age: u64, spent: &mut u128, x: &[u64]) -> Vec<u64> {
    let allow = (u128::from(u2) * u128::from(age)).saturating_sub(*spent);
    let norm: u128 = x.iter().map(|v| u128::from(*v).pow(2)).sum();
    let scaled: Vec<u64> = x
        .iter()
        .map(|v| {
            if allow == 0 {
                return 0;
            }
            if norm <= allow {
                return *v;
            }
            // The largest k with k^2 * norm <= v^2 * allow, by bisection.
            let (mut low, mut high) = (0_u64, *v);
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                if u128::from(middle).pow(2) * norm <= u128::from(*v).pow(2) * allow {
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
            low
        })
        .collect();
    *spent += scaled.iter().map(|v| u128::from(*v).pow(2)).sum::<u128>();
    scaled
}

proptest! {
    /// Whatever a principal does and wherever the process restarts, a period holds at most `u2 * T` of it.
    #[test]
    fn a_period_never_holds_more_than_its_bound(
        days in prop::collection::vec(activity(), T as usize),
        restarts in prop::collection::btree_set(1..=T, 0..4),
    ) {
        let plan = plan(4, U2);
        let mut table = ClipTable::new(Arc::clone(&plan), None);
        let mut total = [0_u128; VolumeFamily::COUNT];
        for (index, done) in (1..=T).zip(&days) {
            if restarts.contains(&index) {
                let mark = (index > 1).then(|| window(index - 1));
                table = ClipTable::new(Arc::clone(&plan), mark);
            }
            perform(&mut table, key(5), done);
            let sums = table.close_window(window(index));
            for (total, family) in total.iter_mut().zip(VolumeFamily::ALL) {
                *total += norm(&plan, &sums, family);
            }
        }
        for (total, u2) in total.into_iter().zip(U2) {
            prop_assert!(total <= u128::from(u2) * u128::from(T), "{} over {}", total, u2);
        }
    }

    /// The scaling is exact: the same numbers as by the definition, window after window.
    #[test]
    fn the_clip_is_the_one_defined(days in prop::collection::vec(activity(), T as usize)) {
        let clipped_plan = plan(4, U2);
        let free_plan = plan(4, [1 << 50; VolumeFamily::COUNT]);
        let mut clipped = ClipTable::new(Arc::clone(&clipped_plan), None);
        let mut free = ClipTable::new(free_plan, None);
        let mut spent = [0; VolumeFamily::COUNT];
        for (index, done) in (1..=T).zip(&days) {
            perform(&mut clipped, key(5), done);
            perform(&mut free, key(5), done);
            let found = clipped.close_window(window(index));
            let raw = free.close_window(window(index));
            for ((family, u2), spent) in VolumeFamily::ALL.into_iter().zip(U2).zip(&mut spent) {
                let start = clipped_plan.offset(family);
                let cells = start..start + family.cells(TRIPLES);
                let x: Vec<_> = cells.clone().map(|cell| raw.cell(cell)).collect();
                let kept: Vec<_> = cells.map(|cell| found.cell(cell)).collect();
                prop_assert_eq!(kept, reference(u2, index.into(), spent, &x));
            }
        }
    }

    /// What one principal adds does not depend on who else is there.
    #[test]
    fn others_change_nothing(mine in activity(), theirs in activity()) {
        let plan = plan(4, U2);
        let run = |with: bool| {
            let mut table = ClipTable::new(Arc::clone(&plan), None);
            if with {
                perform(&mut table, key(6), &theirs);
            }
            perform(&mut table, key(5), &mine);
            table.close_window(window(1))
        };
        let mut alone = ClipTable::new(Arc::clone(&plan), None);
        perform(&mut alone, key(6), &theirs);
        let mut sum = alone.close_window(window(1));
        sum.merge(&run(false));
        let both = run(true);
        for cell in 0..plan.cells() {
            prop_assert_eq!(sum.cell(cell), both.cell(cell));
        }
    }
}
