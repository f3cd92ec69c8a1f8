//! A simulated cluster with faults and virtual time.
