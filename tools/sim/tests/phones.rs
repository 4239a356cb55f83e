//! Phones against a server that the test plays itself, frame by frame.

#[cfg(test)]
mod phones {
    mod fixture;
    mod misbehaving;
    mod registering;
    mod talking;
}
