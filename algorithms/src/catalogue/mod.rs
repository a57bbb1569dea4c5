//! Every algorithm, one line each.

pub mod bill_of_materials;
pub mod design;
pub mod grooming;
pub mod gsnr;
pub mod rwa;
pub mod spin;

use crate::erased::ErasedAlgorithm;

/// All algorithms, in the order in which they are listed.
#[must_use]
pub fn all() -> Vec<Box<dyn ErasedAlgorithm>> {
    vec![
        Box::new(bill_of_materials::BillOfMaterialsOf),
        Box::new(design::Design),
        Box::new(grooming::Grooming),
        Box::new(gsnr::Gsnr),
        Box::new(rwa::Rwa),
        Box::new(spin::Spin),
    ]
}
