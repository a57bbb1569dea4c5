//! Whether tests with networks of their own can run here, and that nobody overlooks it when they do not.

use std::sync::OnceLock;

use crate::network::Network;

/// Whether there can be no networks here, after having said why.
///
/// # Panics
/// Where they must run: with `CI` or `NETPLANNER_CHAOS=required` in the environment a test that would be skipped fails.
#[allow(clippy::print_stderr)] // that is where tests speak
pub fn is_skipped() -> bool {
    static OBSTACLE: OnceLock<Option<String>> = OnceLock::new();
    let Some(obstacle) = OBSTACLE.get_or_init(Network::obstacle) else { return false };
    let asked =
        |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "false");
    assert!(
        !asked("CI") && !asked("NETPLANNER_CHAOS"),
        "networks of namespaces must be tested here and cannot be made: {obstacle}"
    );
    eprintln!("SKIPPED, not tested: networks of namespaces need root and iproute2 here: {obstacle}");
    true
}
