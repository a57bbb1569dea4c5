//! Every packing is checked; few clients against brute force, many against the proven bound.

use proptest::prelude::*;

use super::*;

fn kinds(all: &[(u64, u32)]) -> Vec<Kind> {
    all.iter().map(|&(kbps, count)| Kind { kbps, count }).collect()
}

/// Packs, checks every line, and gives the numbers of lines found and proven necessary.
fn packed(all: &[(u64, u32)]) -> (u32, u32) {
    let kinds = kinds(all);
    let packing = pack(&kinds, &Control::new()).unwrap();
    let mut left: Vec<u32> = kinds.iter().map(|kind| kind.count).collect();
    for line in &packing.lines {
        let clients: u32 = line.iter().sum();
        let kbps: u64 = line.iter().zip(&kinds).map(|(&n, kind)| u64::from(n) * kind.kbps).sum();
        assert!((1..=LINE_CLIENTS).contains(&clients) && kbps <= LINE_KBPS, "{line:?}");
        take(&mut left, line);
    }
    assert!(left.iter().all(|&n| n == 0), "left over: {left:?}");
    (count(packing.lines.len()), packing.at_least)
}

/// The least number of lines, by placing one client after the other wherever it fits.
fn brute_force(clients: &[u64]) -> u32 {
    fn place(clients: &[u64], lines: &mut Vec<(u64, u32)>, best: &mut usize) {
        if lines.len() >= *best {
            return;
        }
        let Some((&kbps, rest)) = clients.split_first() else {
            *best = lines.len();
            return;
        };
        for i in 0..lines.len() {
            let (used, count) = lines[i];
            if used + kbps <= LINE_KBPS && count < LINE_CLIENTS && !lines[..i].contains(&lines[i]) {
                lines[i] = (used + kbps, count + 1);
                place(rest, lines, best);
                lines[i] = (used, count);
            }
        }
        lines.push((kbps, 1));
        place(rest, lines, best);
        lines.pop();
    }
    let mut best = clients.len() + 1;
    place(clients, &mut Vec::new(), &mut best);
    count(best)
}

#[test]
fn nothing_needs_no_line() {
    assert_eq!(packed(&[]), (0, 0));
    assert_eq!(packed(&[(1_250_000, 0)]), (0, 0));
}

#[test]
fn sixteen_clients_fill_a_line_whatever_their_rate() {
    assert_eq!(packed(&[(2_048, 16)]), (1, 1));
    assert_eq!(packed(&[(2_048, 17)]), (2, 2));
    assert_eq!(packed(&[(622_080, 32)]), (2, 2));
}

#[test]
fn light_clients_beside_heavy_ones_where_largest_first_is_poor() {
    // largest first: 8 lines of 8 GE and 5 of 16 FE; mixing 7 GE and 9 FE in a line needs fewer
    let (lines, at_least) = packed(&[(1_250_000, 64), (100_000, 80)]);
    assert_eq!((lines, at_least), (10, 10));
}

#[test]
fn thousands_of_clients_of_every_kind_are_packed_with_proof() {
    let mix = [
        (2_048, 1_900),
        (155_520, 1_500),
        (622_080, 700),
        (2_500_000, 333),
        (100_000, 2_300),
        (1_250_000, 1_111),
    ];
    let (lines, at_least) = packed(&mix);
    assert_eq!(lines, at_least);
}

#[test]
fn weights_prove_what_the_obvious_bounds_cannot() {
    // three of 3.4 Gb/s do not fit: two to a line, though rates alone would ask for 7 lines and clients for 2
    assert_eq!(packed(&[(3_400_000, 20)]), (10, 10));
}

#[test]
fn a_cancelled_packing_returns() {
    let control = Control::new();
    control.cancel();
    let mix = kinds(&[(1_250_000, 64), (100_000, 80)]);
    assert_eq!(pack(&mix, &control), Err(AlgorithmError::Cancelled));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn few_clients_are_packed_as_well_as_by_brute_force(
        kinds in proptest::collection::vec((500_000_u64..=9_000_000, 1_u32..4), 1..5)
    ) {
        let clients: Vec<u64> =
            kinds.iter().flat_map(|&(kbps, count)| std::iter::repeat_n(kbps, count as usize)).collect();
        let (lines, at_least) = packed(&kinds);
        prop_assert_eq!(lines, at_least);
        prop_assert_eq!(lines, brute_force(&clients));
    }

    #[test]
    fn any_mix_of_service_types_is_packed_with_proof(
        counts in proptest::collection::vec(0_u32..60, 6)
    ) {
        let rates = [2_048, 155_520, 622_080, 2_500_000, 100_000, 1_250_000];
        let mix: Vec<(u64, u32)> = rates.into_iter().zip(counts).collect();
        let (lines, at_least) = packed(&mix);
        prop_assert_eq!(lines, at_least);
    }
}
