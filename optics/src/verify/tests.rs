//! One mutation of a valid plan for each rule.
