//! The store on a simulated disk.
