//! Shortens routes at a fixed number of layers: each request in turn goes to the place of fewest hops, then of least
//! length, that is free while it is away.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::instance::Instance;
use super::layers::Prices;
use super::quest::Quest;
use super::router::Router;
use super::solution::Solution;
use crate::control::Control;
use crate::error::AlgorithmError;

/// Most passes over all requests; the third rarely finds anything.
const PASSES: usize = 4;

/// `solution` with routes as short as single moves make them; what has no place stays without.
pub fn polish(
    instance: &Instance,
    solution: &Solution,
    mut random: ChaCha8Rng,
    control: &Control,
) -> Result<Solution, AlgorithmError> {
    let mut layers = solution.layers(instance);
    let mut router = Router::new(instance);
    let prices = Prices::new(instance.requests.len());
    let mut order: Vec<(u32, u32)> =
        (0..).zip(&solution.places).filter(|(_, place)| place.is_some()).map(|(own, _)| (0, own)).collect();
    for _ in 0..PASSES {
        for entry in &mut order {
            entry.0 = random.next_u32();
        }
        order.sort_unstable();
        let mut improved = false;
        for &(_, request) in &order {
            control.check()?;
            let Some(before) = layers.eject(request) else { continue };
            let cost = |links: &mut dyn Iterator<Item = usize>| {
                links.fold((0_u64, 0_u64), |(hops, metres), link| {
                    (hops + 1, metres + instance.links[link].length_m)
                })
            };
            let old =
                cost(&mut before.routes.iter().flatten().map(|&fibre| instance.fibre_link[fibre as usize]));
            let better = router
                .shortest_free_place(Quest::of(request, &layers, &prices))
                .filter(|place| cost(&mut place.routes.iter().flatten().copied()) < old);
            let moved = better
                .is_some_and(|place| layers.place(request, place.layer, &place.routes, &prices).is_some());
            if moved {
                improved = true;
            } else {
                layers.restore(request, before);
            }
        }
        if !improved {
            break;
        }
    }
    Ok(Solution::of(&layers))
}
