//! Health-gated ramps.
