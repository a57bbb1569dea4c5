//! Rebuilds the crate when a migration is added: the embedding macro sees changed files, not new ones.

#[allow(clippy::print_stdout)] // how a build script speaks to cargo
fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
