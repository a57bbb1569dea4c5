//! Plans in indices, as they travel between stages.

use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::layers::{Layers, Placement};

/// Where every request is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// Channel of each layer.
    pub channels: Vec<u32>,
    /// For each request of the instance its place, or none.
    pub places: Vec<Option<Stored>>,
}

/// A placement in few characters: layer, routes as fibres, bank of each route at either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored(pub u32, pub Vec<Vec<u32>>, pub Vec<[u32; 2]>);

impl Solution {
    /// What `layers` hold.
    pub fn of(layers: &Layers<'_>) -> Self {
        let count = |value: usize| u32::try_from(value).expect("layers are at most 1000");
        Self {
            channels: layers.channel.iter().map(|&channel| count(channel)).collect(),
            places: layers
                .placed
                .iter()
                .map(|placement| {
                    let own = placement.as_ref()?;
                    Some(Stored(count(own.layer), own.routes.clone(), own.banks.clone()))
                })
                .collect(),
        }
    }

    /// The layers that this describes.
    pub fn layers<'a>(&self, instance: &'a Instance) -> Layers<'a> {
        let mut layers = Layers::new(instance);
        for &channel in &self.channels {
            layers.add_layer(channel as usize);
        }
        for (request, place) in (0..).zip(&self.places) {
            if let Some(Stored(layer, routes, banks)) = place {
                let (routes, banks) = (routes.clone(), banks.clone());
                layers.restore(request, Placement { layer: *layer as usize, routes, banks });
            }
        }
        layers
    }

    /// Number of layers.
    pub fn wavelengths(&self) -> u32 {
        u32::try_from(self.channels.len()).expect("layers are at most 1000")
    }

    /// Requests without a place, ascending.
    pub fn unplaced(&self) -> Vec<u32> {
        (0..).zip(&self.places).filter(|(_, place)| place.is_none()).map(|(request, _)| request).collect()
    }

    /// What the requests without a place are worth together.
    pub fn missing_worth(&self, instance: &Instance) -> u64 {
        self.unplaced().iter().map(|&request| u64::from(instance.requests[request as usize].worth)).sum()
    }

    /// Hops of all routes, and their length in metres.
    pub fn travel(&self, instance: &Instance) -> (u64, u64) {
        let fibres = self.places.iter().flatten().flat_map(|place| place.1.iter().flatten());
        fibres.fold((0, 0), |(hops, metres), &fibre| {
            let link = instance.fibre_link[fibre as usize];
            (hops + 1, metres + instance.links[link].length_m)
        })
    }
}
