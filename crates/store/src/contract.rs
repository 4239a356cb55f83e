//! The contract suite: what every engine must do, run against each of them.
