//! Every figure against its peer in one run.

fn main() {}
